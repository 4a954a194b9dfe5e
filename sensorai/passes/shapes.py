"""Reshapes and transposes, as few as possible.

Those that change nothing go, several become one, transposes that move no number become reshapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class Shapes:
    """As few as possible."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """One rule after the other for each node."""
        return each(graph, _nothing, _moves_nothing, _joined)


def _nothing(edit: Edit, node: Node) -> str:
    """Remove a node that leaves everything as it is."""
    if not isinstance(node.op, Reshape | Transpose):
        return ""
    x, y = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    same = x.shape == y.shape if isinstance(node.op, Reshape) else node.op.perm == tuple(range(len(x.shape)))
    # files may give the same numbers another meaning on the way
    same = same and x.quant == y.quant
    return "changes nothing" if same and x.data is None and edit.bypass(node, x.name) else ""


def _moves_nothing(edit: Edit, node: Node) -> str:
    """Turn a transpose that keeps the order of all axes longer than 1 into a reshape."""
    if not isinstance(node.op, Transpose):
        return ""
    shape = edit.tensors[node.inputs[0]].shape
    long = [axis for axis in node.op.perm if shape[axis] != 1]
    if long != sorted(long):
        return ""
    edit.swap(node, Reshape(edit.tensors[node.output].shape), node.inputs)
    return "moves no number"


def _joined(edit: Edit, node: Node) -> str:
    """Let a node that follows one of its kind read what that one reads."""
    before = edit.producer(node.inputs[0])
    if before is None:
        return ""
    if isinstance(node.op, Transpose) and isinstance(before.op, Transpose):
        first = before.op.perm
        edit.swap(node, Transpose(tuple(first[axis] for axis in node.op.perm)), before.inputs)
    elif isinstance(node.op, Reshape) and isinstance(before.op, Reshape):
        edit.swap(node, node.op, before.inputs)
    else:
        return ""
    return f"follows another, {before.output}"
