"""Post-training quantisation of small nets: what is integer, what it costs, the file, the verb."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.cli import app
from sensorai.errors import ConfigError, DataError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets import evening
from sensorai.nets.calibrating import Held, observe, scale_for
from sensorai.nets.inputs import Inputs, read_inputs
from sensorai.nets.onnx_file import export
from sensorai.nets.pairs import weights_of
from sensorai.nets.port import ports
from sensorai.nets.quantizing import Settings, quantize
from sensorai.nets.staying import staying
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.passes.border import with_types
from sensorai.passes.imported import simplify

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("onnx")


def numbers(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)


def net(*, softmax: bool = True, last: str = "") -> Graph:
    """Two convolutions with a sum round one of them, a flatten, a dense layer."""
    rng = np.random.default_rng(3)
    made = NetBuilder()
    x = made.input("x", (1, 8, 3), "float32")

    def layer(x: Tensor, op: NdOperator, *shape: int) -> Tensor:
        w = made.constant("w", numbers(rng, *shape))
        (y,) = made.add(op, (x, w, made.constant("b", numbers(rng, shape[0]))))
        return y

    a = layer(x, Conv(pads=((1, 1),), lo=0.0), 6, 3, 3)
    b = layer(a, Conv(pads=((1, 1),)), 6, 3, 6)
    (c,) = made.add(Binary("add", 0.0), (a, b))
    (d,) = made.add(Concat(2), (c, a))
    (d,) = made.add(Clip(None, 3.0), (d,))
    (d,) = made.add(Unary("tanh"), (d,))
    (e,) = made.add(Reshape((1, 96)), (d,))
    y = layer(e, FullyConnected(), 4, 96)
    if last or softmax:
        (y,) = made.add(Unary(last) if last else Softmax(1), (y,), ("scores",))
    return made.graph((y,))


def data(count: int = 40) -> Array:
    return np.random.default_rng(7).normal(0, 1, (count, 1, 8, 3)).astype(np.float32)


def given(count: int = 40, wanted: tuple[Array, ...] = ()) -> Inputs:
    return Inputs((data(count),), count, "made", wanted)


@pytest.mark.parametrize("scheme, bound", [("int8", 0.1), ("int16x8", 0.02), ("weights-int8", 0.02)])
def test_schemes_stay_near_the_float_net(scheme: str, bound: float) -> None:
    made = quantize(net(), given(200), Settings(scheme))
    assert made.outputs[0]["error"] < bound
    assert made.apart
    types = {t.dtype for t in made.graph.tensors.values()}
    assert "int8" in types
    assert ("int16" in types) == (scheme == "int16x8")


def test_everything_between_the_ends_is_integer() -> None:
    made = quantize(net(), given(), Settings("int8", "minmax"))
    names = [n.op.NAME for n in made.graph.nodes]
    assert names.count("quantize") == names.count("dequantize") == 1
    assert names[-2:] == ["softmax", "dequantize"]
    assert made.graph.outputs == ("scores",)
    assert staying(made.graph) == ()
    scores = with_types(made.graph, outputs=("int8",)).tensors["scores"]
    assert (scores.dtype, scores.quant) == ("int8", Affine((1 / 256,), (-128,)))
    made = quantize(net(last="reciprocal"), given(), Settings("int8", "minmax"))
    assert staying(made.graph) == (("scores", "unary"),)
    with pytest.raises(ConfigError, match="unary makes it") as caught:
        with_types(made.graph, outputs=("int8",))
    assert "unary stayed float when the net was quantised" in str(caught.value.hint)
    with pytest.raises(ConfigError) as caught:
        with_types(net(), outputs=("int8",))
    assert "quantise the net first" in str(caught.value.hint)


def test_layers_are_called_as_the_float_net_calls_them() -> None:
    made = quantize(net(), given(), Settings("int8", "minmax", 0.0))
    assert {name for name, _ in staying(made.graph)} == {n.output for n in made.source.nodes}


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "weights-int8"])
def test_the_file_is_the_same_net(tmp_path: Path, scheme: str) -> None:
    made = quantize(net(), given(), Settings(scheme, "minmax"))
    (tmp_path / "q.onnx").write_bytes(export(made.graph))
    back, _ = simplify(read_net(tmp_path / "q.onnx"))
    a = interpret.run(made.graph, data())[made.graph.outputs[0]]
    b = interpret.run(back, data())[back.outputs[0]]
    np.testing.assert_array_equal(a, b)


def test_onnxruntime_computes_the_same_within_a_step(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    made = quantize(net(softmax=False), given(), Settings())
    session = ort.InferenceSession(export(made.graph), providers=["CPUExecutionProvider"])
    theirs = np.stack([session.run(None, {"x": one})[0] for one in data()])
    name = made.graph.outputs[0]
    quant = made.graph.tensors[made.graph.nodes[-1].inputs[0]].quant
    assert isinstance(quant, Affine)
    step = quant.scale[0]
    # a step before the last layer can become several
    assert np.max(np.abs(theirs - interpret.run(made.graph, data())[name])) <= 3.01 * step


def test_the_reference_of_onnx_runs_the_file() -> None:
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    onnx = pytest.importorskip("onnx")
    made = quantize(net(softmax=False), given(), Settings(ranges="minmax"))
    theirs = evaluator(onnx.load_from_string(export(made.graph))).run(None, {"x": data()[0]})[0]
    quant = made.graph.tensors[made.graph.nodes[-1].inputs[0]].quant
    assert isinstance(quant, Affine)
    ours = interpret.run(made.graph, data()[:1])[made.graph.outputs[0]][0]
    assert np.max(np.abs(theirs - ours)) <= 3.01 * quant.scale[0]


def test_largest_numbers_of_16_bits_run_elsewhere_and_come_back_as_integers(tmp_path: Path) -> None:
    """Pools of ONNX take integers of 8 bits alone."""
    ort = pytest.importorskip("onnxruntime")
    rng, made = np.random.default_rng(3), NetBuilder()
    x = made.input("x", (1, 8, 3), "float32")
    w, b = made.constant("w", numbers(rng, 4, 3, 3)), made.constant("b", numbers(rng, 4))
    (y,) = made.add(Conv(), (x, w, b))
    (y,) = made.add(Pool("max", (2,), (2,)), (y,))
    graph = quantize(made.graph((y,)), given(), Settings("int16x8", "minmax")).graph
    path = tmp_path / "q.onnx"
    path.write_bytes(export(graph))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = np.stack([session.run(None, {"x": one})[0] for one in data()])
    ours = interpret.run(graph, data())[graph.outputs[0]]
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-3)
    back, _ = simplify(read_net(path))
    assert [n.op.NAME for n in back.nodes] == [n.op.NAME for n in graph.nodes]
    pool = next(n for n in back.nodes if n.op.NAME == "pool")
    assert back.tensors[pool.output].dtype == "int16"
    np.testing.assert_array_equal(interpret.run(back, data())[back.outputs[0]], ours)


def test_a_budget_leaves_layers_float() -> None:
    whole = quantize(net(), given(), Settings())
    none = quantize(net(), given(), Settings(budget=0.0))
    assert all(layer.integer for layer in whole.layers)
    assert not any(layer.integer for layer in none.layers)
    assert none.outputs[0]["error"] == 0
    assert none.unchanged
    assert not whole.unchanged
    some = quantize(net(), given(), Settings(budget=1e-6))
    assert some.outputs[0]["error"] <= whole.outputs[0]["error"]


def test_labels_make_an_accuracy() -> None:
    scores = interpret.run(net(), data())["scores"].reshape(40, 4)
    labels = scores.argmax(axis=1)
    made = quantize(net(), given(40, (labels,)), Settings())
    assert made.accuracy is not None
    assert made.accuracy[0] == 1.0
    assert made.accuracy[1] > 0.8
    assert quantize(net(), given(40, (scores,)), Settings()).accuracy == made.accuracy
    with pytest.raises(DataError, match="4 scores"):
        quantize(net(), given(40, (labels + 2,)), Settings())


def test_labels_that_are_not_used_are_said() -> None:
    with pytest.raises(DataError, match="for 40 calls"):
        quantize(net(), given(40, (np.zeros(30, np.int64),)), Settings())
    both = given(40, (np.zeros(40), np.zeros(40)))
    made = quantize(net(), both, Settings(ranges="minmax"))
    assert made.accuracy is None
    assert made.notes == ("labels not used: the file has 2 arrays of outputs, the net 1",)


def test_labels_of_several_outputs_count_each(tmp_path: Path) -> None:
    graph = replace(net(), outputs=("scores", net().nodes[-1].inputs[0]))
    scores = interpret.run(graph, data())["scores"].reshape(40, 4).argmax(axis=1)
    arrays = {"x": data(), graph.outputs[0]: scores, graph.outputs[1]: (scores + 1) % 4}
    np.savez(tmp_path / "d.npz", **arrays)
    read = read_inputs(tmp_path / "d.npz", ports(graph, graph.inputs), graph.outputs)
    assert read.notes == ()
    made = quantize(graph, read, Settings(ranges="minmax", budget=0.5))
    assert made.measure == "accuracy"
    assert [row["accuracy"][0] for row in made.outputs] == [1.0, 0.0]
    assert made.accuracy is None
    assert quantize(graph, given(), Settings(ranges="minmax")).measure == "cosine"


def test_a_net_that_divides_by_what_rounds_to_nothing_is_of_no_use() -> None:
    """Of x - mean(x) an integer may leave nothing, which then divides itself."""
    made = NetBuilder()
    x = made.input("x", (1, 8), "float32")
    w = np.eye(8, dtype=np.float32)
    (y,) = made.add(FullyConnected(), (x, made.constant("w", w)))
    (s,) = made.add(Binary("mul"), (y, y))
    (s,) = made.add(Unary("sqrt"), (s,))
    (y,) = made.add(Binary("div"), (y, s), ("sign",))
    calls = np.random.default_rng(0).normal(0, 1, (24, 1, 8)).astype(np.float32)
    calls[:, 0, 0] *= 1e-3
    with pytest.raises(ConfigError, match=r"of no use: sign \(binary\) is not finite in \d+ of \d+ calls"):
        quantize(made.graph((y,)), Inputs((calls,), 24, ""), Settings(ranges="minmax"))


def test_few_calls_judge_themselves_and_say_so() -> None:
    assert not quantize(net(), given(5), Settings()).apart


def test_evened_channels_are_the_same_net_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    made = NetBuilder()
    x = made.input("x", (1, 8), "float32")
    w = numbers(rng, 6, 8) * np.array([[1], [50], [0.01], [1], [3], [200]], np.float32)
    (y,) = made.add(FullyConnected(0.0), (x, made.constant("w", w), made.constant("b", numbers(rng, 6))))
    (y,) = made.add(FullyConnected(), (y, made.constant("v", numbers(rng, 4, 6))))
    graph = made.graph((y,))
    given = {"x": rng.normal(0, 1, (20, 1, 8)).astype(np.float32)}
    even, pairs = evening.evened(graph, given)
    assert pairs == 1
    np.testing.assert_array_equal(interpret.run(even, given)[y.name], interpret.run(graph, given)[y.name])


def test_the_choice_is_the_best_of_what_was_tried() -> None:
    """Layers whose channels can be evened and whose biases can be corrected: every way is tried."""
    rng, made = np.random.default_rng(1), NetBuilder()
    x = made.input("x", (1, 8), "float32")
    w = numbers(rng, 6, 8) * np.array([[1], [50], [0.1], [1], [3], [20]], np.float32)
    (y,) = made.add(FullyConnected(0.0), (x, made.constant("w", w), made.constant("b", numbers(rng, 6))))
    (y,) = made.add(FullyConnected(), (y, made.constant("v", numbers(rng, 4, 6))))
    calls = Inputs((rng.normal(0, 1, (16, 1, 8)).astype(np.float32),), 16, "made", ())
    graph = made.graph((y,))
    chosen = quantize(graph, calls, Settings())
    tried = dict(chosen.tried)
    assert len(tried) == len(chosen.tried) == 12
    # few calls: those that calibrate judge too
    assert chosen.outputs[0]["error"] == pytest.approx(min(tried.values()))
    best = min(tried, key=lambda name: tried[name])
    assert best.startswith(chosen.plan.method)
    assert ("even channels" in best) == bool(chosen.evened)
    assert ("biases corrected" in best) == chosen.corrected
    for method in ("minmax", "percentile", "mse"):
        one = quantize(graph, calls, Settings(ranges=method))
        assert dict(one.tried).items() <= tried.items()
        assert one.outputs[0]["error"] >= chosen.outputs[0]["error"]
    assert [way for way, _ in quantize(graph, calls, Settings("weights-int8")).tried] == [
        "weights alone",
        "weights alone, biases corrected",
        "weights alone, even channels",
        "weights alone, even channels, biases corrected",
    ]


def test_scales_hold_zero_exactly() -> None:
    rng = np.random.default_rng(0)
    for low, high in ((-1.0, 3.0), (0.0, 6.0), (-2.0, 0.0), (0.0, 0.0)):
        held = Held(low, high, rng.uniform(low, high, 1000).astype(np.float32))
        for method in ("minmax", "percentile", "mse"):
            quant = scale_for(held, "int8", method)
            assert quant.real(quant.zero[0]) == 0
            assert scale_for(held, "int16", method).zero == (0,)


def test_numbers_that_calibration_did_not_see_fit_or_are_told() -> None:
    made, calls = NetBuilder(), np.full((40, 1, 2), 0.5, np.float32)
    x = made.input("x", (1, 2), "float32")
    (y,) = made.add(FullyConnected(), (x, made.constant("w", np.eye(2, dtype=np.float32))))
    graph = made.graph((y,))
    # every second call judges
    calls[1::4] *= 1.9
    seen = Inputs((calls,), 40, "made", ())
    for method in ("minmax", "percentile", "mse"):
        (row,) = quantize(graph, seen, Settings("int16x8", method)).outputs
        assert row["saturated"] == 0
        assert row["error"] < 0.001
        (row,) = quantize(graph, seen, Settings("int8", method)).outputs
        assert row["saturated"] == 0.5
    assert quantize(net(), given(), Settings(ranges="minmax")).outputs[0]["saturated"] == 0
    floats = quantize(net(last="reciprocal"), given(), Settings(ranges="minmax"))
    assert floats.outputs[0]["saturated"] is None


def test_biases_beyond_int32_make_coarser_weights() -> None:
    w, bias = (
        np.array([[1e-9, 0.0], [1.0, -1.0], [0.0, 0.0]], np.float32),
        np.array([1000.0, 0.0, 5.0], np.float32),
    )
    _, scale = weights_of(w, bias, 1e-3)
    assert np.all(np.abs(bias / (np.asarray(scale) * 1e-3)) < 2**31)


def test_nets_that_cannot_be_quantised_are_told() -> None:
    made = NetBuilder()
    (y,) = made.add(Unary("abs"), (made.input("x", (3,), "float32"),))
    with pytest.raises(ConfigError, match="no float layer"):
        quantize(made.graph((y,)), Inputs((np.zeros((2, 3), np.float32),), 2, ""), Settings())
    for wrong in (Settings("int4"), Settings(ranges="x"), Settings(budget=2.0), Settings(samples=0)):
        with pytest.raises(ConfigError):
            quantize(net(), given(), wrong)
    huge = Inputs((np.full((2, 1, 8, 3), np.inf, np.float32),), 2, "")
    with np.errstate(all="ignore"), pytest.raises(DataError, match="finite"):
        quantize(net(), huge, Settings())


def test_every_operator_that_is_written_is_read_back(tmp_path: Path) -> None:
    """Float nets of each operator: the file computes the same to the bit."""
    rng = np.random.default_rng(2)

    def chain(*ops: Any) -> Graph:
        made = NetBuilder()
        x = made.input("x", (1, 6, 5, 4), "float32")
        for op, *more in ops:
            (x,) = made.add(op, (x, *(made.constant("k", np.asarray(m, np.float32)) for m in more)))
        return made.graph((x,))

    four = [rng.uniform(0.5, 2, 4) for _ in range(4)]
    graphs = [
        chain(
            (
                Conv((2, 1), (1, 2), ((1, 0), (2, 2)), 2, lo=-0.5, hi=2.0),
                numbers(rng, 6, 3, 2, 2),
                numbers(rng, 6),
            )
        ),
        chain((BatchNorm(1e-3, 3), *four), (Softmax(3),)),
        chain((Pad(((0, 0), (1, 2), (0, 1), (0, 0)), "constant", 1.5),), (Clip(None, 1.0),)),
        chain((Slice((0, 1, 4, 0), (1, 5, -1, 4), (1, 2, -1, 1)),), (Transpose((0, 3, 1, 2)),)),
        chain((FullyConnected(0.0), numbers(rng, 3, 4), numbers(rng, 3)), (Unary("leaky_relu", 0.25),)),
        chain((Binary("sub"), four[0]), (Binary("mul"), 0.5), (Unary("sigmoid"),)),
    ]
    x = rng.normal(0, 1, (3, 1, 6, 5, 4)).astype(np.float32)
    for k, graph in enumerate(graphs):
        (tmp_path / f"{k}.onnx").write_bytes(export(graph))
        back, _ = simplify(read_net(tmp_path / f"{k}.onnx"))
        a, b = interpret.run(graph, x)[graph.outputs[0]], interpret.run(back, x)[back.outputs[0]]
        np.testing.assert_array_equal(a, b, err_msg=str(k))


def test_observed_ends_hold_all_numbers() -> None:
    graph = net()
    held = observe(graph, {"x": data()})
    values = interpret.run(graph, data())
    for name, one in held.items():
        assert one.low <= values[name].min()
        assert one.high >= values[name].max()


def test_the_verbs(tmp_path: Path) -> None:
    """Float net to integer file, to C, and handed over."""
    run = typer_testing.CliRunner()
    (tmp_path / "net.onnx").write_bytes(export(net()))
    np.savez(tmp_path / "d.npz", x=data(), y=np.arange(40) % 4)
    out = tmp_path / "q.onnx"
    line = ["quantize", str(tmp_path / "net.onnx"), "--data", str(tmp_path / "d.npz"), "--out", str(out)]
    made = run.invoke(app.app, line)
    assert made.exit_code == 0, made.output
    assert "accuracy: before" in made.output
    assert "float: no layer" in made.output
    nodes = len(pytest.importorskip("onnx").load(str(out)).graph.node)
    assert f"{nodes} nodes; read back: computes the same to the bit" in made.output
    nothing = [*line[:-1], str(tmp_path / "n.onnx"), "--ranges", "minmax", "--budget", "0"]
    np.savez(tmp_path / "d.npz", x=data())
    said = run.invoke(app.app, nothing).output
    assert "nothing became integer within a budget of 0" in said
    assert "sensorai generate" not in said
    assert "MORE flash" not in said
    over = tmp_path / "o.onnx"
    made = run.invoke(app.app, ["generate", str(out), "--hand-over", str(over)])
    assert made.exit_code == 0, made.output
    assert "same to the bit" in made.output
    made = run.invoke(app.app, ["generate", str(out), "--target", "stm32", "--out", str(tmp_path / "c")])
    assert made.exit_code == 0, made.output
    again = run.invoke(app.app, [*line[:1], str(out), *line[2:5], str(tmp_path / "p.onnx")])
    assert again.exit_code != 0


def test_a_net_that_becomes_larger_is_told(tmp_path: Path) -> None:
    made = NetBuilder()
    x = made.input("x", (1, 1), "float32")
    w, b = (made.constant(n, np.ones(s, np.float32)) for n, s in (("w", (4, 1)), ("b", (4,))))
    (tmp_path / "n.onnx").write_bytes(export(made.graph(made.add(FullyConnected(), (x, w, b), ("y",)))))
    np.savez(tmp_path / "d.npz", x=np.linspace(-1, 1, 8).reshape(8, 1, 1))
    files = ["--data", str(tmp_path / "d.npz"), "--out", str(tmp_path / "q.onnx")]
    line = ["quantize", str(tmp_path / "n.onnx"), *files, "--ranges", "minmax"]
    said = typer_testing.CliRunner().invoke(app.app, line).output
    assert "bytes MORE flash" in said
