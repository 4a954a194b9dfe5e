"""The proof of the soft vote, against every input of small forests in fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.model import softvote
from sensorai.model.ensemble import build, round_votes, same_winner
from sensorai.model.forest import Tree


def forest(rng: np.random.Generator, trees: int, features: int) -> list[Tree]:
    """Trees of up to five leaves over few values of shared features, so that leaves exclude each other."""

    def grow(nodes: list[tuple[int, float, int, int]], left: int, first: int) -> int:
        if left == 1:
            return ~first
        at, cut = len(nodes), int(rng.integers(1, left))
        nodes.append((0, 0, 0, 0))
        here = int(rng.integers(features)), float(rng.integers(0, 4)) + 0.5
        nodes[at] = (*here, grow(nodes, cut, first), grow(nodes, left - cut, first + cut))
        return at

    out = []
    for k in range(trees):
        nodes: list[tuple[int, float, int, int]] = []
        root = grow(nodes, 5, 5 * k)
        out.append(Tree.from_nodes(nodes, root).preorder())
    return out


def differs(
    trees: list[Tree], weights: npt.NDArray[np.int64], votes: npt.NDArray[np.int32], features: int
) -> bool:
    """Whether some input has another winner in votes than in fractions."""
    x = np.array(list(itertools.product(range(5), repeat=features)), float)
    found = {tuple(leaves) for leaves in np.stack([t.predict(x) for t in trees], axis=1).tolist()}
    plain = weights.tolist()
    for leaves in found:
        exact = [sum(Fraction(plain[i][c], sum(plain[i])) for i in leaves) for c in range(len(plain[0]))]
        if exact.index(max(exact)) != int(np.argmax(votes[list(leaves)].sum(axis=0))):
            return True
    return False


@pytest.mark.parametrize("seed", range(4))
def test_two_classes_are_proven_exactly_where_no_input_differs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = forest(rng, 4, 2)
    weights = rng.integers(0, 9, (20, 2)) + np.eye(2, dtype=int)[rng.integers(0, 2, 20)]
    answers = set()
    beyond = 0
    for total in range(2, 60):
        votes = round_votes(weights.astype(float), total)
        found = softvote.proven(trees, weights.astype(float), votes)
        assert found != differs(trees, weights, votes, 2), total
        answers.add(found)
        reached = [t.leaves for t in trees]
        beyond += found and not same_winner(reached, weights.astype(float), total)
    assert answers == {True, False}
    # what cannot be reached together no longer stands in the way
    assert beyond


def test_more_classes_and_long_denominators() -> None:
    """Shares of large primes: differences of 140 bits, and ties that votes must keep."""
    rng = np.random.default_rng(5)
    trees = forest(rng, 6, 3)
    sizes = rng.choice([509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613], 30)
    first = rng.integers(0, sizes // 2)
    weights = np.stack([first, first, sizes - 2 * first], axis=1)
    fine = round_votes(weights.astype(float), 2**31 // 6)
    assert softvote.proven(trees, weights.astype(float), fine)
    assert not differs(trees, weights, fine, 3)
    ensemble = build(trees, weights.astype(float), "abc", 3, total=2**31 // 6)
    assert ensemble.rounding == 0.0
    # one vote turned over: classes a and b are equal everywhere, and the first must win
    turned = fine.copy()
    turned[:, [0, 1]] += np.array([-1, 1])
    assert not softvote.proven(trees, weights.astype(float), turned)


@pytest.mark.parametrize(
    ("name", "most"), [("LEAVES", 9), ("COMBINATIONS", 4), ("PAIRS", 0), ("TREES", 3), ("CHUNK", 2)]
)
def test_beyond_a_limit_it_is_not_proven(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
    rng = np.random.default_rng(0)
    trees = forest(rng, 4, 2)
    # many ties
    weights = rng.integers(1, 3, (20, 2)).astype(float)
    votes = round_votes(weights, 720720)
    assert softvote.proven(trees, weights, votes)
    monkeypatch.setattr(softvote, name, most)
    # a smaller piece at a time changes nothing
    assert softvote.proven(trees, weights, votes) == (name == "CHUNK")
    assert not softvote.proven(trees, weights / 7, votes)
