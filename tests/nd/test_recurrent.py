"""Recurrent layers: against ONNX Runtime; step by step with states against the whole sequence, as C too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.reader import read_model
from sensorai.ops.nd import _recurrent_cases as samples
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.rnn import Rnn
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets
from tests.need import need

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, INPUTS, UNITS = 6, 2, 3, 4


def onnx_model(kind: str, inputs: tuple[str, ...] = (), **attributes: Any) -> Any:
    """Model of one layer; ``inputs``: of lengths, states and peepholes those that it has."""
    import onnx
    from onnx import helper

    rng = np.random.default_rng(3)
    many = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[kind] * UNITS
    shapes = {
        "w": (many, rows, INPUTS),
        "r": (many, rows, UNITS),
        "b": (many, 2 * rows),
        "h0": (many, BATCH, UNITS),
        "c0": (many, BATCH, UNITS),
        "p": (many, 3 * UNITS),
    }
    names = ["x", "w", "r", "b", *(n if n in inputs else "" for n in ("lengths", "h0", "c0", "p"))]
    while not names[-1]:
        names.pop()
    data = {n: rng.normal(0, 0.5, shapes[n]).astype(np.float32) for n in names if n in shapes}
    if "lengths" in inputs:
        data["lengths"] = np.array([3, STEPS], np.int32)
    outputs = ["y", "y_h", *(["y_c"] if kind == "LSTM" else [])]
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(kind, names, outputs, hidden_size=UNITS, **attributes)],
        "net",
        [helper.make_tensor_value_info("x", float32, (STEPS, BATCH, INPUTS))],
        [helper.make_tensor_value_info(n, float32, None) for n in outputs],
        [onnx.numpy_helper.from_array(a, n) for n, a in data.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


MODELS: Mapping[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    **{f"{k}_reverse": (k, ("lengths",), {"direction": "reverse"}) for k in GATES},
    **{f"{k}_both": (k, ("lengths", "h0"), {"direction": "bidirectional"}) for k in GATES},
    **{f"{k}_clip": (k, ("h0",), {"clip": 0.3}) for k in GATES},
    "GRU_reset_after": ("GRU", (), {"linear_before_reset": 1, "clip": 0.2}),
    "LSTM_coupled": ("LSTM", ("h0", "c0", "p"), {"input_forget": 1}),
    "LSTM_peepholes": ("LSTM", ("h0", "c0", "p"), {"clip": 0.2}),
    "LSTM_functions": (
        "LSTM",
        (),
        {
            "activations": ["HardSigmoid", "Tanh", "LeakyRelu"],
            "activation_alpha": [0.3, 0.2],
            "activation_beta": [0.4],
        },
    ),
    **{
        f"RNN_{name}": ("RNN", (), {"activations": [name], "activation_alpha": [a], "activation_beta": [b]})
        for name, a, b in (
            ("Affine", 0.5, 0.2),
            ("Elu", 0.8, 0.0),
            ("HardSigmoid", 0.3, 0.4),
            ("LeakyRelu", 0.1, 0.0),
            ("Relu", 0.0, 0.0),
            ("ScaledTanh", 1.5, 0.7),
            ("Sigmoid", 0.0, 0.0),
            ("Softplus", 0.0, 0.0),
            ("Softsign", 0.0, 0.0),
            ("ThresholdedRelu", 0.3, 0.0),
        )
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime(name: str) -> None:
    import onnxruntime

    kind, inputs, attributes = MODELS[name]
    model = onnx_model(kind, inputs, **attributes)
    x = np.random.default_rng(1).normal(0, 1, (STEPS, BATCH, INPUTS)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    graph = read_model(model)
    got = interpret.run(graph, {"x": x})
    for output, want in zip(graph.outputs, session.run(None, {"x": x}), strict=True):
        np.testing.assert_allclose(got[output], want, 0, 1e-6)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"activations": ["Cosine"]}, "Cosine"),
        ({"activations": ["Tanh", "Tanh"]}, "2 activations"),
        ({"activations": ["ScaledTanh"]}, "activation_alpha"),
        ({"direction": "sideways"}, "direction"),
        ({"clip": -1.0}, "clip"),
        ({"layout": 1}, "shape"),
    ],
)
def test_refused(attributes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        read_model(onnx_model("RNN", ("h0",), **attributes))


def test_only_last_outputs() -> None:
    """Outputs of all steps that nothing wants take no room."""
    model = onnx_model("LSTM")
    model.graph.node[0].output[0] = ""
    del model.graph.output[0]
    graph = read_model(model)
    assert [graph.tensors[n].shape for n in graph.outputs] == [(1, BATCH, UNITS)] * 2
    assert all(len(t.shape) < 4 for t in graph.activations)


def whole(op: Recurrent, dtype: str) -> Graph:
    """Net of a layer over a sequence with states that come in."""
    gates = op.GATES
    if dtype == "int8":
        return samples.integer(op, gates, states=True)
    return samples.net(op, gates, state=True)


def one_step(graph: Graph) -> Graph:
    """The same layer for a single step; the net keeps the states."""
    node, net = graph.nodes[0], NetBuilder()
    reads: list[Tensor | None] = []
    states = []
    for place, name in enumerate(node.inputs):
        tensor = graph.tensors[name] if name else None
        if tensor is None or tensor.data is not None:
            reads.append(
                None
                if tensor is None
                else net.constant(name, np.asarray(tensor.data), tensor.dtype, tensor.quant)
            )
        elif place == 0:
            shape = (tensor.shape[0], 1, tensor.shape[2]) if _layout(node.op) else (1, *tensor.shape[1:])
            reads.append(net.input(name, shape, tensor.dtype, tensor.quant))
        else:
            reads.append(net.state(name, tensor.shape, tensor.dtype, tensor.quant))
            states.append(reads[-1])
    op = node.op
    assert isinstance(op, NdOperator)
    made = net.add(op, reads, node.outputs, [graph.tensors[n].quant for n in node.outputs])
    for state, following in zip(states, made[1:], strict=True):
        assert state is not None
        net.keep(state, following)
    return net.graph(made[:1])


def _layout(op: Any) -> int:
    return int(op.layout)


LAYERS: Mapping[str, tuple[Recurrent, str]] = {
    f"{op.NAME}_{dtype}_{k}": (op, dtype)
    for dtype in ("float32", "int8")
    for k, op in enumerate((Rnn(), Gru(), Gru(layout=1, reset_after=True), Lstm(layout=1), Lstm()))
}


def steps_of(name: str) -> tuple[Graph, list[dict[str, Array]], list[Array]]:
    """Net for one step, its inputs step by step, and the outputs of the whole sequence."""
    op, dtype = LAYERS[name]
    full = whole(op, dtype)
    x = {n: a[0] for n, a in _testing.inputs(full, 2, 4).items()}
    for n in full.inputs[1:]:
        x[n] = np.full_like(x[n], affine(full, n).zero[0] if dtype == "int8" else 0)
    wanted = interpret.run(full, x)[full.outputs[0]]
    graph, axis = one_step(full), op.layout
    count = x["x"].shape[axis]
    rows = [{"x": np.take(x["x"], [t], axis)} for t in range(count)]
    return graph, rows, [np.take(wanted, [t], axis) for t in range(count)]


@pytest.mark.parametrize("name", LAYERS)
def test_states(name: str) -> None:
    """One step after the other gives the bits of the whole sequence."""
    graph, rows, wanted = steps_of(name)
    state = None
    for row, want in zip(rows, wanted, strict=True):
        values = interpret.run(graph, row, state)
        state = interpret.following(graph, values)
        assert values[graph.outputs[0]].tobytes() == want.tobytes()


def state_samples() -> list[nets.Sample]:
    return [nets.sample_of(name, *steps_of(name)[:2]) for name in LAYERS]


def test_states_as_c() -> None:
    found = state_samples()
    program = host.build_program(nets.unit(found), opt="-O2", sanitize=True, harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []


@pytest.mark.parametrize("core", ["m0plus", "m4"])
def test_states_on_cores(core: str) -> None:
    need("arm-none-eabi-gcc")
    found = state_samples()
    image = qemu.build(nets.unit(found), cpu.cpu(core))
    assert nets.differences(found, qemu.run_image(image, nets.stream(found)).output) == []


def affine(graph: Graph, name: str) -> Affine:
    quant = graph.tensors[name].quant
    assert isinstance(quant, Affine)
    return quant


def real_form(graph: Graph) -> Graph:
    """float32 net of the real numbers of a net of one int8 layer."""
    node = graph.nodes[0]
    x, w, r, b = (graph.tensors[n] for n in node.inputs[:4])
    scales = [affine(graph, n) for n in (x.name, w.name, node.outputs[0], r.name)]
    both = [np.array(v.scale) * np.array(u.scale) for v, u in (scales[:2], scales[2:])]
    known = [_testing.known(t.name, affine(graph, t.name).real(np.asarray(t.data))) for t in (w, r)]
    bias = _testing.known("b", np.asarray(b.data) * np.concatenate(both))
    op = node.op
    assert isinstance(op, NdOperator)
    return _testing.one(op, [_testing.given("x", x.shape), *known, bias])


@pytest.mark.parametrize("op", [Rnn(), Gru(), Gru(reset_after=True), Lstm(), Gru(direction="bidirectional")])
def test_integers_are_near(op: Recurrent) -> None:
    """int8 layers compute what float32 layers compute of the same real numbers, but for rounding."""
    graph = samples.integer(op, op.GATES)
    real, name = real_form(graph), graph.nodes[0].outputs[0]
    ends = affine(graph, name).real(np.array([-128, 127]))
    for seed in range(3):
        given = _testing.inputs(graph, 2, seed)["x"][0]
        got = affine(graph, name).real(interpret.run(graph, {"x": given})[name])
        values = np.asarray(affine(graph, "x").real(given), np.float32)
        want = interpret.run(real, {"x": values})[real.outputs[0]]
        assert np.abs(got - np.clip(want, *ends)).max() < 0.06
