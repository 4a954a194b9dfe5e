"""Rules of operators that work element by element, and of softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd import affine, ctext
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where

Ends = tuple[float | None, float | None]

#: Ends of the activations that operators have in themselves.
ACTIVATIONS: Mapping[int, Ends] = {0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}

_UNARY: Mapping[str, str] = {
    "ABS": "abs",
    "CEIL": "ceil",
    "COS": "cos",
    "ELU": "elu",
    "EXP": "exp",
    "FLOOR": "floor",
    "HARD_SWISH": "hard_swish",
    "LOG": "log",
    "LOGICAL_NOT": "not",
    "LOGISTIC": "sigmoid",
    "NEG": "neg",
    "ROUND": "round",
    "RSQRT": "rsqrt",
    "SIGN": "sign",
    "SIN": "sin",
    "SQRT": "sqrt",
    "SQUARE": "square",
    "TANH": "tanh",
}

_BINARY: Mapping[str, str] = {
    "ADD": "add",
    "BITWISE_XOR": "xor",
    "DIV": "div",
    "EQUAL": "equal",
    "FLOOR_DIV": "floor_div",
    "FLOOR_MOD": "mod",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
    "LOGICAL_AND": "and",
    "LOGICAL_OR": "or",
    "MAXIMUM": "max",
    "MINIMUM": "min",
    "MUL": "mul",
    "NOT_EQUAL": "not_equal",
    "POW": "pow",
    "PRELU": "prelu",
    "RIGHT_SHIFT": "shift_right",
    "SQUARED_DIFFERENCE": "squared_difference",
    "SUB": "sub",
}

_CLIPS: Mapping[str, Ends] = {
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def activation(node: TfliteNode) -> Ends:
    """Ends of the activation that the operator has in itself."""
    number = int(node.options.FusedActivationFunction()) if node.options is not None else 0
    if number not in ACTIVATIONS:
        raise ConfigError(
            f"{node.where}: its activation {number} is not supported", hint="relu, relu6, relu_n1_to_1"
        )
    return ACTIVATIONS[number]


def _unary(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Unary(_UNARY[node.kind]), node.need(0))


def _gelu(node: TfliteNode) -> Sequence[Tensor]:
    rough = node.options is not None and node.options.Approximate()
    return node.add(Unary("gelu_tanh" if rough else "gelu"), node.need(0))


def _leaky(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Unary("leaky_relu", float(node.options.Alpha())), node.need(0))


def _binary(node: TfliteNode) -> Sequence[Tensor]:
    fused = node.kind in ("ADD", "SUB", "MUL", "DIV")
    lo, hi = activation(node) if fused else (None, None)
    return node.add(Binary(_BINARY[node.kind], lo, hi), node.need(0), node.need(1))


def _add_n(node: TfliteNode) -> Sequence[Tensor]:
    made = node.need(0)
    if affine.scaled(made):
        raise ConfigError(f"{node.where}: integers with a scale are not supported")
    if len(node.inputs) == 1:
        return node.add(Reshape(made.shape), made)
    for place in range(1, len(node.inputs)):
        last = place == len(node.inputs) - 1
        made = node.add(Binary("add"), made, node.need(place), last=last)[0]
    return (made,)


def _clip(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Clip(*_CLIPS[node.kind]), node.need(0))


def _where(node: TfliteNode) -> Sequence[Tensor]:
    c, a, b = node.need(0), node.need(1), node.need(2)
    if node.kind == "SELECT" and len(c.shape) == 1 and len(a.shape) > 1:
        shape = (*c.shape, *(1,) * (len(a.shape) - 1))
        (c,) = node.add(Reshape(shape), c, last=False, name=f"{node.outputs[0].name}.condition")
    return node.add(Where(), c, a, b)


def _cast(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Cast(node.outputs[0].dtype), node.need(0))


def _quantize(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Quantize(node.outputs[0].dtype, "away"), node.need(0))


def _dequantize(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    if ctext.real(x.dtype):
        return node.add(Cast("float32"), x)
    return node.add(Dequantize(), x)


def _softmax(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    if not x.shape:
        raise ConfigError(f"{node.where}: softmax of a single number")
    beta = float(node.options.Beta()) if node.options is not None else 1.0
    return node.add(Softmax(len(x.shape) - 1, False, beta, node.outputs[0].dtype), x)


def _log_softmax(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    return node.add(Softmax(len(x.shape) - 1, True), x)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_CLIPS, _clip),
    "ADD_N": _add_n,
    "CAST": _cast,
    "DEQUANTIZE": _dequantize,
    "GELU": _gelu,
    "LEAKY_RELU": _leaky,
    "LOG_SOFTMAX": _log_softmax,
    "QUANTIZE": _quantize,
    "SELECT": _where,
    "SELECT_V2": _where,
    "SOFTMAX": _softmax,
}
