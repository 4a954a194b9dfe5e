"""Fewer windows to learn from where there are very many: a stated rule, the same choice every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

#: Most windows that are learnt from, and most samples in them, all channels together (2 bytes each).
MOST_ROWS, MOST_NUMBERS = 100_000, 1 << 26
#: Neighbours stay together, so many of them, as decision filters are chosen by their sequence.
RUN = 32


def room(window: int, channels: int) -> int:
    """Most windows of so many samples that are learnt from."""
    return min(MOST_ROWS, MOST_NUMBERS // (window * channels))


def thinned(group: IntArray, y: IntArray, most: int) -> tuple[npt.NDArray[np.intp], str]:
    """Rows that are kept, in order, and what is to be said of it (empty where all are).

    Every class of every group keeps the same number of windows, or all where it has fewer: runs of ``RUN``
    that follow one another, evenly spread over its time.

    Parameters
    ----------
    group, y : ndarray, shape (rows,), int64
        Of each window, in the order of recordings and time.
    most : int
        So many are kept at most (and a run of every class of every group).
    """
    if len(y) <= most:
        return np.arange(len(y)), ""
    cell = np.unique(np.stack([group, y]), axis=1, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(cell)
    runs = max(_level(counts, most) // RUN, 1)
    order = np.argsort(cell, kind="stable")
    kept = []
    for rows in np.split(order, np.cumsum(counts)[:-1]):
        every = -(-len(rows) // RUN)
        chosen = np.linspace(0, every - 1, runs).astype(int) if every > runs else np.arange(every)
        kept.append(rows[np.isin(np.arange(len(rows)) // RUN, chosen)])
    out = np.sort(np.concatenate(kept))
    return out, (
        f"{len(out)} of {len(y)} windows are learnt from and choose: of each class of each group at most "
        f"{runs * RUN}, {RUN} in a row, evenly over its time; folds are judged on all windows of their groups"
    )


def _level(counts: npt.NDArray[np.intp], most: int) -> int:
    """Largest level at which all together are no more than ``most``, when what is above it is cut."""
    low, high = 0, int(counts.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if int(np.minimum(counts, middle).sum()) <= most else (low, middle - 1)
    return low
