"""Choosing features and tree size by cross-validation over groups; the test groups are never seen here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.learn.masks import near
from sensorai.learn.pruning import Prunings
from sensorai.learn.table import BoolArray, IntArray, Windows, group_folds

#: Least windows in a leaf.
LEAF = 3
#: Candidates that window lengths are judged by: the best by importance in a forest, near-copies removed.
POOL = 20
#: Two candidates this strongly correlated (in rank) count as copies.
COPY = 0.98
#: Rows the forest is fitted on; enough to rank by.
RANK_ROWS = 6000
#: Prunings that are tried.
PRUNINGS = 13

Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
#: Rows that a tree did not see, and the tree in all its prunings.
Part = tuple[npt.NDArray[np.int64], Prunings]
#: Grows a tree on feature values, shape (rows, features), and classes; it is not pruned.
Grow = Callable[[npt.NDArray[np.float32], IntArray], Any]


def enough_groups(windows: Windows) -> bool:
    """Whether every task has at least two classes that occur in two groups or more.

    Without them a tree would be judged on classes that it never saw.
    """
    return all(
        sum(len(np.unique(windows.group[y == c])) > 1 for c in np.unique(y[y >= 0])) > 1 for y in windows.y.T
    )


def folds(windows: Windows, seed: int, wanted: int = 4) -> list[Fold]:
    """Inner folds: rows to fit on, rows to judge on; whole groups on either side where there are enough.

    Else each class is cut in four in time, two parts on either side: neighbouring windows, which are
    nearly copies, stay together. What is fitted on shares no sample with what is judged.
    """
    found = group_folds(windows, wanted, seed) if enough_groups(windows) else []
    if found:
        return found
    side = np.zeros(len(windows.y), np.int64)
    joint = np.unique(windows.y, axis=0, return_inverse=True)[1].reshape(-1)
    for c in np.unique(joint):
        rows = np.flatnonzero(joint == c)
        side[rows] = np.arange(len(rows)) * 4 // len(rows) % 2
    out = []
    for judge in (side == 1, side == 0):
        fit = ~near(judge, windows.recording, windows.overlap)
        out.append((np.flatnonzero(fit), np.flatnonzero(judge)))
    return out


def new_tree(  # type: ignore[no-untyped-def]
    leaves: int, seed: int, ccp_alpha: float = 0.0, depth: int | None = None, copies: int = 1
):
    """Return an unfitted scikit-learn tree the way this project trains them (classes weigh the same).

    ``copies`` windows that overlap are taken for one (`Windows`).
    """
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        max_leaf_nodes=max(leaves, 2),
        max_depth=depth,
        min_samples_leaf=LEAF * copies,
        class_weight="balanced",
        random_state=seed,
        ccp_alpha=ccp_alpha,
    )


def balanced(truth: IntArray, results: IntArray) -> float:
    """Mean recall over the classes present in ``truth``."""
    return float(np.mean([(results[truth == c] == c).mean() for c in np.unique(truth)]))


def labelled(windows: Windows, task: int) -> BoolArray:
    """Rows with a class of this task."""
    mask: BoolArray = windows.y[:, task] >= 0
    return mask


def rank(windows: Windows, seed: int) -> list[int]:
    """Features by importance in a forest, best first; constant ones are left out."""
    from sklearn.ensemble import ExtraTreesClassifier

    usable = np.isfinite(windows.x).all(axis=0) & (windows.x.max(axis=0) > windows.x.min(axis=0))
    columns = np.flatnonzero(usable)
    if not len(columns):
        raise DataError(
            "no feature differs between windows: the signals do not change, or the core cannot hold them",
            hint="look at the logs with sensorai inspect",
        )
    importance = np.zeros(len(columns))
    rows = some(len(windows.x), RANK_ROWS, seed)
    for t in range(windows.y.shape[1]):
        chosen = rows[labelled(windows, t)[rows]]
        forest = ExtraTreesClassifier(60, min_samples_leaf=LEAF, class_weight="balanced", random_state=seed)
        forest.fit(windows.x[np.ix_(chosen, columns)], windows.y[chosen, t])
        importance += forest.feature_importances_
    return [int(columns[i]) for i in np.argsort(-importance, kind="stable")]


def pool(
    windows: Windows, ranked: Sequence[int], count: int, allowed: Callable[[Sequence[int]], bool]
) -> list[int]:
    """Keep the best ``count`` of ``ranked`` that fit the device together and are no near-copies.

    Parameters
    ----------
    allowed : callable
        Whether the device has room for a set of columns.
    """
    ranks = _ranks(windows.x[np.linspace(0, len(windows.x) - 1, min(len(windows.x), 4000)).astype(int)])
    ranks -= ranks.mean(axis=0)
    norm = np.sqrt((ranks**2).sum(axis=0))
    kept: list[int] = []
    for c in ranked:
        if all(abs(ranks[:, c] @ ranks[:, k]) < COPY * norm[c] * norm[k] for k in kept) and allowed(
            [*kept, c]
        ):
            kept.append(c)
        if len(kept) == count:
            break
    return kept


def _ranks(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Rank of every value in its column; ties in order of rows, the same on every machine."""
    order = np.argsort(x, axis=0, kind="stable")
    return np.argsort(order, axis=0, kind="stable").astype(np.float64)


def some(n: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """At most ``most`` row numbers, ascending, chosen at random but reproducibly."""
    rows = np.arange(n)
    if n <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def plain(leaves: int, seed: int, depth: int | None = None, copies: int = 1) -> Grow:
    """Grow trees on windows alone, the way `new_tree` does."""
    return lambda x, y: new_tree(leaves, seed, depth=depth, copies=copies).fit(x, y)


def parts(windows: Windows, task: int, split: Sequence[Fold], grow: Grow) -> list[Part]:
    """Grow a tree for each fold that can be judged; it saw none of the rows beside it."""
    known, out = labelled(windows, task), []
    for fit, judge in split:
        a = fit[known[fit]]
        if len(np.unique(windows.y[a, task])) >= 2 and known[judge].any():
            out.append((judge, Prunings(grow(windows.x[a], windows.y[a, task]))))
    return out


def choose_pruning(
    windows: Windows, task: int, judged: Sequence[Part], whole: Prunings
) -> tuple[float, list[tuple[float, float]]]:
    """Cost-complexity pruning by cross-validation.

    The alphas that are tried lie between those at which the tree on all rows changes, as in CART: the
    trees of the folds change a little earlier or later, and so all of them are pruned about alike.

    Parameters
    ----------
    judged : sequence of Part
        Trees of the folds (`parts`).
    whole : Prunings
        The tree on all rows.

    Returns
    -------
    alpha : float
        The strongest pruning whose score is within half a standard error of the best, of those that leave
        the tree on all rows a leaf for every class; where no pruning does, of all.
    path : list of (alpha, score)
    """
    alphas = between(whole.alphas)
    scores = [_scores(windows, task, part, alphas) for part in judged]
    table = []
    for i, alpha in enumerate(alphas):
        values = [fold[i] for fold in scores]
        error = float(np.std(values) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        table.append((alpha, float(np.mean(values)), error))
    classes = len(np.unique(windows.y[labelled(windows, task), task]))
    # the weakest first, and a pruned tree has no class that a less pruned one lacks
    able = [r for r in table if whole.answerable(r[0]) == classes] or table
    best = max(able, key=lambda row: row[1])
    # a full standard error over a handful of subjects is wide: half of one prunes noise, not classes
    enough = best[1] - 0.5 * best[2]
    alpha = max(a for a, mean, _ in able if mean >= enough)
    return alpha, [(a, mean) for a, mean, _ in table]


def between(alphas: npt.NDArray[np.float64]) -> list[float]:
    """At most ``PRUNINGS`` values between neighbouring alphas of a path, 0 (no pruning) first.

    The last alpha is that of the root alone, which is never wanted.
    """
    path = np.unique(np.maximum(alphas, 0.0))
    means = np.sqrt(path[:-1] * path[1:])
    if len(means) > PRUNINGS - 1:
        means = means[np.linspace(0, len(means) - 1, PRUNINGS - 1).round().astype(int)]
    out: list[float] = np.unique(np.concatenate([[0.0], means])).tolist()
    return out


def _scores(windows: Windows, task: int, part: Part, alphas: Sequence[float]) -> list[float]:
    """Balanced accuracy of a fold's tree, pruned with each alpha, on windows that the device answers."""
    judge, pruned = part
    asked = labelled(windows, task)[judge] & windows.answered[judge]
    rows = judge[asked] if asked.any() else judge[labelled(windows, task)[judge]]
    return [balanced(windows.y[rows, task], y) for y in pruned.predict(windows.x[rows], alphas)]


def out_of_fold(windows: Windows, judged: Sequence[Part], alpha: float) -> IntArray:
    """Result of every row by a tree that did not see its group; -1 where there is none."""
    out = np.full(len(windows.x), -1, np.int64)
    for judge, pruned in judged:
        out[judge] = pruned.predict(windows.x[judge], [alpha])[0]
    return out


def random_split_score(
    windows: Windows, task: int, grow: Grow, seed: int, alpha: float
) -> tuple[float, float]:
    """Accuracy and balanced accuracy when windows are split at random: optimistic, shown as a warning.

    Neighbouring windows of one person land on both sides, so this says how well the tree remembers, not
    how well it will do on someone new.
    """
    from sklearn.model_selection import StratifiedKFold

    known = labelled(windows, task) & windows.answered
    x, y = windows.x[known], windows.y[known, task]
    count = min(4, int(np.bincount(y)[np.unique(y)].min()))
    if count < 2:
        return float("nan"), float("nan")
    results = np.empty_like(y)
    for fit, judge in StratifiedKFold(count, shuffle=True, random_state=seed).split(x, y):
        results[judge] = Prunings(grow(x[fit], y[fit])).predict(x[judge], [alpha])[0]
    return float((results == y).mean()), balanced(y, results)
