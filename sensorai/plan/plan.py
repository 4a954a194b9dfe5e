"""Where each tensor of a net lies in the working memory (arena)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sensorai.errors import InternalError
from sensorai.graph.graph import Graph
from sensorai.plan.laid import SCORES, Laid
from sensorai.plan.place import Buffer, Overlap, least_peak, place, together
from sensorai.plan.pools import Held, shared_out

#: How much larger an arena may be before tensors are moved, and how many are looked at.
MOVED, MOVABLE = 1.1, 60


@dataclass(frozen=True, slots=True)
class Slot:
    """Place of a tensor.

    Attributes
    ----------
    offset : int
        Of its first value in the arena, in bytes; margins lie before it. -1 for a tensor that stays where
        the caller has it (inputs and outputs).
    left, right : int
        Bytes of zeros right before and after the values that layers count on.
    size : int
        Bytes of the values.
    first : str
        Tensor that was the first to lie there.
    pool : int
        Number of the memory.
    """

    offset: int
    left: int
    right: int
    size: int
    first: str
    pool: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """Two groups that may share bytes while a node makes the one and reads the other for the last time.

    Attributes
    ----------
    over, under : int
        Numbers of the groups: what is written, and what is read.
    said : Overlap
        How.
    """

    over: int
    under: int
    said: Overlap


@dataclass(frozen=True, slots=True)
class Move:
    """A tensor that goes to another place before a node runs.

    Attributes
    ----------
    node : int
    name : str
    source, target : int
        Offsets of its values.
    size : int
        Bytes.
    """

    node: int
    name: str
    source: int
    target: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Arena of a net.

    Attributes
    ----------
    slots : dict of str to Slot
        Every tensor that is given or computed.
    peak : int
        Bytes of the arena, of the first where there are several.
    staged : tuple of str
        Inputs that have to be copied into the arena first (they need margins).
    groups : tuple of (first node, last node, offset, bytes)
        What holds which bytes when.
    scratch : mapping of int to int
        By the number of a node: offset of the bytes it uses while it runs.
    align : int
        Bytes to which the arena must be aligned.
    shared : tuple of Shared
        Groups that may overlap although both live.
    moves : tuple of Move
        In the order of the nodes. The slot of a tensor that moves is its first one.
    holds : tuple of tuple of str
        What each group holds, one after the other: tensors, or ``scratch N`` of a node.
    pools : tuple of int
        Memory of each group; () where all lie in the first.
    peaks : tuple of int
        Bytes of each memory; () where there is one.
    """

    slots: dict[str, Slot]
    peak: int
    staged: tuple[str, ...]
    groups: tuple[tuple[int, int, int, int], ...]
    scratch: Mapping[int, int]
    align: int
    shared: tuple[Shared, ...] = ()
    moves: tuple[Move, ...] = ()
    holds: tuple[tuple[str, ...], ...] = ()
    pools: tuple[int, ...] = ()
    peaks: tuple[int, ...] = ()

    @property
    def arenas(self) -> tuple[int, ...]:
        """Bytes of each memory."""
        return self.peaks or (self.peak,)

    def pool(self, group: int) -> int:
        """Memory of a group."""
        return self.pools[group] if self.pools else 0

    def scratch_pool(self, node: int) -> int:
        """Memory of the bytes that a node uses while it runs."""
        name = (f"scratch {node}",)
        return next(self.pool(k) for k, names in enumerate(self.holds) if names == name)

    def check(self) -> Plan:
        """Return the plan when no two groups share a byte while both live, and all lies within the arena."""
        said = {(one.over, one.under): one for one in self.shared}
        said |= {(one.under, one.over): one for one in self.shared}
        for i, (_, _, at, size) in enumerate(self.groups):
            peak = self.arenas[self.pool(i)]
            if at % self.align or at < 0 or at + size > peak:
                raise InternalError(f"bytes {at} to {at + size} of an arena of {peak}")
        for i, k in together([(first, last) for first, last, _, _ in self.groups]):
            (_, _, at, size), (_, _, at2, size2) = self.groups[i], self.groups[k]
            if at >= at2 + size2 or at2 >= at + size or self.pool(i) != self.pool(k):
                continue
            one = said.get((i, k))
            if one is None or not one.said.allows(self.groups[one.over][2], self.groups[one.under][2]):
                raise InternalError(f"two tensors share bytes {max(at, at2)} on")
        for name, slot in self.slots.items():
            if slot.offset >= 0 and slot.offset + slot.size + slot.right > self.arenas[slot.pool]:
                raise InternalError(f"tensor {name} ends behind the arena")
        return self


def plan(
    graph: Graph,
    kinds: Collection[str] = SCORES,
    inside: Collection[str] = (),
    optimize: str = "balanced",
    rooms: Sequence[int] = (),
) -> Plan:
    """Give every tensor a place; deterministic.

    Parameters
    ----------
    kinds : collection of str
        As in ``written_by_caller``.
    inside : collection of str
        Inputs and outputs that lie in the arena: inputs as long as they are read, outputs till the next call.
    optimize : str
        "time": nothing moves; "balanced": tensors move while the net runs where that saves more than a tenth
        of the arena, and as few as do; "ram": wherever that saves a byte.
    rooms : sequence of int
        Bytes of the memories, the fastest first; () for one without an end.

    Raises
    ------
    ConfigError
        The memories hold too little.
    """
    one = _in_one(graph, kinds, inside, optimize)
    if not rooms or one.peak <= rooms[0]:
        return one if not rooms else replace(one, peaks=(one.peak, *(0 for _ in rooms[1:])))
    needs = [node.op.buffers(graph.applied(node)) for node in graph.nodes]
    laid = Laid(graph, needs, kinds, inside, share=False)
    return _planned(laid, *shared_out(laid, rooms))


def _in_one(graph: Graph, kinds: Collection[str], inside: Collection[str], optimize: str) -> Plan:
    """The plan of a memory without an end."""
    needs = [node.op.buffers(graph.applied(node)) for node in graph.nodes]

    def laid(share: bool, moved: Collection[str] = ()) -> Laid:
        return Laid(graph, needs, kinds, inside, share, moved)

    # results in place of what they are made of and none over it; then each with a place of its own that may
    # run over another's: that is taken only where it needs less
    first, loose = laid(True), laid(False)
    best, placed = first, place(first.buffers, first.align)
    for one in (first, loose):
        if placed[0] <= least_peak(one.buffers, one.overlaps):
            continue
        found = place(one.buffers, one.align, one.overlaps)
        if found[0] < placed[0]:
            best, placed = one, found
    if optimize == "time" or len(loose.movable) > MOVABLE:
        return _planned(best, placed)
    return _moved(
        lambda moved: laid(False, moved), loose, best, placed, MOVED if optimize == "balanced" else 1
    )


def _moved(
    laid: Callable[[Collection[str]], Laid],
    loose: Laid,
    best: Laid,
    placed: tuple[int, list[int], list[Buffer]],
    worth: float,
) -> Plan:
    """The plan in which tensors move where the arena without that is more than ``worth`` times as large."""
    moved = set(loose.movable)
    if placed[0] > worth * least_peak((free := laid(moved)).buffers, free.overlaps):
        found = place(free.buffers, free.align, free.overlaps)
        most = int(worth * found[0])
        if placed[0] > most:
            best, placed = free, found
            # every one that need not move stays
            for name in loose.movable:
                one = laid(moved - {name})
                found = place(one.buffers, one.align, one.overlaps, most)
                if found[0] <= most:
                    moved, best, placed = moved - {name}, one, found
    return _planned(best, placed)


def _planned(laid: Laid, *held: Held) -> Plan:
    """The plan where every buffer has its offset, in one memory or several."""
    order = [g for _, _, buffers in held for g in buffers]
    offsets = [at for _, places, _ in held for at in places]
    pools = tuple(k for k, (_, _, buffers) in enumerate(held) for _ in buffers)
    pool_of = {id(g): k for g, k in zip(order, pools, strict=True)}
    where = {id(g): at for g, at in zip(order, offsets, strict=True)}
    slots = {}
    for name, group in laid.groups.items():
        at = where[id(group)] + group.lead if id(group) in where else -1
        slots[name] = Slot(
            at,
            group.left,
            group.right,
            laid.graph.tensors[name].bytes,
            group.names[0],
            pool_of.get(id(group), 0),
        )
    spans = tuple((g.first, g.last, at, g.bytes) for g, at in zip(order, offsets, strict=True))
    holds = tuple(tuple(g.names) for g in order)
    room = {g.first: where[id(g)] for g in laid.scratch}
    moves = tuple(
        Move(later.first, name, slots[name].offset, where[id(later)], laid.graph.tensors[name].bytes)
        for name, later in laid.later.items()
    )
    moves = tuple(sorted((m for m in moves if m.source != m.target), key=lambda m: m.node))
    number = {id(g): k for k, g in enumerate(order)}
    shared = tuple(Shared(number[id(one.over)], number[id(one.under)], one) for one in laid.overlaps)
    peaks = tuple(peak for peak, _, _ in held) if len(held) > 1 else ()
    settings = laid.staged, spans, room, laid.align, shared, moves, holds
    return Plan(slots, held[0][0], *settings, pools if peaks else (), peaks).check()
