"""Weights in dictionaries: what is packed, what that saves, how weights are rounded to few numbers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from sensorai.cli import app
from sensorai.codegen.net import emit_tensors
from sensorai.codegen.parts import Table
from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets import dictionaries
from sensorai.nets.costs import costs, saved_words
from sensorai.nets.inputs import Inputs
from sensorai.nets.model import Asked, open_model
from sensorai.nets.quantizing import Settings, quantize
from sensorai.ops.nd import dictionary
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.rnn import Rnn
from sensorai.passes.imported import simplify


def unpacked(found: dictionary.Coded) -> Array:
    """All places, as the kernels read them."""
    each = 8 // found.bits
    bits = found.places.reshape(-1, 1) >> (np.arange(each, dtype=np.uint8) * found.bits)
    return np.asarray((bits & ((1 << found.bits) - 1)).reshape(-1))


@pytest.mark.parametrize("few, bits", [(2, 1), (4, 2), (5, 4), (16, 4)])
def test_places_stand_for_the_same_bits(few: int, bits: int) -> None:
    rng = np.random.default_rng(few)
    values = np.array([-0.0, 0.0, np.nan, np.inf, *rng.normal(0, 1, 12)], np.float32)[:few]
    w = rng.choice(values, (31, 43))
    w.reshape(-1)[:few] = values
    found = dictionary.coded(w)
    assert found is not None
    assert found.book is not None
    assert (found.bits, len(found.book)) == (bits, few)
    back = found.book[unpacked(found)[: w.size]]
    assert back.tobytes() == w.tobytes()
    assert found.saved == w.nbytes - found.places.nbytes - found.book.nbytes > 0


def test_int4_numbers_need_no_dictionary() -> None:
    w = np.random.default_rng(0).integers(-8, 8, (50, 51)).astype(np.int8)
    found = dictionary.coded(w, narrow=True)
    assert found is not None
    assert found.book is None
    assert found.bytes == 1275
    places = unpacked(found)[: w.size].astype(np.int8)
    np.testing.assert_array_equal(np.where(places > 7, places - 16, places), w.reshape(-1))
    # three numbers take two bits each
    ternary = dictionary.coded(np.clip(w, -1, 1), narrow=True)
    assert ternary is not None
    assert ternary.bits == 2


def test_what_saves_less_than_its_code_stays_as_it_is() -> None:
    rng = np.random.default_rng(1)
    assert dictionary.coded(rng.integers(0, 2, (10, 10)).astype(np.int8)) is None
    assert dictionary.coded(rng.integers(-128, 128, (90, 90)).astype(np.int8)) is None
    assert dictionary.coded(rng.normal(0, 1, (90, 90)).astype(np.float32)) is None


def test_few_numbers_are_those_of_least_error() -> None:
    rng = np.random.default_rng(2)
    for seed in range(5):
        x = np.sort(np.random.default_rng(seed).integers(-60, 60, 9)).astype(np.float64)
        share = rng.uniform(0.1, 2, 9)
        best = np.inf
        for cuts in itertools.combinations(range(1, 9), 2):
            parts = np.split(np.arange(9), cuts)
            means = [np.average(x[p], weights=share[p]) for p in parts]
            best = min(
                best, sum((share[p] * (x[p] - m) ** 2).sum() for p, m in zip(parts, means, strict=True))
            )
        made = dictionaries._rounded(x, share, 3)
        assert len(np.unique(made)) <= 3
        assert (share * (made - x) ** 2).sum() == pytest.approx(best)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_many_floats_become_few(bits: int) -> None:
    w = np.random.default_rng(bits).normal(0, 1, (80, 60)).astype(np.float32)
    made = dictionaries.real(w, bits)
    assert len(np.unique(made)) <= 1 << bits
    # normal numbers: the error of the best two, and of even steps over the range
    assert np.mean((made - w) ** 2) < {1: 0.38, 4: 0.011, 8: 0.0012}[bits]
    small = w[:2, :3]
    assert dictionaries.real(small, bits) is small


def net() -> Graph:
    """Two dense layers, the first large."""
    rng = np.random.default_rng(3)
    made = NetBuilder()
    x = made.input("x", (1, 64), "float32")
    for name, lo, shape in (("h", 0.0, (60, 64)), ("y", None, (4, 60))):
        w = made.constant(f"{name}.w", (rng.normal(0, 0.2, shape)).astype(np.float32))
        b = made.constant(f"{name}.b", rng.normal(0, 0.1, shape[0]).astype(np.float32))
        (x,) = made.add(FullyConnected(lo=lo), (x, w, b), (name,))
    return made.graph((x,))


def given() -> Inputs:
    x = np.random.default_rng(7).normal(0, 1, (40, 1, 64)).astype(np.float32)
    return Inputs((x,), len(x), "made", ())


@pytest.mark.parametrize("scheme, size", [("int8", 1), ("weights-int8", 1), ("float32", 4)])
def test_dictionaries_on_request(tmp_path: Path, scheme: str, size: int) -> None:
    pytest.importorskip("onnx")
    from sensorai.nets.onnx_file import export

    plain = scheme if scheme != "float32" else "weights-int8"
    exact = quantize(net(), given(), Settings(plain, "minmax"))
    made = quantize(net(), given(), Settings(scheme, "minmax", dictionary=4))
    assert exact.outputs[0]["error"] < made.outputs[0]["error"] < 0.2
    # the second layer is so small that a dictionary would not pay
    few = ["float, few", "float"] if scheme == "float32" else ["integer", "integer"]
    assert [layer.weights for layer in made.layers] == few
    assert [layer.integer for layer in made.layers] == [scheme != "float32"] * 2
    places, book = 60 * 64 // 2, 16 * size
    assert costs(exact.graph).saved == 0
    counted = costs(made.graph)
    assert counted.saved == 60 * 64 * size - places - book
    assert saved_words(counted)
    # what is counted is what is in the files
    parts = emit_tensors(made.graph, "n")
    tables = [one for one in parts.definitions if isinstance(one, Table)]
    assert sum(f"[{places}]" in one.declaration for one in tables) == 1
    assert not any(f"[{60 * 64}]" in one.declaration for one in tables)
    (tmp_path / "q.onnx").write_bytes(export(made.graph))
    back, _ = simplify(read_net(tmp_path / "q.onnx"))
    assert costs(back).saved == counted.saved
    a, b = (interpret.run(g, {"x": given().arrays[0]})[g.outputs[0]] for g in (made.graph, back))
    np.testing.assert_array_equal(a, b)


def test_settings_that_make_no_sense() -> None:
    for settings in (Settings(dictionary=8), Settings(dictionary=3), Settings("float32")):
        with pytest.raises(ConfigError, match=r"dictionary|float32 alone"):
            quantize(net(), given(), settings)


@pytest.mark.parametrize("whole", [True, False])
def test_int4_weights_of_onnx_stay_int4(tmp_path: Path, whole: bool) -> None:
    onnx = pytest.importorskip("onnx")
    make, kinds = onnx.helper, onnx.TensorProto
    w = np.random.default_rng(5).integers(-8, 8, (40, 60)).astype(np.int8)
    held = [
        make.make_tensor("w", kinds.INT4, w.shape, w.reshape(-1).tolist()),
        make.make_tensor("ws", kinds.FLOAT, (), [0.03]),
        make.make_tensor("xs", kinds.FLOAT, (), [0.05]),
        make.make_tensor("zero", kinds.INT8, (), [3]),
    ]
    nodes = [make.make_node("DequantizeLinear", ["w", "ws"], ["wr"])]
    scale = ["xs", "zero"]
    if whole:
        nodes.append(make.make_node("QuantizeLinear", ["x", *scale], ["xq"]))
        nodes.append(make.make_node("DequantizeLinear", ["xq", *scale], ["xr"]))
    nodes.append(make.make_node("Gemm", ["xr" if whole else "x", "wr"], ["g" if whole else "y"], transB=1))
    if whole:
        nodes.append(make.make_node("QuantizeLinear", ["g", *scale], ["gq"]))
        nodes.append(make.make_node("DequantizeLinear", ["gq", *scale], ["y"]))
    ends = [make.make_tensor_value_info(n, kinds.FLOAT, [1, k]) for n, k in (("x", 60), ("y", 40))]
    graph = make.make_graph(nodes, "g", ends[:1], ends[1:], held if whole else held[:2])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "i4.onnx").write_bytes(model.SerializeToString())
    read, _ = simplify(read_net(tmp_path / "i4.onnx"))
    assert "fully_connected" in [n.op.NAME for n in read.nodes]
    assert costs(read).saved == w.size // 2
    x = np.random.default_rng(6).normal(0, 1, (3, 1, 60)).astype(np.float32)
    theirs = pytest.importorskip("onnx.reference").ReferenceEvaluator(model)
    wanted = np.stack([theirs.run(None, {"x": one})[0] for one in x])
    made = interpret.run(read, {"x": x})[read.outputs[0]]
    np.testing.assert_allclose(made, wanted, rtol=0, atol=0.0501 if whole else 1e-5)


def test_recurrent_layers_have_none_and_that_is_said(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from sensorai.nets.onnx_file import export

    made, rng = NetBuilder(), np.random.default_rng(1)
    x = made.input("x", (2, 1, 2), "float32")
    w, r = (made.constant(n, rng.normal(0, 1, (1, 2, 2)).astype(np.float32)) for n in "wr")
    (tmp_path / "n.onnx").write_bytes(export(made.graph(made.add(Rnn(), (x, w, r), ("h",))[:1])))
    np.savez(tmp_path / "d.npz", x=rng.normal(0, 1, (4, 2, 1, 2)))
    files = ["--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "q.onnx")]
    line = ["quantize", str(tmp_path / "n.onnx"), *files, "--ranges", "minmax", "--dictionary", "4"]
    said = pytest.importorskip("typer.testing").CliRunner().invoke(app.app, line).output
    assert "dictionaries: not for recurrent layers (" in said
    assert "nothing worth its code" not in said


def test_off_leaves_weights_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from sensorai.nets.onnx_file import export

    made, rng = NetBuilder(), np.random.default_rng(1)
    x = made.input("x", (1, 64), "float32")
    w = made.constant("w", rng.choice(np.array([-0.5, 0.25], np.float32), (32, 64)))
    path = tmp_path / "n.onnx"
    path.write_bytes(export(made.graph(made.add(FullyConnected(), (x, w, None), ("y",)))))
    counted = [costs(open_model(path, Asked(dictionaries=on)).graph) for on in (True, False)]
    assert counted[0].saved > 0 == counted[1].saved
    assert (counted[1].weights, counted[0].macs) == (w.size * 4, counted[1].macs)
    run = pytest.importorskip("typer.testing").CliRunner().invoke
    folder = tmp_path / "made"
    line = ["generate", str(path), "--target", "stm32", "--out", str(folder), "--name", "n"]
    assert run(app.app, [*line, "--dictionary", "off"]).exit_code == 0
    assert not list(folder.rglob("sa_nd_coded.h"))
    assert run(app.app, line).exit_code == 0
    assert list(folder.rglob("sa_nd_coded.h"))
    assert run(app.app, ["analyze", str(path), "--dictionary", "4"]).exception.hint.startswith("auto: ")
    np.savez(tmp_path / "d.npz", x=rng.normal(0, 1, (4, 1, 64)))
    files = ["--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "q.onnx"), "--ranges", "minmax"]
    said = run(app.app, ["quantize", str(path), *files, "--dictionary", "off"]).output
    assert "bytes less" not in said
    assert "--target stm32|ispu --dictionary off" in said
    wrong = run(app.app, ["quantize", str(path), *files, "--dictionary", "x"])
    assert "no number of bits" in str(wrong.exception)
