"""Transposes sink towards the outputs, until they meet their inverses or fall into constants.

A reader of nets with channels first transposes before and after every convolution. Behind a node that treats
its numbers alike a transpose does the same as before it; of operators along an axis the axis moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each

Perm = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Move transposes down."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every node that reads a transposed tensor, in order."""
        return each(graph, _into_weights, _sink, _taken_together)


def _transposed(edit: Edit, name: str) -> Node | None:
    """Node that transposes what becomes the tensor ``name``."""
    node = edit.producer(name) if name else None
    return node if node is not None and isinstance(node.op, Transpose) else None


def _sink(edit: Edit, node: Node) -> str:
    """Transpose behind ``node`` instead of before it."""
    if not isinstance(node.op, NdOperator) or isinstance(node.op, Transpose) or len(node.outputs) != 1:
        return ""
    above = [_transposed(edit, name) for name in node.inputs]
    perms = {one.op.perm for one in above if one is not None and isinstance(one.op, Transpose)}
    out = edit.tensors[node.output]
    if len(perms) != 1:
        return ""
    (perm,) = perms
    moved = node.op.transposed(perm, edit.applied(node))
    if moved is None or len(out.shape) != len(perm) or _per_axis(edit, node):
        return ""
    inputs = []
    for name, one in zip(node.inputs, above, strict=True):
        new = one.inputs[0] if one is not None else _as_before(edit, node.op, name, perm)
        if new is None:
            return ""
        inputs.append(new)
    inverse = np.argsort(perm)
    shape = tuple(out.shape[a] for a in inverse)
    inner = edit.fresh(f"{node.output}.before")
    edit.tensors[inner] = Tensor(inner, shape, out.dtype, out.quant)
    edit.put(node, Node(moved, tuple(inputs), (inner,)), Node(Transpose(perm), (inner,), node.outputs))
    return "stands before its transpose"


def _taken_together(edit: Edit, node: Node) -> str:
    """Take axes together without the transpose before, where what is left keeps its order."""
    above = _transposed(edit, node.inputs[0]) if isinstance(node.op, Reduce) else None
    if (
        above is None
        or not isinstance(node.op, Reduce)
        or not isinstance(above.op, Transpose)
        or node.op.keep
    ):
        return ""
    perm = above.op.perm
    axes = [perm[axis] for axis in node.op.axes]
    left = [old for place, old in enumerate(perm) if place not in node.op.axes]
    if axes != sorted(axes) or left != sorted(left) or _per_axis(edit, above):
        return ""
    edit.put(node, Node(replace(node.op, axes=tuple(axes)), above.inputs, node.outputs))
    return "needs no transpose before"


def _per_axis(edit: Edit, node: Node) -> bool:
    """Whether a scale belongs to an axis, which would move."""
    quants: list[Quant] = [edit.tensors[n].quant for n in (*node.inputs, *node.outputs) if n]
    return any(isinstance(q, Affine) and q.axis is not None for q in quants)


def _as_before(edit: Edit, op: NdOperator, name: str, perm: Perm) -> str | None:
    """Input as it is to be without the transpose of the others; None where there is no such."""
    if not name:
        return name
    tensor = edit.tensors[name]
    if tensor.data is None:
        # another branch may have turned it already
        back = tuple(int(axis) for axis in np.argsort(perm))
        turned = (
            one for one in edit.consumers(name) if isinstance(one.op, Transpose) and one.op.perm == back
        )
        return next((one.output for one in turned), None)
    if tensor.size == 1 and len(tensor.shape) <= len(perm):
        return name
    if not op.PLACELESS and tensor.data.ndim != len(perm):
        # numbers of each index of an axis, which has moved
        return name
    wide = tensor.data.reshape((1,) * (len(perm) - tensor.data.ndim) + tensor.data.shape)
    if wide.ndim != len(perm):
        return None
    return edit.constant(f"{name}.turned", wide.transpose(np.argsort(perm)), tensor.dtype, tensor.quant)


def _into_weights(edit: Edit, node: Node) -> str:
    """Dense layer on flattened, transposed numbers: turn its weights instead."""
    if not isinstance(node.op, FullyConnected):
        return ""
    flat = edit.producer(node.inputs[0])
    if flat is None or not isinstance(flat.op, Reshape):
        return ""
    turn, weights = _transposed(edit, flat.inputs[0]), edit.tensors[node.inputs[1]]
    if turn is None or not isinstance(turn.op, Transpose) or weights.data is None:
        return ""
    x, shape = edit.tensors[turn.inputs[0]], edit.tensors[turn.output].shape
    columns, samples = weights.shape[-1], edit.tensors[flat.output].shape[:-1]
    # the axes that become columns must be the last ones, before the transpose and after it
    lead = len(samples)
    ok = shape[:lead] == samples and turn.op.perm[:lead] == tuple(range(lead))
    if (
        not ok
        or int(np.prod(shape[lead:])) != columns
        or (isinstance(weights.quant, Affine) and (weights.quant.axis not in (None, 0)))
    ):
        return ""
    inner = tuple(axis - lead for axis in turn.op.perm[lead:])
    order = np.arange(columns).reshape(shape[lead:]).transpose(np.argsort(inner)).reshape(-1)
    turned = edit.constant(f"{weights.name}.turned", weights.data[:, order], weights.dtype, weights.quant)
    plain = edit.insert(node, Reshape((*samples, columns)), (x.name,), f"{x.name}.flat", x.quant)
    edit.put(node, replace(node, inputs=(plain, turned, *node.inputs[2:])))
    return "has the transpose in its weights"
