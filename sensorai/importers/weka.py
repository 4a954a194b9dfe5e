"""Trees of Weka: J48, and the trees of the same printed form (REPTree, RandomTree, with ``<``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sensorai.mlc.treetext import TreeText, parse_tree_text

_LEGEND = re.compile(r"\|\s+\w+ = (.+)$")


def parse_weka(
    text: str, source: str = "Weka output", features: Sequence[str] | Mapping[str, int] | None = None
) -> TreeText:
    """Read Weka's console output, or the part of it that is the tree.

    Attribute names come from the header and classes from the confusion matrix, where they are there.
    Parameters and errors as in ``sensorai.mlc.treetext.parse_tree_text``.
    """
    matrix = text.partition("=== Confusion Matrix ===")[2].splitlines()
    matrix = text.rpartition("=== Confusion Matrix ===")[2].splitlines() if matrix else []
    classes = [m[1].strip() for m in map(_LEGEND.search, matrix) if m]
    return parse_tree_text(text, source, features, classes)
