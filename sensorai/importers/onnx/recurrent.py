"""Rules of recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import DIRECTIONS, Recurrent
from sensorai.ops.nd.rnn import Rnn

#: Functions of gates by ONNX's names in small letters: ours, and their usual settings, None: takes none.
_GATES: Mapping[str, tuple[str, float | None, float | None]] = {
    "affine": ("linear", 1.0, 0.0),
    "elu": ("elu", 1.0, None),
    "hardsigmoid": ("hard_sigmoid", 0.2, 0.5),
    "leakyrelu": ("leaky_relu", 0.01, None),
    "relu": ("relu", None, None),
    "scaledtanh": ("scaled_tanh", 1.0, 1.0),
    "sigmoid": ("sigmoid", None, None),
    "softplus": ("softplus", None, None),
    "softsign": ("softsign", None, None),
    "tanh": ("tanh", None, None),
    "thresholdedrelu": ("thresholded_relu", 1.0, None),
}


def _functions(node: OnnxNode) -> tuple[Gate, ...]:
    """Functions of gates; settings go to those that take any, in order."""
    alphas = [float(v) for v in node.attribute("activation_alpha", [])]
    betas = [float(v) for v in node.attribute("activation_beta", [])]
    gates = []
    for name in node.attribute("activations", []):
        if name.lower() not in _GATES:
            raise ConfigError(f"{node.where}: activations={name!r} is not supported")
        ours, alpha, beta = _GATES[name.lower()]
        a = 0.0 if alpha is None else alphas.pop(0) if alphas else alpha
        b = 0.0 if beta is None else betas.pop(0) if betas else beta
        gates.append(Gate(ours, a, b))
    return tuple(gates)


def _common(node: OnnxNode) -> tuple[str, int, bool, tuple[Gate, ...], float]:
    direction = str(node.attribute("direction", "forward"))
    if direction not in DIRECTIONS:
        raise ConfigError(f"{node.where}: direction={direction!r} is not supported")
    node.only("layout", 0, 1)
    whole = bool(node.outputs and node.outputs[0])
    return (
        direction,
        int(node.attribute("layout", 0)),
        whole,
        _functions(node),
        float(node.attribute("clip", 0)),
    )


def _made(node: OnnxNode, op: Recurrent) -> Sequence[Tensor]:
    """Outputs in the order of ONNX, where the first may not be wanted."""
    names = node.outputs if op.whole else node.outputs[1:]
    made = node.net.add(op, node.inputs, names)
    return made if op.whole else (node.need(0), *made)


def _rnn(node: OnnxNode) -> Sequence[Tensor]:
    return _made(node, Rnn(*_common(node)))


def _gru(node: OnnxNode) -> Sequence[Tensor]:
    node.only("linear_before_reset", 0, 1)
    return _made(node, Gru(*_common(node), reset_after=bool(node.attribute("linear_before_reset", 0))))


def _lstm(node: OnnxNode) -> Sequence[Tensor]:
    node.only("input_forget", 0, 1)
    return _made(node, Lstm(*_common(node), coupled=bool(node.attribute("input_forget", 0))))


RULES: Mapping[str, Rule] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
