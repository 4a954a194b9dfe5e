"""Rules of ensembles of trees in ``ai.onnx.ml``, in the forms of versions 1, 3 and 5.

Labels and scores are those of onnxruntime. Where a classifier of two classes has votes for both, it answers
0 or 1 whatever the labels are; here the label is that of the larger sum, as the operator's text says. What it
computes without sense is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.ml_common import POSTS, classes, classified, narrow, numbers, rows
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.scores import LabelOf, Scores
from sensorai.ops.nd.trees import MODES, NAN_YES, Trees, indices

MEMBER = 6


@dataclass(slots=True)
class Forest:
    """Trees as lists; a child or root below 0 is the complement of a leaf."""

    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    mode: list[int] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    #: Votes of each leaf: target and weight.
    votes: list[list[tuple[int, float]]] = field(default_factory=list)

    def node(self, feature: int, threshold: float, mode: int, yes: int, no: int) -> int:
        """Add a node and return its number."""
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.mode.append(mode)
        self.yes.append(yes)
        self.no.append(no)
        return len(self.feature) - 1

    def order(self, where: str) -> list[int]:
        """Nodes that are reached, each before its children; a ConfigError where a way goes round."""
        done: list[int] = []
        # 1: on the way down to where the walk is, 2: left for good
        state = [0] * len(self.feature)
        for root in self.roots:
            stack = [root] if root >= 0 else []
            while stack:
                at = stack[-1]
                if state[at] == 0:
                    state[at] = 1
                    for child in (self.yes[at], self.no[at]):
                        if child >= 0 and state[child] == 1:
                            raise ConfigError(f"{where}: a way through a tree goes round")
                        if child >= 0 and state[child] == 0:
                            stack.append(child)
                else:
                    stack.pop()
                    if state[at] == 1:
                        state[at] = 2
                        done.append(at)
        return done[::-1]


def _add(node: OnnxNode, forest: Forest, x: Tensor, targets: int, aggregate: str, base: Array) -> Tensor:
    """Append the operator: tables of the nodes in their order."""
    order = forest.order(node.where)
    if not order:
        # trees without questions: a table may not be empty
        order = [forest.node(0, 0.0, 0, -1, -1)]
    number = {old: new for new, old in enumerate(order)}
    ways = [[number[v] if v >= 0 else v for v in (forest.yes[o], forest.no[o])] for o in order]
    first = [0]
    for leaf in forest.votes:
        first.append(first[-1] + len(leaf))
    votes = [vote for leaf in forest.votes for vote in leaf]
    tables: dict[str, Array] = dict(
        indices(
            {
                "feature": [forest.feature[o] for o in order],
                "yes": [way[0] for way in ways],
                "no": [way[1] for way in ways],
                "roots": [number[r] if r >= 0 else r for r in forest.roots],
                "first": first,
                "target": [target for target, _ in votes],
            }
        )
    )
    modes = [forest.mode[o] for o in order]
    with np.errstate(over="ignore"):
        tables["threshold"] = np.array([forest.threshold[o] for o in order], x.dtype)
        tables["weight"] = np.array([weight for _, weight in votes], x.dtype)
        tables["base"] = base.astype(x.dtype)
    if len(set(modes)) > 1:
        tables["modes"] = np.array(modes, np.uint8)
    if not votes:
        raise ConfigError(f"{node.where}: no leaf has a vote")
    title = next((n for n in node.outputs if n), "trees")
    inputs: list[Tensor | None] = [x]
    for name in ("feature", "threshold", "yes", "no", "modes", "roots", "first", "target", "weight", "base"):
        data = tables.get(name)
        there = data is not None and data.size
        inputs.append(node.net.constant(f"{title}.{name}", data) if there and data is not None else None)
    (made,) = node.net.add(Trees(targets, aggregate, modes[0]), inputs, (f"{title}.sums",))
    return made


def _lists(node: OnnxNode, votes: str) -> tuple[Forest, bool]:
    """Trees of versions 1 and 3, and whether they are in float64; ``votes``: "class" or "target"."""
    wide = any(node.attribute(f"{n}_as_tensor") is not None for n in ("nodes_values", f"{votes}_weights"))
    trees, ids = (numbers(node, f"nodes_{n}", np.int64).tolist() for n in ("treeids", "nodeids"))
    modes = node.attribute("nodes_modes") or []
    feature, yes, no = (
        numbers(node, f"nodes_{n}", np.int64).tolist() for n in ("featureids", "truenodeids", "falsenodeids")
    )
    values = _real(node, "nodes_values")
    lost = numbers(node, "nodes_missing_value_tracks_true", np.int64).tolist() or [0] * len(ids)
    if not ids or {len(v) for v in (trees, modes, feature, yes, no, values, lost)} != {len(ids)}:
        raise ConfigError(f"{node.where}: the lists of nodes differ in length")
    forest = Forest()
    place: dict[tuple[int, int], int] = {}
    for k, key in enumerate(zip(trees, ids, strict=True)):
        if key in place:
            raise ConfigError(f"{node.where}: node {key[1]} of tree {key[0]} is there twice")
        if modes[k] == "LEAF":
            place[key] = -1 - len(forest.votes)
            forest.votes.append([])
        elif modes[k] in MODES:
            mode = MODES.index(modes[k]) + (NAN_YES if lost[k] else 0)
            place[key] = forest.node(feature[k], values[k], mode, yes[k], no[k])
        else:
            raise ConfigError(
                f"{node.where}: nodes_modes holds {modes[k]!r}", hint=f"known: {', '.join(MODES)}"
            )
    owner = [tree for tree, mode in zip(trees, modes, strict=True) if mode != "LEAF"]
    try:
        for k, tree in enumerate(owner):
            forest.yes[k], forest.no[k] = place[tree, forest.yes[k]], place[tree, forest.no[k]]
        for tree, one, target, weight in zip(*_votes(node, votes), strict=True):
            if place[tree, one] < 0:
                forest.votes[-1 - place[tree, one]].append((target, weight))
    except KeyError as error:
        lacking = error.args[0]
        raise ConfigError(f"{node.where}: tree {lacking[0]} has no node {lacking[1]}") from None
    first: dict[int, int] = {}
    for key in zip(trees, ids, strict=True):
        first.setdefault(key[0], place[key])
    forest.roots = list(first.values())
    return forest, wide


def _votes(node: OnnxNode, votes: str) -> tuple[list[int], list[int], list[int], list[float]]:
    trees, ids, targets = (
        numbers(node, f"{votes}_{n}", np.int64).tolist() for n in ("treeids", "nodeids", "ids")
    )
    weights = _real(node, f"{votes}_weights")
    if {len(ids), len(targets), len(weights)} != {len(trees)}:
        raise ConfigError(f"{node.where}: the lists of votes differ in length")
    return trees, ids, targets, weights


def _real(node: OnnxNode, name: str) -> list[float]:
    """Numbers of an attribute in either of its two forms."""
    value: Any = node.attribute(f"{name}_as_tensor")
    return [float(v) for v in np.asarray(node.attribute(name, []) if value is None else value).reshape(-1)]


def _base(node: OnnxNode, count: int) -> Array:
    base = np.array(_real(node, "base_values"))
    if base.size not in (0, count):
        raise ConfigError(f"{node.where}: {base.size} base values for {count} sums")
    return base


def _input(node: OnnxNode, wide: bool) -> Tensor:
    return rows(node, "float64" if wide or node.need(0).dtype == "float64" else "float32")


def _classifier(node: OnnxNode) -> Sequence[Tensor]:
    node.only("post_transform", *POSTS)
    post = str(node.attribute("post_transform", "NONE")).lower()
    forest, wide = _lists(node, "class")
    labels, names = classes(node, "classlabels_int64s")
    voted = {target for leaf in forest.votes for target, _ in leaf}
    x = _input(node, wide)
    if labels.size == 1:
        raise ConfigError(f"{node.where}: a classifier of one class answers nothing")
    if labels.size > 2 or len(voted) > 1:
        base = _base(node, labels.size)
        sums = narrow(node, _add(node, forest, x, labels.size, "sum", base))
        return classified(node, sums, LabelOf(), labels, names, Scores(post))
    # two classes, votes for one: its sum says which
    positive = all(weight >= 0 for leaf in forest.votes for _, weight in leaf)
    side = LabelOf(max(voted, default=0), 0.5 if positive else 0.0)
    if post == "probit":
        raise ConfigError(f"{node.where}: post_transform PROBIT of one sum for two classes is not supported")
    if voted == {1}:
        sums = narrow(node, _add(node, forest, x, 2, "sum", _base(node, 0)))
        return classified(node, sums, side, labels, names, Scores(post))
    sums = narrow(node, _add(node, forest, x, 1, "sum", _base(node, 1)))
    second = "complement" if positive and post != "logistic" else "negate"
    scores = Scores(post if post == "logistic" else "none", second)
    return classified(node, sums, side, labels, names, scores)


def _regressor(node: OnnxNode) -> Sequence[Tensor]:
    targets = int(node.attribute("n_targets", 1))
    if not 1 <= targets <= 1 << 16:
        raise ConfigError(f"{node.where}: {targets} targets")
    node.only("aggregate_function", "SUM", "AVERAGE", "MIN", "MAX")
    # onnxruntime leaves other transforms of one sum out
    node.only("post_transform", *(POSTS if targets > 1 else ("NONE", "PROBIT")))
    forest, wide = _lists(node, "target")
    aggregate = str(node.attribute("aggregate_function", "SUM")).lower()
    sums = narrow(node, _add(node, forest, _input(node, wide), targets, aggregate, _base(node, targets)))
    post = str(node.attribute("post_transform", "NONE")).lower()
    return (sums,) if post == "none" else node.add(Scores(post), sums)


def _ensemble(node: OnnxNode) -> Sequence[Tensor]:
    """Version 5: nodes and leaves apart, sets of numbers to be in."""
    split, weight = (np.asarray(node.attribute(n, [])).reshape(-1) for n in ("nodes_splits", "leaf_weights"))
    modes = np.asarray(node.attribute("nodes_modes", [])).reshape(-1).tolist()
    names = (
        "nodes_featureids",
        "nodes_truenodeids",
        "nodes_falsenodeids",
        "nodes_trueleafs",
        "nodes_falseleafs",
    )
    feature, yes, no, yes_leaf, no_leaf = (numbers(node, n, np.int64).tolist() for n in names)
    lost = numbers(node, "nodes_missing_value_tracks_true", np.int64).tolist() or [0] * len(modes)
    targets = numbers(node, "leaf_targetids", np.int64).tolist()
    lists = (split, feature, yes, no, yes_leaf, no_leaf, lost)
    if {len(v) for v in lists} != {len(modes)} or len(targets) != len(weight):
        raise ConfigError(f"{node.where}: the lists of nodes or leaves differ in length")
    forest = Forest(votes=[[(t, float(w))] for t, w in zip(targets, weight, strict=True)])
    sets = _sets(node)
    for k, mode in enumerate(modes):
        if not (0 <= mode < len(MODES) or mode == MEMBER):
            raise ConfigError(f"{node.where}: nodes_modes holds {mode}")
        ways = [
            _way(node, v, leaf, len(modes), len(targets))
            for v, leaf in ((yes[k], yes_leaf[k]), (no[k], no_leaf[k]))
        ]
        forest.node(feature[k], float(split[k]), mode + (NAN_YES if lost[k] else 0), *ways)
    members = [k for k, mode in enumerate(modes) if mode == MEMBER]
    if len(members) != len(sets):
        raise ConfigError(f"{node.where}: {len(sets)} sets of members for {len(members)} nodes")
    for k, values in zip(members, sets, strict=True):
        _chain(forest, k, values)
    for root in numbers(node, "tree_roots", np.int64).tolist():
        if not 0 <= root < len(modes):
            raise ConfigError(f"{node.where}: there is no root {root}")
        only_leaf = yes_leaf[root] and no_leaf[root] and yes[root] == no[root]
        forest.roots.append(-1 - yes[root] if only_leaf else root)
    aggregate = {0: "average", 1: "sum", 2: "min", 3: "max"}.get(int(node.attribute("aggregate_function", 1)))
    if aggregate is None or not forest.roots:
        raise ConfigError(f"{node.where}: no trees, or an unknown aggregate_function")
    node.only("post_transform", 0)
    count = int(node.attribute("n_targets", 1))
    if not 1 <= count <= 1 << 16:
        raise ConfigError(f"{node.where}: {count} targets")
    x = rows(node, "float64" if node.need(0).dtype == "float64" else "float32")
    return (_add(node, forest, x, count, aggregate, np.zeros(0)),)


def _way(node: OnnxNode, child: int, leaf: int, nodes: int, leaves: int) -> int:
    if not 0 <= child < (leaves if leaf else nodes):
        raise ConfigError(f"{node.where}: there is no {'leaf' if leaf else 'node'} {child}")
    return -1 - child if leaf else child


def _sets(node: OnnxNode) -> list[list[float]]:
    """Members of each set; a NaN ends one."""
    found: list[list[float]] = []
    now: list[float] = []
    for value in np.asarray(node.attribute("membership_values", [])).reshape(-1).tolist():
        if value != value:
            found.append(now)
            now = []
        else:
            now.append(float(value))
    return found


def _chain(forest: Forest, k: int, values: list[float]) -> None:
    """Make a question for members one of equality for each."""
    equal, lost = MODES.index("BRANCH_EQ"), forest.mode[k] & NAN_YES
    yes, no = forest.yes[k], forest.no[k]
    forest.mode[k] = equal + lost
    # nothing is a member of no set; NaN may go the way of "yes" all the same
    forest.threshold[k] = values[0] if values else float("inf")
    if not values:
        forest.mode[k] = MODES.index("BRANCH_GT") + lost
    at = k
    for value in values[1:]:
        new = forest.node(forest.feature[k], value, equal + lost, yes, no)
        forest.no[at] = new
        at = new


RULES: Mapping[str, Rule] = {
    "ai.onnx.ml.TreeEnsembleClassifier": _classifier,
    "ai.onnx.ml.TreeEnsembleRegressor": _regressor,
    "ai.onnx.ml.TreeEnsemble": _ensemble,
}
