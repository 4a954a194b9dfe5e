"""Two levels side by side, and where they part for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where two levels differ.

    Attributes
    ----------
    recording : str
    row : int
        Window number from 0.
    column : str
        What differs first in that window: a feature, else a result.
    expected, got : float
    """

    recording: str
    row: int
    column: str
    expected: float
    got: float

    def __str__(self) -> str:
        return (
            f"{self.recording}: window {self.row}: {self.column} is {self.got!r} where "
            f"{self.expected!r} was expected"
        )


def first_divergence(
    recording: str,
    expected: Mapping[str, npt.NDArray[np.generic]],
    got: Mapping[str, npt.NDArray[np.generic]],
) -> Divergence | None:
    """Compare columns of the same name bit by bit, window by window.

    Parameters
    ----------
    recording : str
        Name for the message.
    expected, got : mapping of column to ndarray, shape (rows,)
        In the order in which values are computed: the first column that differs in the first window
        that differs is named. A missing row is a divergence of column ``rows``.
    """
    best: Divergence | None = None
    for name, reference in expected.items():
        other = got[name]
        if len(reference) != len(other):
            return Divergence(recording, min(len(reference), len(other)), "rows", len(reference), len(other))
        a, b = reference.astype(np.float64), other.astype(np.float64)
        differ = np.flatnonzero(a.view(np.int64) != b.view(np.int64))
        if len(differ) and (best is None or differ[0] < best.row):
            k = int(differ[0])
            best = Divergence(recording, k, name, float(a[k]), float(b[k]))
    return best
