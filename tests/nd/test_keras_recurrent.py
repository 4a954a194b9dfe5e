"""Recurrent layers of Keras: in every layout of files, against their equations in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.passes.streaming import to_streaming
from tests.nd.keras_file import Layer, given
from tests.nd.test_keras import files, same_in_c, w


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def steps_of(kind: str, x: Array, weights: Sequence[Array], after: bool = True) -> Array:
    """Outputs of all steps, in float64."""
    k, r, b = (np.asarray(v, np.float64) for v in weights)
    units = r.shape[0]
    h = c = np.zeros((len(x), units))
    out = []
    for t in range(x.shape[1]):
        v = x[:, t].astype(np.float64)
        if kind == "SimpleRNN":
            h = np.tanh(v @ k + h @ r + b)
        elif kind == "LSTM":
            i, f, g, o = np.split(v @ k + h @ r + b, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        elif after:
            xz, xr, xh = np.split(v @ k + b[0], 3, axis=-1)
            rz, rr, rh = np.split(h @ r + b[1], 3, axis=-1)
            z, reset = sigmoid(xz + rz), sigmoid(xr + rr)
            h = z * h + (1 - z) * np.tanh(xh + reset * rh)
        else:
            xz, xr, xh = np.split(v @ k + b, 3, axis=-1)
            z, reset = sigmoid(xz + h @ r[:, :units]), sigmoid(xr + h @ r[:, units : 2 * units])
            h = z * h + (1 - z) * np.tanh(xh + (reset * h) @ r[:, 2 * units :])
        out.append(h)
    return np.stack(out, axis=1)


RECURRENT = [("SimpleRNN", True), ("GRU", True), ("GRU", False), ("LSTM", True)]


def recurrent_weights(kind: str, after: bool) -> tuple[Array, ...]:
    gates = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    wide = 4 * gates
    return w(3, wide), w(4, wide), w(2, wide) if kind == "GRU" and after else w(wide)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("kind", "after"), RECURRENT)
def test_recurrent(kind: str, after: bool, backwards: bool, sequences: bool, tmp_path: Path) -> None:
    weights = recurrent_weights(kind, after)
    config: dict[str, Any] = {"units": 4, "return_sequences": sequences, "go_backwards": backwards}
    if kind == "GRU":
        config["reset_after"] = after
    layers = [given("x", (6, 3)), Layer(kind, "l", config, parts={"cell": weights})]
    x = w(1, 6, 3)
    want = steps_of(kind, x[:, ::-1] if backwards else x, weights, after)
    graphs = [read_net(path) for path in files(tmp_path, "Sequential", layers)]
    for graph in graphs:
        np.testing.assert_allclose(
            interpret.output(graph, x), want if sequences else want[:, -1], rtol=1e-4, atol=1e-6
        )
    same_in_c(graphs[:1])


@pytest.mark.parametrize(("kind", "after"), RECURRENT[1:])
def test_stateful_layers_go_on(kind: str, after: bool, tmp_path: Path) -> None:
    """Two calls of three steps give what one of six gives; so do pushes of a step."""
    weights = recurrent_weights(kind, after)
    config: dict[str, Any] = {"units": 4, "return_sequences": True, "stateful": True}
    if kind == "GRU":
        config["reset_after"] = after
    layers = [given("x", (3, 3)), Layer(kind, "l", config, parts={"cell": weights})]
    x = w(1, 6, 3)
    want = steps_of(kind, x, weights, after)
    for path in files(tmp_path, "Sequential", layers):
        graph = read_net(path)
        assert len(graph.states) == (2 if kind == "LSTM" else 1)
        for net in (graph, to_streaming(graph, 1, 1, sequence=True).graph):
            hop = net.tensors[net.inputs[0]].shape[1]
            state, found = None, []
            for k in range(0, 6, hop):
                values = interpret.run(net, x[:, k : k + hop], state)
                state = interpret.following(net, values)
                found.append(values[net.outputs[0]])
            np.testing.assert_allclose(np.concatenate(found, 1), want, rtol=1e-4, atol=1e-6)


def test_stateful_layers_that_are_refused(tmp_path: Path) -> None:
    weights = recurrent_weights("LSTM", True)
    config = {"name": "f", "units": 4, "stateful": True}
    wrapped = {"layer": {"class_name": "LSTM", "config": config}, "merge_mode": "sum"}
    parts = {"forward_layer/cell": weights, "backward_layer/cell": weights}
    layers = [given("x", (3, 3)), Layer("Bidirectional", "l", wrapped, parts=parts)]
    with pytest.raises(ConfigError, match="stateful with two directions"):
        read_net(files(tmp_path, "Sequential", layers)[0])


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(("kind", "after"), RECURRENT)
def test_bidirectional(kind: str, after: bool, sequences: bool, mode: str, tmp_path: Path) -> None:
    one, two = recurrent_weights(kind, after), recurrent_weights(kind, after)
    config: dict[str, Any] = {"name": "f", "units": 4, "return_sequences": sequences}
    if kind == "GRU":
        config["reset_after"] = after
    wrapped = {"layer": {"class_name": kind, "config": config}, "merge_mode": mode}
    parts = {"forward_layer/cell": one, "backward_layer/cell": two}
    layers = [given("x", (6, 3)), Layer("Bidirectional", "l", wrapped, parts=parts)]
    x = w(1, 6, 3)
    left, right = steps_of(kind, x, one, after), steps_of(kind, x[:, ::-1], two, after)[:, ::-1]
    if not sequences:
        left, right = left[:, -1], right[:, 0]
    want = {
        "concat": np.concatenate([left, right], axis=-1),
        "sum": left + right,
        "mul": left * right,
        "ave": (left + right) / 2,
    }[mode]
    for path in files(tmp_path, "Sequential", layers):
        np.testing.assert_allclose(interpret.output(read_net(path), x), want, rtol=1e-4, atol=1e-6)


def test_states_go_from_layer_to_layer(tmp_path: Path) -> None:
    one, two = recurrent_weights("LSTM", True), recurrent_weights("LSTM", True)
    layers = [
        given("x", (5, 3)),
        given("z", (4, 3)),
        Layer("LSTM", "first", {"units": 4, "return_state": True}, (), ["x"], {"cell": one}),
        Layer(
            "LSTM",
            "second",
            {"units": 4},
            (),
            ["z", ("first", 0, 1), ("first", 0, 2)],
            {"cell": two},
        ),
    ]
    x = {"x": w(1, 5, 3), "z": w(1, 4, 3)}
    k, r, b = (np.asarray(v, np.float64) for v in one)
    h = c = np.zeros((1, 4))
    for name, (k, r, b) in (("x", one), ("z", two)):
        for t in range(x[name].shape[1]):
            i, f, g, o = np.split(x[name][:, t] @ k + h @ r + b, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
    for path in files(tmp_path, "Functional", layers):
        np.testing.assert_allclose(interpret.run(read_net(path), x)["second"], h, rtol=1e-4, atol=1e-6)
