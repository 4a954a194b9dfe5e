"""From a fitted tree to one of halves with result codes."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.mlc import half
from sensorai.model.forest import Tree


def to_tree(fitted: object, class_codes: Sequence[int]) -> Tree:
    """Turn a fitted scikit-learn tree into a tree of halves with result codes; no decision changes.

    scikit-learn splits between two feature values; features are halves, so rounding the threshold down
    to a half moves no value to the other side. A single leaf becomes one test with twice the same
    result, because a leaf alone cannot be stored.
    """
    inner = fitted.tree_  # type: ignore[attr-defined]
    classes = fitted.classes_  # type: ignore[attr-defined]
    result = [int(class_codes[int(classes[int(v)])]) for v in inner.value[:, 0, :].argmax(axis=1)]

    def child(i: int) -> int:
        return i if inner.feature[i] >= 0 else ~result[i]

    if inner.feature[0] < 0:
        return Tree.from_nodes([(0, 0.0, ~result[0], ~result[0])])
    rows = [
        (
            int(inner.feature[i]),
            half.to_float(half.floor(float(inner.threshold[i]))),
            child(int(inner.children_left[i])),
            child(int(inner.children_right[i])),
        )
        if inner.feature[i] >= 0
        else (0, 0.0, ~0, ~0)
        for i in range(inner.node_count)
    ]
    return Tree.from_nodes(rows).preorder()
