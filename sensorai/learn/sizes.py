"""Which size of a model: the usual one of its family, or the largest below it that the device has room for.

Sizes stand in a ladder, the largest first. No score decides, so folds need not choose a size of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sensorai.errors import Problem, TargetError
from sensorai.road import Need

#: Verdict on the size that is delivered.
TAKEN = "taken"

Size = TypeVar("Size")
Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Tried:
    """One size that was looked at.

    Attributes
    ----------
    size : str
    flash, ram : int or None
        Bytes; None where the device's memories were not asked for.
    seed : int
    verdict : str
        Why it was taken or not.
    """

    size: str
    flash: int | None
    ram: int | None
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

    def again(self, need: Need | None, seed: int) -> Choice:
        """Return the same choice, of a model of that size that was learnt with another seed."""
        flash, ram = (None, None) if need is None else (need.flash, need.ram)
        tried = tuple(
            replace(one, flash=flash, ram=ram, seed=seed) if one.verdict == TAKEN else one
            for one in self.tried
        )
        return replace(self, tried=tried)


def first_that_fits(
    ladder: Sequence[Size],
    show: Callable[[Size], str],
    need: Callable[[Size], Need | None],
    learn: Callable[[Size], Model],
    seed: int,
    why: str,
) -> tuple[Model, Choice]:
    """Learn the largest size that fits, for models that find their size within it; see ``choose``."""
    tried: list[Tried] = []
    for size in ladder:
        found = need(size)
        problems = found.problems if found else ()
        verdict = f"does not fit: {problems[0].message}" if problems else TAKEN
        flash, ram = (found.flash, found.ram) if found else (None, None)
        tried.append(Tried(show(size), flash, ram, seed, verdict))
        if not problems:
            first = "the usual size, and it fits" if size == ladder[0] else "the largest that fits"
            source = found.source if found else ""
            return learn(size), Choice(show(size), f"{first}; {why}", source, tuple(tried))
    raise TargetError(refusal(show(ladder[-1]), found))


def refusal(size: str, need: Need | None) -> list[Problem]:
    """Problems of the smallest size, said as such."""
    found = () if need is None else need.problems
    return [Problem(f"even with {size}, the smallest: {p.message}", p.where, p.hint) for p in found]
