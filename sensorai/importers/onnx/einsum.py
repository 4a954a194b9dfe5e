"""Einsum as products of matrices: two tensors at a time, axes that nothing needs any more summed at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.products import step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose

#: Letters for the axes that three dots stand for: none that an equation may name itself.
_DOTS = "0123456789"


def _terms(node: OnnxNode, equation: str) -> tuple[list[str], str]:
    """Axes of every input and of the result, one letter each."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms, tensors = left.split(","), [node.need(k) for k in range(len(node.inputs))]
    if len(terms) != len(tensors):
        raise ConfigError(f"{node.where}: {equation!r} does not name {len(tensors)} tensors")
    ranks = [
        len(x.shape) - len(t.replace("...", "")) if "..." in t else 0
        for t, x in zip(terms, tensors, strict=True)
    ]
    most = max(ranks)
    if not 0 <= min(ranks) <= most <= len(_DOTS):
        raise ConfigError(f"{node.where}: {equation!r} does not go with its tensors")
    named = [t.replace("...", _DOTS[most - r : most]) for t, r in zip(terms, ranks, strict=True)]
    if arrow:
        to = right.replace("...", _DOTS[:most])
    else:
        every = "".join(named)
        to = _DOTS[:most] + "".join(sorted(c for c in set(every) - set(_DOTS) if every.count(c) == 1))
    letters = set("".join(named))
    if any(len(t) != len(x.shape) for t, x in zip(named, tensors, strict=True)) or not letters >= set(to):
        raise ConfigError(f"{node.where}: {equation!r} does not go with its tensors")
    if len(set(to)) != len(to) or not all(c.isalpha() or c in _DOTS for c in letters):
        raise ConfigError(f"{node.where}: {equation!r} makes no sense")
    return named, to


def _diagonal(node: OnnxNode, x: Tensor, term: str) -> tuple[Tensor, str]:
    """Axes of the same letter become one: every so manyth number of both together."""
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        first, second = term.index(letter), term.rindex(letter)
        order = [first, second, *(k for k in range(len(term)) if k not in (first, second))]
        extent = x.shape[first]
        if x.shape[second] != extent:
            raise ConfigError(f"{node.where}: axis {letter} has {extent} and {x.shape[second]} places")
        x = step(node, Transpose(tuple(order)), x, "turned")
        x = step(node, Reshape((extent * extent, *x.shape[2:])), x, "square")
        places = node.net.constant(f"{node.outputs[0]}.diagonal", _every(extent))
        (x,) = node.add(Gather(0), x, places, last=False)
        term = letter + "".join(term[k] for k in order[2:])
    return x, term


def _every(extent: int) -> Array:
    return (np.arange(extent) * (extent + 1)).astype(np.int32)


def _summed(node: OnnxNode, x: Tensor, term: str, kept: set[str]) -> tuple[Tensor, str]:
    """Take axes together that nothing names any more."""
    gone = tuple(k for k, c in enumerate(term) if c not in kept)
    if not gone:
        return x, term
    return step(node, Reduce("sum", gone, False), x, "sum"), "".join(c for c in term if c in kept)


def _arranged(node: OnnxNode, x: Tensor, term: str, to: str) -> Tensor:
    """Axes in another order, those that are missing of one place."""
    order = sorted(range(len(term)), key=lambda k: to.index(term[k]))
    x = step(node, Transpose(tuple(order)), x, "turned")
    extents = {term[k]: x.shape[place] for place, k in enumerate(order)}
    return step(node, Reshape(tuple(extents.get(c, 1) for c in to)), x, "shaped")


def _pair(
    node: OnnxNode, a: Tensor, first: str, b: Tensor, second: str, kept: set[str]
) -> tuple[Tensor, str]:
    """Product of two tensors; axes of both that nothing else names are summed by it."""
    a, first = _summed(node, a, first, kept | set(second))
    b, second = _summed(node, b, second, kept | set(first))
    sums = [c for c in first if c in second and c not in kept]
    both = [c for c in first if c in second and c in kept]
    rows, columns = [c for c in first if c not in second], [c for c in second if c not in first]
    one, two = dict(zip(first, a.shape, strict=True)), dict(zip(second, b.shape, strict=True))
    if any(one[c] != two[c] and 1 not in (one[c], two[c]) for c in (*sums, *both)) or any(
        one[c] != two[c] for c in sums
    ):
        raise ConfigError(f"{node.where}: axes of the same letter differ: {one} and {two}")
    if not sums:
        term = "".join([*both, *rows, *columns])
        left, right = _arranged(node, a, first, term), _arranged(node, b, second, term)
        return node.add(Binary("mul"), left, right, last=False, name=f"{node.outputs[0]}.product")[0], term
    n, k, m = (math.prod(d[c] for c in part) for d, part in ((one, rows), (one, sums), (two, columns)))
    left = _arranged(node, a, first, "".join([*both, *rows, *sums]))
    right = _arranged(node, b, second, "".join([*both, *sums, *columns]))
    left = step(node, Reshape((*(one[c] for c in both), n, k)), left, "rows")
    right = step(node, Reshape((*(two[c] for c in both), k, m)), right, "columns")
    (y,) = node.add(MatMul(), left, right, last=False, name=f"{node.outputs[0]}.product")
    shape = (*(max(one[c], two[c]) if min(one[c], two[c]) else 0 for c in both), *(one[c] for c in rows))
    y = step(node, Reshape((*shape, *(two[c] for c in columns))), y, "shaped")
    return y, "".join([*both, *rows, *columns])


def _einsum(node: OnnxNode) -> Sequence[Tensor]:
    terms, to = _terms(node, str(node.attribute("equation", "")))
    parts = [_diagonal(node, node.need(k), term) for k, term in enumerate(terms)]
    x, term = parts[0]
    for k, (other, named) in enumerate(parts[1:], 2):
        kept = set(to).union(*(set(t) for _, t in parts[k:]))
        x, term = _pair(node, x, term, other, named, kept)
    x, term = _summed(node, x, term, set(to))
    return node.add(Transpose(tuple(term.index(c) for c in to)), x)


RULES: Mapping[str, Rule] = {"Einsum": _einsum}
