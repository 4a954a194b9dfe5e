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
from sensorai.passes.edit import Edit


@dataclass(frozen=True, slots=True)
class Shapes:
    """As few as possible."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """One rule after the other for each node."""
        edit = Edit(graph)
        for old in graph.nodes:
            node = edit.now(old)
            if node is None or not isinstance(node.op, Reshape | Transpose):
                continue
            for rule in (_nothing, _moves_nothing, _joined):
                if said := rule(edit, node):
                    edit.said.append(f"{old.output} ({old.op.NAME}) {said}")
                    break
        return Changed(edit.graph(), tuple(edit.said))


def _nothing(edit: Edit, node: Node) -> str:
    """Remove a node that leaves everything as it is."""
    x, y = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    same = x.shape == y.shape if isinstance(node.op, Reshape) else _perm(node) == tuple(range(len(x.shape)))
    if same and x.data is None and edit.bypass(node, x.name):
        return "changes nothing"
    return ""


def _moves_nothing(edit: Edit, node: Node) -> str:
    """Turn a transpose that keeps the order of all axes longer than 1 into a reshape."""
    if not isinstance(node.op, Transpose):
        return ""
    shape = edit.tensors[node.inputs[0]].shape
    long = [axis for axis in _perm(node) if shape[axis] != 1]
    if long != sorted(long):
        return ""
    edit.swap(node, Reshape(edit.tensors[node.output].shape), node.inputs)
    return "moves no number"


def _joined(edit: Edit, node: Node) -> str:
    """Let a node that follows one of its kind read what that one reads."""
    before = edit.producer(node.inputs[0])
    if before is None or type(before.op) is not type(node.op):
        return ""
    if isinstance(node.op, Transpose):
        first = _perm(before)
        edit.swap(node, Transpose(tuple(first[axis] for axis in _perm(node))), before.inputs)
    elif isinstance(node.op, Reshape):
        edit.swap(node, node.op, before.inputs)
    return f"follows another, {before.output}"


def _perm(node: Node) -> tuple[int, ...]:
    if not isinstance(node.op, Transpose):
        raise TypeError(node.op.NAME)
    return node.op.perm
