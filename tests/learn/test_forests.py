"""Trees and forests on integer features decide as scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from sensorai.errors import DataError
from sensorai.features import catalogue
from sensorai.learn import features, forests, select
from sensorai.learn.forests import ForestOptions, from_forest, narrow, narrowed, only_used, train_forest
from sensorai.model.ensemble import build, to_dict
from sensorai.model.forest import Tree
from tests.learn.counted import counted, split


@pytest.mark.parametrize(
    "options", [ForestOptions(), ForestOptions(trees=5), ForestOptions(trees=5, total=1)]
)
def test_training(options: ForestOptions) -> None:
    data = counted()
    parts = split(data)
    found = train_forest(data, parts, options)
    assert found.accuracy["test"] >= 0.95
    assert len(found.ensemble.trees) == options.trees
    assert found.ensemble.total == 1 or found.ensemble.rounding == 0.0
    table = catalogue.table(found.features, data.x)
    assert found.accuracy["train"] == (found.ensemble.predict(table) == data.y)[parts.train].mean()
    used = sorted({f for t in found.ensemble.trees for f in t.used_features()})
    assert used == list(range(len(found.features)))
    again = train_forest(data, parts, options)
    assert to_dict(again.ensemble) == to_dict(found.ensemble)
    assert again.features == found.features


def test_a_tree_is_taught_by_a_forest() -> None:
    """It does better with strangers than one that is grown on the same windows alone."""
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1000, (1350, 6)).round().astype(np.int64)
    y = (x @ rng.normal(0, 1, (6, 3))).argmax(axis=1)
    windows = replace(counted(rows=150), y=y[:150]).as_windows(x[:150])
    strangers = x[150:].astype(np.float32)
    tree = forests._tree(windows, ForestOptions(leaves=64))
    assert tree.tree_.n_leaves <= 64
    assert tree.tree_.max_depth <= 8
    alone = select.new_tree(64, 0, depth=8).fit(windows.x, y[:150]).predict(strangers)
    assert (tree.predict(strangers) == y[150:]).mean() > (alone == y[150:]).mean() + 0.02


def test_lowest_bits_are_left_out_of_large_features_only() -> None:
    table = np.array([[5, -40000, 2**30], [32767, 3, -5]])
    assert narrow(table).tolist() == [0, 1, 16]
    assert narrowed(table, narrow(table)).tolist() == [[5, -20000, 2**14], [32767, 1, -1]]


def test_thresholds_of_shortened_features_decide_alike() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(-(2**30), 2**30, (300, 2))
    y = (table[:, 0] + table[:, 1] // 3 > 2**27).astype(int)
    shifts = narrow(table)
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(narrowed(table, shifts), y)
    ensemble = forests._ensemble([model], ("a", "b"), shifts, 1)
    probe = [table]
    for f, t, _, _ in ensemble.trees[0].rows():
        near = table[:5].copy()
        near[:, f] = int(t) + np.array([-1, 0, 1, 2, 2**15])
        probe.append(near)
    rows = np.concatenate(probe)
    expected = model.predict(narrowed(rows, shifts).astype(np.float32))
    assert np.array_equal(ensemble.predict(rows), expected)
    # rounding the threshold without the bits dropped would be seen
    wrong = Tree.from_nodes(
        [(f, t - 2 ** int(shifts[f]) + 1, a, b) for f, t, a, b in ensemble.trees[0].rows()]
    )
    broken = build([wrong], ensemble.votes.astype(float), ("a", "b"), 2, total=1)
    assert not np.array_equal(broken.predict(rows), expected)


def test_classes_that_a_tree_never_saw_keep_their_place() -> None:
    model = DecisionTreeClassifier().fit([[0], [1], [2], [3]], [0, 0, 2, 2])
    ensemble = from_forest(model, ("a", "b", "c"), 1)
    assert ensemble.predict(np.array([[0], [3]])).tolist() == [0, 2]


def test_unused_features_are_dropped() -> None:
    ensemble = build([Tree.from_nodes([(3, 1.0, -1, -2)])], np.eye(2), "ab", 5)
    small, used = only_used(ensemble)
    assert used == [3]
    assert small.features == 1
    assert small.predict(np.array([[1], [2]])).tolist() == [0, 1]
    with pytest.raises(DataError, match="tests no feature"):
        only_used(build([Tree.from_nodes([], -1)], np.eye(2), "ab", 5))


def test_candidates_can_be_computed_and_have_names() -> None:
    data = counted()
    rows = np.ones(len(data.y), bool)
    for linear in (False, True):
        found = features.candidates(data, rows, spectra=True, linear=linear)
        names = features.names(found, data.channels)
        assert len(set(names)) == len(names) > 25
        assert catalogue.table(found, data.x).shape == (len(data.y), len(found))


@pytest.mark.parametrize("trees", [1, 10])
def test_too_little_to_learn_from(trees: int) -> None:
    data = counted(rows=12)
    with pytest.raises(DataError, match="windows to learn from are too few for a tree"):
        train_forest(data, split(data), ForestOptions(trees=trees))
