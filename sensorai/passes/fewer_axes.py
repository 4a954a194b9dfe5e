"""Convolutions and pools over an axis of one element lose it: what came as one over images is one over time.

Keras writes a Conv1D as EXPAND_DIMS, CONV_2D and RESHAPE, and a pool likewise. The same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reshape import Reshape
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class FewerAxes:
    """Where a reshape before or behind brings or takes the axis."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every convolution, every pool."""
        return each(graph, _squeezed)


def _squeezed(edit: Edit, node: Node) -> str:
    op = node.op
    if not isinstance(op, Conv | Pool) or len(node.outputs) > 1:
        return ""
    x, y = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    w = edit.tensors[node.inputs[1]] if isinstance(op, Conv) else None
    kernel = op.kernel if isinstance(op, Pool) else w.shape[1:-1] if w is not None else ()
    count = len(x.shape) - 2
    pads = op.pads or ((0, 0),) * count
    settings: dict[str, Any] = {
        "strides": op.strides or (1,) * count,
        "dilations": op.dilations or (1,) * count,
        "pads": pads,
    }
    if isinstance(op, Pool):
        settings |= {"kernel": kernel, "beyond": op.beyond or (0,) * count}
    spare = [
        k for k in range(count) if x.shape[k + 1] == kernel[k] == y.shape[k + 1] == 1 and pads[k] == (0, 0)
    ]
    if count < 2 or not spare or (w is not None and w.data is None):
        return ""
    around = [edit.producer(x.name), *edit.consumers(y.name)]
    if not any(one is not None and isinstance(one.op, Reshape) for one in around):
        return ""
    axis = spare[0] + 1
    if isinstance(op, Pool) and (op.beyond or (0,) * count)[spare[0]]:
        return ""
    reads = [edit.insert(node, Reshape(_without(x.shape, axis)), (x.name,), f"{x.name}.squeezed", x.quant)]
    if w is not None and w.data is not None:
        name, shape = f"{w.name}.squeezed", _without(w.shape, axis)
        reads.append(edit.constant(name, w.data.reshape(shape), w.dtype, w.quant))
    less: dict[str, Any] = {name: _without(values, axis - 1) for name, values in settings.items()}
    narrow = replace(op, **less)
    inner = edit.fresh(f"{y.name}.squeezed")
    edit.tensors[inner] = Tensor(inner, _without(y.shape, axis), y.dtype, y.quant)
    edit.put(
        node,
        Node(narrow, (*reads, *node.inputs[2:]), (inner,)),
        Node(Reshape(y.shape), (inner,), node.outputs),
    )
    return f"loses axis {axis}"


def _without(values: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return (*values[:place], *values[place + 1 :])
