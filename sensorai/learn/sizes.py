"""Which size of a model: of those that the device has room for, the smallest that is as good as any.

Sizes of a family stand in a ladder, the largest first. From the usual one (or the largest below it that
fits) it goes up while that pays and down while nothing is lost; validation groups judge, never the test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sensorai.errors import Problem, TargetError
from sensorai.road import Need

Size = TypeVar("Size")
Model = TypeVar("Model")

#: Most sizes that are learnt: this bounds the time.
MOST = 4
#: A larger size must raise the balanced accuracy on validation windows by this much; a smaller one may
#: lose as much.
WORTH = 0.01


@dataclass(frozen=True, slots=True)
class Tried:
    """One size that was looked at.

    Attributes
    ----------
    size : str
    flash, ram : int or None
        Bytes; None where the device's memories were not asked for.
    validation : float or None
        Balanced accuracy of the integer model on validation windows; None: not learnt.
    seed : int
    verdict : str
        Why it was taken or not.
    """

    size: str
    flash: int | None
    ram: int | None
    validation: float | None
    seed: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen and why, for the report.

    Attributes
    ----------
    chosen : str
    why : str
    source : str
        Of the bytes in ``tried``; empty without.
    tried : tuple of Tried
        The largest first; empty where the size was given.
    """

    chosen: str
    why: str
    source: str = ""
    tried: tuple[Tried, ...] = ()


def choose(
    ladder: Sequence[Size],
    usual: Size,
    show: Callable[[Size], str],
    need: Callable[[Size], Need | None],
    learn: Callable[[Size], tuple[Model, float]],
    seed: int,
) -> tuple[Model, Choice]:
    """Learn a few sizes and take one.

    Parameters
    ----------
    ladder : sequence of size
        The largest first.
    usual : size
        Where to start.
    show : callable
        A size in words.
    need : callable
        What a size takes; None where the device's memories are unknown.
    learn : callable
        The model and its score on validation windows.
    seed : int
        That all are learnt with, for the record.

    Raises
    ------
    TargetError
        Not even the smallest fits: its problems.
    """
    needs: dict[int, Need | None] = {}
    learnt: dict[int, tuple[Model, float]] = {}

    def fits(i: int) -> bool:
        if i not in needs:
            needs[i] = need(ladder[i])
        found = needs[i]
        return found is None or not found.problems

    def score(i: int) -> float:
        if i not in learnt:
            learnt[i] = learn(ladder[i])
        return learnt[i][1]

    start = ladder.index(usual)
    first = next((i for i in range(start, len(ladder)) if fits(i)), None)
    if first is None:
        raise TargetError(refusal(show(ladder[-1]), needs[len(ladder) - 1]))
    score(first)
    at = first
    while at > 0 and len(learnt) < MOST and fits(at - 1) and score(at - 1) >= score(at) + WORTH:
        at -= 1
    at = first
    while at + 1 < len(ladder) and len(learnt) < MOST and fits(at + 1):
        at += 1
        if score(at) < max(s for _, s in learnt.values()) - WORTH:
            break
    best = max(s for _, s in learnt.values())
    good = [i for i, (_, s) in learnt.items() if s >= best - WORTH]
    # fewer leaves may take more bytes: their votes may need a wider table
    taken = min(good, key=lambda i: (found.flash if (found := needs.get(i)) else 0, -i))
    shown = {
        i: _outcome(needs.get(i), learnt.get(i), best, i == taken, seed, show(ladder[i]))
        for i in {*needs, *learnt}
    }
    why = (
        f"the smallest of {len(learnt)} learnt that is within {100 * WORTH:g} point of the best on "
        "validation windows"
        if len(learnt) > 1
        else "the only size that fits"
    )
    source = next((n.source for n in needs.values() if n is not None), "")
    return learnt[taken][0], Choice(show(ladder[taken]), why, source, tuple(shown[i] for i in sorted(shown)))


def _outcome(
    found: Need | None, learnt: tuple[object, float] | None, best: float, taken: bool, seed: int, size: str
) -> Tried:
    """What became of one size, in words."""
    if found is not None and found.problems:
        verdict = f"does not fit: {found.problems[0].message}"
    elif taken:
        verdict = "taken"
    elif learnt is None:
        verdict = "not learnt"
    elif learnt[1] < best - WORTH:
        verdict = f"{100 * (best - learnt[1]):.1f} points below the best"
    else:
        verdict = "larger than what was taken, and no better by a point"
    return Tried(
        size,
        None if found is None else found.flash,
        None if found is None else found.ram,
        None if learnt is None else learnt[1],
        seed,
        verdict,
    )


def first_that_fits(
    ladder: Sequence[Size],
    show: Callable[[Size], str],
    need: Callable[[Size], Need],
    learn: Callable[[Size], Model],
    seed: int,
    why: str,
) -> tuple[Model, Choice]:
    """Learn the largest size that fits, for models that find their size within it; see ``choose``."""
    tried: list[Tried] = []
    for size in ladder:
        found = need(size)
        verdict = f"does not fit: {found.problems[0].message}" if found.problems else "taken"
        tried.append(Tried(show(size), found.flash, found.ram, None, seed, verdict))
        if not found.problems:
            first = "the usual size, and it fits" if size == ladder[0] else "the largest that fits"
            return learn(size), Choice(show(size), f"{first}; {why}", found.source, tuple(tried))
    raise TargetError(refusal(show(ladder[-1]), found))


def refusal(size: str, need: Need | None) -> list[Problem]:
    """Problems of the smallest size, said as such."""
    found = () if need is None else need.problems
    return [Problem(f"even with {size}, the smallest: {p.message}", p.where, p.hint) for p in found]


def balanced(answers: npt.NDArray[np.integer], y: npt.NDArray[np.int64]) -> float:
    """Mean over the classes in ``y`` of the share of their windows that are right; 0 without windows."""
    shares = [float((answers[y == c] == c).mean()) for c in np.unique(y)]
    return float(np.mean(shares)) if shares else 0.0
