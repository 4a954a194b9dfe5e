"""Decision trees and random forests on integer features.

A feature is compared without its lowest bits where it needs more than 16: the tree is learnt on ``x >> s``
and its threshold ``t`` becomes ``((t + 1) << s) - 1``, which decides alike. So thresholds fit 16 bits, the
code stays small, and scikit-learn's float32 holds every value exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.features.catalogue import IntFeature
from sensorai.learn import features as choice_of
from sensorai.learn import select, sizes, taught
from sensorai.learn.counts import Counted, check_rows
from sensorai.learn.masks import Masks
from sensorai.learn.pruning import Prunings
from sensorai.learn.sizes import Choice
from sensorai.learn.table import Windows
from sensorai.model.ensemble import Ensemble, build
from sensorai.model.forest import Tree
from sensorai.road import SILENT, Need, Progress

Int = npt.NDArray[np.int64]

#: Trees and leaves of each to choose from, the largest first.
FOREST_SIZES = ((10, 32), (10, 16), (5, 16), (5, 8), (3, 4))
EXTRA_SIZES = ((30, 16), *FOREST_SIZES[1:])
TREE_SIZES = ((1, 32), (1, 16), (1, 8), (1, 4), (1, 2))
#: Least rows to learn from.
ROWS = 12
#: Points between the windows that the forest which teaches a tree answers for, for each window.
POINTS_A_ROW = 100
#: Most votes of a leaf: sums of a forest stay far within int32.
MOST_VOTES = 65535
#: What a forest with its features takes on the device.
Needs = Callable[[Ensemble, tuple[IntFeature, ...]], Need]


@dataclass(frozen=True, slots=True)
class ForestOptions:
    """Size of a forest and how it is learnt.

    Attributes
    ----------
    trees : int
        1: a decision tree, taught by a forest (`sensorai.learn.taught`).
    depth : int
        Longest path of a tree.
    leaves : int
        Most leaves of a tree.
    features : int
        Most features that are looked at.
    total : int, optional
        Votes of a leaf. By default as many as the exact soft vote needs; 60 or 240 make the code of a large
        forest smaller; 1 is the hard vote, for the largest class in the leaf.
    spectra : bool
        Whether features of the integer FFT are candidates.
    extra : bool
        Whether the thresholds of a forest are drawn at random, and the best of them taken (extremely
        randomised trees): steadier where there are few events to learn from.
    seed : int
    """

    trees: int = 1
    depth: int = 8
    leaves: int = 32
    features: int = 12
    total: int | None = None
    spectra: bool = False
    extra: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("trees", 1), ("depth", 1), ("leaves", 2), ("features", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}")
        if self.total is not None and not 1 <= self.total <= MOST_VOTES:
            raise ConfigError(f"a total of {self.total} votes is not possible", hint=f"1 to {MOST_VOTES}")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedForest:
    """A forest with the features it takes.

    Attributes
    ----------
    ensemble : Ensemble
    features : tuple of IntFeature
        Only those that some node tests, in the order of the input vector.
    importance : tuple of float
        Of each feature.
    accuracy : mapping of str to float
        Share of right answers on ``train`` and ``test`` rows.
    float_accuracy : mapping of str to float
        The same of scikit-learn's own model.
    options : ForestOptions
        What it was learnt with.
    choice : Choice
        Why this size.
    """

    ensemble: Ensemble
    features: tuple[IntFeature, ...]
    importance: tuple[float, ...]
    accuracy: dict[str, float]
    float_accuracy: dict[str, float]
    options: ForestOptions
    choice: Choice


def train_forest(
    counted: Counted,
    split: Masks,
    options: ForestOptions | None = None,
    say: Progress = SILENT,
) -> TrainedForest:
    """Learn a decision tree or a random forest.

    Raises
    ------
    DataError
        No feature differs between windows.
    """
    options = options or ForestOptions()
    return _learn(_table(counted, split, options, say), options)


def choose_forest(
    counted: Counted,
    split: Masks,
    options: ForestOptions,
    needs: Needs,
    say: Progress = SILENT,
) -> TrainedForest:
    """Learn a tree (``options.trees`` 1) or forest of a size that fits the device.

    It is as large as fits, up to the usual: pruning picks the leaves of a tree, and
    more trees of a forest only make its vote steadier.

    Raises
    ------
    DataError
        No feature differs between windows.
    TargetError
        Not even the smallest size fits.
    """
    rows = _table(counted, split, options, say)
    made: dict[tuple[int, int], TrainedForest] = {}

    def full(size: tuple[int, int]) -> TrainedForest:
        if size not in made:
            made[size] = _learn(rows, replace(options, trees=size[0], leaves=size[1]))
        return made[size]

    def need(size: tuple[int, int]) -> Need:
        return needs(full(size).ensemble, full(size).features)

    forest, choice = sizes.first_that_fits(
        TREE_SIZES if options.trees == 1 else EXTRA_SIZES if options.extra else FOREST_SIZES,
        show,
        need,
        full,
        options.seed,
        "more trees make the vote steadier" if options.trees > 1 else "pruning picks the leaves",
    )
    return replace(forest, choice=choice)


def show(size: tuple[int, int]) -> str:
    """Trees and leaves in words."""
    trees, leaves = size
    return f"{trees} trees of at most {leaves} leaves" if trees > 1 else f"at most {leaves} leaves"


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What every size learns from: feature values, and the same without their lowest bits."""

    counted: Counted
    split: Masks
    features: tuple[IntFeature, ...]
    table: npt.NDArray[np.integer]
    shifts: Int
    x: Int


def _table(counted: Counted, split: Masks, options: ForestOptions, say: Progress) -> _Rows:
    fit = split.train
    check_rows(counted, fit, ROWS, "a tree")
    known = choice_of.candidates(counted, fit, spectra=options.spectra)
    places = choice_of.choose(counted, split, known, options.features, options.seed)
    chosen = tuple(known[i] for i in places)
    say.within(0.5)
    say(f"features: {', '.join(choice_of.names(chosen, counted.channels))}")
    table = counted.table(chosen)
    shifts = narrow(table[fit])
    return _Rows(counted, split, chosen, table, shifts, narrowed(table, shifts))


def _learn(rows: _Rows, options: ForestOptions) -> TrainedForest:
    counted, split = rows.counted, rows.split
    windows = counted.as_windows(rows.x[split.train], split.train)
    model = _forest(windows, options) if options.trees > 1 else _tree(windows, options)
    fitted = model.estimators_ if options.trees > 1 else [model]
    full = _ensemble(fitted, counted.classes, rows.shifts, options.total if options.trees > 1 else 1)
    ensemble, used = only_used(full)
    return TrainedForest(
        ensemble,
        tuple(rows.features[i] for i in used),
        tuple(float(model.feature_importances_[i]) for i in used),
        _accuracy(ensemble.predict(rows.table[:, used]), counted.y, split),
        _accuracy(model.predict(rows.x.astype(np.float32)), counted.y, split),
        options,
        Choice(show((options.trees, options.leaves)), "given"),
    )


def from_forest(model: Any, classes: Sequence[str], features: int, *, total: int | None = None) -> Ensemble:
    """Take over a fitted ``DecisionTreeClassifier`` or forest of them; the features are whole numbers.

    Parameters
    ----------
    model : scikit-learn classifier
        Learnt on values that float32 holds exactly (whole numbers below 2**24).
    total : int, optional
        As for ``build``: by default the exact soft vote, 1 for the hard one.
    """
    fitted = list(model.estimators_) if hasattr(model, "estimators_") else [model]
    return _ensemble(fitted, classes, np.zeros(features, np.int64), total)


def narrow(table: npt.NDArray[np.integer]) -> Int:
    """Lowest bits of each column that trees do without, so that what remains fits int16; (features,)."""
    top = np.maximum(np.abs(table.astype(np.int64)).max(axis=0), 1)
    return np.array([max(int(v).bit_length() - 15, 0) for v in top], np.int64)


def narrowed(table: npt.NDArray[np.integer], shifts: Int) -> Int:
    """Return ``table >> shifts``, shape (rows, features)."""
    out: Int = table.astype(np.int64) >> shifts
    return out


def only_used(ensemble: Ensemble) -> tuple[Ensemble, list[int]]:
    """Drop the features that no node tests; also returns the ones that are left."""
    used = sorted({f for t in ensemble.trees for f in t.used_features()})
    if not used:
        raise DataError(
            "the model tests no feature: the classes cannot be told apart by any of them",
            hint="look at the logs with sensorai inspect; a longer --window may help",
        )
    place = {f: i for i, f in enumerate(used)}
    trees = tuple(
        Tree.from_nodes([(place[f], t, a, b) for f, t, a, b in tree.rows()], tree.root)
        for tree in ensemble.trees
    )
    return Ensemble(trees, ensemble.votes, ensemble.classes, len(used), ensemble.rounding), used


def _forest(windows: Windows, options: ForestOptions) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    # without class weights the leaves hold whole counts, and the soft vote can be proved exact: rare
    # classes are evened out by drawing the rows instead
    rows = _even(windows.y[:, 0], options.seed)
    model = (ExtraTreesClassifier if options.extra else RandomForestClassifier)(
        options.trees,
        max_depth=options.depth,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=select.LEAF * windows.copies,
        random_state=options.seed,
    )
    return model.fit(windows.x[rows], windows.y[rows, 0])


def _even(y: npt.NDArray[np.int64], seed: int, most: int = 4) -> npt.NDArray[np.int64]:
    """Rows with those of rare classes repeated, up to ``most`` times."""
    counts = np.bincount(y)
    times = np.clip(counts.max() // np.maximum(counts, 1), 1, most)
    return np.repeat(np.arange(len(y)), times[y])


def _tree(windows: Windows, options: ForestOptions) -> Any:
    """Grow a tree that a forest teaches, pruned as far as it still answers as the forest does."""
    points = min(taught.POINTS, POINTS_A_ROW * len(windows.x))
    lesson = taught.teach(windows.x, windows.y[:, 0], options.seed, windows.copies, points=points)

    def grown(alpha: float) -> Any:
        return taught.tree(options.leaves, options.seed, alpha, options.depth).fit(lesson.x, lesson.y)

    return grown(lesson.alpha(Prunings(grown(0.0))))


def _ensemble(fitted: Sequence[Any], classes: Sequence[str], shifts: Int, total: int | None) -> Ensemble:
    trees: list[Tree] = []
    weights: list[npt.NDArray[np.float64]] = []
    count = 0
    for model in fitted:
        grown = model.tree_
        leaf = grown.children_left < 0
        trees.append(whole_tree(grown, shifts, count))
        # shares times rows: whole numbers again, unless the classes were weighted
        here = grown.value[leaf][:, 0, :] * grown.weighted_n_node_samples[leaf][:, None]
        whole = np.rint(here)
        shares = np.zeros((len(here), len(classes)))
        shares[:, model.classes_.astype(int)] = whole if np.allclose(here, whole, atol=1e-6) else here
        weights.append(shares)
        count += int(leaf.sum())
    return build(trees, np.concatenate(weights), classes, len(shifts), total=total)


def whole_tree(grown: Any, shifts: Int, first: int = 0) -> Tree:
    """Turn scikit-learn's inner tree, learnt on ``x >> shifts``, into one for x; no decision changes.

    Leaves are numbered from ``first`` in scikit-learn's order.
    """
    leaf = grown.children_left < 0
    node, row = np.cumsum(~leaf) - 1, np.cumsum(leaf) - 1 + first
    child = np.where(leaf, ~row, node)
    inner = np.flatnonzero(~leaf)
    step = np.left_shift(1, shifts[grown.feature[inner]])
    limit = (np.floor(grown.threshold[inner]) + 1) * step - 1
    return Tree(
        grown.feature[inner].astype(np.int32),
        limit.astype(np.float64),
        child[grown.children_left[inner]].astype(np.int32),
        child[grown.children_right[inner]].astype(np.int32),
        int(child[0]),
    )


def _accuracy(results: npt.NDArray[np.integer], y: Int, split: Masks) -> dict[str, float]:
    parts = {"train": split.train, "test": split.test}
    return {name: float((results[mask] == y[mask]).mean()) for name, mask in parts.items() if mask.any()}
