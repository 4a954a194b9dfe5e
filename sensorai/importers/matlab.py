"""Trees as MATLAB's ``view(tree)`` prints them.

ST's MATLAB scripts write indented text instead (the older one with ``<`` and ``>=``), which
``sensorai.mlc.treetext`` reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from sensorai.errors import DataError
from sensorai.mlc.treetext import TreeText, assemble
from sensorai.model.forest import Tree

_NODE = re.compile(
    r"(?P<id>\d+)\s+if\s+(?P<name>\S+?)\s*<\s*(?P<value>\S+)\s+then\s+node\s+(?P<left>\d+)\s+"
    r"else(?:if\s+(?P<name2>\S+?)\s*>=\s*(?P<value2>\S+)\s+then)?\s+node\s+(?P<right>\d+)"
    r"(?:\s+else\s+.+)?$"
)
_LEAF = re.compile(r"(?P<id>\d+)\s+class\s*=\s*(?P<label>.+)$")


def parse_matlab_view(
    text: str, source: str = "MATLAB output", features: Sequence[str] | Mapping[str, int] | None = None
) -> TreeText:
    """Read the numbered list that ``view(tree)`` prints; nodes send ``x < threshold`` left.

    Parameters and errors as in ``sensorai.mlc.treetext.parse_tree_text``; names like ``x3`` are feature
    numbers unless ``features`` says otherwise.
    """
    splits: dict[int, tuple[str, float, int, int, int]] = {}
    leaves: dict[int, int] = {}
    classes: dict[str, int] = {}
    first = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), f"{source}:{number}"
        if not line or line.startswith("Decision tree for classification"):
            continue
        node, leaf = _NODE.match(line), _LEAF.match(line)
        match = node or leaf
        if not match:
            hint = "only trees for classification with numeric tests can run in the core"
            raise DataError(f"this is not a node of a MATLAB tree: {line[:60]!r}", where=where, hint=hint)
        at = int(match["id"])
        if at in splits or at in leaves:
            raise DataError(f"node {at} is there twice", where=where)
        first = first or at
        if leaf:
            leaves[at] = ~classes.setdefault(leaf["label"].strip(), len(classes))
        elif node:
            if node["name2"] and (node["name2"], node["value2"]) != (node["name"], node["value"]):
                raise DataError("the two tests of this node differ", where=where)
            splits[at] = (
                node["name"],
                _number(node["value"], where),
                int(node["left"]),
                int(node["right"]),
                number,
            )
    if not first:
        raise DataError("there is no tree in this file", where=source)
    return _in_preorder(first, splits, leaves, list(classes), source, features)


def _in_preorder(
    first: int,
    splits: Mapping[int, tuple[str, float, int, int, int]],
    leaves: Mapping[int, int],
    classes: Sequence[str],
    source: str,
    features: Sequence[str] | Mapping[str, int] | None,
) -> TreeText:
    """Return the nodes numbered anew, parents before children and left before right."""
    if first in leaves:
        return TreeText(Tree.from_nodes([], leaves[first]), (), tuple(classes), strict=True, source=source)
    order: list[int] = []
    new: dict[int, int] = {}
    stack = [first]
    while stack:
        at = stack.pop()
        if at in leaves:
            continue
        new[at] = len(order)
        order.append(at)
        _, _, left, right, line = splits[at]
        for child in (right, left):
            if child not in splits and child not in leaves:
                raise DataError(f"node {child} is missing", where=f"{source}:{line}")
            if child in new or child in stack:
                raise DataError(f"more than one branch leads to node {child}", where=f"{source}:{line}")
            stack.append(child)
    if len(order) < len(splits):
        lost = next(at for at in splits if at not in new)
        raise DataError(f"no branch leads to node {lost}", where=f"{source}:{splits[lost][4]}")
    child_of = {**new, **leaves}
    rows = [(splits[at][0], splits[at][1], child_of[splits[at][2]], child_of[splits[at][3]]) for at in order]
    lines = [splits[at][4] for at in order]
    return assemble(rows, classes, lines, source, strict=True, features=features)


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"the threshold {text!r} is not a number", where=where)
    return value
