"""Trees and forests on whole numbers: thresholds rounded down, votes that lose no decision."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.model.ensemble import (
    Ensemble,
    build,
    common_total,
    from_dict,
    round_votes,
    same_winner,
    to_dict,
)
from sensorai.model.forest import Tree


def stump(feature: int, threshold: float, left: int, right: int) -> Tree:
    return Tree.from_nodes([(feature, threshold, ~left, ~right)])


def exact_winner(weights: list[list[int]], leaves: tuple[int, ...]) -> int:
    sums = [sum(Fraction(weights[i][c], sum(weights[i])) for i in leaves) for c in range(len(weights[0]))]
    return sums.index(max(sums))


def test_thresholds_round_down() -> None:
    for t in (2.5, 2.0, -2.5, -3.0):
        ensemble = build([stump(0, t, 0, 1)], np.eye(2), "ab", 1)
        x = np.arange(-6, 7)[:, None]
        assert np.array_equal(ensemble.predict(x), (x[:, 0] > t).astype(int))


def test_thresholds_beyond_int32_leave_one_side() -> None:
    inner = Tree.from_nodes([(0, 3e9, 1, ~2), (0, -3e9, ~0, 2), (0, 5.0, ~0, ~1)])
    ensemble = build([inner], np.eye(3), "abc", 1)
    assert ensemble.nodes == 1
    assert ensemble.predict(np.array([[5], [6], [2**31 - 1], [-(2**31)]])).tolist() == [0, 1, 1, 0]
    assert len(build([stump(0, 2.0**31 - 1, 0, 1)], np.eye(2), "ab", 1).trees[0]) == 0


def test_siblings_that_vote_alike_are_merged() -> None:
    tree = Tree.from_nodes([(0, 1.0, 1, ~2), (1, 4.0, ~0, ~1)])
    weights = np.array([[3, 1], [9, 2], [0, 5]], float)
    ensemble = build([tree], weights, "ab", 2, total=1)
    assert ensemble.nodes == 1
    assert ensemble.votes.tolist() == [[1, 0], [0, 1]]


def test_votes_never_turn_the_order_round() -> None:
    rng = np.random.default_rng(0)
    for total in (1, 7, 60, 2**30):
        weights = rng.integers(0, 9, (50, 4)).astype(float) + np.eye(4)[0]
        votes = round_votes(weights, total)
        assert (votes.sum(axis=1) == total).all()
        for row, vote in zip(weights, votes, strict=True):
            assert all(vote[a] >= vote[b] for a, b in itertools.permutations(range(4), 2) if row[a] > row[b])


@pytest.mark.parametrize("seed", range(6))
def test_soft_vote_is_exact_for_all_leaves(seed: int) -> None:
    """Every combination of leaves of four trees, against fractions."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 12, (20, 3)) + np.eye(3, dtype=int)[rng.integers(0, 3, 20)]
    leaves = [list(range(5 * k, 5 * k + 5)) for k in range(4)]
    chain = [Tree.from_nodes([(k, i, ~a[i], i + 1 if i < 3 else ~a[4]) for i in range(4)]) for k, a in enumerate(leaves)]  # fmt: skip  # noqa: E501
    ensemble = build(chain, weights.astype(float), "abc", 4)
    assert ensemble.rounding == 0.0
    x = np.array(list(itertools.product(range(5), repeat=4)))
    plain = weights.tolist()
    expected = [exact_winner(plain, tuple(leaves[k][v] for k, v in enumerate(row))) for row in x.tolist()]
    assert ensemble.predict(x).tolist() == expected


def test_proof_refuses_what_rounding_breaks() -> None:
    """Three thirds against one: a tie that 128 votes do not keep."""
    weights = np.array([[1, 2], [2, 1], [1, 5], [5, 1], [1, 0], [0, 1]], float)
    reached = [[0], [1, 2], [0, 3], [4]]
    assert common_total(weights) == 6
    assert same_winner(reached, weights, 6)
    wrong = [total for total in range(1, 40) if not same_winner(reached, weights, total)]
    for total in range(1, 40):
        votes = round_votes(weights, total)
        found = any(
            int(np.argmax(votes[list(c)].sum(axis=0))) != exact_winner(weights.astype(int).tolist(), c)
            for c in itertools.product(*reached)
        )
        assert found == (total in wrong), total
    assert wrong


def test_finest_total_divides_small_denominators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no proof is found the rounding is small, and leaves of few rows have their exact share."""
    rng = np.random.default_rng(3)
    monkeypatch.setattr("sensorai.model.ensemble.PROOF_SUMS", 1000)
    # ten trees of 40 leaves: denominators up to 40 and one large prime each, too many sums to prove
    sizes = np.concatenate([[*rng.integers(1, 41, 39), prime] for prime in (509, 521, 523, 541, 547) * 2])
    first = rng.integers(0, sizes + 1)
    weights = np.stack([first, sizes - first], axis=1).astype(float)
    chain = [
        Tree.from_nodes([(k, i, ~(40 * k + i), i + 1 if i < 38 else ~(40 * k + 39)) for i in range(39)])
        for k in range(10)
    ]
    ensemble = build(chain, weights, "ab", 10)
    assert ensemble.total > 2**26
    assert 0 < ensemble.rounding < 1 / 2**26
    assert all(ensemble.total % n == 0 for n in (2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17))


def test_shares_instead_of_counts_keep_a_bound() -> None:
    weights = np.array([[1 / 3, 2 / 3], [0.25, 0.75]])
    ensemble = build([stump(0, 0, 0, 1), stump(0, 1, 1, 0)], weights, "ab", 1, total=100)
    assert 0 < ensemble.rounding <= 0.01


def test_equals_scikit_learn() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from sensorai.learn.forests import from_forest

    rng = np.random.default_rng(1)
    x = rng.integers(-50, 50, (300, 4))
    y = (x[:, 0] + x[:, 1] * (x[:, 2] > 3) + rng.integers(-20, 20, 300) > 0).astype(int) + (x[:, 3] > 30)
    model = RandomForestClassifier(8, max_depth=5, random_state=0).fit(x, y)
    ensemble = from_forest(model, ("a", "b", "c"), 4)
    assert ensemble.rounding == 0.0
    rows = [x]
    for tree in ensemble.trees:
        for f, t, _, _ in tree.rows():
            near = x[rng.integers(0, 300, 3)].copy()
            near[:, f] = int(t) + np.arange(-1, 2)
            rows.append(near)
    probe = np.concatenate(rows)
    shares = model.predict_proba(probe)
    ranked = np.sort(shares, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-9  # scikit-learn's own sum is rounded
    assert clear.sum() > 500
    assert np.array_equal(ensemble.predict(probe)[clear], np.argmax(shares, axis=1)[clear])


def test_json_round_trip() -> None:
    tree = Tree.from_nodes([(1, -7.5, 1, ~1), (0, 9.0, ~0, ~2)])
    ensemble = build([tree, stump(0, 3, 1, 2)], np.array([[1, 2], [3, 4], [5, 0]], float), "ab", 2)
    again = from_dict(json.loads(json.dumps(to_dict(ensemble))))
    assert to_dict(again) == to_dict(ensemble)
    x = np.array([[a, b] for a in (-1, 3, 4, 9, 10) for b in (-8, -7)])
    assert np.array_equal(again.scores(x), ensemble.scores(x))


def good() -> dict[str, Any]:
    return to_dict(build([stump(0, 3, 0, 1)], np.eye(2), "ab", 1))


@pytest.mark.parametrize(
    "change",
    [
        {"votes": [[1, 0], [1, 1]]},
        {"votes": [[2, -1], [0, 1]]},
        {"votes": []},
        {"trees": []},
        {"features": 0},
        {"trees": [{"root": 0, "nodes": [[0, 3, 0, -2]]}]},
        {"trees": [{"root": 0, "nodes": [[0, 3, -1, -9]]}]},
        {"trees": [{"root": 0, "nodes": [[0, 3, 7, -1]]}]},
        {"trees": [{"root": 0, "nodes": [[0, 2**31, -1, -2]]}]},
        {"trees": [{"root": 3, "nodes": []}]},
        {"trees": [{"root": 0, "nodes": [[0, 3]]}]},
        {"classes": None},
    ],
)
def test_broken_files_are_refused(change: dict[str, Any]) -> None:
    assert isinstance(from_dict(good()), Ensemble)
    with pytest.raises(DataError, match="no forest"):
        from_dict(good() | change, "model.json")
