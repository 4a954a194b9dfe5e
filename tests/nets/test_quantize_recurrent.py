"""Post-training quantisation of recurrent layers: what becomes integer, the file, C."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets.calibrating import observe
from sensorai.nets.inputs import Inputs
from sensorai.nets.onnx_file import export
from sensorai.nets.quantizing import Quantised, Settings, quantize
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.rnn import Rnn
from sensorai.passes.imported import simplify
from sensorai.toolchain import cpu, host, qemu
from tests.nd.nets import differences, sample_of, stream, unit
from tests.need import need

pytest.importorskip("onnx")

STEPS, INPUTS, UNITS, CALLS = 5, 3, 4, 24
LAYERS = {
    "lstm": Lstm("bidirectional", 1, False),
    "gru": Gru("forward", 0, True, reset_after=True),
    "rnn": Rnn("reverse", 1, True, (Gate("sigmoid"),)),
    "states": Gru("forward", 0, True),
    "cells": Lstm("forward", 0, True),
}


def net(name: str, size: float = 0.4) -> Graph:
    """A layer and a dense one behind it; ``states`` and ``cells``: first states are inputs."""
    op: Any = LAYERS[name]
    rng, made = np.random.default_rng(3), NetBuilder()
    many = 2 if op.direction == "bidirectional" else 1
    shape = (1, STEPS, INPUTS) if op.layout else (STEPS, 1, INPUTS)

    def known(wish: str, *extents: int) -> Tensor:
        return made.constant(wish, rng.normal(0, size, extents).astype(np.float32))

    rows = op.GATES * UNITS
    given: list[Tensor | None] = [made.input("x", shape, "float32")]
    given += [known("w", many, rows, INPUTS), known("r", many, rows, UNITS), known("b", many, 2 * rows), None]
    if name in ("states", "cells"):
        given.append(made.input("h0", (1, 1, UNITS), "float32"))
    if name == "cells":
        given.append(made.input("c0", (1, 1, UNITS), "float32"))
    outs = made.add(op, given, ("h",))
    (flat,) = made.add(Reshape((1, outs[0].size)), (outs[0],))
    (y,) = made.add(FullyConnected(), (flat, known("fw", 3, outs[0].size), known("fb", 3)), ("y",))
    return made.graph((y, *outs[1:]) if name in ("states", "cells") else (y,))


def inputs(graph: Graph) -> dict[str, Array]:
    rng = np.random.default_rng(5)
    made = {n: rng.uniform(-1, 1, (CALLS // 2, *graph.tensors[n].shape)) for n in graph.inputs}
    # calls that judge are like those that calibrate, few as they are
    return {n: np.repeat(a, 2, axis=0).astype(np.float32) for n, a in made.items()}


@functools.cache
def quantised(name: str) -> Quantised:
    graph = net(name)
    arrays = inputs(graph)
    given = Inputs(tuple(arrays[n] for n in graph.inputs), CALLS, "made", ())
    return quantize(graph, given, Settings("int8", "minmax"))


@pytest.mark.parametrize("name", list(LAYERS))
def test_layers_become_integer_and_the_file_is_the_same_net(tmp_path: Path, name: str) -> None:
    made = quantised(name)
    (node,) = [n for n in made.graph.nodes if n.op.NAME == LAYERS[name].NAME]
    assert made.graph.tensors[node.inputs[0]].dtype == "int8"
    assert all(layer.integer for layer in made.layers)
    assert [layer.operator for layer in made.layers] == [LAYERS[name].NAME, "fully_connected"]
    assert made.outputs[0]["error"] < 0.03
    (tmp_path / "q.onnx").write_bytes(export(made.graph))
    back, _ = simplify(read_net(tmp_path / "q.onnx"))
    given = inputs(made.graph)
    ours, read = interpret.run(made.graph, given), interpret.run(back, given)
    assert "dequantize" not in [n.op.NAME for n in back.nodes[:-1] if n.outputs[0] not in back.kept]
    for a, b in zip(made.graph.outputs, back.outputs, strict=True):
        np.testing.assert_array_equal(ours[a], read[b])


def test_other_tools_run_the_file(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    made = quantised("lstm")
    session = ort.InferenceSession(export(made.graph), providers=["CPUExecutionProvider"])
    x = inputs(made.graph)["x"]
    theirs = np.stack([session.run(None, {"x": one})[0] for one in x])
    ours = interpret.run(made.graph, {"x": x})[made.graph.outputs[0]]
    step = made.graph.tensors[made.graph.nodes[-1].inputs[0]].quant
    assert isinstance(step, Affine)
    assert np.abs(ours - theirs).max() <= 3.01 * step.scale[0]


def test_its_c_computes_the_same() -> None:
    samples = []
    for name in LAYERS:
        graph = quantised(name).graph
        given = inputs(graph)
        samples.append(sample_of(name, graph, [{n: a[k] for n, a in given.items()} for k in range(3)]))
    program = host.build_program(unit(samples), opt="-O1", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []
    need("arm-none-eabi-gcc")
    for core in ("m0plus", "m4"):
        image = qemu.build(unit(samples), cpu.cpu(core))
        assert differences(samples, qemu.run_image(image, stream(samples)).output) == []


def test_states_between_the_steps_are_observed() -> None:
    made = NetBuilder()
    x = made.input("x", (3, 1, 1), "float32")
    w, r = (made.constant(n, np.full((1, 1, 1), v, np.float32)) for n, v in (("w", 2.0), ("r", 0.1)))
    (h,) = made.add(Rnn(whole=False), (x, w, r), ("h",))
    graph = made.graph((h,))
    seen = {"x": np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)}
    held = observe(graph, seen)["h"]
    assert held.high == pytest.approx(np.tanh(2.0))
    assert interpret.run(graph, seen)["h"].max() < 0.02


def test_what_has_no_form_in_integers_stays_float() -> None:
    op = Lstm(clip=0.5)
    LAYERS["clipped"] = op
    try:
        made = quantised("clipped")
    finally:
        del LAYERS["clipped"]
    assert [layer.operator for layer in made.layers] == ["fully_connected"]
    with_floats = [n for n in made.graph.nodes if n.op.NAME == "lstm"]
    assert made.graph.tensors[with_floats[0].inputs[0]].dtype == "float32"


def test_a_layer_without_a_scheme_for_it_says_which_has_one() -> None:
    made = NetBuilder()
    rng = np.random.default_rng(1)
    x = made.input("x", (2, 1, 2), "float32")
    w, r = (made.constant(n, rng.normal(0, 1, (1, 2, 2)).astype(np.float32)) for n in "wr")
    graph = made.graph(made.add(Rnn(), (x, w, r))[:1])
    with pytest.raises(ConfigError, match="no float layer") as caught:
        quantize(graph, Inputs((np.zeros((4, 2, 1, 2), np.float32),), 4, "made", ()), Settings("int16x8"))
    assert "int8 has it" in str(caught.value.hint)
