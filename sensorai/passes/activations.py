"""Clamps go into the nodes before them: the result is the same to the bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.ops.nd import affine, ctext
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.clip import Clip
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class FuseActivations:
    """ReLU, ReLU6 and other clamps."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every clamp whose input nothing else reads."""
        return each(graph, _fused)


def _fused(edit: Edit, node: Node) -> str:
    if not isinstance(node.op, Clip):
        return ""
    before = edit.producer(node.inputs[0])
    if before is None or edit.only_consumer(node.inputs[0]) is not node:
        return ""
    x, y = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    fused = _clamped(before, node.op)
    # plain integers are held in their type, and a node would hold them in that of its sums
    meant = ctext.real(x.dtype) or affine.scaled(x)
    if fused is None or not meant or x.dtype != y.dtype or x.quant != y.quant:
        return ""
    edit.put(before, replace(before, op=fused))
    return f"is in {before.output}" if edit.bypass(node, x.name) else ""


def _clamped(node: Node, clip: Clip) -> NdOperator | None:
    """Operator that clamps as well, None where it cannot."""
    if not isinstance(node.op, NdOperator) or not hasattr(node.op, "lo") or not hasattr(node.op, "hi"):
        return None
    # any operator with both ends
    op: Any = node.op
    lo = clip.lo if op.lo is None else op.lo if clip.lo is None else max(op.lo, clip.lo)
    hi = clip.hi if op.hi is None else op.hi if clip.hi is None else min(op.hi, clip.hi)
    if lo is not None and hi is not None and lo > hi:
        return None
    made: Any = op
    fused: NdOperator = replace(made, lo=lo, hi=hi)
    return fused
