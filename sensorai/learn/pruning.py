"""Weakest-link pruning of a tree that was fitted once: what it answers for every strength of pruning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.learn.table import IntArray

FloatArray = npt.NDArray[np.float64]


class Prunings:
    """All prunings of a fitted tree.

    scikit-learn grows a tree anew for every ``ccp_alpha``, and then prunes it; the grown tree is always the
    same. Here it is grown once, and the order in which its branches fall is kept. Sums are taken in the
    order of scikit-learn, so that the trees are the same to the last bit of an alpha.

    Parameters
    ----------
    tree : sklearn.tree.DecisionTreeClassifier
        Fitted with ``ccp_alpha=0``.

    Attributes
    ----------
    alphas : array of float64, shape (steps + 1,)
        0 and the alpha of every step, from the weakest branch to the root alone.
    """

    def __init__(self, tree: Any) -> None:
        if tree.ccp_alpha != 0.0:
            raise ValueError("the tree is pruned already")
        self._tree = tree
        grown = tree.tree_
        self._parent = _parents(grown.children_left, grown.children_right)
        self.alphas, order = _weakest_links(grown, self._parent)
        # a pruning takes every step up to the first that is stronger
        reached = np.maximum.accumulate(self.alphas[1:])
        self._falls = np.full(grown.node_count, np.inf)
        self._falls[order] = reached
        self._answers: npt.NDArray[np.int64] = np.argmax(grown.value[:, 0, :], axis=1)
        self._leaves = np.flatnonzero(grown.children_left < 0)

    def _ends(self, alpha: float) -> npt.NDArray[np.int64]:
        """For every node of the grown tree: the node of the pruned tree where its rows end."""
        ends = np.arange(len(self._falls))
        if alpha == 0.0:  # as in scikit-learn: not even splits that cost nothing are taken back
            return ends
        for node in range(len(ends)):  # parents come before their children
            above = self._parent[node]
            if above >= 0 and (ends[above] != above or self._falls[above] <= alpha):
                ends[node] = ends[above]
        return ends

    def predict(self, x: npt.NDArray[np.float32], alphas: Sequence[float]) -> list[IntArray]:
        """Answers of the tree pruned with each alpha.

        Parameters
        ----------
        x : array of float32, shape (rows, features)
        alphas : sequence of float
            0 or more; in any order.

        Returns
        -------
        list of int arrays, shape (rows,)
            What ``DecisionTreeClassifier(ccp_alpha=alpha).fit(...).predict(x)`` returns.
        """
        leaves = self._tree.apply(x)
        classes = self._tree.classes_
        return [classes[self._answers[self._ends(alpha)]][leaves] for alpha in alphas]

    def answerable(self, alpha: float) -> int:
        """Classes that some leaf of the tree pruned with ``alpha`` answers with."""
        return len(np.unique(self._answers[self._ends(alpha)[self._leaves]]))


def _parents(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Parent of every node; -1 for the root."""
    parent = np.full(len(left), -1, np.int64)
    inner = np.flatnonzero(left >= 0)
    parent[left[inner]] = inner
    parent[right[inner]] = inner
    return parent


def _weakest_links(grown: Any, parent: npt.NDArray[np.int64]) -> tuple[FloatArray, list[int]]:
    """Alphas of the steps after 0.0, and the node that each step makes a leaf."""
    left, right = grown.children_left, grown.children_right
    weight = grown.weighted_n_node_samples
    cost = weight * grown.impurity / weight[0]
    below = np.zeros(len(left))  # cost of the leaves of a branch
    leaves = np.zeros(len(left), np.int64)
    for leaf in np.flatnonzero(left < 0):
        below[leaf] = cost[leaf]
        node = parent[leaf]
        while node >= 0:
            below[node] += cost[leaf]
            leaves[node] += 1
            node = parent[node]
    open_ = left >= 0
    alphas, order = [0.0], []
    while open_[0]:
        nodes = np.flatnonzero(open_)
        strength = (cost[nodes] - below[nodes]) / (leaves[nodes] - 1)
        at = int(np.argmin(strength))  # of equal ones the first
        weakest = int(nodes[at])
        alphas.append(float(strength[at]))
        order.append(weakest)
        gone = [weakest]
        while gone:
            node = gone.pop()
            if open_[node]:
                open_[node] = False
                gone += [left[node], right[node]]
        fewer, more = leaves[weakest] - 1, cost[weakest] - below[weakest]
        node = parent[weakest]
        while node >= 0:
            leaves[node] -= fewer
            below[node] += more
            node = parent[node]
    return np.array(alphas), order
