"""Layers that can compute the new columns of a sequence alone, and how; see ``streaming``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Shape, Tensor
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lrn import LocalResponse
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize, Scaled
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """Tensor that comes in columns.

    Attributes
    ----------
    name : str
        In the old net.
    tensor : Tensor
        Of the new net: the columns that a call adds.
    axis : int
        Of time.
    extent : int
        Columns in the old net.
    """

    name: str
    tensor: Tensor
    axis: int
    extent: int

    @property
    def new(self) -> int:
        """Columns that a call adds; where they are all, nothing of the past is left in them."""
        return self.tensor.shape[self.axis]


class Walk(Protocol):
    """What a rule works on."""

    graph: Graph
    sequence: bool
    timed: dict[str, Timed]

    def old(self, name: str) -> Tensor:
        """Tensor of the old net."""
        ...

    def whole(self, name: str) -> Tensor:
        """All columns of a tensor, or a tensor that has none."""
        ...

    def take(self, t: Timed, count: int, back: int = 0) -> Tensor:
        """So many columns, the last of them ``back`` columns before the newest."""
        ...

    def late(self, t: Timed) -> int:
        """Columns at the start that the old net does not have."""
        ...

    def add(self, node: Node, op: Operator, inputs: list[Tensor]) -> list[Tensor]:
        """Append a node in the place of an old one."""
        ...

    def columns(self, name: str, tensor: Tensor, axis: int) -> None:
        """Say that a tensor comes in columns."""
        ...

    def state(self, like: Tensor, following: Tensor) -> None:
        """Keep a tensor as a state."""
        ...

    def fresh(self, wish: str) -> str:
        """Name that no tensor has yet."""
        ...


#: Whether a layer was added that computes the new columns only.
Rule = Callable[[Walk, Node], bool]


def refused(node: Node, why: str, hint: str) -> ConfigError:
    """Error that says why a layer cannot be streamed."""
    return ConfigError(f"layer {node.output} ({node.op.NAME}) {why}", hint=hint)


def extended(shape: Shape, axis: int, extent: int) -> Shape:
    """Shape with another extent along an axis."""
    return (*shape[:axis], extent, *shape[axis + 1 :])


def _only(walk: Walk, node: Node) -> Timed | None:
    """First input where it alone comes in columns."""
    found = [name for name in node.inputs if name in walk.timed]
    return walk.timed[node.inputs[0]] if found == [node.inputs[0]] else None


def _same(walk: Walk, node: Node, axis: int, op: Operator | None = None) -> bool:
    """Add the layer on new columns; its first output has its time on ``axis``."""
    inputs = [walk.timed[n].tensor if n in walk.timed else walk.whole(n) for n in node.inputs]
    (made,) = walk.add(node, op or node.op, inputs)
    walk.columns(node.output, made, axis)
    return True


def _kernel(walk: Walk, node: Node) -> bool:
    """A kernel over time: convolutions and pools."""
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Conv | Pool) or len(node.outputs) != 1:
        return False
    window, k = op.window(walk.graph.applied(node)), t.axis - 1
    if not 0 <= k < len(window.kernel):
        return False
    out, stride = window.out[k], window.strides[k]
    if out == 1 and not walk.sequence:
        return False
    reach = (window.kernel[k] - 1) * window.dilations[k] + 1
    before, after = window.before[k], window.after[k]
    causal = walk.sequence and isinstance(op, Conv) and before == reach - 1 and not after
    if (before or after) and not causal:
        raise refused(
            node,
            f"has margins of {before} and {after} columns of time, which every window has somewhere else",
            "use padding 'valid' along time, or 'causal' with sequence=True",
        )
    if before and walk.late(t):
        raise refused(
            node, "has a causal margin behind a layer without one", "use causal margins in all layers"
        )
    if (walk.sequence or t.new < t.extent) and t.new % stride:
        total = stride * max(t.new, 1) // math.gcd(stride, t.new)
        raise refused(
            node,
            f"moves by {stride} columns of time, but a hop brings {t.new}",
            f"use a hop that is {total // t.new} times as large, or a multiple of that",
        )
    made = t.new // stride if walk.sequence or t.new < t.extent else out
    made = made if walk.sequence else min(made, out)
    x = walk.take(t, (made - 1) * stride + reach, (t.extent + before - reach) % stride)
    changes: dict[str, Any] = {}
    if op.pads:
        changes["pads"] = tuple((0, 0) if j == k else p for j, p in enumerate(op.pads))
    rest = [walk.whole(n) for n in node.inputs[1:]]
    (y,) = walk.add(node, replace(op, **changes), [x, *rest])
    walk.columns(node.output, y, t.axis)
    return True


def _placeless(walk: Walk, node: Node) -> bool:
    """Every number alike: inputs in the same columns, constants the same in all of them."""
    ways = [walk.timed[n] for n in node.inputs if n in walk.timed]
    sides = {(len(t.tensor.shape) - t.axis, t.extent, t.new) for t in ways}
    if len(sides) != 1 or len(node.outputs) != 1:
        return False
    (side, extent, _), out = next(iter(sides)), walk.old(node.output)
    if len(out.shape) < side or out.shape[-side] != extent or not _even(walk, node, side):
        return False
    return _same(walk, node, len(out.shape) - side)


def _even(walk: Walk, node: Node, side: int) -> bool:
    """Whether constants are the same in all columns, ``side`` axes from the last one."""
    known = [walk.old(n) for n in node.inputs if n and n not in walk.timed]
    return all(len(t.shape) < side or t.shape[-side] == 1 for t in known)


def _scaled(walk: Walk, node: Node) -> bool:
    t, quant = _only(walk, node), walk.old(node.output).quant
    if t is None or (isinstance(quant, Affine) and quant.axis == t.axis):
        return False
    return _same(walk, node, t.axis)


def _along_axis(walk: Walk, node: Node) -> bool:
    """Layers along one axis that is not time."""
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Softmax | LocalResponse | BatchNorm) or op.axis == t.axis:
        return False
    return _same(walk, node, t.axis)


def _normalize(walk: Walk, node: Node) -> bool:
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Normalize) or t.axis in op.axes or len(node.outputs) != 1:
        return False
    return _even(walk, node, len(t.tensor.shape) - t.axis) and _same(walk, node, t.axis)


def _reduce(walk: Walk, node: Node) -> bool:
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Reduce) or t.axis in op.axes:
        return False
    return _same(walk, node, t.axis if op.keep else t.axis - sum(a < t.axis for a in op.axes))


def _dense(walk: Walk, node: Node) -> bool:
    """Products with constant weights along the last axis."""
    t = _only(walk, node)
    if t is None or t.axis == len(t.tensor.shape) - 1 or len(walk.old(node.inputs[1]).shape) != 2:
        return False
    return _same(walk, node, t.axis)


def _concat(walk: Walk, node: Node) -> bool:
    ways = [walk.timed.get(n) for n in node.inputs]
    first, op = ways[0], node.op
    if first is None or not isinstance(op, Concat) or op.axis == first.axis:
        return False
    sides = {(t.axis, t.extent, t.new) for t in ways if t is not None}
    return None not in ways and len(sides) == 1 and _same(walk, node, first.axis)


def _transpose(walk: Walk, node: Node) -> bool:
    t, op = _only(walk, node), node.op
    return t is not None and isinstance(op, Transpose) and _same(walk, node, op.perm.index(t.axis))


def _reshape(walk: Walk, node: Node) -> bool:
    """Where time stays an axis of its own."""
    t, op = walk.timed[node.inputs[0]], node.op
    if not isinstance(op, Reshape) or t.extent == 1:
        return False
    ahead = math.prod(t.tensor.shape[: t.axis])
    places = [k for k, e in enumerate(op.to) if e == t.extent and math.prod(op.to[:k]) == ahead]
    if not places:
        return False
    return _same(walk, node, places[0], replace(op, to=extended(op.to, places[0], t.new)))


def _slice(walk: Walk, node: Node) -> bool:
    """A run of columns; the last few of a sequence are no columns of time any more."""
    t, op = walk.timed[node.inputs[0]], node.op
    if not isinstance(op, Slice) or op.steps[t.axis] != 1:
        return False
    count, back = len(op.places(t.axis)), t.extent - op.stops[t.axis]
    last = walk.sequence and (count < t.new or (count == 1 and not back))
    if not count or (last and back):
        return False
    made = count if last else min(t.new, count)
    starts, stops = extended(op.starts, t.axis, 0), extended(op.stops, t.axis, made)
    (y,) = walk.add(node, replace(op, starts=starts, stops=stops), [walk.take(t, made, back)])
    if not last:
        walk.columns(node.output, y, t.axis)
    return True


def _recurrent(walk: Walk, node: Node) -> bool:
    """A forward layer goes on where it stopped; in windows it starts anew with each, and needs it whole."""
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Recurrent) or not walk.sequence:
        return False
    if op.direction != "forward":
        raise refused(node, "goes backwards over time", "use a forward layer")
    if t.axis != (1 if op.layout else 0):
        raise refused(node, "goes over another axis than that of time", "say the right axis")
    if walk.late(t):
        raise refused(node, "starts behind a layer without a causal margin", "use causal margins before it")
    names = [*node.inputs, *[""] * 10][:10]
    if names[4] or not all(_nothing(walk.old(names[k])) for k in (5, 6)):
        raise refused(node, "has lengths or first states of its own", "leave them out")
    # outputs may be fewer than the layer makes
    at = walk.graph.applied(node)
    made = op.infer(at)
    if len(node.outputs) < len(made):
        raise refused(node, "does not give its last states", "read the net again")
    last = node.outputs[int(op.whole) :]
    states = [replace(walk.old(n), name=walk.fresh(f"{n}.past")) for n in last]
    inputs = [t.tensor, *(walk.whole(n) for n in names[1:])]
    inputs[5 : 5 + len(states)] = states
    while not inputs[-1].name:
        inputs.pop()
    for state, name in zip(states, last, strict=True):
        walk.state(state, walk.old(name))
    found = walk.add(node, op, inputs)
    if op.whole:
        walk.columns(node.output, found[0], 1 if op.layout else 0)
    return True


def _nothing(state: Tensor) -> bool:
    """Whether a first state is left out or stands for zeros."""
    zero = state.quant.zero[0] if isinstance(state.quant, Affine) else 0
    return not state.name or (state.data is not None and bool((state.data == zero).all()))


RULES: Mapping[type[Operator], Rule] = {
    BatchNorm: _along_axis,
    Binary: _placeless,
    Cast: _placeless,
    Clip: _placeless,
    Concat: _concat,
    Conv: _kernel,
    Dequantize: _scaled,
    FullyConnected: _dense,
    Gru: _recurrent,
    LocalResponse: _along_axis,
    Lstm: _recurrent,
    MatMul: _dense,
    Normalize: _normalize,
    Pool: _kernel,
    Quantize: _scaled,
    Reduce: _reduce,
    Reshape: _reshape,
    Rnn: _recurrent,
    Scaled: _scaled,
    Slice: _slice,
    Softmax: _along_axis,
    Transpose: _transpose,
    Unary: _placeless,
    Where: _placeless,
}
