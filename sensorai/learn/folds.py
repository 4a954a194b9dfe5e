"""Folds over groups: every group is tested once, by a model that learnt from the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorai.learn.split import Split, class_seconds

#: Folds where there are as many groups; with fewer, each is left out once.
FOLDS = 5
#: Random orders that are tried.
STARTS = 32

FloatArray = npt.NDArray[np.float64]


def folds(split: Split, columns: Sequence[str], seed: int, most: int = FOLDS) -> tuple[tuple[str, ...], ...]:
    """Groups of each fold, of those that are learnt from; the classes are spread evenly.

    Every class of a fold is in another fold as well, so that it is learnt there. Where no even choice does
    that, each group is a fold of its own. A group that alone has a class is in no fold; without at least two
    folds there are none.

    Parameters
    ----------
    split : Split
    columns : sequence of str
        Label columns.
    seed : int
    most : int
        Most folds.

    Returns
    -------
    tuple of tuple of str
        The same for every target and family where ``seed`` and ``most`` are: of the recordings as they were
        read, only names, classes and seconds count.
    """
    time = class_seconds(split.dataset, columns) if split.time is None else split.time
    # by name, so that the order in which logs were named does not matter
    names = sorted(g for g in split.train_groups if any(g in of for of in time.values()))
    table = np.array([[of.get(g, 0.0) for of in time.values()] for g in names]).reshape(len(names), -1)
    able = [i for i in range(len(names)) if _learnable(table, [i])]
    if len(able) < 2:
        return ()
    found = _spread(table, able, min(most, len(able)), seed) or [[i] for i in able]
    return tuple(tuple(names[i] for i in sorted(fold)) for fold in found)


def _learnable(table: FloatArray, fold: Sequence[int]) -> bool:
    """Whether every class that a fold has is outside it as well."""
    inside = table[list(fold)].sum(axis=0)
    others = np.delete(table, list(fold), axis=0)
    return bool((others[:, inside > 0] > 0).any(axis=0).all())


def _spread(table: FloatArray, able: Sequence[int], count: int, seed: int) -> list[list[int]] | None:
    """Deal groups into folds, each to where its classes are rarest; the most even deal of several."""
    random = np.random.default_rng(seed)
    share = table / np.maximum(table.sum(axis=0), 1e-9)
    best: tuple[float, list[list[int]]] | None = None
    for _ in range(STARTS):
        order = random.permutation(np.array(able))
        order = order[np.argsort(-share[order].sum(axis=1).round(1), kind="stable")]
        dealt: list[list[int]] = [[] for _ in range(count)]
        sums = np.zeros((count, table.shape[1]))
        for i in order.tolist():
            empty = [k for k in range(count) if not dealt[k]]
            # what the sum of squares grows by
            growth = ((sums + share[i]) ** 2 - sums**2).sum(axis=1)
            to = empty[0] if empty else int(np.argmin(growth))
            dealt[to].append(i)
            sums[to] += share[i]
        uneven = float((sums**2).sum())
        if all(_learnable(table, fold) for fold in dealt) and (best is None or uneven < best[0] - 1e-12):
            best = uneven, dealt
    return None if best is None else best[1]
