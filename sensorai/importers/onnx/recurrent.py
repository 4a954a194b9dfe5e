"""Rules of recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import DIRECTIONS, Recurrent
from sensorai.ops.nd.rnn import Rnn

#: Functions of gates by their names in lower case: ours, and the settings where nothing is said; None where
#: ONNX and its runtime do not say the same.
_FUNCTIONS: Mapping[str, tuple[str, tuple[float | None, ...]]] = {
    "affine": ("linear", (None, None)),
    "elu": ("elu", (1.0,)),
    "hardsigmoid": ("hard_sigmoid", (0.2, 0.5)),
    "leakyrelu": ("leaky_relu", (0.01,)),
    "relu": ("relu", ()),
    "scaledtanh": ("scaled_tanh", (None, None)),
    "sigmoid": ("sigmoid", ()),
    "softplus": ("softplus", ()),
    "softsign": ("softsign", ()),
    "tanh": ("tanh", ()),
    "thresholdedrelu": ("thresholded_relu", (None,)),
}


def _gates(node: OnnxNode, cls: type[Recurrent], directions: int) -> tuple[Gate, ...]:
    """Functions of gates; settings are listed for those that have any, one after the other."""
    names = node.attribute("activations") or []
    if not names:
        return ()
    if len(names) != directions * len(cls.FUNCTIONS):
        raise ConfigError(f"{node.where}: {len(names)} activations, not {directions * len(cls.FUNCTIONS)}")
    settings = [list(node.attribute(f"activation_{which}") or []) for which in ("alpha", "beta")]
    made = []
    for name in names:
        if str(name).lower() not in _FUNCTIONS:
            known = ", ".join(sorted(_FUNCTIONS))
            raise ConfigError(f"{node.where}: activation {name!r} is not supported", hint=f"known: {known}")
        function, usual = _FUNCTIONS[str(name).lower()]
        given = [
            float(rest.pop(0)) if rest else default for rest, default in zip(settings, usual, strict=False)
        ]
        if None in given:
            raise ConfigError(f"{node.where}: activation {name} needs activation_alpha and activation_beta")
        settled = [v for v in given if v is not None]
        if not np.all(np.isfinite(settled)):
            raise ConfigError(f"{node.where}: settings {settled} of {name} make no sense")
        made.append(Gate(function, *settled))
    return tuple(made)


def _settings(node: OnnxNode, cls: type[Recurrent]) -> dict[str, object]:
    node.only("direction", *DIRECTIONS)
    node.only("layout", 0, 1)
    direction = str(node.attribute("direction", "forward"))
    clip = float(node.attribute("clip", 0.0))
    if not np.isfinite(clip) or clip < 0:
        raise ConfigError(f"{node.where}: a clip of {clip} makes no sense")
    units = node.need(2).shape[-1] if node.need(2).shape else 0
    if node.attribute("hidden_size", units) != units:
        raise ConfigError(f"{node.where}: hidden_size is {node.attribute('hidden_size')}, but r has {units}")
    return {
        "direction": direction,
        "layout": int(node.attribute("layout", 0)),
        "whole": bool(node.outputs and node.outputs[0]),
        "functions": _gates(node, cls, 2 if direction == "bidirectional" else 1),
        "clip": clip,
    }


def _add(node: OnnxNode, op: Recurrent, *inputs: Tensor | None) -> Sequence[Tensor]:
    """Tensors by the places of the node's outputs."""
    names = node.outputs if op.whole else node.outputs[1:]
    made = node.net.add(op, inputs, names)
    return made if op.whole else (made[0], *made)


def _common(node: OnnxNode) -> list[Tensor | None]:
    return [node.need(0), node.need(1), node.need(2), *(node.input(k) for k in range(3, 6))]


def _rnn(node: OnnxNode) -> Sequence[Tensor]:
    return _add(node, Rnn(**_settings(node, Rnn)), *_common(node))  # type: ignore[arg-type]


def _gru(node: OnnxNode) -> Sequence[Tensor]:
    after = bool(node.attribute("linear_before_reset", 0))
    op = Gru(**_settings(node, Gru), reset_after=after)  # type: ignore[arg-type]
    return _add(node, op, *_common(node))


def _lstm(node: OnnxNode) -> Sequence[Tensor]:
    coupled = bool(node.attribute("input_forget", 0))
    op = Lstm(**_settings(node, Lstm), coupled=coupled)  # type: ignore[arg-type]
    return _add(node, op, *_common(node), node.input(6), node.input(7))


RULES: Mapping[str, Rule] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
