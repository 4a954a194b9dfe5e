"""Convolutions over an axis of one element lose it: what came as one over images is one over time.

Keras writes a Conv1D as EXPAND_DIMS, CONV_2D and RESHAPE. The same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Shape, Tensor
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.reshape import Reshape
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class FewerAxes:
    """Where a reshape before or behind brings or takes the axis."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every convolution."""
        return each(graph, _squeezed)


def _squeezed(edit: Edit, node: Node) -> str:
    op = node.op
    if not isinstance(op, Conv):
        return ""
    x, w, y = (edit.tensors[n] for n in (node.inputs[0], node.inputs[1], node.output))
    spatial = range(1, len(x.shape) - 1)
    count = len(spatial)
    pads, strides = op.pads or ((0, 0),) * count, op.strides or (1,) * count
    dilations = op.dilations or (1,) * count
    spare = [a for a in spatial if x.shape[a] == w.shape[a] == y.shape[a] == 1 and pads[a - 1] == (0, 0)]
    if len(spatial) < 2 or not spare or w.data is None:
        return ""
    axis = spare[0]
    around = [edit.producer(x.name), *edit.consumers(y.name)]
    if not any(one is not None and isinstance(one.op, Reshape) for one in around):
        return ""
    less = edit.insert(node, Reshape(_without(x.shape, axis)), (x.name,), f"{x.name}.squeezed", x.quant)
    weights = edit.constant(f"{w.name}.squeezed", w.data.reshape(_without(w.shape, axis)), w.dtype, w.quant)
    keep = [k for k in range(count) if k != axis - 1]
    narrow = replace(
        op,
        strides=tuple(strides[k] for k in keep),
        dilations=tuple(dilations[k] for k in keep),
        pads=tuple(pads[k] for k in keep),
    )
    inner = edit.fresh(f"{y.name}.squeezed")
    edit.tensors[inner] = Tensor(inner, _without(y.shape, axis), y.dtype, y.quant)
    edit.put(
        node,
        Node(narrow, (less, weights, *node.inputs[2:]), (inner,)),
        Node(Reshape(y.shape), (inner,), node.outputs),
    )
    return f"loses axis {axis}"


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
