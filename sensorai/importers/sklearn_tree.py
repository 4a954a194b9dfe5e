"""Trees of scikit-learn: live objects, and the text of ``sklearn.tree.export_text``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.treetext import TreeText, build
from sensorai.model.forest import Tree

_LINE = re.compile(r"(?P<bars>(?:\|   )*)\|--- (?P<rest>.*)$")
_CLASS = re.compile(r"(?:weights: \[[^\]]*\] )?class: (?P<label>.+)$")
_OWN_NAME = re.compile(r"feature_(\d+)$")


def from_sklearn(model: Any, features: Sequence[str] | None = None) -> TreeText:
    """Take over a fitted ``DecisionTreeClassifier`` (or ``ExtraTreeClassifier``).

    Parameters
    ----------
    model : sklearn.tree.DecisionTreeClassifier
        With one output. Thresholds are scikit-learn's own doubles; it compares ``float32(x) <= t``, and
        halves are exact in float32, so no decision changes here.
    features : sequence of str, optional
        Names by column; the model's own names, else ``feature_0`` ..., when absent.

    Raises
    ------
    ConfigError
        Another kind of model, not fitted, or more than one output.
    """
    from sklearn.tree import DecisionTreeClassifier

    if not isinstance(model, DecisionTreeClassifier):
        raise ConfigError(
            f"{type(model).__name__} is not a decision tree",
            hint="the core runs single DecisionTreeClassifier trees",
        )
    if not hasattr(model, "tree_"):
        raise ConfigError("the scikit-learn tree is not fitted", hint="call model.fit(x, y) first")
    if model.n_outputs_ != 1:
        raise ConfigError(
            f"the scikit-learn tree has {model.n_outputs_} outputs", hint="train one tree per question"
        )
    fitted = model.tree_
    own = getattr(model, "feature_names_in_", None)
    count = int(model.n_features_in_)
    names = [str(n) for n in own] if own is not None else [f"feature_{i}" for i in range(count)]
    if features is not None:
        if len(features) != count:
            raise ConfigError(f"{len(features)} feature names for a tree of {count} features")
        names = list(features)
    left, right = fitted.children_left, fitted.children_right
    winner = np.argmax(fitted.value[:, 0, :], axis=1)  # predict() takes the first of equal classes too
    is_leaf = left < 0
    index = np.cumsum(~is_leaf) - 1

    def child(c: int) -> int:
        return ~int(winner[c]) if is_leaf[c] else int(index[c])

    nodes = [
        (int(fitted.feature[i]), float(fitted.threshold[i]), child(left[i]), child(right[i]))
        for i in np.flatnonzero(~is_leaf)
    ]
    tree = Tree.from_nodes(nodes, 0 if nodes else child(0)).preorder()
    return TreeText(tree, tuple(names), tuple(str(c) for c in model.classes_), source=type(model).__name__)


def parse_export_text(
    text: str, source: str = "export_text", features: Sequence[str] | Mapping[str, int] | None = None
) -> TreeText:
    """Read what ``sklearn.tree.export_text`` prints.

    Parameters and errors as in ``sensorai.mlc.treetext.parse_tree_text``; names like ``feature_3`` are
    column numbers from 0 unless ``features`` says otherwise.
    """
    block: list[tuple[int, str]] = []
    names: set[str] = set()
    decimals = 0
    open_branch = False
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        where = f"{source}:{number}"
        match = _LINE.match(raw.rstrip())
        if not match:
            raise DataError(f"this is not a line of export_text: {raw.strip()[:60]!r}", where=where)
        rest = match["rest"]
        leaf = _CLASS.match(rest)
        if leaf:
            # export_text gives a leaf its own line; the indented form has it behind its branch
            label = f": {leaf['label']}"
            if not block:
                block.append((number, label))
            elif not open_branch or match["bars"].count("|") != block[-1][1].count("|   ") + 1:
                raise DataError("a class stands where no branch leads", where=where)
            else:
                block[-1] = (block[-1][0], block[-1][1] + label)
            open_branch = False
        elif "truncated branch" in rest:
            hint = "give export_text a max_depth that covers the whole tree"
            raise DataError("export_text left a part of the tree out", where=where, hint=hint)
        elif rest.startswith("value:"):
            raise DataError("this tree is for regression; the core only classifies", where=where)
        else:
            block.append((number, match["bars"] + rest))
            open_branch = True
            names.add(re.split(r"\s*[<>]", rest)[0])
            decimals = max(decimals, len(rest.rpartition(".")[2]) if "." in rest else 0)
    if not block:
        raise DataError("there is no tree in this file", where=source)
    own = {name: _OWN_NAME.match(name) for name in names}
    if features is None and names and all(own.values()):
        features = {name: int(m[1]) for name, m in own.items() if m}
    tree = build(block, source, features=features)
    if len(tree.tree) and decimals < 6:
        note = f"thresholds have {decimals} decimals only; export_text(..., decimals=9) keeps them"
        return TreeText(tree.tree, tree.features, tree.classes, tree.strict, tree.lines, source, (note,))
    return tree
