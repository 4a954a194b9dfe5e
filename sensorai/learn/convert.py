"""From a fitted tree to one of halves with result codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorai.mlc import half
from sensorai.model.forest import Tree


def answers(fitted: object) -> npt.NDArray[np.int64]:
    """Class (its place) that all leaves below a node answer with; -1 where they differ: its test matters."""
    inner = fitted.tree_  # type: ignore[attr-defined]
    out: npt.NDArray[np.int64] = inner.value[:, 0, :].argmax(axis=1)
    # children come after their parents
    for i in np.flatnonzero(inner.feature >= 0)[::-1]:
        left, right = out[inner.children_left[i]], out[inner.children_right[i]]
        out[i] = left if left == right else -1
    return out


def used(fitted: object) -> set[int]:
    """Features that an answer depends on."""
    matters = answers(fitted) < 0
    return {int(f) for f in fitted.tree_.feature[matters]}  # type: ignore[attr-defined]


def to_tree(fitted: object, class_codes: Sequence[int]) -> Tree:
    """Turn a fitted scikit-learn tree into a tree of halves with result codes; no decision changes.

    scikit-learn splits between two feature values; features are halves, so rounding the threshold down
    to a half moves no value to the other side. Tests below which all leaves answer alike are left out: what
    they told apart was how sure the answer is, which the core does not say. A single leaf becomes one test
    with twice the same result, because a leaf alone cannot be stored.
    """
    inner = fitted.tree_  # type: ignore[attr-defined]
    classes = fitted.classes_  # type: ignore[attr-defined]
    alike = answers(fitted)
    result = [int(class_codes[int(classes[v])]) for v in alike]

    def child(i: int) -> int:
        return i if alike[i] < 0 else ~result[i]

    if alike[0] >= 0:
        return Tree.from_nodes([(0, 0.0, ~result[0], ~result[0])])
    rows = [
        (
            int(inner.feature[i]),
            half.to_float(half.floor(float(inner.threshold[i]))),
            child(int(inner.children_left[i])),
            child(int(inner.children_right[i])),
        )
        if alike[i] < 0
        else (0, 0.0, ~0, ~0)
        for i in range(inner.node_count)
    ]
    return Tree.from_nodes(rows).preorder()
