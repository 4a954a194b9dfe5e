"""Decision trees and random forests on integer features.

A feature is compared without its lowest bits where it needs more than 16: the tree is learnt on ``x >> s``
and its threshold ``t`` becomes ``((t + 1) << s) - 1``, which decides alike. So thresholds fit 16 bits, the
code stays small, and scikit-learn's float32 holds every value exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.model.ensemble import Ensemble, build
from sensorai.model.forest import Tree
from sensorai.train import features as choice
from sensorai.train import select
from sensorai.train.counts import Counted, Split
from sensorai.train.table import Windows

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForestOptions:
    """Size of a forest and how it is learnt.

    Attributes
    ----------
    trees : int
        1: a decision tree, pruned by cross-validation over groups.
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
    seed : int
    """

    trees: int = 1
    depth: int = 8
    leaves: int = 32
    features: int = 12
    total: int | None = None
    spectra: bool = False
    seed: int = 0


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
        Share of right answers on ``train``, ``validation`` and ``test`` rows.
    float_accuracy : mapping of str to float
        The same of scikit-learn's own model.
    """

    ensemble: Ensemble
    features: tuple[IntFeature, ...]
    importance: tuple[float, ...]
    accuracy: dict[str, float]
    float_accuracy: dict[str, float]


def train_forest(
    counted: Counted,
    split: Split,
    options: ForestOptions | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> TrainedForest:
    """Learn a decision tree or a random forest.

    The validation rows are learnt from too: pruning is chosen by cross-validation over groups.

    Raises
    ------
    DataError
        No feature differs between windows.
    """
    options = options or ForestOptions()
    fit = split.train | split.validation
    known = choice.candidates(counted, fit, spectra=options.spectra)
    wide = Split(fit, split.validation, split.test, split.test_groups, split.validation_groups)
    places = choice.choose(counted, wide, known, options.features, options.seed)
    chosen = [known[i] for i in places]
    say(f"features: {', '.join(choice.names(chosen, counted.channels))}")
    table = catalogue.table(chosen, counted.x)
    shifts = narrow(table[fit])
    x = narrowed(table, shifts)
    windows = counted.rows(fit).as_windows(x[fit])
    model = _forest(windows, options) if options.trees > 1 else _tree(windows, options)
    fitted = model.estimators_ if options.trees > 1 else [model]
    full = _ensemble(fitted, counted.classes, shifts, options.total if options.trees > 1 else 1)
    ensemble, used = only_used(full)
    kept = tuple(chosen[i] for i in used)
    return TrainedForest(
        ensemble,
        kept,
        tuple(float(model.feature_importances_[i]) for i in used),
        _accuracy(ensemble.predict(table[:, used]), counted.y, split),
        _accuracy(model.predict(x.astype(np.float32)), counted.y, split),
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
    from sklearn.ensemble import RandomForestClassifier

    # without class weights the leaves hold whole counts, and the soft vote can be proved exact: rare
    # classes are evened out by drawing the rows instead
    rows = _even(windows.y[:, 0], options.seed)
    model = RandomForestClassifier(
        options.trees,
        max_depth=options.depth,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=3,
        random_state=options.seed,
    )
    return model.fit(windows.x[rows], windows.y[rows, 0])


def _even(y: npt.NDArray[np.int64], seed: int, most: int = 4) -> npt.NDArray[np.int64]:
    """Rows with those of rare classes repeated, up to ``most`` times."""
    counts = np.bincount(y)
    times = np.clip(counts.max() // np.maximum(counts, 1), 1, most)
    return np.repeat(np.arange(len(y)), times[y])


def _tree(windows: Windows, options: ForestOptions) -> Any:
    folds = select.folds(windows, options.seed)
    alpha, _ = select.choose_pruning(windows, 0, folds, options.leaves, options.seed)
    model = select.new_tree(options.leaves, options.seed, alpha)
    model.set_params(max_depth=options.depth)
    return model.fit(windows.x, windows.y[:, 0])


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


def _accuracy(results: npt.NDArray[np.integer], y: Int, split: Split) -> dict[str, float]:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: float((results[mask] == y[mask]).mean()) for name, mask in parts.items() if mask.any()}
