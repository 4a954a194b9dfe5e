"""A split as rows of windows: which are learnt from, which choose and stop, which are kept for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.learn.split import Split

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: Of the windows of each class, in order, one stretch in so many decides where no groups can.
STRETCHES = 5
#: A stretch is halved, at two places, where each half still has this many windows beside its borders.
ROOM = 10


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Rows of a table of windows by what they are for.

    Attributes
    ----------
    train, validation, test : ndarray of bool, shape (rows,)
        No row is in two of them. Where validation is in stretches of time, rows that share samples with it
        are in none.
    test_groups, validation_groups : tuple of str
        Whole groups; no validation groups where there are too few of them (then validation is in stretches
        of time of the same recordings, which says less).
    """

    train: BoolArray
    validation: BoolArray
    test: BoolArray
    test_groups: tuple[str, ...]
    validation_groups: tuple[str, ...]


def masks(
    split: Split, groups: Sequence[str], group: IntArray, recording: IntArray, y: IntArray, overlap: int
) -> Masks:
    """Rows of windows for a split.

    Parameters
    ----------
    groups : sequence of str
        Names of ``group``.
    group, recording, y : ndarray, shape (rows,), int64
        Group, recording and class of each window, those of a recording in time order.
    overlap : int
        Windows after one that share samples with it.

    Raises
    ------
    DataError
        No window for the test.
    """

    def inside(names: Sequence[str]) -> BoolArray:
        return np.isin(group, [i for i, g in enumerate(groups) if g in names])

    test = inside(split.test_groups)
    if not test.any():
        raise DataError(
            "no label of the test recordings lasts for a window",
            hint="choose a shorter --window or add longer logs",
        )
    validation = inside(split.validation_groups)
    if validation.any():
        return Masks(~test & ~validation, validation, test, split.test_groups, split.validation_groups)
    validation = ~test & stretches(np.where(test, -1, y), overlap)
    train = ~test & ~validation & ~near(validation, recording, overlap)
    return Masks(train, validation, test, split.test_groups, ())


def stretches(y: IntArray, overlap: int) -> BoolArray:
    """One in ``STRETCHES`` of the rows of each class, in one stretch or two; -1 is no class."""
    out = np.zeros(len(y), bool)
    for c in np.unique(y[y >= 0]):
        rows = np.flatnonzero(y == c)
        count = STRETCHES
        if len(rows) >= 2 * STRETCHES * (ROOM + 2 * overlap):
            count *= 2
        # not the ends: what is there is often the coming and going of whoever records
        part = np.arange(len(rows)) * count // max(len(rows), count) % STRETCHES
        out[rows[part == STRETCHES // 2]] = True
    return out


def near(chosen: BoolArray, recording: IntArray, overlap: int) -> BoolArray:
    """Rows within ``overlap`` rows of a chosen one in the same recording: they may share samples with it."""
    out = chosen.copy()
    for k in range(1, overlap + 1):
        same = recording[k:] == recording[:-k]
        out[k:] |= chosen[:-k] & same
        out[:-k] |= chosen[k:] & same
    return out


def at_random(like: Masks, seed: int = 0) -> Masks:
    """Rows drawn at random, as many for validation and test: optimistic, shown as a warning only."""
    kinds = np.zeros(len(like.test), int)
    kinds[: like.test.sum()] = 2
    kinds[like.test.sum() :][: like.validation.sum()] = 1
    kind = np.random.default_rng(seed).permutation(kinds)
    return Masks(kind == 0, kind == 1, kind == 2, (), ())
