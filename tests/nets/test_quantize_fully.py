"""Quantised nets without a float layer: softmax, functions, sums over axes, norms, attention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sensorai.cli import app
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets.inputs import Inputs
from sensorai.nets.onnx_file import export
from sensorai.nets.quantized_file import hand_over
from sensorai.nets.quantizing import Settings, quantize
from sensorai.nets.staying import reasons, staying
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where
from sensorai.passes.border import with_types
from sensorai.passes.imported import simplify
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets
from tests.need import need

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("onnx")

FUNCTIONS = ("sigmoid", "hard_swish", "hard_sigmoid", "gelu")


class Net:
    """A net while it is made, with random weights."""

    def __init__(self, *shape: int) -> None:
        self.made, self.rng, self.shape = NetBuilder(), np.random.default_rng(3), shape
        self.x = self.made.input("x", shape, "float32")

    def add(self, op: NdOperator, *inputs: Tensor, name: str = "") -> Tensor:
        return self.made.add(op, inputs, (name,) if name else ())[0]

    def known(self, *shape: int) -> Tensor:
        scale = 1 / np.sqrt(np.prod(shape[1:]) or 1)
        return self.made.constant("w", self.rng.normal(0, scale, shape).astype(np.float32))

    def layer(self, x: Tensor, outputs: int, op: NdOperator | None = None, *kernel: int) -> Tensor:
        w = self.known(outputs, *kernel, x.shape[-1])
        return self.add(op or FullyConnected(), x, w, self.known(outputs))

    def calls(self, count: int = 40) -> Array:
        return np.random.default_rng(7).normal(0, 1, (count, *self.shape)).astype(np.float32)

    def given(self) -> Inputs:
        return Inputs((self.calls(),), 40, "made", ())


def cnn() -> tuple[Net, Graph]:
    """Padding, convolutions with functions between them, a mean over the time, softmax."""
    net = Net(1, 12, 3)
    y = net.add(Pad(((0, 0), (2, 2), (0, 0))), net.x)
    for function in FUNCTIONS:
        y = net.add(Unary(function), net.layer(y, 4, Conv(pads=((1, 1),)), 3))
    (slopes,) = (net.made.constant("p", np.linspace(0.1, 0.4, 4, dtype=np.float32)),)
    y = net.add(Binary("prelu"), y, slopes)
    y = net.add(Concat(1), y, net.known(1, 2, 4))
    y = net.add(Reduce("mean", (1,), False), y)
    return net, net.made.graph((net.add(Softmax(1), net.layer(y, 5), name="scores"),))


def transformer() -> tuple[Net, Graph]:
    """Layer norm, attention to what came before, GELU, sums with what was before, mean, softmax."""
    net = Net(6, 8)
    ones, zeros = (net.made.constant(n, np.full(8, v, np.float32)) for n, v in (("one", 1.2), ("none", 0.1)))
    a = net.add(Normalize("layer", (1,), 1e-5), net.x, ones, zeros)
    q, k, v = (net.layer(a, 8) for _ in range(3))
    s = net.add(MatMul(), q, net.add(Transpose((1, 0)), k))
    s = net.add(Binary("mul"), s, net.made.constant("by", np.full((), 8**-0.5, np.float32)))
    seen = net.made.constant("seen", np.tril(np.ones((6, 6), np.bool_)))
    s = net.add(Where(), seen, s, net.made.constant("never", np.full((), -1e9, np.float32)))
    s = net.add(MatMul(), net.add(Softmax(1), s), v)
    b = net.add(Binary("add"), net.x, net.layer(s, 8))
    c = net.add(Normalize("layer", (1,), 1e-5), b, ones, zeros)
    c = net.layer(net.add(Unary("gelu"), net.layer(c, 16)), 8)
    b = net.add(Binary("add"), b, c)
    y = net.add(Reshape((1, 8)), net.add(Reduce("mean", (0,)), b))
    return net, net.made.graph((net.add(Softmax(1), net.layer(y, 4), name="scores"),))


def inside(graph: Graph) -> list[str]:
    """Names of layers that take or make float32 numbers, conversions at both ends aside."""
    ends = [n for n in graph.nodes if isinstance(n.op, Quantize | Dequantize)]
    assert [type(n.op) for n in ends] == [Quantize, Dequantize]
    return [name for name, _ in staying(graph)]


def same_in_c(graphs: Sequence[Graph], calls: Sequence[Array], core: str = "") -> None:
    samples = [
        nets.sample_of(f"net{k}", graph, [{graph.inputs[0]: one} for one in given[:2]])
        for k, (graph, given) in enumerate(zip(graphs, calls, strict=True))
    ]
    if core:
        image = qemu.build(nets.unit(samples), cpu.cpu(core))
        assert nets.differences(samples, qemu.run_image(image, nets.stream(samples)).output) == []
        return
    program = host.build_program(nets.unit(samples), opt="-O1", harness=True)
    assert nets.differences(samples, program.run(nets.stream(samples))) == []


def test_nothing_stays_float_and_the_file_and_the_c_compute_the_same(tmp_path: Path) -> None:
    graphs, calls = [], []
    for made, scheme, bound in ((cnn, "int8", 0.1), (cnn, "int16x8", 0.02), (transformer, "int8", 0.1)):
        net, graph = made()
        got = quantize(graph, net.given(), Settings(scheme, "minmax"))
        assert inside(got.graph) == []
        assert got.outputs[0]["error"] < bound
        assert got.outputs[0]["saturated"] == 0
        (tmp_path / "q.onnx").write_bytes(export(got.graph))
        back, _ = simplify(read_net(tmp_path / "q.onnx"))
        assert inside(back) == []
        ours, theirs = (interpret.run(g, net.calls(4)) for g in (got.graph, back))
        np.testing.assert_array_equal(ours["scores"], theirs["scores"])
        dtype = scheme.partition("x")[0]
        graphs.append(with_types(back, outputs=(dtype,)))
        assert graphs[-1].tensors["scores"].dtype == dtype
        calls.append(net.calls(2))
    same_in_c(graphs, calls)
    need("arm-none-eabi-gcc")
    same_in_c(graphs, calls, "m4")


def test_onnxruntime_computes_the_same_but_for_steps() -> None:
    ort = pytest.importorskip("onnxruntime")
    net, graph = transformer()
    got = quantize(graph, net.given(), Settings("int8", "minmax")).graph
    session = ort.InferenceSession(export(got), providers=["CPUExecutionProvider"])
    theirs = np.stack([session.run(None, {"x": one})[0] for one in net.calls(8)])
    # a step in the middle becomes several at the end
    assert np.abs(theirs - interpret.run(got, net.calls(8))["scores"]).max() <= 4.01 / 256


def test_the_micro_runtime_takes_attention_of_integers(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    net = Net(6, 8)
    q, k, v = (net.layer(net.x, 8) for _ in range(3))
    s = net.add(Softmax(1), net.add(MatMul(), q, net.add(Transpose((1, 0)), k)))
    y = net.add(Unary("hard_swish"), net.add(MatMul(), s, v))
    y = net.add(Reshape((1, 8)), net.add(Reduce("mean", (0,)), y))
    graph = net.made.graph((net.add(Softmax(1), net.layer(y, 4), name="scores"),))
    made = quantize(graph, net.given(), Settings("int8", "minmax")).graph
    back, others = hand_over(made, tmp_path / "net.tflite", net.given(), exact=False)
    assert "sums of TensorFlow Lite are rounded twice" in back
    assert "tflite-micro on 16 calls: the same to the bit" in others


def test_what_stays_float_has_a_reason() -> None:
    net = Net(1, 6)
    y = net.add(Unary("exp"), net.layer(net.x, 4))
    s = net.add(Reduce("sum", (1,)), y)
    y = net.add(Binary("div"), y, s)
    y = net.add(Unary("log"), y)
    y = net.add(Unary("neg"), y)
    y = net.layer(net.add(Reshape((1, 4)), y), 3)
    graph = net.made.graph((y,))
    made = quantize(graph, net.given(), Settings("int8", "minmax"))
    left = dict(zip((op for _, op in staying(made.graph)), reasons(made.graph, "int8", ()), strict=True))
    assert left["binary"] == "a step of what it divides by changes it without an end"
    assert "what log takes" in " ".join(reasons(made.graph, "int8", ()))
    assert "beside layers that stay float" in reasons(made.graph, "int8", ())


def test_places_of_the_largest_are_those_of_integers() -> None:
    net = Net(1, 6)
    y = net.add(ArgExtreme(True, 1), net.layer(net.x, 5), name="place")
    made = quantize(net.made.graph((y,)), net.given(), Settings("int8", "minmax")).graph
    assert staying(made) == ()
    assert [n.op.NAME for n in made.nodes] == ["quantize", "fully_connected", "arg_extreme"]


def norm(net: Net, x: Tensor) -> Tensor:
    """Layer norm in the words of older exporters."""
    mean = net.add(Reduce("mean", (1,)), x)
    less = net.add(Binary("sub"), x, mean)
    two, tiny = (net.made.constant("k", np.full((), v, np.float32)) for v in (2.0, 1e-5))
    spread = net.add(Reduce("mean", (1,)), net.add(Binary("pow"), less, two))
    root = net.add(Unary("sqrt"), net.add(Binary("add"), spread, tiny))
    y = net.add(Binary("div"), less, root)
    factor, offset = (net.made.constant("k", np.linspace(0.5, v, 8, dtype=np.float32)) for v in (2, 1))
    return net.add(Binary("add"), net.add(Binary("mul"), y, factor), offset)


def gelu(net: Net, x: Tensor) -> Tensor:
    root, one, half = (net.made.constant("k", np.full((), v, np.float32)) for v in (2**0.5, 1.0, 0.5))
    y = net.add(Binary("add"), net.add(Unary("erf"), net.add(Binary("div"), x, root)), one)
    return net.add(Binary("mul"), net.add(Binary("mul"), x, y), half)


def gelu_by_tanh(net: Net, x: Tensor) -> Tensor:
    small, by, three, one, half = (
        net.made.constant("k", np.full((), v, np.float32)) for v in (0.044715, 0.7978845608, 3.0, 1.0, 0.5)
    )
    cube = net.add(Binary("mul"), net.add(Binary("pow"), x, three), small)
    y = net.add(Unary("tanh"), net.add(Binary("mul"), net.add(Binary("add"), x, cube), by))
    return net.add(Binary("mul"), net.add(Binary("mul"), x, half), net.add(Binary("add"), y, one))


def swish(net: Net, x: Tensor) -> Tensor:
    return net.add(Binary("mul"), x, net.add(Unary("sigmoid"), x))


def test_functions_in_parts_are_joined_before() -> None:
    net = Net(4, 8)
    y = net.layer(norm(net, net.x), 8)
    for part in (gelu, gelu_by_tanh, swish):
        y = net.layer(part(net, y), 8)
    graph = net.made.graph((net.add(Unary("tanh"), norm(net, y)),))
    made = quantize(graph, net.given(), Settings("int8", "minmax"))
    assert inside(made.graph) == []
    known = {n.op.function for n in made.source.nodes if isinstance(n.op, Unary)}
    assert known == {"gelu", "gelu_tanh", "swish", "tanh"}
    assert sum(isinstance(n.op, Normalize) for n in made.source.nodes) == 2
    whole, joined = (interpret.run(g, net.calls(4)) for g in (graph, made.source))
    np.testing.assert_allclose(joined[made.source.outputs[0]], whole[graph.outputs[0]], rtol=0, atol=1e-6)


def test_factors_of_an_input_that_no_one_scale_holds_stay_float() -> None:
    net = Net(16, 3)
    factors = net.made.constant("k", np.asarray([1.0, 0.002, 0.001], np.float32))
    y = net.add(Binary("mul"), net.x, factors)
    graph = net.made.graph((net.layer(net.add(Unary("tanh"), y), 4),))
    x = net.calls() * np.asarray([1.0, 500.0, 1000.0], np.float32)
    made = quantize(graph, Inputs((x,), 40, "made", ()), Settings("int8", "minmax"))
    assert made.outputs[0]["error"] < 0.03
    assert [n.op.NAME for n in made.graph.nodes][:3] == ["binary", "unary", "quantize"]
    why = set(reasons(made.graph, "int8", (), made.plan.floats))
    assert why == {"integers of what the net is given would lose more than twice as much"}
    # behind a layer they are factors of integers
    y = net.add(Binary("mul"), net.layer(net.x, 3), factors)
    graph = net.made.graph((net.layer(net.add(Unary("tanh"), y), 4),))
    assert inside(quantize(graph, net.given(), Settings("int8", "minmax")).graph) == []


def test_the_verbs_give_scores_of_integers(tmp_path: Path) -> None:
    run = typer_testing.CliRunner()
    net, graph = cnn()
    (tmp_path / "net.onnx").write_bytes(export(graph))
    np.savez(tmp_path / "d.npz", x=net.calls())
    files = [str(tmp_path / n) for n in ("net.onnx", "d.npz", "q.onnx", "c")]
    line = ["quantize", files[0], "--data", files[1], "--out", files[2], "--ranges", "minmax"]
    said = run.invoke(app.app, line)
    assert said.exit_code == 0, said.output
    assert "float: no layer" in said.output
    line = ["generate", files[2], "--target", "stm32", "--out", files[3]]
    made = run.invoke(app.app, [*line, "--output-data-type", "int8", "--input-data-type", "int8"])
    assert made.exit_code == 0, made.output
