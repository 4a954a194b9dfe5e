"""Decision trees as flat arrays.

One convention everywhere: a sample goes **left when** ``x <= threshold``. A child index ``>= 0`` is a
node, ``< 0`` is the leaf with value ``~child`` (so -1 is leaf 0, -5 is leaf 4). ``root`` follows the
same rule, so a tree of one leaf has no nodes and ``root = ~value``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import InternalError

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One binary decision tree.

    Attributes
    ----------
    feature : ndarray, shape (nodes,), int32
        Index of the feature each node tests, from 0.
    threshold : ndarray, shape (nodes,), float64
        Values are exact in whatever narrower type the target uses; -0.0 is kept.
    left, right : ndarray, shape (nodes,), int32
        Child node, or ``~leaf value``.
    root : int
        0 for a tree with nodes (they are stored from the root), else ``~leaf value``.
    """

    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    root: int = 0

    @staticmethod
    def from_nodes(nodes: list[tuple[int, float, int, int]], root: int = 0) -> Tree:
        """Build a tree from ``(feature, threshold, left, right)`` rows; no rows means a single leaf."""
        f, t, l, r = zip(*nodes, strict=True) if nodes else ((), (), (), ())  # noqa: E741
        return Tree(
            np.array(f, np.int32), np.array(t, np.float64), np.array(l, np.int32), np.array(r, np.int32), root
        )

    def __len__(self) -> int:
        return len(self.feature)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree):
            return NotImplemented
        same = (
            np.array_equal(a, b)
            for a, b in (
                (self.feature, other.feature),
                (self.threshold.view(np.int64), other.threshold.view(np.int64)),
                (self.left, other.left),
                (self.right, other.right),
            )
        )
        return self.root == other.root and all(same)

    __hash__ = None  # type: ignore[assignment]

    def rows(self) -> Iterator[tuple[int, float, int, int]]:
        """Nodes as ``(feature, threshold, left, right)``."""
        for i in range(len(self)):
            yield int(self.feature[i]), float(self.threshold[i]), int(self.left[i]), int(self.right[i])

    @property
    def leaves(self) -> list[int]:
        """Leaf values of the reachable leaves, left to right."""
        out: list[int] = []
        stack = [self.root]
        while stack:
            at = stack.pop()
            if at < 0:
                out.append(~at)
            else:
                stack += [int(self.right[at]), int(self.left[at])]
        return out

    @property
    def depth(self) -> int:
        """Longest path from the root to a leaf, counted in tests (0 for a single leaf)."""
        deepest, stack = 0, [(self.root, 0)]
        while stack:
            at, d = stack.pop()
            if at < 0:
                deepest = max(deepest, d)
            else:
                stack += [(int(self.left[at]), d + 1), (int(self.right[at]), d + 1)]
        return deepest

    def used_features(self) -> list[int]:
        """Indices of the features that some reachable node tests, ascending."""
        used, stack = set(), [self.root]
        while stack:
            at = stack.pop()
            if at >= 0:
                used.add(int(self.feature[at]))
                stack += [int(self.left[at]), int(self.right[at])]
        return sorted(used)

    def preorder(self) -> Tree:
        """Return the same tree with nodes in pre-order, left first, and unreachable nodes dropped."""
        order: list[int] = []
        stack = [self.root]
        while stack:
            at = stack.pop()
            if at >= 0:
                if len(order) > len(self):
                    raise InternalError("a tree runs in a circle")
                order.append(at)
                stack += [int(self.right[at]), int(self.left[at])]
        new = {old: i for i, old in enumerate(order)}

        def child(c: int) -> int:
            return c if c < 0 else new[c]

        rows = list(self.rows())
        nodes = [(rows[i][0], rows[i][1], child(rows[i][2]), child(rows[i][3])) for i in order]
        return Tree.from_nodes(nodes, 0 if nodes else self.root)

    def predict(self, x: npt.NDArray[np.floating]) -> IntArray:
        """Leaf value of each row of ``x``, shape (rows, features) -> (rows,), int32.

        Comparisons are made in float64, which holds every narrower type exactly.
        """
        at = np.full(len(x), self.root, np.int64)
        rows = np.arange(len(x))
        active = at >= 0
        while active.any():
            node = at[active]
            goes_left = x[rows[active], self.feature[node]].astype(np.float64) <= self.threshold[node]
            at[active] = np.where(goes_left, self.left[node], self.right[node])
            active = at >= 0
        return (~at).astype(np.int32)
