"""Which points stand on the Pareto front, which of them are made in full, and which is recommended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What is so far below the best is nobody's choice, however small it is.
FAR = 0.2


@dataclass(frozen=True, slots=True)
class Point:
    """A trial with its value and costs.

    Attributes
    ----------
    number : int
        Of the trial.
    value : float
        The larger the better.
    costs : mapping of str to float
        The smaller the better; the first says which of two is smaller.
    error : float
        One standard error of the value; NaN where it is not known.
    """

    number: int
    value: float
    costs: Mapping[str, float]
    error: float = math.nan

    def dominates(self, other: Point) -> bool:
        """Whether it is at least as good in everything, and better in something."""
        mine = self.value, *(-c for c in self.costs.values())
        its = other.value, *(-other.costs[name] for name in self.costs)
        return all(a >= b for a, b in zip(mine, its, strict=True)) and mine != its

    @property
    def size(self) -> tuple[Any, ...]:
        """Costs in order; of equals the better, then the earlier."""
        return (*self.costs.values(), -self.value, self.number)


def front(points: Sequence[Point]) -> list[Point]:
    """Points that none dominates, smallest first; of equals the earliest."""
    kept: list[Point] = []
    for one in sorted(points, key=lambda p: p.number):
        same = any(p.value == one.value and p.costs == one.costs for p in kept)
        if not same and not any(p.dominates(one) for p in points):
            kept.append(one)
    return sorted(kept, key=lambda p: p.size)


def order(points: Sequence[Point]) -> list[Point]:
    """Points of a front in the order in which they are made in full: the first of them cover it best.

    The best, the smallest within one standard error of it, the smallest, and then each time the one that is
    farthest from those before, costs by their logarithm. Those far below the best are left out.
    """
    best = max((p.value for p in points), default=0.0)
    points = [p for p in points if p.value >= best - FAR]
    if not points:
        return []
    taken, first = recommended(points)
    out: list[Point] = []
    for one in (first, taken, min(points, key=lambda p: p.size)):
        out += [] if one in out else [one]
    left = [p for p in points if p not in out]
    scale = _scales(points)

    def apart(a: Point, b: Point) -> float:
        return math.dist(scale(a), scale(b))

    while left:
        far = max(left, key=lambda p: (min(apart(p, q) for q in out), p.value, -p.number))
        left.remove(far)
        out.append(far)
    return out


def _scales(points: Sequence[Point]) -> Any:
    """Places of points between 0 and 1 in each direction."""
    rows = {p.number: (p.value, *(math.log(max(c, 1.0)) for c in p.costs.values())) for p in points}
    low = [min(column) for column in zip(*rows.values(), strict=True)]
    high = [max(column) for column in zip(*rows.values(), strict=True)]

    def place(p: Point) -> list[float]:
        return [
            (v - a) / (b - a) if b > a else 0.0 for v, a, b in zip(rows[p.number], low, high, strict=True)
        ]

    return place


def recommended(points: Sequence[Point]) -> tuple[Point, Point]:
    """Return the smallest point within one standard error of the best, and the best."""
    best = min(points, key=lambda p: (-p.value, p.size))
    enough = [p for p in points if p.value >= best.value - best.error]
    return min(enough, key=lambda p: p.size), best
