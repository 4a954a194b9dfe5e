"""Rules of recurrent layers.

Gates of an LSTM stand in the order input, forget, cell, output; here it is that of ``ops/nd/recurrent``. A
layer that runs backwards and gives all its outputs gives the last step first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.activation import named
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.importers.keras.weights import snake
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.slices import Slice

#: Most cells of one layer.
_CELLS = 64
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


def _recurrent(layer: KerasLayer, found: Sequence[Array] | None = None) -> Sequence[Tensor]:
    own = layer.config
    reverse, whole = bool(own.get("go_backwards")), bool(own.get("return_sequences"))
    found = layer.weights.of(layer.name, "cell") if found is None else found
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


def _cells(layer: KerasLayer) -> Sequence[Tensor]:
    """A layer of cells: as the layers with these cells, one after the other."""
    cell = layer.option("cell", {})
    settings = cell.get("config") if isinstance(cell, dict) else None
    kind = str(cell.get("class_name")) if isinstance(cell, dict) else ""
    if not isinstance(settings, dict):
        raise ConfigError(f"{layer.where}: its cell cannot be read")
    stacked = kind == "StackedRNNCells"
    cells = settings.get("cells") if stacked else [cell]
    if not isinstance(cells, list) or not 1 <= len(cells) <= _CELLS:
        raise ConfigError(f"{layer.where}: its cells cannot be read")
    if stacked and (layer.option("return_state", False) or layer.option("go_backwards", False)):
        raise ConfigError(f"{layer.where}: states of several cells, and cells backwards, are not supported")
    listed, made = layer.weights.of(layer.name, "cell"), list(layer.inputs)
    seen: dict[str, int] = {}
    for k, one in enumerate(cells):
        kind, own = str(one.get("class_name")), one.get("config")
        if kind.removesuffix("Cell") not in ORDERS or not kind.endswith("Cell") or not isinstance(own, dict):
            raise ConfigError(f"{layer.where}: cells of {kind} are not supported", hint=", ".join(ORDERS))
        word, count = snake(kind), 3 if own.get("use_bias", True) else 2
        place = f"{word}_{seen[word]}" if word in seen else word
        seen[word] = seen.get(word, 0) + 1
        # .h5 has the weights of all cells in one list
        found = layer.weights.of(layer.name, "cell", "cells", place) if stacked else listed
        if stacked and (not found or listed):
            found, listed = listed[:count], listed[count:]
        last = k == len(cells) - 1
        outer = {n: layer.config.get(n) for n in ("go_backwards", "return_state", "stateful", "time_major")}
        whole = bool(layer.config.get("return_sequences")) if last else True
        name = layer.name if last else f"{layer.name}.{k}"
        each = replace(
            layer,
            kind=kind.removesuffix("Cell"),
            name=name,
            config={**own, **outer, "return_sequences": whole},
            inputs=tuple(made),
        )
        made = list(_recurrent(each, found))
    return made


def _bidirectional(layer: KerasLayer) -> Sequence[Tensor]:
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
    if one.get("go_backwards") or len(layer.inputs) != 1:
        raise ConfigError(
            f"{layer.where}: given states, and a first layer that runs backwards, are not supported"
        )
    whole = bool(one.get("return_sequences"))
    found = [layer.weights.of(layer.name, side, "cell") for side in ("forward_layer", "backward_layer")]
    if found[0] is not found[1] and len(found[0]) in (4, 6):
        # a list of both
        half = len(found[0]) // 2
        found = [found[0][:half], found[0][half:]]
    made, *last = _layer(layer, kind, [one, two], found, "bidirectional", whole)
    batch, steps, units = layer.x.shape[0], layer.x.shape[1], int(one["units"])
    lead = (batch, steps) if whole else (batch,)
    mode = layer.only("merge_mode", "concat", "sum", "mul", "ave")
    if mode == "concat":
        y = layer.add(Reshape((*lead, 2 * units)), made)
    else:
        function = {"sum": "sum", "mul": "prod", "ave": "mean"}[mode]
        y = layer.add(Reduce(function, (len(lead),), False), made)
    if not one.get("return_state"):
        return [y]
    states = []
    for side in range(2):
        for state in last if whole else (made, *last):
            op = Slice((0, side, 0), (batch, side + 1, units), (1, 1, 1))
            part = layer.add(op, state, last=False)
            states.append(layer.add(Reshape((batch, units)), part, last=False))
    return [y, *states]


RULES: Mapping[str, Rule] = {
    "Bidirectional": _bidirectional,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "RNN": _cells,
    "SimpleRNN": _recurrent,
}
