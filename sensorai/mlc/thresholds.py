"""Thresholds from outside, narrowed to the core's half precision, and what that does to decisions.

ST's tools round the threshold text to the nearest half (facts, mlc-format section 15.2, confirmed on
734 thresholds), strict ``<`` nodes of MATLAB included, and so does ``narrow``. Feature values are
halves, so a node either decides every possible value as its text says, or differs for a known, short
range of halves; ``Narrowing.moved`` lists those nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.mlc import half
from sensorai.mlc.treetext import TreeText
from sensorai.model.forest import Tree


@dataclass(frozen=True, slots=True)
class Move:
    """A node that decides some feature values differently once its threshold is a half.

    ``first`` to ``last`` are those values (halves, both included); ``goes_left`` says where they go now.
    """

    node: int
    feature: str
    written: float
    rounded: float
    first: float
    last: float
    goes_left: bool
    where: str

    def __str__(self) -> str:
        span = f"{self.first:.6g}" if self.first == self.last else f"{self.first:.6g} to {self.last:.6g}"
        side = "left" if self.goes_left else "right"
        return (
            f"{self.feature}: threshold {self.written:.9g} becomes {self.rounded:.9g}; {span} now goes {side}"
        )


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A tree with half thresholds, beside the one the text means; both send ``x <= t`` left."""

    text: TreeText
    tree: Tree
    meant: Tree
    moved: tuple[Move, ...]

    def changed(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Rows of a feature table that reach another leaf value than by the text.

        Parameters
        ----------
        x : ndarray, shape (rows, features), float64
            Feature values; those read from the six digits of an ARFF file stand for the nearest half.
        """
        with np.errstate(over="ignore"):
            halves = x.astype(np.float16).astype(np.float64)
        return np.flatnonzero(self.meant.predict(halves) != self.tree.predict(halves))


def narrow(text: TreeText, rounding: str = "nearest") -> Narrowing:
    """Round every threshold of ``text`` to a half.

    A ``<=`` threshold that is a half as ARFF files print it (six digits) means that half: the values it
    was learnt from were printed the same way.

    Parameters
    ----------
    text : TreeText
        Leaf values stay what they are.
    rounding : str
        ``nearest`` as ST's tools do, or ``keep``: the half that keeps every decision.

    Raises
    ------
    DataError
        A threshold beyond the largest half.
    """
    meant = text.exact().threshold.copy()
    narrowed = np.empty(len(text.tree))
    moved: list[Move] = []
    for i, (feature, value, _, _) in enumerate(text.tree.rows()):
        bits = half.nearest(value)
        if bits & ~half.SIGN == half.INFINITY:
            raise DataError(
                f"the threshold {value:g} is beyond the largest value of the core, {half.LARGEST:g}",
                where=text.where(i),
            )
        now = half.to_float(bits)
        if not text.strict and float(half.arff_text(now)) == value:
            meant[i] = now
        kept = half.to_float(half.floor(float(meant[i])))
        narrowed[i] = now if rounding == "nearest" else kept
        if narrowed[i] != kept:
            low, high = min(now, kept), max(now, kept)
            name = text.features[feature]
            moved.append(Move(i, name, value, now, _above(low), high, now > kept, text.where(i)))
    return Narrowing(
        text, replace(text.tree, threshold=narrowed), replace(text.tree, threshold=meant), tuple(moved)
    )


def _above(value: float) -> float:
    """Return the next larger half."""
    return 0.0 - half.to_float(half.below(half.nearest(-value)))
