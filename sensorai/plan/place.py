"""Places for buffers that do not live at once, and for results that run over what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ALIGN = 4
#: Comparisons of two buffers that a search may make: bounds its time, and is the same on every machine.
EFFORT = 400_000
#: Times that it starts again from where it got stuck.
SHAKES = 16


@dataclass(slots=True, eq=False)
class Buffer:
    """Bytes that hold one tensor after the other.

    Attributes
    ----------
    names : list of str
        The tensors, in time order.
    first, last : int
        First and last node during which the bytes must be kept.
    size : int
        Bytes of the largest of the tensors.
    left, right : int
        Bytes of zeros that somebody reads before and after the values.
    slop : int
        Bytes after the values that somebody reads, whatever they hold.
    """

    names: list[str]
    first: int
    last: int
    size: int
    left: int = 0
    right: int = 0
    slop: int = 0

    @property
    def lead(self) -> int:
        """Bytes before the values, so that these start aligned."""
        return aligned(self.left)

    @property
    def bytes(self) -> int:
        """All bytes, aligned."""
        return aligned(self.lead + self.size + max(self.right, self.slop))

    def meets(self, other: Buffer) -> bool:
        """Whether both live at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Two buffers that may share bytes although both live: one is made while the other is read.

    Attributes
    ----------
    over, under : Buffer
        What is written, and what is read for the last time meanwhile.
    least : int or None
        Bytes by which the first value of ``under`` must lie behind that of ``over``, at least. None: no
        distance will do.
    same : bool
        Their first values may lie at the same byte.
    """

    over: Buffer
    under: Buffer
    least: int | None = 0
    same: bool = False

    @property
    def shift(self) -> int:
        """Bytes by which ``under`` begins behind ``over`` where their first values lie at the same byte."""
        return self.over.lead - self.under.lead

    @property
    def apart(self) -> int | None:
        """Bytes by which ``under`` must begin behind ``over``; None: no distance will do."""
        return None if self.least is None else self.least + self.shift

    def allows(self, over: int, under: int) -> bool:
        """Whether they may share bytes where they begin at these."""
        behind = under - over
        return (self.same and behind == self.shift) or (self.apart is not None and behind >= self.apart)

    @property
    def closest(self) -> int:
        """Bytes by which ``under`` must begin behind ``over`` so that both take least."""
        found = [self.shift] if self.same else []
        return min(found if self.apart is None else [*found, self.apart], default=self.over.bytes)


#: What one buffer keeps another from: it starts at no byte between these two, from the other's start.
_Ban = tuple[int, int, int]
#: Peak, an order, and the offset of every buffer.
_Found = tuple[int, list[int], list[int]]


def aligned(size: int) -> int:
    """Round bytes up to whole words."""
    return -(-size // ALIGN) * ALIGN


def place(
    buffers: Sequence[Buffer],
    align: int = ALIGN,
    overlaps: Sequence[Overlap] = (),
    enough: int = 0,
    effort: int = EFFORT,
) -> tuple[int, list[int], list[Buffer]]:
    """Give every buffer an offset, a multiple of ``align``; deterministic.

    Larger buffers are placed first, each at the lowest offset where it meets no other that lives at the same
    time; other orders (by first use, from the last to the first) are tried too, and the best of them is
    improved: what lies on top is placed earlier, as long as that lowers the peak and it is above ``enough``.

    Returns
    -------
    peak : int
        Bytes of all.
    offsets : list of int
    buffers : list of Buffer
        In the order of the offsets.
    """
    search = _Search(buffers, align, overlaps, enough)
    peak, order, offsets = search.run(effort)
    return peak, [offsets[k] for k in order], [buffers[k] for k in order]


def least_peak(buffers: Sequence[Buffer], overlaps: Sequence[Overlap] = ()) -> int:
    """Bytes that no placement goes below: what lives at once, less all that may be shared then."""
    change: dict[int, int] = {}
    for b in buffers:
        change[b.first] = change.get(b.first, 0) + b.bytes
        change[b.last + 1] = change.get(b.last + 1, 0) - b.bytes
    for one in overlaps:
        saved = _shared(one)
        change[one.over.first] = change.get(one.over.first, 0) - saved
        change[one.under.last + 1] = change.get(one.under.last + 1, 0) + saved
    found = live = 0
    for time in sorted(change):
        live += change[time]
        found = max(found, live)
    return max(found, max((b.bytes for b in buffers), default=0))


def together(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Pairs of numbers of spans (first, last) that have a moment in common."""
    there: list[int] = []
    for k in sorted(range(len(spans)), key=lambda k: spans[k]):
        there = [j for j in there if spans[j][1] >= spans[k][0]]
        for j in there:
            yield j, k
        there.append(k)


def _shared(one: Overlap) -> int:
    """Most bytes that an overlap saves."""
    over, under = one.over, one.under
    return max(0, over.bytes + under.bytes - max(over.bytes, under.bytes + one.closest))


class _Search:
    """Orders of buffers, each turned into offsets by first fit."""

    def __init__(
        self, buffers: Sequence[Buffer], align: int, overlaps: Sequence[Overlap], enough: int = 0
    ) -> None:
        self.align = align
        self.sizes = [b.bytes for b in buffers]
        self.buffers = buffers
        self.floor = max(enough, least_peak(buffers, overlaps))
        place_of = {id(b): k for k, b in enumerate(buffers)}
        said = {(place_of[id(one.over)], place_of[id(one.under)]): one for one in overlaps}
        #: What something is written over as soon as it lives: that must be below it.
        self.under = {j for (_, j), one in said.items() if one.over.first == one.under.first}
        self.bans: list[list[_Ban]] = [[] for _ in buffers]
        for k, j in together([(b.first, b.last) for b in buffers]):
            self.bans[k] += [(j, *ban) for ban in self._bans(k, j, said)]
            self.bans[j] += [(k, *ban) for ban in self._bans(j, k, said)]
        self.effort = sum(map(len, self.bans)) + len(buffers)

    def _bans(self, k: int, j: int, said: dict[tuple[int, int], Overlap]) -> list[tuple[int, int]]:
        """Open intervals of offsets of buffer ``k``, relative to that of ``j``."""
        low, high = -self.sizes[k], self.sizes[j]
        if (one := said.get((k, j))) is not None:
            # k is written over j: it begins so much before it
            first = low if one.apart is None else max(low, -one.apart)
            whole, same = (first, high), -one.shift
        elif (one := said.get((j, k))) is not None:
            whole, same = (low, high if one.apart is None else min(high, one.apart)), one.shift
        else:
            return [(low, high)]
        if one.same and whole[0] < same < whole[1]:
            return [(whole[0], same), (same, whole[1])]
        return [whole]

    def run(self, effort: int = EFFORT) -> _Found:
        """Peak, the best order, and the offset of every buffer."""
        names = [b.names for b in self.buffers]
        size, of = self.sizes, self.buffers
        keys = (
            lambda k: (-size[k], of[k].first, names[k]),
            lambda k: (of[k].first, -size[k], names[k]),
            lambda k: (-of[k].first, k in self.under, -size[k], names[k]),
            lambda k: (of[k].first - of[k].last, -size[k], names[k]),
        )
        everything = range(len(size))
        starts = []
        for key in keys:
            order = sorted(everything, key=key)
            peak, offsets = self._first_fit(order)
            starts.append((peak, order, offsets))
        # sorting keeps the first of those that are as good
        starts.sort(key=lambda one: one[0])
        best, left = starts[0], effort
        for start in starts:
            if best[0] <= self.floor or left <= 0:
                break
            found, left = self._improved(start, left)
            if found[0] < best[0]:
                best = found
        return self._shaken(best, left)

    def _shaken(self, best: _Found, left: int) -> _Found:
        """Move some buffers anywhere and improve again, a few times, always the same ones."""
        number, count = 1, len(self.sizes)
        for turn in range(SHAKES if count > 2 else 0):
            if best[0] <= self.floor or left <= 0:
                break
            order = list(best[1])
            for _ in range(2 + turn % 4):
                number = number * 1103515245 + 12345 & 0x7FFFFFFF
                moved = order.pop((number >> 8) % count)
                order.insert((number >> 20) % count, moved)
            left -= self.effort
            peak, offsets = self._first_fit(order)
            found, left = self._improved((peak, order, offsets), left)
            # one that is as good may lead further
            best = found if found[0] <= best[0] else best
        return best

    def _improved(self, best: _Found, left: int) -> tuple[_Found, int]:
        """Place what lies on top earlier while that lowers the peak, and the effort that is left then."""
        while best[0] > self.floor and left > 0:
            peak, order, offsets = best
            found = None
            for k in self._stack(peak, offsets):
                rest = [j for j in order if j != k]
                for at in range(len(order)):
                    if order[at] == k:
                        continue
                    tried = [*rest[:at], k, *rest[at:]]
                    left -= self.effort
                    new, places = self._first_fit(tried)
                    if new < peak:
                        found = new, tried, places
                        break
                    if left <= 0:
                        break
                if found is not None or left <= 0:
                    break
            if found is None:
                break
            best = found
        return best, left

    def _stack(self, peak: int, offsets: list[int]) -> list[int]:
        """Buffers that reach the peak, then those that they lie on, and so on."""
        ends = [at + size for at, size in zip(offsets, self.sizes, strict=True)]
        out = [k for k, end in enumerate(ends) if end == peak]
        for k in out:
            for j, low, high in self.bans[k]:
                if j not in out and offsets[j] + low < offsets[k] <= offsets[j] + high + self.align:
                    out.append(j)
        return out

    def _first_fit(self, order: Sequence[int]) -> tuple[int, list[int]]:
        offsets = [-1] * len(self.sizes)
        peak, align = 0, self.align
        for k in order:
            busy = sorted(
                (offsets[j] + low, offsets[j] + high) for j, low, high in self.bans[k] if offsets[j] >= 0
            )
            at = 0
            for low, high in busy:
                if at <= low:
                    break
                if at < high:
                    at = -(-high // align) * align
            offsets[k] = at
            peak = max(peak, at + self.sizes[k])
        return peak, offsets
