"""Groups as rows of windows: which are learnt from, and which are kept for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Rows of a table of windows by what they are for.

    Attributes
    ----------
    train, test : ndarray of bool, shape (rows,)
        No row is in both; there may be none for the test.
    """

    train: BoolArray
    test: BoolArray


def masks(
    groups: Sequence[str],
    group: IntArray,
    learnt: Sequence[str],
    tested: Sequence[str],
    answered: BoolArray | None = None,
) -> Masks:
    """Rows of groups that are learnt from, and of groups that test.

    Parameters
    ----------
    groups : sequence of str
        Names of ``group``.
    group : ndarray, shape (rows,), int64
        Group of each window.
    learnt, tested : sequence of str
        Groups; no group is in both.
    answered : ndarray of bool, shape (rows,), optional
        Windows that may test; by default all. Every window of a group may be learnt from.
    """

    def inside(names: Sequence[str]) -> BoolArray:
        return np.isin(group, [i for i, g in enumerate(groups) if g in names])

    test = inside(tested)
    return Masks(inside(learnt), test if answered is None else test & answered)


def near(chosen: BoolArray, recording: IntArray, overlap: int) -> BoolArray:
    """Rows within ``overlap`` rows of a chosen one in the same recording: they may share samples with it."""
    out = chosen.copy()
    for k in range(1, overlap + 1):
        same = recording[k:] == recording[:-k]
        out[k:] |= chosen[:-k] & same
        out[:-k] |= chosen[k:] & same
    return out


def at_random(like: Masks, among: BoolArray, seed: int = 0) -> Masks:
    """Rows drawn at random among some, as many for the test: optimistic, shown as a warning only."""
    rows = np.flatnonzero(among)
    test = np.zeros(len(among), bool)
    test[np.random.default_rng(seed).permutation(rows)[: like.test.sum()]] = True
    return Masks(among & ~test, test)
