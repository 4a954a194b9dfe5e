"""Rules of recurrent layers.

Gates of an LSTM stand in the order input, forget, cell, output; here it is that of ``ops/nd/recurrent``. A
layer that runs backwards and gives all its outputs gives the last step first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.activation import named
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.slices import Slice

#: Gates of a layer, and how its weights are put into our order.
ORDERS: Mapping[str, tuple[int, ...]] = {"SimpleRNN": (0,), "GRU": (0, 1, 2), "LSTM": (0, 3, 1, 2)}


def _gate(layer: KerasLayer, value: Any) -> Gate:
    name, config = named(value)
    settings = {"linear": (1.0, 0.0), "hard_sigmoid": (0.2 if layer.version == 2 else 1 / 6, 0.5)}
    if name in ("tanh", "sigmoid", "relu", "softsign", "softplus", "linear", "hard_sigmoid") and not config:
        return Gate(name, *settings.get(name, (0.0, 0.0)))
    raise ConfigError(f"{layer.where}: the activation {name!r} of a recurrent layer is not supported")


def _setting(layer: KerasLayer, own: Mapping[str, Any], kind: str) -> tuple[int, list[Gate], bool]:
    """Units, functions of the gates, whether a GRU resets after the product."""
    units = own.get("units")
    if type(units) is not int or not 1 <= units <= 1 << 16:
        raise ConfigError(f"{layer.where}: units={units!r}")
    if own.get("time_major"):
        raise ConfigError(
            f"{layer.where}: time_major={own['time_major']!r} is not supported",
            hint="build the model with it off",
        )
    cell = _gate(layer, own.get("activation", "tanh"))
    gate = _gate(layer, own.get("recurrent_activation", "sigmoid"))
    gates = {"SimpleRNN": [cell], "GRU": [gate, cell], "LSTM": [gate, cell, cell]}[kind]
    after = own.get("reset_after")
    return units, gates, bool(True if after is None else after)


def _weights(
    layer: KerasLayer, own: Mapping[str, Any], kind: str, inputs: int, found: Sequence[Array]
) -> tuple[Array, Array, Array | None]:
    """Weights of the input, of the outputs, and bias, with gates in our order and units as rows."""
    order = ORDERS[kind]
    units, _, after = _setting(layer, own, kind)
    wide = units * len(order)
    bias = own.get("use_bias", True)
    shapes: list[tuple[int, ...]] = [(inputs, wide), (units, wide)]
    if bias:
        shapes.append((2, wide) if kind == "GRU" and after else (wide,))
    if [a.shape for a in found[: len(shapes)]] != shapes or len(found) < len(shapes):
        have = [list(a.shape) for a in found]
        raise ConfigError(f"{layer.where}: its weights have the shapes {have}, not {shapes}")

    def ordered(values: Array) -> Array:
        parts = np.split(values, len(order), axis=-1)
        return np.concatenate([parts[k] for k in order], axis=-1)

    w, r = (np.ascontiguousarray(ordered(np.asarray(a, np.float32)).T) for a in found[:2])
    return w, r, ordered(found[2]).reshape(-1) if bias else None


def _op(kind: str, direction: str, whole: bool, gates: Sequence[Gate], after: bool) -> Recurrent:
    functions = tuple(gates)
    if kind == "GRU":
        return Gru(direction, 1, whole, functions, reset_after=after)
    if kind == "LSTM":
        return Lstm(direction, 1, whole, functions)
    return Rnn(direction, 1, whole, functions)


def _layer(
    layer: KerasLayer,
    kind: str,
    settings: Sequence[Mapping[str, Any]],
    weights: Sequence[Sequence[Array]],
    direction: str,
    whole: bool,
) -> tuple[Tensor, ...]:
    """Append the operator; one setting and list of weights for each direction."""
    x = layer.inputs[0]
    if len(x.shape) != 3:
        raise ConfigError(f"{layer.where}: reads (batch, steps, features), not the shape {x.shape}")
    both = [
        _weights(layer, own, kind, x.shape[2], found) for own, found in zip(settings, weights, strict=True)
    ]
    units, _, after = _setting(layer, settings[0], kind)
    gates = [gate for own in settings for gate in _setting(layer, own, kind)[1]]
    w, r = (
        layer.constant(n, np.stack([np.asarray(one[k]) for one in both])) for k, n in enumerate(("w", "r"))
    )
    biases = [np.asarray(one[2]) for one in both if one[2] is not None]
    b = layer.constant("b", np.stack(biases)) if len(biases) == len(both) else None
    states: list[Tensor | None] = [None, None]
    if len(layer.inputs) > (3 if kind == "LSTM" else 2) or (len(layer.inputs) > 1 and len(both) > 1):
        raise ConfigError(f"{layer.where}: {len(layer.inputs) - 1} states are not supported")
    for k, state in enumerate(layer.inputs[1:]):
        states[k] = layer.add(Reshape((x.shape[0], 1, units)), state, last=False)
    count = 2 if kind == "LSTM" else 1
    stateful = any(own.get("stateful") for own in settings)
    if stateful:
        if len(both) > 1 or len(layer.inputs) > 1:
            raise ConfigError(
                f"{layer.where}: stateful with two directions or with given states is not supported",
                hint="build the model with stateful off",
            )
        # the net keeps them from call to call, as the layer does from batch to batch
        shape = x.shape[0], 1, units
        states[:count] = [layer.net.state(f"{layer.name}.{n}", shape, "float32") for n in "hc"[:count]]
    op = _op(kind, direction, whole, gates, after)
    made = layer.net.add(op, (x, w, r, b, None, *states[:count]), (f"{layer.name}.{op.NAME}",))
    for kept, following in zip(states, made[int(whole) :], strict=False):
        if stateful and kept is not None:
            layer.net.keep(kept, following)
    return made


def _recurrent(layer: KerasLayer) -> Sequence[Tensor]:
    own = layer.config
    reverse, whole = bool(own.get("go_backwards")), bool(own.get("return_sequences"))
    found = layer.weights.of(layer.name, "cell")
    made = _layer(layer, layer.kind, [own], [found], "reverse" if reverse else "forward", whole)
    batch, steps, units = layer.inputs[0].shape[0], layer.inputs[0].shape[1], layer.whole("units")
    if whole:
        y = layer.add(Reshape((batch, steps, units)), made[0], last=not reverse)
        if reverse:
            y = layer.add(Slice((0, steps - 1, 0), (batch, -1, units), (1, -1, 1)), y)
    else:
        y = layer.add(Reshape((batch, units)), made[0])
    if not own.get("return_state"):
        return [y]
    last = made[1:] if whole else made
    return [y, *(layer.add(Reshape((batch, units)), one, last=False) for one in last)]


def _bidirectional(layer: KerasLayer) -> Tensor:
    forward = layer.option("layer")
    backward = layer.option("backward_layer", forward)
    for one in (forward, backward):
        if not isinstance(one, dict) or not isinstance(one.get("config"), dict):
            raise ConfigError(f"{layer.where}: what it wraps cannot be read")
    kind = str(forward.get("class_name"))
    if kind not in ORDERS or backward.get("class_name") != kind:
        raise ConfigError(f"{layer.where}: wraps {kind}, which is not supported", hint=", ".join(ORDERS))
    one, two = forward["config"], backward["config"]
    if any(one.get(n) != two.get(n) for n in ("units", "use_bias", "reset_after", "return_sequences")):
        raise ConfigError(f"{layer.where}: both directions must have the same settings")
    if one.get("return_state") or one.get("go_backwards") or len(layer.inputs) != 1:
        raise ConfigError(f"{layer.where}: states, and a first layer that runs backwards, are not supported")
    whole = bool(one.get("return_sequences"))
    found = [layer.weights.of(layer.name, side, "cell") for side in ("forward_layer", "backward_layer")]
    if found[0] is not found[1] and len(found[0]) in (4, 6):
        # a list of both
        half = len(found[0]) // 2
        found = [found[0][:half], found[0][half:]]
    made = _layer(layer, kind, [one, two], found, "bidirectional", whole)[0]
    batch, steps, units = layer.x.shape[0], layer.x.shape[1], int(one["units"])
    lead = (batch, steps) if whole else (batch,)
    mode = layer.only("merge_mode", "concat", "sum", "mul", "ave")
    if mode == "concat":
        return layer.add(Reshape((*lead, 2 * units)), made)
    function = {"sum": "sum", "mul": "prod", "ave": "mean"}[mode]
    return layer.add(Reduce(function, (len(lead),), False), made)


RULES: Mapping[str, Rule] = {
    "Bidirectional": _bidirectional,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "SimpleRNN": _recurrent,
}
