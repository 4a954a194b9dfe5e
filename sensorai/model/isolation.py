"""Isolation trees (Liu, Ting and Zhou, 2008) over int32 features, in whole numbers.

A leaf holds the length of its path in steps of 1/16: its depth plus ``c(n)``, the mean path of the rest of a
tree over the n samples that ended there. Anomalies end early. The score is the number of trees times the
longest path, less the sum of the paths: never negative, and larger for shorter paths.

The trees are an ``Ensemble`` of two classes: a leaf votes with its path for the first, and with what the
longest path has more for the second. The score is the sum of the second, so that all of an ensemble's exact
arithmetic, checks and C serve unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.model import ensemble
from sensorai.model.ensemble import Ensemble
from sensorai.model.forest import Tree

#: Steps of a path of length one.
STEPS = 16
CLASSES = ("path", "short of the longest")


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """Isolation trees.

    Attributes
    ----------
    trees : Ensemble
        Two classes; votes are ``(path, longest - path)``.
    centre : tuple of int
        int32, one per feature: where normal windows lie. No score depends on it; it explains them.
    """

    trees: Ensemble
    centre: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.trees.classes != CLASSES:
            raise DataError("this is no isolation forest: its votes are no paths")
        if len(self.centre) != self.trees.features or any(not -(2**31) <= v < 2**31 for v in self.centre):
            raise DataError("this is no isolation forest: its centre is not one int32 for each feature")

    @property
    def features(self) -> int:
        """Length of the input vector."""
        return self.trees.features

    def scores(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """How much shorter than the longest the paths are, shape (rows, features) -> (rows,)."""
        return self.trees.scores(x)[:, 1].astype(np.int64)


def build(trees: Sequence[Tree], paths: npt.NDArray[np.integer], centre: Sequence[int]) -> Isolation:
    """Make a forest of trees with real thresholds.

    Parameters
    ----------
    trees : sequence of Tree
        A leaf value is a place in ``paths``.
    paths : ndarray, shape (leaves,)
        Lengths in steps of 1/16, not negative.
    centre : sequence of int
        As for `Isolation`.
    """
    lengths = np.asarray(paths, np.int64)
    if (lengths < 0).any():
        raise DataError("a path is shorter than 0")
    longest = max(int(lengths.max(initial=0)), 1)
    votes = np.stack([lengths, longest - lengths], axis=1)
    made = ensemble.build(trees, votes.astype(np.float64), CLASSES, len(centre), total=longest)
    return Isolation(made, tuple(int(v) for v in centre))


def to_dict(core: Isolation) -> dict[str, Any]:
    """Return the forest as plain data for JSON."""
    return {"trees": ensemble.to_dict(core.trees), "centre": list(core.centre)}


def from_dict(data: Mapping[str, Any]) -> Isolation:
    """Read what ``to_dict`` wrote."""
    return Isolation(ensemble.from_dict(data["trees"]), tuple(int(v) for v in data["centre"]))
