"""Which of several memories holds which buffer: the one that is used most, for its size, in the fastest."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.errors import ConfigError
from sensorai.plan.laid import Laid
from sensorai.plan.place import Buffer, place

#: Effort for each buffer that is tried.
_EFFORT = 20_000

#: What a memory holds: its peak, offsets, and the buffers in their order.
Held = tuple[int, list[int], list[Buffer]]


def traffic(laid: Laid) -> dict[int, int]:
    """Bytes that are read from and written to each buffer in a call, by its identity."""
    graph, found = laid.graph, {id(b): 0 for b in laid.buffers}

    def moved(buffer: Buffer, size: int) -> None:
        if id(buffer) in found:
            found[id(buffer)] += size

    used = {b.first: b for b in laid.scratch}
    for i, node in enumerate(graph.nodes):
        at = graph.applied(node)
        macs = node.op.macs(at)
        for k, name in enumerate(graph.computed(node)):
            tensor = graph.tensors[name]
            # of products every one reads a number of the first input
            often = macs * tensor.item_bytes if k == 0 else 0
            moved(laid.lying(name, i), max(often, tensor.bytes))
        for out in node.outputs:
            moved(laid.lying(out, i), graph.tensors[out].bytes)
        if i in used:
            moved(used[i], max(macs, used[i].size))
    return found


def shared_out(laid: Laid, rooms: Sequence[int]) -> list[Held]:
    """Places in several memories, the fastest first.

    Raises
    ------
    ConfigError
        They hold too little.
    """
    heat = traffic(laid)
    order = sorted(laid.buffers, key=lambda b: (-heat[id(b)] / max(b.bytes, 1), b.first, b.names))
    held: list[Held] = []
    for room in rooms:
        inside: list[Buffer] = []
        best: Held = (0, [], [])
        for one in order:
            tried = _held(laid, [*inside, one], room)
            if tried[0] <= room:
                inside, best = [*inside, one], tried
        held.append(best)
        taken = {id(b) for b in inside}
        order = [b for b in order if id(b) not in taken]
    if order:
        raise ConfigError(
            f"the memories hold too little: tensors of {sum(b.bytes for b in order):,} bytes have no place",
            hint="more or larger pools, or a smaller net",
        )
    return held


def _held(laid: Laid, buffers: Sequence[Buffer], room: int) -> Held:
    there = {id(b) for b in buffers}
    overlaps = [one for one in laid.overlaps if id(one.over) in there and id(one.under) in there]
    return place(buffers, laid.align, overlaps, room, _EFFORT)
