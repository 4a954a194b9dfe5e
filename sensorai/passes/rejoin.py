"""Functions that exporters wrote as several operators become one again.

``Rejoin``: the same to the bit. ``RejoinNear``: the same in real numbers, roundings differ in the last bits;
for nets that are to be quantised, where every part would be rounded to a step of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.unary import Unary
from sensorai.passes.affine import factors
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each

#: How near a constant must be to what a function has.
_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Rejoin:
    """``x * sigmoid(x)``."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every product."""
        return each(graph, _swish)


@dataclass(frozen=True, slots=True)
class RejoinNear:
    """GELU, layer norm; batch norm that is left becomes a product and a sum."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """One rule after the other for each node."""
        return each(graph, _gelu, _layer_norm, _layer_norm_by_factors, _batch_norm)


# -- what is looked for


def _made(edit: Edit, name: str, function: str) -> Node | None:
    """Node that makes a float32 tensor by a function of one number, or of two without ends."""
    node = edit.producer(name)
    if node is None or edit.tensors[name].dtype != "float32" or name in edit.kept:
        return None
    return node if _is(node, function) else None


def _is(node: Node | None, function: str) -> bool:
    if node is None or not isinstance(node.op, Unary | Binary) or node.op.function != function:
        return False
    return not isinstance(node.op, Binary) or (node.op.lo, node.op.hi) == (None, None)


def _number(edit: Edit, name: str) -> float | None:
    data = edit.data(name)
    return float(data.reshape(-1)[0]) if data is not None and data.size == 1 else None


def _with_number(edit: Edit, node: Node | None, function: str) -> tuple[str, float] | None:
    """What a function of two takes besides a single number, and that; in quotients it is second."""
    if node is None or not _is(node, function):
        return None
    a, b = node.inputs[:2]
    for x, k in ((a, b), (b, a)) if function in ("add", "mul") else ((a, b),):
        value = _number(edit, k)
        if value is not None and edit.data(x) is None:
            return x, value
    return None


def _near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= _NEAR * abs(wanted)


def _scaled(edit: Edit, name: str) -> tuple[str, float]:
    """What a tensor is a multiple of, and how many times."""
    node = edit.producer(name)
    if found := _with_number(edit, node, "mul"):
        return found
    if found := _with_number(edit, node, "div"):
        return found[0], 1 / found[1] if found[1] else np.inf
    return name, 1.0


# -- functions


def _swish(edit: Edit, node: Node) -> str:
    if not _is(node, "mul") or edit.tensors[node.output].dtype != "float32":
        return ""
    for x, s in (node.inputs[:2], node.inputs[1::-1]):
        sigmoid = _made(edit, s, "sigmoid")
        if sigmoid is None or edit.only_consumer(s) is not node:
            continue
        inner, factor = sigmoid.inputs[0], 1.0
        before = _made(edit, inner, "mul") if inner != x else None
        found = _with_number(edit, before, "mul")
        if found is not None:
            inner, factor = found
        if inner == x and edit.data(x) is None:
            edit.swap(node, Unary("swish", factor), (x,))
            return "is a swish"
    return ""


def _gelu(edit: Edit, node: Node) -> str:
    """``x / 2 * (1 + erf(x / sqrt 2))``, or with tanh, in any order, or a multiple of that."""
    found = _inside_gelu(edit, node)
    behind = edit.only_consumer(node.output)
    if found is None or behind is None or (_with_number(edit, behind, "add") or ("", 0.0))[1] != 1.0:
        return ""
    x, function = found
    end, name, factor = behind, behind.output, 1.0
    seen = False
    for _ in range(2):
        behind = edit.only_consumer(name)
        if behind is None or not _is(behind, "mul"):
            break
        other = behind.inputs[1] if behind.inputs[0] == name else behind.inputs[0]
        value, (source, times) = _number(edit, other), _scaled(edit, other)
        if value is not None:
            factor *= value
        elif source == x and not seen:
            factor, seen = factor * times, True
        else:
            break
        end, name = behind, behind.output
    if not seen:
        return ""
    if _near(2 * factor, 1.0):
        edit.swap(end, Unary(function), (x,))
        return "is a gelu"
    made = edit.insert(end, Unary(function), (x,), f"{end.output}.gelu")
    twice = edit.constant(f"{end.output}.factor", np.asarray(2 * factor, np.float32))
    edit.swap(end, Binary("mul"), (made, twice))
    return "is a multiple of a gelu"


def _inside_gelu(edit: Edit, node: Node) -> tuple[str, str] | None:
    """What a gelu is of, and its name, where a node is the erf or tanh in it."""
    if not isinstance(node.op, Unary) or edit.tensors[node.output].dtype != "float32":
        return None
    if node.op.function == "erf":
        x, factor = _scaled(edit, node.inputs[0])
        return (x, "gelu") if _near(factor, 0.5**0.5) else None
    if node.op.function != "tanh":
        return None
    total, factor = _scaled(edit, node.inputs[0])
    added = edit.producer(total)
    if not _near(factor, 0.7978845608) or added is None or not _is(added, "add"):
        return None
    for x, cubed in (added.inputs[:2], added.inputs[1::-1]):
        cube, small = _scaled(edit, cubed)
        if _near(small, 0.044715) and _power(edit, cube, x) == 3:
            return x, "gelu_tanh"
    return None


def _power(edit: Edit, name: str, x: str) -> int:
    """How many times a tensor is multiplied by itself to be another; 0 where it is none."""
    if name == x:
        return 1
    node = edit.producer(name)
    if node is None:
        return 0
    if _is(node, "square"):
        return 2 * _power(edit, node.inputs[0], x)
    if _is(node, "pow"):
        exponent = _number(edit, node.inputs[1])
        whole = exponent is not None and exponent in (2.0, 3.0)
        return int(exponent or 0) * _power(edit, node.inputs[0], x) if whole else 0
    if _is(node, "mul") and x in node.inputs:
        other = node.inputs[1] if node.inputs[0] == x else node.inputs[0]
        inner = 1 if other == x else _power(edit, other, x)
        return inner + 1 if inner else 0
    return 0


# -- norms


def _mean(edit: Edit, name: str) -> Node | None:
    node = edit.producer(name)
    if node is None or not isinstance(node.op, Reduce) or node.op.function != "mean" or not node.op.keep:
        return None
    return node


def _spread(edit: Edit, name: str) -> tuple[str, float] | None:
    """Mean of squares, and what is added to it, where a tensor is the root of both."""
    node = edit.producer(name)
    if node is None or not (_is(node, "sqrt") or _is(node, "rsqrt")):
        return None
    return _with_number(edit, edit.producer(node.inputs[0]), "add")


def _below(edit: Edit, name: str) -> tuple[str, float] | None:
    """The same of one over the root."""
    node = edit.producer(name)
    if _is(node, "reciprocal") and node is not None and _made(edit, node.inputs[0], "sqrt") is not None:
        return _spread(edit, node.inputs[0])
    return _spread(edit, name) if _is(node, "rsqrt") else None


def _layer_norm(edit: Edit, node: Node) -> str:
    """``(x - mean) / sqrt(mean((x - mean)**2) + epsilon)``."""
    if edit.tensors[node.output].dtype != "float32" or not isinstance(node.op, Binary):
        return ""
    found, less = None, ""
    if _is(node, "div") and _is(edit.producer(node.inputs[1]), "sqrt"):
        less, found = node.inputs[0], _spread(edit, node.inputs[1])
    elif _is(node, "mul"):
        for one, root in (node.inputs[:2], node.inputs[1::-1]):
            if (below := _below(edit, root)) and not found:
                less, found = one, below
    centred = edit.producer(less) if less else None
    squares = _mean(edit, found[0]) if found else None
    if found is None or squares is None or centred is None or not _is(centred, "sub"):
        return ""
    x, mean = centred.inputs[0], _mean(edit, centred.inputs[1])
    alike = mean is not None and mean.inputs[0] == x and mean.op == squares.op
    if not alike or _power(edit, squares.inputs[0], less) != 2 or not isinstance(squares.op, Reduce):
        return ""
    return _normal(edit, node, x, squares.op.axes, found[1])


def _normal(edit: Edit, node: Node, x: str, axes: tuple[int, ...], epsilon: float) -> str:
    """Put a norm in the place of a node, with the factors and sums of constants behind it."""
    shape, known, end = edit.tensors[x].shape, ["", ""], node
    for place, function in enumerate(("mul", "add")):
        behind = edit.only_consumer(end.output)
        if behind is None or not _is(behind, function):
            continue
        other = behind.inputs[1] if behind.inputs[0] == end.output else behind.inputs[0]
        data = edit.data(other)
        if data is not None and edit.tensors[behind.output].shape == shape and data.dtype == np.float32:
            known[place], end = other, behind
    while known and not known[-1]:
        known.pop()
    edit.swap(end, Normalize("layer", axes, epsilon), (x, *known))
    return "is a layer norm"


def _layer_norm_by_factors(edit: Edit, node: Node) -> str:
    """``x * f + (bias - mean * f)`` with ``f = scale / sqrt(variance + epsilon)``."""
    if not _is(node, "add") or edit.tensors[node.output].dtype != "float32":
        return ""
    for first, second in (node.inputs[:2], node.inputs[1::-1]):
        product, rest = _made(edit, first, "mul"), _made(edit, second, "sub")
        moved = _made(edit, rest.inputs[1], "mul") if rest is not None else None
        if product is None or rest is None or moved is None or edit.data(rest.inputs[0]) is None:
            continue
        for x, factor in (product.inputs[:2], product.inputs[1::-1]):
            mean = next((m for n in moved.inputs if n != factor and (m := _mean(edit, n))), None)
            if mean is None or factor not in moved.inputs or mean.inputs[0] != x:
                continue
            scale, root = "", factor
            by = _made(edit, factor, "mul")
            if by is not None:
                scale = next((n for n in by.inputs if edit.data(n) is not None), "")
                root = next((n for n in by.inputs if n != scale), "")
            found = _below(edit, root)
            squares = _mean(edit, found[0]) if found else None
            if found is None or squares is None or squares.op != mean.op:
                continue
            gaps = edit.producer(squares.inputs[0])
            plain = _is(gaps, "squared_difference") and gaps is not None
            if plain and gaps is not None and set(gaps.inputs) == {x, mean.output}:
                op = Normalize("layer", getattr(mean.op, "axes", ()), found[1])
                edit.swap(node, op, (x, scale, rest.inputs[0]))
                return "is a layer norm"
    return ""


def _batch_norm(edit: Edit, node: Node) -> str:
    found = factors(edit, node) if isinstance(node.op, BatchNorm) else None
    if found is None:
        return ""
    x, scale, offset = found
    by, to = (
        edit.constant(f"{node.output}.{name}", values.astype(np.float32))
        for name, values in (("factor", scale), ("offset", offset))
    )
    made = edit.insert(node, Binary("mul"), (x, by), f"{node.output}.scaled")
    edit.swap(node, Binary("add"), (made, to))
    return "is a product and a sum"
