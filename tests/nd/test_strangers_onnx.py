"""Nets that were never seen here, as exporters and quantisers write them: computed as onnxruntime does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.tensor import Array
from sensorai.importers.onnx import reader
from sensorai.importers.onnx.reader import read_model
from sensorai.passes.imported import simplify
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets
from tests.need import need

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
H, T = onnx.helper, onnx.TensorProto


class Made:
    """A net that is written node by node, with names and constants of its own."""

    def __init__(self, opset: int = 17) -> None:
        self.opset, self.count = opset, 0
        self.rng = np.random.default_rng(7)
        self.nodes: list[Any] = []
        self.held: list[Any] = []
        self.inputs: list[Any] = []
        self.functions: list[Any] = []

    def given(self, name: str, *shape: int | str, kind: int = T.FLOAT) -> str:
        self.inputs.append(H.make_tensor_value_info(name, kind, list(shape)))
        return name

    def known(self, value: Any, kind: Any = np.int64) -> str:
        self.held.append(onnx.numpy_helper.from_array(np.array(value, kind), f"c{len(self.held)}"))
        return str(self.held[-1].name)

    def weights(self, *shape: int, kind: Any = np.float32) -> str:
        if kind is np.float32:
            return self.known(self.rng.normal(0, 0.4, shape), kind)
        ends = np.iinfo(kind)
        return self.known(self.rng.integers(ends.min, ends.max, shape, endpoint=True), kind)

    def names(
        self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any
    ) -> list[str]:
        self.count += 1
        made = [f"/{op}_{self.count}_{k}" for k in range(outputs)]
        self.nodes.append(H.make_node(op, list(inputs), made, domain=domain, **attributes))
        return made

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.names(op, *inputs, **attributes)[0]

    def model(self, *outputs: str, kind: int = T.FLOAT) -> Any:
        made = [H.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = H.make_graph(self.nodes, "main_graph", self.inputs, made, self.held)
        domains = {node.domain for node in self.nodes} - {""}
        opsets = [H.make_opsetid("", self.opset), *(H.make_opsetid(d, 1) for d in sorted(domains))]
        model = H.make_model(graph, opset_imports=opsets, functions=self.functions)
        model.ir_version = 8
        return model


def graph(nodes: list[Any], inputs: Mapping[str, list[int]], outputs: Mapping[str, list[int]]) -> Any:
    """Graph in a node; what is named ``i`` is a place, ``c`` and ``going`` are conditions."""
    kinds = {"i": T.INT64, "c": T.BOOL, "going": T.BOOL}
    both = [
        [H.make_tensor_value_info(n, kinds.get(n, T.FLOAT), s) for n, s in one.items()]
        for one in (inputs, outputs)
    ]
    return H.make_graph(nodes, "inner", *both)


def dynamic_dense(kind: Any = np.int8) -> Any:
    """As ``quantize_dynamic`` writes MatMul: zero point and scale of the activations come at run time."""
    m = Made()
    q, scale, zero = m.names("DynamicQuantizeLinear", m.given("x", "batch", 5, 12), outputs=3)
    weights, own = m.weights(12, 7, kind=kind), m.known(3, kind)
    sums = m.add("Cast", m.add("MatMulInteger", q, weights, zero, own), to=T.FLOAT)
    y = m.add("Mul", sums, m.add("Mul", scale, m.known(0.01, np.float32)))
    return m.model(m.add("Relu", m.add("Add", y, m.weights(7))))


def dynamic_convolution() -> Any:
    """Margins hold the zero point; uint8 weights whose zero point lies off the middle."""
    m = Made()
    q, scale, zero = m.names("DynamicQuantizeLinear", m.given("x", 1, 3, 20), outputs=3)
    weights, own = m.weights(4, 3, 5, kind=np.uint8), m.known(131, np.uint8)
    sums = m.add("ConvInteger", q, weights, zero, own, pads=[2, 2], strides=[2], kernel_shape=[5])
    y = m.add("Mul", m.add("Cast", sums, to=T.FLOAT), m.add("Mul", scale, m.known(0.01, np.float32)))
    return m.model(y)


def dynamic_attention() -> Any:
    """Both sides computed, both with a zero point of their own."""
    m = Made()
    x = m.given("x", 1, 4, 6)
    a, _, first = m.names("DynamicQuantizeLinear", x, outputs=3)
    b, _, second = m.names("DynamicQuantizeLinear", m.add("Transpose", x, perm=[0, 2, 1]), outputs=3)
    return m.model(m.add("MatMulInteger", a, b, first, second), kind=T.INT32)


def dynamic_in_one() -> Any:
    m = Made()
    y = m.add(
        "DynamicQuantizeMatMul",
        m.given("x", 3, 8),
        m.weights(8, 4, kind=np.uint8),
        m.known(0.02, np.float32),
        m.known(120, np.uint8),
        m.weights(4),
        domain="com.microsoft",
    )
    return m.model(y)


def dynamic_lstm(
    direction: str = "forward", channels: bool = False, steps: int = 3, rows: int = 1, **more: Any
) -> Any:
    """As onnxruntime's quantiser makes it of an LSTM: bytes, with a scale of a direction or of each unit."""
    m, count, units = Made(), 2 if direction == "bidirectional" else 1, 4
    kind = np.int8 if channels else np.uint8
    shape = (count, 4 * units) if channels else (count,)
    inputs = [m.given("x", steps, rows, 5), *(m.weights(count, k, 4 * units, kind=kind) for k in (5, units))]
    states = [m.given(name, count, rows, units) for name in ("h", "c")] if channels else ["", ""]
    inputs += [m.weights(count, 8 * units), "", *states, ""]
    for _ in range(2):
        inputs.append(m.known(m.rng.uniform(0.002, 0.01, shape), np.float32))
        inputs.append(m.known(np.zeros(shape) if channels else np.full(shape, 120), kind))
    settings = {"hidden_size": units, "direction": direction, "domain": "com.microsoft", **more}
    return m.model(*m.names("DynamicQuantizeLSTM", *inputs, outputs=3, **settings))


def while_loop() -> Any:
    """A loop of TensorFlow over the steps: gathers, keeps, lists."""
    m = Made(13)
    steps = m.add("Transpose", m.given("x", "batch", 6, 3), perm=[1, 0, 2])
    nodes = [
        H.make_node("Gather", [steps, "i"], ["now"], axis=0),
        H.make_node("MatMul", ["now", m.weights(3, 4)], ["a"]),
        H.make_node("MatMul", ["h", m.weights(4, 4)], ["b"]),
        H.make_node("Add", ["a", "b"], ["sum"]),
        H.make_node("Tanh", ["sum"], ["next"]),
        H.make_node("Identity", ["next"], ["row"]),
        H.make_node("Identity", ["c"], ["going"]),
    ]
    body = graph(nodes, {"i": [], "c": [], "h": [1, 4]}, {"going": [], "next": [1, 4], "row": [1, 4]})
    count = m.add("Gather", m.add("Shape", steps), m.known(0), axis=0)
    start = m.known(np.zeros((1, 4)), np.float32)
    return m.model(*m.names("Loop", count, m.known(True, bool), start, outputs=2, body=body))


def scan() -> Any:
    m = Made()
    nodes = [H.make_node("Add", ["h", "x_"], ["next"]), H.make_node("Tanh", ["next"], ["row"])]
    body = graph(nodes, {"h": [3], "x_": [3]}, {"next": [3], "row": [3]})
    start = m.known(np.zeros(3), np.float32)
    said: dict[str, Any] = {"num_scan_inputs": 1, "scan_input_directions": [1], "scan_output_axes": [1]}
    return m.model(*m.names("Scan", start, m.given("x", 5, 3), outputs=2, body=body, **said))


def unbound() -> Any:
    """``torch.unbind`` and ``torch.stack`` of old exporters."""
    m = Made(13)
    parts = m.add("SplitToSequence", m.given("x", 1, 6, 4), m.known(1), axis=1, keepdims=0)
    chosen = [m.add("SequenceAt", parts, m.known(k)) for k in (0, 3, -1)]
    return m.model(m.add("ConcatFromSequence", m.add("SequenceConstruct", *chosen), axis=1, new_axis=1))


def function() -> Any:
    """Functions of the file, one with an attribute of the call."""
    m = Made(18)
    opset = [H.make_opsetid("", 18)]
    alpha = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    leaky = H.make_node("LeakyRelu", ["t"], ["y"])
    leaky.attribute.append(alpha)
    nodes = [H.make_node("MatMul", ["x", "w"], ["t"]), leaky]
    m.functions = [
        H.make_function("pkg.torch", "Layer", ["x", "w"], ["y"], nodes, opset, attributes=["slope"])
    ]
    first = m.add("Layer", m.given("x", "N", 6), m.weights(6, 5), domain="pkg.torch", slope=0.3)
    return m.model(m.add("Layer", first, m.weights(5, 2), domain="pkg.torch", slope=0.1))


def spectrum() -> Any:
    """Logarithms of mel bands, as ONNX's own operators make them."""
    m = Made(18)
    frames = m.add("STFT", m.given("x", "N", 160), m.known(16), m.add("HannWindow", m.known(32)), m.known(32))
    power = m.add("ReduceSumSquare", frames, m.known([-1]), keepdims=0)
    ends = (m.known(v, np.float32) for v in (0.0, 4000.0))
    bands = m.add("MelWeightMatrix", m.known(6), m.known(32), m.known(8000), *ends)
    return m.model(m.add("Log", m.add("Add", m.add("MatMul", power, bands), m.known(1e-3, np.float32))))


def einsums() -> Any:
    m = Made(13)
    x, w = m.given("x", 2, 3, 4), m.weights(4, 5)
    y = m.add("Einsum", x, w, m.weights(3, 5), equation="bij,jk,ik->bk")
    z = m.add("Einsum", x, m.weights(2, 6, 4), equation="...ij,...kj->...ik")
    return m.model(y, z, m.add("Einsum", m.weights(4, 4), x, equation="jj,bij->ib"))


def batch_behind() -> Any:
    """The batch is the second axis; sizes of states go through Shape, Gather and Concat."""
    m = Made(13)
    x, h = m.given("x", 7, "batch", 3), m.given("h", 1, "batch", 4)
    count = m.add("Unsqueeze", m.add("Gather", m.add("Shape", x), m.known(1), axis=0), m.known([0]))
    shape = m.add("Concat", m.known([1]), count, m.known([4]), axis=0)
    cell = m.add("ConstantOfShape", shape, value=onnx.numpy_helper.from_array(np.zeros(1, np.float32)))
    weights = m.weights(1, 16, 3), m.weights(1, 16, 4), m.weights(1, 32)
    return m.model(*m.names("LSTM", x, *weights, "", h, cell, outputs=3, hidden_size=4))


def optimised() -> Any:
    """What onnxruntime saves: activations in convolutions, matrices that are turned."""
    m = Made()
    y = m.add(
        "FusedConv", m.given("x", 1, 3, 9), m.weights(4, 3, 3), domain="com.microsoft", activation="Relu"
    )
    said = {"transA": 1, "alpha": 0.5}
    y = m.add("FusedMatMul", y, m.weights(4, 5), domain="com.microsoft", **said)
    return m.model(m.add("BiasGelu", y, m.weights(5), domain="com.microsoft"))


def pairs(m: Made, x: str, scale: float, zero: int, kind: Any = np.int8) -> str:
    """Quantise and dequantise."""
    both = m.known(scale, np.float32), m.known(zero, kind)
    return m.add("DequantizeLinear", m.add("QuantizeLinear", x, *both), *both)


def quantised(kind: Any = np.int8) -> Any:
    """Averages of two and of all numbers, parts of several scales, weights with a zero point."""
    m = Made()
    off = 128 if kind is np.uint8 else 0
    x = pairs(m, m.given("x", 1, 3, 16), 0.03, 5 + off, kind)
    w = m.add(
        "DequantizeLinear", m.weights(4, 3, 3, kind=kind), m.known(0.004, np.float32), m.known(off + 2, kind)
    )
    y = pairs(m, m.add("Conv", x, w, kernel_shape=[3], pads=[1, 1]), 0.05, off - 9, kind)
    a = m.add("AveragePool", y, kernel_shape=[2], strides=[2], pads=[1, 1], count_include_pad=1)
    b = m.add("MaxPool", x, kernel_shape=[2], strides=[2], pads=[1, 1])
    a, b = pairs(m, a, 0.05, off - 9, kind), pairs(m, b, 0.03, 5 + off, kind)
    y = pairs(m, m.add("Concat", a, b, axis=1), 0.06, off, kind)
    y = pairs(m, m.add("ReduceMean", y, axes=[-1], keepdims=0), 0.02, off + 1, kind)
    return m.model(y)


def resized(mode: str) -> Any:
    """Integers between their places, as ONNX's reference rounds them."""
    m = Made()
    scales = m.known([1, 1, 2, 1.5], np.float32)
    return m.model(m.add("Resize", m.given("x", 1, 2, 4, 6, kind=T.INT8), "", scales, mode=mode), kind=T.INT8)


def refuses() -> Mapping[str, tuple[Any, str]]:
    """Nets that are not computed, with what is said."""
    m, n, o = Made(), Made(), Made()
    nodes = [H.make_node("Identity", ["c"], ["going"]), H.make_node("Tanh", ["x_"], ["next"])]
    body = graph(nodes, {"i": [], "c": [], "x_": [1, 2]}, {"going": [], "next": [1, 2]})
    count = m.given("n", kind=T.INT64)
    looped = m.model(m.add("Loop", count, m.known(True, bool), m.given("x", 1, 2), body=body))
    endless = n.model(n.add("Loop", "", n.known(True, bool), n.given("x", 1, 2), body=body))
    random = o.model(o.add("Add", o.given("x", 2), o.add("RandomNormal", shape=[2])))
    return {
        "rounds": (looped, r"\(Loop\): its number of rounds is computed while the net runs"),
        "endless": (endless, "make more than 20000 nodes"),
        "random": (random, "it makes random numbers"),
        "several sequences": (dynamic_lstm(rows=2), "2 sequences at a time are not supported"),
        "many steps": (dynamic_lstm(steps=999), "999 steps are more than 512"),
        "clip": (dynamic_lstm(clip=1.0), r"\(com.microsoft.DynamicQuantizeLSTM\): clip=1.0 is not supported"),
        "gates": (dynamic_lstm(activations=["Relu", "Tanh", "Tanh"]), "'relu', 'tanh', 'tanh'. are not"),
    }


FLOATS: Mapping[str, Callable[[], Any]] = {
    "dynamic_int8": dynamic_dense,
    "dynamic_uint8": lambda: dynamic_dense(np.uint8),
    "dynamic_convolution": dynamic_convolution,
    "dynamic_in_one": dynamic_in_one,
    "dynamic_lstm": lambda: dynamic_lstm("reverse"),
    "dynamic_lstm_both_ways": lambda: dynamic_lstm("bidirectional", True),
    "while_loop": while_loop,
    "scan": scan,
    "unbound": unbound,
    "function": function,
    "spectrum": spectrum,
    "einsums": einsums,
    "batch_behind": batch_behind,
    "optimised": optimised,
}
EXACT: Mapping[str, Callable[[], Any]] = {
    "dynamic_attention": dynamic_attention,
    "quantised_int8": quantised,
    "quantised_uint8": lambda: quantised(np.uint8),
}


def inputs(net: Any, count: int = 4) -> list[dict[str, Array]]:
    rng = np.random.default_rng(3)
    return [
        {n: rng.normal(0, 1 + k, net.tensors[n].shape).astype(np.float32) for n in net.inputs}
        for k in range(count)
    ]


def wanted(model: Any, x: Mapping[str, Array]) -> list[Array]:
    """What onnxruntime computes operator by operator: its fused kernels round in ways of their own."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(y) for y in session.run(None, dict(x))]


@pytest.mark.parametrize("name", [*FLOATS, *EXACT])
def test_as_onnxruntime(name: str) -> None:
    model = {**FLOATS, **EXACT}[name]()
    net = read_model(model)
    for x in inputs(net):
        want = wanted(model, x)
        for one in (net, simplify(net)[0]):
            made = interpret.run(one, x)
            for y, output in zip(want, net.outputs, strict=True):
                assert made[output].shape == y.shape
                atol = 0.0 if name in EXACT else 1e-5 * float(np.abs(y).max())
                np.testing.assert_allclose(made[output], y, rtol=0, atol=atol)


def test_quantised_nets_hold_no_floats() -> None:
    """Between its ends a net of pairs computes with integers only."""
    for name in ("quantised_int8", "quantised_uint8"):
        nodes = simplify(read_model(EXACT[name]()))[0].nodes
        kinds = [node.op.NAME for node in nodes]
        assert (kinds[0], kinds[-1]) == ("quantize", "dequantize")
        assert not {"quantize", "dequantize"} & set(kinds[1:-1])


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resized_integers(mode: str) -> None:
    from onnx.reference import ReferenceEvaluator

    model = resized(mode)
    net = read_model(model)
    x = np.random.default_rng(4).integers(-90, 90, (1, 2, 4, 6)).astype(np.int8)
    (want,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_array_equal(interpret.output(net, x), want)


@pytest.mark.parametrize("name", sorted(refuses()))
def test_refuses(name: str) -> None:
    model, said = refuses()[name]
    with pytest.raises(ConfigError, match=said):
        read_model(model)


def samples() -> list[nets.Sample]:
    made = []
    for name, make in {**FLOATS, **EXACT}.items():
        net = simplify(read_model(make()))[0]
        made.append(nets.sample_of(name, net, inputs(net, 2)))
    return made


def test_c_on_this_machine() -> None:
    need("gcc")
    there = samples()
    program = host.build_program(nets.unit(there), opt="-O1", sanitize=True, harness=True)
    assert nets.differences(there, program.run(nets.stream(there))) == []


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_c_on_cores(core: str) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    there = [one for one in samples() if one.name.startswith(("dynamic", "quantised"))]
    image = qemu.build(nets.unit(there), cpu.cpu(core))
    assert nets.differences(there, qemu.run_image(image, nets.stream(there)).output) == []


def test_weights_in_another_file(tmp_path: Path) -> None:
    m = Made()
    model = m.model(m.add("MatMul", m.given("x", 1, 40), m.weights(40, 30)))
    x = np.random.default_rng(1).normal(size=(1, 40)).astype(np.float32)
    (want,) = wanted(model, {"x": x})
    path = tmp_path / "net.onnx"
    onnx.save_model(model, str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    np.testing.assert_allclose(interpret.output(reader.read(path), x), want, atol=1e-5)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"location": "../net.data"}, "outside of the model's folder"),
        ({"location": "net.data", "offset": "40"}, "more bytes than net.data has"),
        ({"location": "net.data", "length": "99999999999"}, "are not its 48"),
        ({"location": "net.data", "offset": "x"}, "are no numbers"),
    ],
)
def test_bad_other_files(tmp_path: Path, entries: Mapping[str, str], said: str) -> None:
    m = Made()
    model = m.model(m.add("MatMul", m.given("x", 1, 4), m.weights(4, 3)))
    one = model.graph.initializer[0]
    one.ClearField("raw_data")
    one.data_location = T.EXTERNAL
    for key, value in entries.items():
        one.external_data.add(key=key, value=value)
    (tmp_path / "net.data").write_bytes(bytes(48))
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match=said):
        reader.read(tmp_path / "net.onnx")
