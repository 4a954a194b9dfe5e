"""Which layers of a float net have a form in integers when it is quantised, and why others have none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import recurrent_integer
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.functions import FUNCTIONS
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where

#: Functions of two tensors that become integer.
_PAIRS = ("add", "sub", "mul", "max", "min", "prelu", "squared_difference", "div", "pow")
#: Functions that have no end next to a number that is not at the end of a range.
_STEEP = ("log", "reciprocal", "rsqrt", "tan", "atanh")
#: Functions with ends of their own: their scales and zero points by the type, as TensorFlow Lite has them.
_ENDED: Mapping[str, Mapping[str, tuple[float, int]]] = {
    "share": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0)},
    "both": {"int8": (1 / 128, 0), "int16": (1 / 32768, 0)},
}


#: How far factors of one scale may lie apart, so that the smallest has 8 steps of 8 bits.
_RANGE: Mapping[str, float] = {"int8": 16.0, "int16": 4096.0}
#: What of classes that have a form becomes integer, in a word or two.
_WORDS: Mapping[type[Operator], str] = {
    Binary: ", ".join((*_PAIRS[:-2], "div and pow by constants")),
    Unary: f"all but {', '.join(_STEEP)}",
    Normalize: "with known scale and bias",
    Reduce: "all but log_sum, any, all",
}


def form_of(kind: type[NdOperator]) -> str:
    """What of a class that is no product becomes integer; "" for nothing."""
    if kind in _WORDS:
        return _WORDS[kind]
    known = kind in _REASONS or kind.MOVES or issubclass(kind, Pad | ArgExtreme | Where)
    return "yes" if known else ""


def alike(node: Node) -> bool:
    """Whether a node gives numbers in the scale in which it takes them."""
    op = node.op
    if not isinstance(op, NdOperator) or len(node.outputs) != 1:
        return False
    if isinstance(op, Pad):
        return op.mode != "constant" or op.value == 0
    if isinstance(op, Where):
        return True
    return op.moves() or getattr(op, "kind", "") == "average"


def formed(graph: Graph, node: Node, dtype: str) -> bool:
    """Whether a node that is no product has a form in integers of a type, with a scale of its own."""
    return type(node.op) in _REASONS and len(node.outputs) == 1 and not lacks(graph, node, dtype)


def lacks(graph: Graph, node: Node, dtype: str) -> str:
    """Why a layer has no form in integers of a type; "" where it has."""
    reason = _REASONS.get(type(node.op))
    if reason is not None:
        return reason(graph, node, dtype)
    if isinstance(node.op, Recurrent):
        return _recurrent(graph, node, dtype)
    if isinstance(node.op, Conv | ConvTranspose | FullyConnected):
        known = all(graph.tensors[n].data is not None for n in node.inputs[1:] if n)
        return "" if known else "its weights are computed"
    return "" if alike(node) or isinstance(node.op, ArgExtreme) else f"{node.op.NAME} has no integer form"


def known_scale(node: Node, dtype: str) -> Affine | None:
    """Scale of what a layer with ends of its own makes; None of others."""
    op: Any = node.op
    kind = ""
    if isinstance(op, Softmax) and not op.log:
        kind = "share"
    elif isinstance(op, Unary):
        kind = {"sigmoid": "share", "hard_sigmoid": "share", "tanh": "both"}.get(op.function, "")
    if not kind:
        return None
    scale, zero = _ENDED[kind][dtype]
    return Affine((scale,), (zero,))


def whole_constants(node: Node) -> bool:
    """Whether constants that a layer reads become integers, too."""
    op: Any = node.op
    return isinstance(op, MatMul) or (isinstance(op, Binary) and op.function not in ("div", "pow"))


def even(node: Node, data: Array, dtype: str) -> bool:
    """Whether integers of one scale hold a constant: all that it multiplies by, and no infinity."""
    op: Any = node.op
    if not np.isfinite(data).all():
        return False
    if not isinstance(op, Binary) or op.function not in ("mul", "prelu") or dtype not in _RANGE:
        return True
    size = np.abs(data[data != 0])
    return not size.size or float(size.max()) <= _RANGE[dtype] * float(size.min())


def _known(graph: Graph, node: Node, place: int) -> Any:
    return graph.tensors[node.inputs[place]].data


def _unary(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    if op.function in _STEEP:
        return f"a step of what {op.function} takes changes it without an end"
    return "" if op.function in FUNCTIONS else f"{op.function} has no integer form"


def _binary(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    if op.function not in _PAIRS:
        return f"{op.function} has no integer form"
    if op.function == "div" and _known(graph, node, 1) is None:
        return "a step of what it divides by changes it without an end"
    if op.function == "pow":
        power = _known(graph, node, 1)
        if power is None or not power.size or float(power.min()) < 1:
            return "powers are integer where the exponent is known, and 1 at least"
    return ""


def _softmax(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    return "" if op.beta >= 0 and math.isfinite(op.beta) else f"a factor of {op.beta} has no integer form"


def _reduce(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    if op.function in ("log_sum", "any", "all") or not op.axes:
        return f"{op.function} has no integer form"
    empty = math.prod(graph.tensors[node.inputs[0]].shape[k] for k in op.axes) == 0
    return "it takes no numbers together" if empty else ""


def _normalize(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    if op.stats:
        return "its mean and factor are read, too"
    computed = any(graph.tensors[n].data is None for n in node.inputs[1:3] if n)
    return "its scale or bias is computed" if computed else ""


def _matmul(graph: Graph, node: Node, dtype: str) -> str:
    most = 1 << 11 if dtype == "int16" else 1 << 16
    inner = graph.tensors[node.inputs[0]].shape[-1:]
    return f"sums of {inner[0]} products are too large" if inner and inner[0] > most else ""


def _recurrent(graph: Graph, node: Node, dtype: str) -> str:
    op: Any = node.op
    if dtype != "int8":
        return "recurrent layers are integer with --scheme int8"
    said = recurrent_integer.lacks(op)
    return f"{said} has no integer form" if said else ""


def _none(graph: Graph, node: Node, dtype: str) -> str:
    return ""


_REASONS: Mapping[type[Operator], Callable[[Graph, Node, str], str]] = {
    Binary: _binary,
    Clip: _none,
    MatMul: _matmul,
    Normalize: _normalize,
    Reduce: _reduce,
    Softmax: _softmax,
    Unary: _unary,
}
