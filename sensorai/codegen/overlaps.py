"""Rows of numbers laid out so that the end of one is the start of the next."""

from __future__ import annotations

from collections.abc import Sequence

Row = tuple[int, ...]


def overlapped(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Lay rows of one length out in a short table; its values, and the place of each row.

    Rows are joined where all but their first number are the next one's start, what comes of it where one
    number less is, and so on. At each stage they are the edges of a graph between starts and ends, and are
    walked in the fewest trails.
    """
    length = len(rows[0])
    strings = list(dict.fromkeys(rows))
    for shared in range(length - 1, 0, -1):
        trails = _trails([(s[:shared], s[-shared:]) for s in strings])
        strings = [sum((strings[k][shared:] for k in trail[1:]), start=strings[trail[0]]) for trail in trails]
    values = [value for string in strings for value in string]
    place = {tuple(values[at : at + length]): at for at in range(len(values) - length, -1, -1)}
    return values, [place[row] for row in rows]


def _trails(edges: Sequence[tuple[Row, Row]]) -> list[list[int]]:
    """Walk every edge once; the numbers of the edges of each walk."""
    left: dict[Row, list[int]] = {}
    more: dict[Row, int] = {}
    for k in range(len(edges) - 1, -1, -1):
        start, end = edges[k]
        left.setdefault(start, []).append(k)
        more[start] = more.get(start, 0) + 1
        more[end] = more.get(end, 0) - 1

    def walk(at: Row) -> list[int]:
        out: list[int] = []
        while left.get(at):
            out.append(left[at].pop())
            at = edges[out[-1]][1]
        return out

    def with_circles(trail: list[int]) -> list[int]:
        at = 0
        while at <= len(trail):
            here = edges[trail[at]][0] if at < len(trail) else edges[trail[-1]][1]
            circle = walk(here)
            trail[at:at] = circle
            at += not circle
        return trail

    # from where more edges start than end; what is left then are circles
    trails = [walk(at) for at in list(left) for _ in range(more[at])]
    trails = [with_circles(trail) for trail in trails]
    return trails + [with_circles(walk(at)) for at in list(left) if left[at]]
