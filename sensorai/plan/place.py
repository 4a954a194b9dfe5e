"""Places for buffers that do not live at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGN = 4


@dataclass(slots=True)
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


def aligned(size: int) -> int:
    """Round bytes up to whole words."""
    return -(-size // ALIGN) * ALIGN


def place(buffers: Sequence[Buffer], align: int = ALIGN) -> tuple[int, list[int], list[Buffer]]:
    """Give every buffer an offset, a multiple of ``align``; deterministic.

    Larger buffers are placed first, each at the lowest offset where it meets no other that lives at the same
    time; a second order (by first use) is tried too, and the smaller result kept.

    Returns
    -------
    peak : int
        Bytes of all.
    offsets : list of int
    buffers : list of Buffer
        In the order of the offsets.
    """
    orders = (
        sorted(buffers, key=lambda b: (-b.bytes, b.first, b.names)),
        sorted(buffers, key=lambda b: (b.first, -b.bytes, b.names)),
    )
    tried = [_first_fit(order, align) for order in orders]
    best = min(range(len(orders)), key=lambda k: tried[k][0])
    return (*tried[best], orders[best])


def _first_fit(order: Sequence[Buffer], align: int) -> tuple[int, list[int]]:
    done: list[tuple[int, int, Buffer]] = []
    for buffer in order:
        busy = sorted((at, stop) for at, stop, other in done if buffer.meets(other))
        at = 0
        for start, stop in busy:
            if at + buffer.bytes <= start:
                break
            at = max(at, -(-stop // align) * align)
        done.append((at, at + buffer.bytes, buffer))
    return max((stop for _, stop, _ in done), default=0), [at for at, _, _ in done]
