"""Choosing some of many groups so that every class is on both sides, near a wanted share. Arithmetic only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Random orders that are started from.
STARTS = 16
#: Distances from the wanted shares within one step count as equal: so that another seed chooses other groups
#: where many choices are about as good, and not always the few that add up best.
STEP = 0.12
#: Pairs of groups up to which exchanging two is tried as well as moving one.
PAIRS = 4096


def choose(time: FloatArray, share: float, seed: int) -> BoolArray | None:
    """Choose groups whose time is near ``share`` of all, class by class.

    Parameters
    ----------
    time : ndarray, shape (groups, classes)
        Time of each class in each group, in any unit; every class somewhere.
    share : float
        0 to 1.
    seed : int

    Returns
    -------
    ndarray of bool, shape (groups,), or None
        None where no choice was found that leaves time of every class on both sides.
    """
    random = np.random.default_rng(seed)
    best: tuple[float, BoolArray] | None = None
    for _ in range(STARTS):
        found = _climbed(time, _start(time, share, random), share)
        if best is None or found[0] < best[0]:
            best = found
    assert best is not None  # noqa: S101
    chosen = best[1]
    inside = time[chosen].sum(axis=0)
    return chosen if bool(((inside > 0) & (inside < time.sum(axis=0))).all()) else None


def _start(time: FloatArray, share: float, random: np.random.Generator) -> BoolArray:
    """Groups in random order until the share is met; at least one, and not all."""
    order = random.permutation(len(time))
    done = np.cumsum(time[order].sum(axis=1)) / time.sum()
    count = int(np.argmin(np.abs(done[:-1] - share))) + 1 if len(time) > 1 else 1
    chosen = np.zeros(len(time), bool)
    chosen[order[:count]] = True
    return chosen


def _badness(inside: FloatArray, total: FloatArray, share: float) -> FloatArray:
    """How bad choices with this time of each class are, shape (choices, classes) -> (choices,).

    A class that is missing on one side outweighs every distance from the share.
    """
    # sums of the same times in another order may differ in the last bit
    missing = ((inside <= 1e-9 * total) | (inside >= (1 - 1e-9) * total)).sum(axis=1)
    whole = np.abs(inside.sum(axis=1) / total.sum() - share)
    each = np.abs(inside / total - share).mean(axis=1)
    out: FloatArray = 10.0 * missing + np.floor((whole + each) / STEP) * STEP
    return out


def _climbed(time: FloatArray, chosen: BoolArray, share: float) -> tuple[float, BoolArray]:
    """Move single groups, or exchange two, as long as that helps."""
    total = time.sum(axis=0)
    inside = time[chosen].sum(axis=0)
    now = float(_badness(inside[None], total, share)[0])
    while True:
        moved = inside + np.where(chosen, -1.0, 1.0)[:, None] * time
        scores = _badness(moved, total, share)
        moves: list[list[int]] = [[int(np.argmin(scores))]]
        values = [float(scores.min())]
        ins, outs = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        if 0 < len(ins) * len(outs) <= PAIRS:
            both = (inside - time[ins][:, None] + time[outs][None]).reshape(-1, time.shape[1])
            scores = _badness(both, total, share)
            a, b = divmod(int(np.argmin(scores)), len(outs))
            moves.append([int(ins[a]), int(outs[b])])
            values.append(float(scores.min()))
        at = int(np.argmin(values))
        if values[at] >= now - 1e-9:
            return now, chosen
        chosen = chosen.copy()
        chosen[moves[at]] ^= True
        inside = time[chosen].sum(axis=0)
        now = values[at]
