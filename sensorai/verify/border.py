"""Where the windows of a core begin in a log of samples and of what its result registers held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]

#: Samples that are simulated at most to find a border, all tries together.
_EFFORT = 20_000_000
#: Borders that are tried on the whole of a log of which only a part was searched.
_FINALISTS = 12
#: What a results column holds before the board read the first result.
_NOT_YET = -1


@dataclass(frozen=True, slots=True)
class Border:
    """Where windows begin in a log.

    Attributes
    ----------
    start : int
        Sample at which the first whole window begins.
    step : int
        The core takes every ``step``-th sample of the log.
    tried : int
        Borders that were tried.
    agree, windows : int
        Windows whose results agree, of those in the part of the log that was searched.
    next_best : int
        The same at the best border far from this one.
    """

    start: int
    step: int
    tried: int
    agree: int
    windows: int
    next_best: int


def find_border(
    decide: Callable[[int, int], Codes], said: Codes, window: int, stride: int, step: int = 1
) -> tuple[Border, Codes, Codes]:
    """Find where windows begin, from what was said.

    Parameters
    ----------
    decide : function of (start, until) to int64 array, shape (windows, registers)
        Results of windows that follow one another from sample ``start`` on.
    said : int64 array, shape (samples, registers)
        What the registers held right after each sample.
    window, stride : int
        Samples that the core takes in a window, and from one window to the next.
    step : int
        Samples of the log for each that the core takes.

    Returns
    -------
    border : Border
    ours, theirs : int64 arrays, shape (windows, registers)
        Results at that border; ``_NOT_YET`` where the log does not say.
    """
    whole, period = window * step, stride * step
    # long logs: the border is found on a part, where results begin to change
    most = max(_EFFORT // period, 8 * whole)
    begin = 0
    if len(said) > most:
        changes = np.flatnonzero((said[1:] != said[:-1]).any(axis=1))
        if len(changes):
            begin = max(int(changes[0]) - 4 * whole, 0) // period * period
    until = min(begin + most, len(said))
    # a border that leaves a window more must not win by that alone: what disagrees counts against it
    scores: list[tuple[int, int, int]] = []
    agreeing: dict[int, int] = {}
    for offset in range(min(period, until - begin - whole + 1)):
        ours = decide(begin + offset, until)
        theirs = _read(said[:until], begin + offset, whole, period, len(ours))
        agreeing[offset], parted = _agreement(ours, theirs)
        scores.append((agreeing[offset] - parted, -_delay(said[begin:until], offset + whole, period), offset))
    _, _, best = _best(scores, decide, said, (begin, until), (whole, period))
    start = begin + best
    around = period // 4
    elsewhere = [agreeing[o] for _, _, o in scores if around < (o - best) % period < period - around]
    searched = _read(said[:until], start, whole, period, (until - start - whole) // period + 1)
    # windows before the part that was searched have their borders at the same distance
    start %= period
    border = Border(
        start,
        step,
        len(scores),
        agreeing[best],
        int((searched >= 0).all(axis=1).sum()),
        max(elsewhere, default=0),
    )
    ours = decide(start, len(said))
    return border, ours, _read(said, start, whole, period, len(ours))


def _best(
    scores: list[tuple[int, int, int]],
    decide: Callable[[int, int], Codes],
    said: Codes,
    part: tuple[int, int],
    sizes: tuple[int, int],
) -> tuple[int, int, int]:
    """The best border; where only a part was searched, the whole log decides between the best ones."""
    ranked = sorted(scores, reverse=True)
    if part == (0, len(said)):
        return ranked[0]

    def whole_log(score: tuple[int, int, int]) -> tuple[int, int]:
        start = (part[0] + score[2]) % sizes[1]
        ours = decide(start, len(said))
        theirs = _read(said, start, *sizes, len(ours))
        agree, parted = _agreement(ours, theirs)
        return agree - parted, score[1]

    return max(ranked[:_FINALISTS], key=whole_log)


def _agreement(ours: Codes, theirs: Codes) -> tuple[int, int]:
    """Windows whose results agree, and those whose do not; without what the log does not say."""
    same = (ours == theirs).all(axis=1)
    known = (theirs >= 0).all(axis=1)
    return int((same & known).sum()), int((~same & known).sum())


def _read(said: Codes, start: int, whole: int, period: int, windows: int) -> Codes:
    """What was said of each window: half a window after its end, when it is surely there."""
    at = start + whole - 1 + np.arange(windows) * period + period // 2
    out = np.full((windows, said.shape[1]), _NOT_YET, np.int64)
    inside = at < len(said)
    out[inside] = said[at[inside]]
    return out


def _delay(said: Codes, end: int, period: int) -> int:
    """How many samples after the last one of a window results change, all changes together."""
    changes = np.flatnonzero((said[1:] != said[:-1]).any(axis=1)) + 1
    return int(((changes - end + 1) % period).sum())
