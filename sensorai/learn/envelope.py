"""The normal state as boxes: middle and range of every feature, and the tree that tests them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.mlc import half
from sensorai.model.forest import Tree

#: Margins are searched in these steps of the normal half range.
STEPS = 1024
#: The narrowest half range, as a share of the middle: constant features must not alarm on their last bit.
NARROWEST = 1 / 32
#: Smallest half above zero, which stands for zero where ratios count, and the logarithm of the largest.
SMALLEST, LARGEST = 2.0**-24, float(np.log(65504.0))


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Bounds of features in each normal state, as the tree holds them.

    Attributes
    ----------
    states : fitted scikit-learn tree or None
        Tells the normal states apart; None for one state.
    lower, upper : ndarray, shape (states, features), float64
        Halves, a row a leaf of ``states``. Outside is ``x <= lower`` or ``x > upper``.
    """

    states: Any
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]

    def predict(self, x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Class of each row, shape (rows, features) -> (rows,): 0 inside, 1 outside."""
        at = _leaf(self.states, x)
        outside = (x <= self.lower[at]) | (x > self.upper[at])
        return np.asarray(outside.any(axis=1), np.int64)

    def tree(self, class_codes: Sequence[int]) -> Tree:
        """Return the tests that find the state, and at each leaf two for every feature."""
        normal, outside = (~int(c) for c in class_codes)
        rows: list[tuple[int, float, int, int]] = []

        def box(leaf: int) -> int:
            first = len(rows)
            for f, (low, high) in enumerate(
                zip(self.lower[leaf].tolist(), self.upper[leaf].tolist(), strict=True)
            ):
                at = len(rows)
                rows.append((f, high, at + 1, outside))
                rows.append((f, low, outside, normal if f == self.lower.shape[1] - 1 else at + 2))
            return first

        def split(node: int) -> int:
            inner = self.states.tree_
            if inner.feature[node] < 0:
                return box(_leaves(self.states).index(node))
            at = len(rows)
            rows.append((0, 0.0, 0, 0))
            left = split(int(inner.children_left[node]))
            right = split(int(inner.children_right[node]))
            # a feature is a half: rounding the threshold down moves none to the other side
            level = half.to_float(half.floor(float(inner.threshold[node])))
            rows[at] = (int(inner.feature[node]), level, left, right)
            return at

        if self.states is None:
            box(0)
        else:
            split(0)
        return Tree.from_nodes(rows).preorder()


def _leaves(fitted: Any) -> list[int]:
    return [i for i in range(fitted.tree_.node_count) if fitted.tree_.feature[i] < 0]


def _leaf(fitted: Any, x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Row of the bounds for each window, shape (rows,)."""
    if fitted is None or not len(x):
        return np.zeros(len(x), np.int64)
    out: npt.NDArray[np.int64] = np.searchsorted(
        np.array(_leaves(fitted)), fitted.apply(x.astype(np.float32))
    )
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Middle and half ranges of the normal windows in each state.

    Attributes
    ----------
    states : fitted scikit-learn tree or None
        Tells the normal states apart; None for one state.
    middle, below, above : ndarray, shape (states, features), float64
        Of a feature that is compared by ratio, those of its logarithm.
    ratio : ndarray of bool, shape (features,)
        Energies: half of one is as far from it as twice as much.
    """

    states: Any
    middle: npt.NDArray[np.float64]
    below: npt.NDArray[np.float64]
    above: npt.NDArray[np.float64]
    ratio: npt.NDArray[np.bool_]

    @staticmethod
    def of(x: npt.NDArray[np.float64], fitted: Any = None, ratio: Sequence[bool] = ()) -> Envelope:
        """Learn from normal windows, shape (rows, features); ``fitted`` tells states apart."""
        at = _leaf(fitted, x)
        by_ratio = np.array(ratio or [False] * x.shape[1], bool)
        z = _compared(x, by_ratio)
        parts = [z[at == k] for k in range(int(at.max()) + 1)]
        middle = np.stack([np.median(p, axis=0) for p in parts])
        least = np.where(by_ratio, NARROWEST, np.maximum(NARROWEST * np.abs(middle), 2.0**-14))
        low, high = np.stack([p.min(axis=0) for p in parts]), np.stack([p.max(axis=0) for p in parts])
        return Envelope(
            fitted, middle, np.maximum(middle - low, least), np.maximum(high - middle, least), by_ratio
        )

    def scores(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """How far the worst feature is from the middle of its state, in ``STEPS`` a half range."""
        out: npt.NDArray[np.int64] = np.floor(STEPS * self.away(x).max(axis=1)).astype(np.int64)
        return out

    def away(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Half ranges of its state that each feature is from the middle, shape (rows, features)."""
        at = _leaf(self.states, x)
        off = _compared(x, self.ratio) - self.middle[at]
        out: npt.NDArray[np.float64] = np.maximum(off / self.above[at], -off / self.below[at])
        return out

    def box(self, threshold: int) -> Box:
        """Bounds at a score, as halves: outside is what is beyond them in real numbers."""
        factor = (threshold + 1) / STEPS
        high, low = self.middle + factor * self.above, self.middle - factor * self.below
        high = np.where(self.ratio, np.exp(np.minimum(high, LARGEST)), high)
        # zero counts as the smallest half: a bound below that one is none
        least = np.where(low > np.log(SMALLEST), np.exp(np.minimum(low, LARGEST)), -SMALLEST)
        low = np.where(self.ratio, least, low)
        upper = [[half.to_float(half.floor(v)) for v in r] for r in high]
        lower = [[_next_below(v) for v in r] for r in low]
        return Box(self.states, np.array(lower), np.array(upper))


def _compared(x: npt.NDArray[np.float64], ratio: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Features as they are compared: logarithms of those in which ratios count."""
    out: npt.NDArray[np.float64] = np.where(ratio, np.log(np.maximum(x, SMALLEST)), x)
    return out


def _next_below(x: float) -> float:
    """Largest half that is less than x."""
    bits = half.floor(x)
    return half.to_float(bits if half.to_float(bits) < x else half.below(bits))
