"""Nets of float16 and float64 are computed in float32 on request, and it is said what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sensorai.cli import app
from sensorai.errors import UserError
from sensorai.graph import interpret
from sensorai.importers.open import read_net
from sensorai.nets import widened as room
from sensorai.nets.description import read_description
from sensorai.nets.frameworks import Ran, _as
from sensorai.nets.model import Asked, no_c, open_model
from sensorai.nets.widened import COUNT, widened
from tests.nd import keras_file, tflite_file
from tests.nd.keras_file import Layer, given
from tests.nd.tflite_file import FileOperator, FileTensor

RNG = np.random.default_rng(5)


def dense(path: Path, kind: int = TensorProto.FLOAT16, ends: int | None = None, pool: bool = False) -> Path:
    """A dense layer, with casts where its ends are of another type."""
    dtype, ends = helper.tensor_dtype_to_np_dtype(kind), kind if ends is None else ends
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=kind),
        helper.make_node("MatMul", ["h", "w"], ["m"], name="dense"),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=ends),
    ]
    if pool:
        nodes[2] = helper.make_node("AveragePool", ["m"], ["r"], name="pool", kernel_shape=[1])
    w = numpy_helper.from_array(RNG.normal(0, 1, (1, 6, 3)).astype(dtype), "w")
    values = [[helper.make_tensor_value_info(n, ends, [1, 2, s])] for n, s in (("x", 6), ("y", 3))]
    graph = helper.make_graph(nodes, "net", *values, [w])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_in_float32_on_request_alone(kind: int, tmp_path: Path) -> None:
    path = dense(tmp_path / "n.onnx", kind)
    model = open_model(path)
    with pytest.raises(UserError, match="which has no C") as found:
        no_c(model)
    assert "--float32" in found.value.hint
    assert widened(model, Asked()) is None
    wide = open_model(path, Asked(float32=True))
    no_c(wide)
    assert {t.dtype for t in wide.graph.tensors.values()} == {"float32"}
    said = widened(wide, Asked(float32=True))
    assert said is not None
    assert (said.types, said.beside) == (
        ("float16" if kind == TensorProto.FLOAT16 else "float64",),
        "the reference",
    )
    # what is told is what differs
    x = RNG.uniform(0, 1, (1, 2, 6)).astype(np.float16)
    own = interpret.output(read_net(path), x.astype(model.read.tensors["x"].dtype))
    gap, most = said.gaps["y"]
    rounding = 2.0**-10 if kind == TensorProto.FLOAT16 else 2.0**-22
    assert 0 < gap <= rounding * most
    np.testing.assert_allclose(interpret.output(wide.read, x.astype(np.float32)), own, atol=rounding * 9)
    assert said.figures()["outputs"] == [{"output": "y", "differs": gap, "of": most}]


def test_what_the_reference_has_no_form_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, asked = dense(tmp_path / "n.onnx", pool=True), Asked(float32=True)
    with pytest.raises(UserError, match=r"node pool \(AveragePool\)") as found:
        open_model(path)
    assert "--float32 computes" in found.value.hint
    model = open_model(path, asked)
    other = Ran("other", (np.ones((COUNT, 1, 2, 3), np.float16),))
    monkeypatch.setattr(room, "run_all", lambda *_: [Ran("none", (), "not installed"), other])
    said = widened(model, asked)
    assert said is not None
    assert "beside the file's own float16 by other" in said.words()
    assert said.gaps["y"][1] == 1
    monkeypatch.setattr(room, "run_all", lambda *_: [Ran("none", (), "not installed")])
    lost = widened(model, asked)
    assert lost is not None
    assert lost.words().endswith("is not known: none: not installed")
    assert _as(np.zeros(2, np.float32), "float16").dtype == np.float16
    assert _as(np.zeros(2, np.int32), "float16").dtype == np.int32


def test_projects_keep_it(tmp_path: Path) -> None:
    run = pytest.importorskip("typer.testing").CliRunner().invoke
    path = dense(tmp_path / "n.onnx", ends=TensorProto.FLOAT)
    line = ["generate", str(path), "--target", "stm32", "--out", str(tmp_path / "p")]
    refused = run(app.app, line)
    assert "which has no C" in str(refused.exception)
    assert not (tmp_path / "p").exists()
    said = run(app.app, [*line, "--float32"]).output
    assert "computed in float32 in place of float16: y differs by" in said
    assert read_description(tmp_path / "p").asked.float32
    noted = run(app.app, ["analyze", str(path)]).output
    assert "--float32" in noted


def test_other_formats(tmp_path: Path) -> None:
    tensors = [FileTensor((1, 3), "float16"), FileTensor((1, 3), "float32"), FileTensor((1, 3), "float16")]
    steps = [
        FileOperator("CAST", [0], [1], "CastOptions"),
        FileOperator("CAST", [1], [2], "CastOptions"),
    ]
    lite = tmp_path / "n.tflite"
    lite.write_bytes(tflite_file.model(tensors, steps, [0], [2]))
    assert read_net(lite).tensors["t0"].dtype == "float16"
    net = read_net(lite, float32=True)
    assert {net.tensors[n].dtype for n in (*net.inputs, *net.outputs)} == {"float32"}
    policy = {"config": {"name": "mixed_float16"}}
    layers = [given("x", (4,)), Layer("ReLU", "r", {"dtype": policy})]
    path = keras_file.write_keras(tmp_path / "n.keras", "Sequential", layers)
    with pytest.raises(UserError, match="computes in mixed_float16") as found:
        read_net(path)
    assert "--float32" in found.value.hint
    assert read_net(path, float32=True).instead == ("float16",)
