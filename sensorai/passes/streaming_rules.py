"""Layers that can compute the new columns of a sequence alone, and how; see ``streaming``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
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
from sensorai.passes.streaming_walk import Edge, HopRefused, Timed, Walk, extended, named, refused

#: Whether a layer was added that computes the new columns only.
Rule = Callable[[Walk, Node], bool]


def _only(walk: Walk, node: Node) -> Timed | None:
    """First input where it alone comes in columns."""
    found = [name for name in node.inputs if name in walk.timed]
    return walk.timed[node.inputs[0]] if found == [node.inputs[0]] else None


def _same(walk: Walk, node: Node, axis: int, op_of: Callable[[int], Operator] | None = None) -> bool:
    """Add the layer on new columns and on edges; its output has its time on ``axis``.

    ``op_of``: the operator for so many columns, where it is not that of the node.
    """
    ways = [walk.timed[n] for n in node.inputs if n in walk.timed]
    before, after = max(t.before for t in ways), max(t.after for t in ways)
    new = min(ways[0].new, ways[0].extent - before - after)
    if new < 1:
        return False

    def part(name: str, count: int, of: Callable[[Timed], Tensor]) -> Tensor:
        inputs = [of(walk.timed[n]) if n in walk.timed else walk.whole(n) for n in node.inputs]
        return walk.add(node, op_of(count) if op_of else node.op, inputs, name)[0]

    y = part("", new, lambda t: walk.take(t, new, after - t.after))
    first = Edge(before, lambda: part("first", before, lambda t: walk.head(t, before)))
    last = Edge(after, lambda: part("last", after, lambda t: walk.tail(t, after)))
    walk.columns(node.output, y, axis, first, last)
    return True


def _kernel(walk: Walk, node: Node) -> bool:
    """A kernel over time: convolutions and pools."""
    t, op = _only(walk, node), node.op
    if t is None or not isinstance(op, Conv | Pool) or len(node.outputs) != 1:
        return False
    window, k = op.window(walk.graph.applied(node)), t.axis - 1
    if not 0 <= k < len(window.kernel) or (isinstance(op, Pool) and any(op.beyond)):
        return False
    out, stride, before, after = window.out[k], window.strides[k], window.before[k], window.after[k]
    if out == 1 and not walk.sequence:
        return False
    reach = (window.kernel[k] - 1) * window.dilations[k] + 1
    if walk.sequence:
        _margin(walk, node, t, (before, after), reach)
    # columns that see no margin and no edge
    room = t.extent - t.after - reach + before
    first = 0 if walk.sequence else -(-(t.before + before) // stride)
    last = out - (room // stride + 1)
    between, ahead = out - first - last, (first - 1) * stride + reach - before
    if between < 1 or (first and ahead < 1):
        return False
    if (walk.sequence or t.new < t.between) and t.new % stride:
        times = stride // math.gcd(stride, t.new)
        error = HopRefused(
            f"{named(node)} moves by {stride} columns of time, but a hop brings {t.new}",
            hint=f"use a hop that is {times} times as large, or a multiple of that",
        )
        error.times = times
        raise error
    made = t.new // stride if walk.sequence or t.new < t.between else between
    made = made if walk.sequence else min(made, between)
    if made == between and (first or last):
        return False

    def part(x: Tensor, margins: tuple[int, int], name: str) -> Tensor:
        pads = op.pads or ((0, 0),) * len(window.kernel)
        changed = replace(op, pads=tuple(margins if j == k else p for j, p in enumerate(pads)))
        return walk.add(node, changed, [x, *(walk.whole(n) for n in node.inputs[1:])], name)[0]

    def head() -> Tensor:
        x = walk.head(t, min(ahead, t.extent))
        return part(x, (before, max(ahead - t.extent, 0)), "first")

    def tail() -> Tensor:
        start, behind = (out - last) * stride - before, (out - 1) * stride - before + reach - t.extent
        x = walk.tail(t, t.extent - max(start, 0))
        return part(x, (max(-start, 0), max(behind, 0)), "last")

    y = part(walk.take(t, (made - 1) * stride + reach, room % stride), (0, 0), "")
    walk.columns(node.output, y, t.axis, Edge(first, head), Edge(last, tail))
    return True


def _margin(walk: Walk, node: Node, t: Timed, margins: tuple[int, int], reach: int) -> None:
    """Raise a ConfigError unless a layer of a sequence has a causal margin or none."""
    before, after = margins
    if (before or after) and not (isinstance(node.op, Conv) and before == reach - 1 and not after):
        raise refused(
            node,
            f"has margins of {before} and {after} columns of time, which a sequence without end has not",
            "use padding 'causal' or 'valid' along time",
        )
    if before and walk.late(t):
        raise refused(
            node, "has a causal margin behind a layer without one", "use causal margins in all layers"
        )


def _placeless(walk: Walk, node: Node) -> bool:
    """Every number alike: inputs in the same columns, constants the same in all of them."""
    ways = [walk.timed[n] for n in node.inputs if n in walk.timed]
    sides = {(len(t.tensor.shape) - t.axis, t.extent) for t in ways}
    if len(sides) != 1 or len(node.outputs) != 1 or not _alike(ways):
        return False
    (side, extent), out = next(iter(sides)), walk.old(node.output)
    if len(out.shape) < side or out.shape[-side] != extent or not _even(walk, node, side):
        return False
    return _same(walk, node, len(out.shape) - side)


def _alike(ways: Sequence[Timed]) -> bool:
    """Whether tensors wander by the same number of columns."""
    return len({t.new for t in ways}) == 1


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
    there = [t for t in ways if t is not None]
    sides = {(t.axis, t.extent) for t in there}
    return None not in ways and len(sides) == 1 and _alike(there) and _same(walk, node, first.axis)


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
    return _same(walk, node, places[0], lambda count: replace(op, to=extended(op.to, places[0], count)))


def _slice(walk: Walk, node: Node) -> bool:
    """A run of columns; the last few of a sequence are no columns of time any more."""
    t, op = walk.timed[node.inputs[0]], node.op
    if not isinstance(op, Slice) or op.steps[t.axis] != 1:
        return False
    count, start, stop = len(op.places(t.axis)), op.starts[t.axis], op.stops[t.axis]
    final = walk.sequence and (count < t.new or (count == 1 and stop == t.extent))
    if not count or (final and stop < t.extent):
        return False
    first, last = max(t.before - start, 0), max(stop - (t.extent - t.after), 0)
    made = count if final else min(t.new, count - first - last)
    if made < 1:
        return False

    def part(x: Tensor, start: int, count: int, name: str) -> Tensor:
        ends = extended(op.starts, t.axis, start), extended(op.stops, t.axis, start + count)
        return walk.add(node, replace(op, starts=ends[0], stops=ends[1]), [x], name)[0]

    y = part(walk.take(t, made, max(t.extent - t.after - stop, 0)), 0, made, "")
    if final:
        walk.begins(-(-(walk.late(t) + count) // t.new) - 1)
        return True
    walk.columns(
        node.output,
        y,
        t.axis,
        Edge(first, lambda: part(walk.head(t, start + first), start, first, "first")),
        Edge(last, lambda: part(walk.tail(t, t.extent - stop + last), 0, last, "last")),
    )
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
    early, rest = divmod(walk.late(t), t.new)
    if rest:
        raise refused(
            node,
            f"would start in the middle of a push: the first {walk.late(t)} columns before it do not exist, "
            f"and a push brings {t.new}",
            f"use a hop {t.new} times as small, or causal margins before it",
        )
    names = [*node.inputs, *[""] * 10][:10]
    # outputs may be fewer than the layer makes
    at = walk.graph.applied(node)
    made = op.infer(at)
    if len(node.outputs) < len(made):
        raise refused(node, "does not give its last states", "read the net again")
    last = node.outputs[int(op.whole) :]
    # a net may keep the states of the layer itself, from call to call
    own = [bool(name) and walk.following(name) in last for name in names[5:7]]
    if names[4] or not all(kept or _nothing(walk.old(n)) for kept, n in zip(own, names[5:7], strict=True)):
        raise refused(node, "has lengths or first states of its own", "leave them out")
    states = [
        walk.old(names[5 + k]) if own[k] else replace(walk.old(n), name=walk.fresh(f"{n}.past"))
        for k, n in enumerate(last)
    ]
    inputs = [t.tensor, *(walk.whole(n) for n in names[1:])]
    inputs[5 : 5 + len(states)] = states
    while not inputs[-1].name:
        inputs.pop()
    found = walk.add(node, op, inputs)
    following = found[int(op.whole) :]
    if early:
        # states stay those of the start until the first column is there
        there = walk.started(early)
        following = [
            walk.made(Where(), (there, new, old), f"{new.name}.following", new.quant)
            for new, old in zip(following, states, strict=True)
        ]
    for state, new in zip(states, following, strict=True):
        walk.state(state, new)
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
