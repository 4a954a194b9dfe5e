"""Trees that are grown once and pruned here are those that scikit-learn grows for every alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorai.learn import select
from sensorai.learn.pruning import Prunings
from tests.learn.make import answerable


def rows(seed: int, count: int, classes: int, steps: int) -> tuple[Any, Any]:
    """Noisy classes; few ``steps`` make many splits that are worth the same."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count) ** 2
    x = rng.normal(0, 1, (count, 5))
    x[:, 0] += np.sqrt(y)
    return np.round(x * steps).astype(np.float32), y


@pytest.mark.parametrize(
    ("seed", "count", "classes", "steps", "leaves", "depth", "copies"),
    [
        (0, 300, 3, 1000, 64, None, 1),
        (1, 400, 2, 1, 64, None, 1),
        (2, 250, 5, 3, 24, None, 2),
        (3, 300, 4, 50, 32, 4, 1),
        (4, 60, 3, 1, 2, None, 1),
    ],
)
def test_pruned_as_scikit_learn_prunes(
    seed: int, count: int, classes: int, steps: int, leaves: int, depth: int | None, copies: int
) -> None:
    x, y = rows(seed, count, classes, steps)
    new, _ = rows(seed + 100, 200, classes, steps)

    def tree(alpha: float = 0.0) -> Any:
        return select.new_tree(leaves, seed, alpha, depth, copies)

    pruned = Prunings(tree().fit(x, y))
    path = tree().cost_complexity_pruning_path(x, y).ccp_alphas
    assert pruned.alphas.tolist() == path.tolist()
    # at, just under and between the changes; beyond the root; no pruning
    some = [0.0, 1.0, *path, *np.nextafter(path, 0), *(path[:-1] + path[1:]) / 2]
    alphas = [a for a in some if a >= 0]
    sizes = set()
    for alpha, answers in zip(alphas, pruned.predict(new, alphas), strict=True):
        theirs = tree(alpha).fit(x, y)
        assert np.array_equal(answers, theirs.predict(new)), alpha
        assert pruned.answerable(alpha) == answerable(theirs), alpha
        sizes.add(theirs.tree_.n_leaves)
    assert len(sizes) >= min(leaves, 8)


def test_a_tree_without_splits() -> None:
    x, y = np.zeros((10, 2), np.float32), np.repeat([4, 7], [4, 6])
    theirs = select.new_tree(8, 0).fit(x, y)
    pruned = Prunings(theirs)
    assert pruned.alphas.tolist() == [0.0]
    assert pruned.predict(x, [0.5])[0].tolist() == theirs.predict(x).tolist()
    assert pruned.answerable(0.5) == 1


def test_a_pruned_tree_is_refused() -> None:
    x, y = rows(0, 60, 2, 10)
    with pytest.raises(ValueError, match="pruned already"):
        Prunings(select.new_tree(8, 0, 0.01).fit(x, y))
