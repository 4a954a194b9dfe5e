"""Ranking, pools, folds and pruning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.learn import select
from sensorai.learn.pruning import Prunings
from sensorai.learn.table import Windows
from tests.learn.make import answerable, random_windows, windows


def test_rank_puts_what_tells_apart_first() -> None:
    made = random_windows(400, 6, 3, 4, 1)
    ranked = select.rank(made, 0)
    assert ranked[:2] == [0, 1]
    assert sorted(ranked) == list(range(6))
    assert select.rank(made, 0) == ranked


def test_rank_leaves_out_what_says_nothing() -> None:
    made = random_windows(200, 4, 2, 4, 2)
    x = made.x.copy()
    x[:, 2] = 5.0
    x[3, 1] = np.inf
    x[7, 3] = np.nan
    assert select.rank(replace(made, x=x), 0) == [0]
    x[:, 0] = 0.0
    with pytest.raises(DataError, match="no feature differs between windows"):
        select.rank(replace(made, x=x), 0)


def test_pool_has_no_copies() -> None:
    made = random_windows(300, 4, 3, 4, 3)
    x = np.concatenate([made.x, 2 * made.x[:, :1] + 1, -made.x[:, 1:2]], axis=1)
    both = replace(made, x=x)
    # column 4 is column 0 on another scale, column 5 is column 1 upside down
    assert select.pool(both, [0, 4, 1, 5, 2, 3], 6, lambda _: True) == [0, 1, 2, 3]
    assert select.pool(both, [4, 0, 5, 1, 3, 2], 6, lambda _: True) == [4, 5, 3, 2]
    assert select.pool(both, [0, 4, 1, 5, 2, 3], 2, lambda _: True) == [0, 1]


def test_pool_asks_for_room() -> None:
    made = random_windows(300, 5, 3, 4, 3)
    asked: list[list[int]] = []

    def allowed(columns: object) -> bool:
        asked.append(list(columns))  # type: ignore[call-overload]
        return 2 not in asked[-1]

    assert select.pool(made, [3, 2, 1], 3, allowed) == [3, 1]
    assert asked == [[3], [3, 2], [3, 1]]


def test_balanced_weighs_classes_the_same() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    assert select.balanced(truth, np.zeros(100, np.int64)) == 0.5
    assert select.balanced(truth, truth) == 1.0


@pytest.mark.parametrize("seed", [0, 5])
def test_folds_keep_groups_whole(seed: int) -> None:
    made = random_windows(240, 2, 3, 6, seed)
    split = select.folds(made, seed)
    assert len(split) == 4
    for fit, judge in split:
        assert not set(made.group[fit]) & set(made.group[judge])
        assert len(fit) + len(judge) == 240


@pytest.mark.parametrize("groups", [[0] * 60, [0] * 20 + [1] * 20 + [2] * 20])
def test_folds_without_enough_groups(groups: list[int]) -> None:
    """One group, or one log per class: both sides of a split must know every class."""
    made = windows([[0.0]] * 60, [0] * 20 + [1] * 20 + [2] * 20, groups)
    assert not select.enough_groups(made)
    split = select.folds(made, 0)
    assert len(split) == 2
    for fit, judge in split:
        assert set(made.y[fit, 0]) == set(made.y[judge, 0]) == {0, 1, 2}
        assert sorted([*fit, *judge]) == list(range(60))
        # neighbours stay together: each class comes in two stretches
        assert int((np.diff(fit) > 1).sum()) <= 6


def test_enough_groups() -> None:
    assert select.enough_groups(windows([[0.0]] * 4, [0, 1, 0, 1], [0, 0, 1, 1]))
    assert not select.enough_groups(windows([[0.0]] * 4, [0, 1, 0, 2], [0, 0, 1, 1]))
    # unlabelled windows are no class
    assert not select.enough_groups(windows([[0.0]] * 4, [0, -1, 0, -1], [0, 0, 1, 1]))
    # every task for itself
    assert not select.enough_groups(windows([[0.0]] * 4, [[0, 0], [1, 1], [0, 2], [1, 3]], [0, 0, 1, 1]))


def test_pruning_is_reproducible_and_prunes_noise() -> None:
    made = random_windows(400, 5, 3, 4, 7)
    grow, known = select.plain(65, 0), select.labelled(made, 0)
    judged = select.parts(made, 0, select.folds(made, 0), grow)
    all_rows = Prunings(grow(made.x[known], made.y[known, 0]))
    alpha, path = select.choose_pruning(made, 0, judged, all_rows)
    assert (alpha, path) == select.choose_pruning(made, 0, judged, all_rows)
    assert path[0][0] == 0.0
    assert [a for a, _ in path] == sorted(a for a, _ in path)
    scores = dict(path)
    assert scores[alpha] >= 0.9 * max(scores.values())
    whole = select.new_tree(65, 0).fit(made.x[known], made.y[known, 0])
    pruned = select.new_tree(65, 0, alpha).fit(made.x[known], made.y[known, 0])
    assert 2 <= pruned.tree_.n_leaves < whole.tree_.n_leaves
    assert pruned.feature_importances_.argmax() == 0


def _judged(made: Windows, leaves: int) -> list[select.Part]:
    return select.parts(made, 0, select.folds(made, 0), select.plain(leaves, 0))


def test_out_of_fold_never_saw_the_group() -> None:
    # in group 1 the classes are swapped: a tree that had seen it would know
    y = [0, 1] * 40
    x = [[float(c)] for c in y[:40]] + [[1.0 - c] for c in y[40:]]
    made = windows(x, y, [0] * 40 + [1] * 40)
    guesses = select.out_of_fold(made, _judged(made, 4), 0.0)
    assert (guesses != made.y[:, 0]).all()


def test_out_of_fold_of_unlabelled_windows() -> None:
    made = random_windows(100, 2, 2, 4, 4)
    y = made.y.copy()
    y[::7] = -1
    some = replace(made, y=y)
    guesses = select.out_of_fold(some, _judged(some, 4), 0.0)
    # a result for every window, labelled or not, as on the sensor
    assert set(guesses) == {0, 1}


def test_random_split_is_optimistic() -> None:
    # every group has its own level: known people are easy, strangers are not
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(8), 40)
    y = rng.integers(0, 2, 320)
    x = (10.0 * rng.permutation(8)[group] + 3.0 * y + rng.normal(0, 0.4, 320))[:, None]
    made = windows(x, y.tolist(), group.tolist())
    accuracy, even = select.random_split_score(made, 0, select.plain(40, 0), 0, 0.0)
    guesses = select.out_of_fold(made, _judged(made, 40), 0.0)
    assert accuracy > 0.9
    assert even > 0.9
    assert float((guesses == y).mean()) < accuracy - 0.15
    assert select.random_split_score(made, 0, select.plain(40, 0), 0, 0.0) == (accuracy, even)


def test_random_split_of_a_single_window() -> None:
    made = windows([[0.0], [1.0], [2.0]], [0, 0, 1], [0, 0, 1])
    assert np.isnan(select.random_split_score(made, 0, select.plain(4, 0), 0, 0.0)).all()


def rare(seed: int) -> Windows:
    """Four classes of six people; the last one is rare and told apart by another feature."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(6), 40)
    y = rng.choice(4, 240, p=[0.4, 0.3, 0.2, 0.1])
    x = rng.normal(0, 1, (240, 3))
    x[:, 0] += 2.0 * np.minimum(y, 2)
    x[:, 1] += 1.5 * (y == 3)
    x += rng.normal(0, 0.5, (6, 3))[group]
    return windows(x, y.tolist(), group.tolist())


def _pruned(made: Windows, grow: select.Grow) -> tuple[float, list[tuple[float, float]]]:
    judged = select.parts(made, 0, select.folds(made, 0), grow)
    return select.choose_pruning(made, 0, judged, Prunings(grow(made.x, made.y[:, 0])))


@pytest.mark.parametrize("seed", [0, 17, 48])
@pytest.mark.parametrize("depth", [None, 3])
def test_no_class_is_pruned_away(seed: int, depth: int | None) -> None:
    made = rare(seed)
    split, grow = select.folds(made, 0), select.plain(33, 0, depth)
    alpha, path = _pruned(made, grow)
    tree = select.new_tree(33, 0, alpha, depth).fit(made.x, made.y[:, 0])
    assert answerable(tree) == 4
    assert set(np.unique(tree.predict(made.x))) == {0, 1, 2, 3}
    # what the path says is what trees pruned so do on the folds
    scores = []
    for fit, judge in split:
        one = select.new_tree(33, 0, alpha, depth).fit(made.x[fit], made.y[fit, 0])
        scores.append(select.balanced(made.y[judge, 0], one.predict(made.x[judge])))
    assert dict(path)[alpha] == pytest.approx(np.mean(scores))


def test_prunings_lie_between_the_changes_of_the_tree() -> None:
    made = rare(48)
    changes = np.unique(select.new_tree(33, 0).cost_complexity_pruning_path(made.x, made.y[:, 0]).ccp_alphas)
    _, path = _pruned(made, select.plain(33, 0))
    assert path[0][0] == 0.0
    for alpha, _ in path[1:]:
        at = int(np.searchsorted(changes, alpha))
        assert alpha == pytest.approx(float(np.sqrt(changes[at - 1] * changes[at])))
        assert changes[at - 1] < alpha < changes[at]
    # the root alone is not among them
    assert path[-1][0] < changes[-1]


def test_a_tree_too_small_for_its_classes_is_still_chosen() -> None:
    made = rare(0)
    alpha, path = _pruned(made, select.plain(2, 0))
    assert alpha in dict(path)
    assert answerable(select.new_tree(2, 0, alpha).fit(made.x, made.y[:, 0])) == 2
