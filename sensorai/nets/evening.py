"""What makes a float net easier to quantise: even channels, and biases that take up the errors of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.graph import interpret
from sensorai.graph.graph import Graph, Node
from sensorai.graph.tensor import Array, Tensor
from sensorai.nets.pairs import Plan, products

#: Largest factor of a channel, as a power of two.
_MOST = 6


def evened(graph: Graph, given: Mapping[str, Array]) -> tuple[Graph, int]:
    """Scale channels between two products, so that each uses the range of its tensor.

    Where only a ReLU is between them, a channel may be multiplied before and its weights divided behind. The
    factors are powers of two: the net computes the same to the bit, underflow aside.

    Returns
    -------
    graph : Graph
    pairs : int
        Pairs of layers that changed.
    """
    known = {node.output: node for node in products(graph)}
    found = 0
    for name in list(known):
        readers = graph.consumers(name)
        behind = known.get(readers[0].output) if len(readers) == 1 and name not in graph.kept else None
        first = known[name]
        if behind is None or not _plain(first) or not _takes(behind, name):
            continue
        ranges = _channels(graph, name, given)
        made = _balanced(graph, first, behind, ranges)
        if made is not None:
            graph, found = graph.with_tensors(made), found + 1
            graph = replace(graph, nodes=tuple(_with_own(n, first, behind) for n in graph.nodes))
            known = {node.output: node for node in products(graph)}
    return graph, found


def _plain(node: Node) -> bool:
    op: Any = node.op
    return op.hi is None and op.lo in (None, 0.0)


def _takes(node: Node, name: str) -> bool:
    return node.inputs[0] == name and getattr(node.op, "groups", 1) == 1


def _channels(graph: Graph, name: str, given: Mapping[str, Array]) -> Array:
    """Largest magnitude of each channel."""
    values = interpret.run(graph, {n: a[:16] for n, a in given.items()})[name]
    return np.asarray(np.abs(values).reshape(-1, values.shape[-1]).max(axis=0), np.float64)


def _own(layer: Node, k: int) -> str:
    """Name of an evened constant; constants may be shared by layers that are not."""
    return f"{layer.output}.even{k}"


def _balanced(graph: Graph, first: Node, behind: Node, ranges: Array) -> tuple[Tensor, ...] | None:
    w1, w2 = (graph.tensors[n.inputs[1]] for n in (first, behind))
    if w1.data is None or w2.data is None or not ranges.any():
        return None
    columns = np.abs(w2.data).reshape(-1, w2.shape[-1]).max(axis=0).astype(np.float64)
    live = (ranges > 0) & (columns > 0)
    if not live.any():
        return None
    a, b = np.where(live, ranges, 1.0), np.where(live, columns, 1.0)
    # after scaling, both ranges of a channel are the same share of the largest
    wish = np.log2(np.sqrt((b / b[live].max()) / (a / a[live].max())))
    power = np.where(live, np.clip(np.rint(wish), -_MOST, _MOST), 0.0)
    if not power.any():
        return None
    factor = 2.0**power
    made = [_scaled(first, 1, w1.data, factor.reshape(-1, *(1,) * (w1.data.ndim - 1)))]
    made.append(_scaled(behind, 1, w2.data, 1.0 / factor))
    if len(first.inputs) > 2 and first.inputs[2]:
        bias = graph.tensors[first.inputs[2]].data
        if bias is None:
            return None
        made.append(_scaled(first, 2, bias, factor))
    return tuple(made)


def _scaled(layer: Node, k: int, data: Array, factor: Array) -> Tensor:
    values = (data.astype(np.float64) * factor).astype(np.float32)
    return Tensor(_own(layer, k), values.shape, "float32", None, values)


def _with_own(node: Node, first: Node, behind: Node) -> Node:
    if node is first:
        bias = (_own(node, 2),) if len(node.inputs) > 2 and node.inputs[2] else node.inputs[2:]
        return replace(node, inputs=(node.inputs[0], _own(node, 1), *bias))
    return replace(node, inputs=(node.inputs[0], _own(node, 1), *node.inputs[2:])) if node is behind else node


def corrections(graph: Graph, given: Mapping[str, Array], plan: Plan) -> dict[str, Array]:
    """Biases, by layer, less the mean of what rounding the weights adds to the sums."""
    values = interpret.run(graph, {n: a[:16] for n, a in given.items()})
    found: dict[str, Array] = {}
    for node in products(graph, plan.scheme):
        if len(node.inputs) < 3 or not node.inputs[2] or node.inputs[0] not in values:
            continue
        w, bias = (graph.tensors[n].data for n in node.inputs[1:3])
        if w is None or bias is None:
            continue
        error = (plan.rounded(w).astype(np.float64) - w).astype(np.float32)
        plain: Any = node.op
        op = replace(plain, lo=None, hi=None)
        at, none = graph.applied(node), np.zeros_like(bias)
        means = [
            op.compute(at, x, error, none)[0].reshape(-1, len(bias)).mean(axis=0)
            for x in values[node.inputs[0]]
        ]
        found[node.output] = (bias - np.mean(means, axis=0)).astype(np.float32)
    return found


def corrected(graph: Graph, biases: Mapping[str, Array]) -> Graph:
    """Give layers other biases."""
    own = {name: Tensor(f"{name}.corrected", b.shape, "float32", None, b) for name, b in biases.items()}
    nodes = tuple(
        replace(n, inputs=(*n.inputs[:2], own[n.output].name)) if n.output in own else n for n in graph.nodes
    )
    return replace(graph.with_tensors(own.values()), nodes=nodes)
