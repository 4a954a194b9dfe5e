"""Margins of zeros that a node of their own writes go into the convolution or pool behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.spec import Level
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.transpose import Transpose
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class FusePadding:
    """Padding of convolutions: the same to the bit."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every margin that only a convolution or a transpose reads."""
        return each(graph, _behind, _fused)


def _behind(edit: Edit, node: Node) -> str:
    """Transpose first, which moves fewer numbers, and pad then."""
    pad, behind = node.op, edit.only_consumer(node.output)
    if not isinstance(pad, Pad) or behind is None or not isinstance(behind.op, Transpose):
        return ""
    if not _per_tensor(edit, node):
        return ""
    x, perm = edit.tensors[node.inputs[0]], behind.op.perm
    turned = edit.insert(node, behind.op, (x.name,), f"{x.name}.turned", x.quant)
    edit.swap(behind, replace(pad, pads=tuple(pad.pads[axis] for axis in perm)), (turned,))
    return "stands behind its transpose"


def _fused(edit: Edit, node: Node) -> str:
    """Let the convolution behind write the margin."""
    pad, behind = node.op, edit.only_consumer(node.output)
    if not isinstance(pad, Pad) or behind is None or not isinstance(behind.op, Conv):
        return ""
    pads, own = pad.pads, behind.op.pads or ((0, 0),) * (len(pad.pads) - 2)
    outer = any(map(any, (pads[0], pads[-1])))
    if behind.inputs[0] != node.output or outer or min(min(p) for p in pads) < 0 or not _zeros(edit, node):
        return ""
    joined = tuple((a + c, b + d) for (a, b), (c, d) in zip(pads[1:-1], own, strict=True))
    inputs = (node.inputs[0], *behind.inputs[1:])
    edit.put(behind, replace(behind, op=replace(behind.op, pads=joined), inputs=inputs))
    edit.remove(node)
    return f"is the margin of {behind.output}"


def _per_tensor(edit: Edit, node: Node) -> bool:
    """Whether no scale belongs to an axis, which would move."""
    quant = edit.tensors[node.inputs[0]].quant
    return not isinstance(quant, Affine) or quant.axis is None


def _zeros(edit: Edit, node: Node) -> bool:
    """Whether the margin means zero."""
    op, x = node.op, edit.tensors[node.inputs[0]]
    if not isinstance(op, Pad) or op.mode != "constant":
        return False
    zero = x.quant.zero[0] if isinstance(x.quant, Affine) else 0
    return op.value == zero
