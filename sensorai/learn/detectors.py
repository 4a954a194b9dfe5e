"""Detectors learnt from features of normal windows, each beside the float model that it stands for.

Everything is deterministic: the same rows, options and seed give the same bits. Thresholds are not chosen
here; a fitted detector never raises an alarm until it gets one (`Detector.with_threshold`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.graph.rounding import INT32_MAX
from sensorai.learn.fitted import DetectorOptions, FittedDetector, Float, Int32, unrounded
from sensorai.learn.forests import narrow, narrowed, whole_tree
from sensorai.learn.gaussians import fit_mahalanobis, fit_mixture, fit_states
from sensorai.model import gaussians, isolation
from sensorai.model.detector import KINDS, Detector
from sensorai.model.prototypes import Prototypes
from sensorai.model.scaling import Scaling
from sensorai.road import SILENT, Progress

__all__ = ["DetectorOptions", "FittedDetector", "fit_detector"]

#: Kinds that take all normal windows for one state. Of several they are blind to faults of the stillest,
#: whatever the features: what moves it far beyond its own bounds is usual beside another that moves more.
ONE_STATE = ("prototypes", "isolation-forest", "autoencoder")
#: Least rows to learn from.
ROWS = 20
#: Normal rows for each prototype, at least.
ROWS_PER_POINT = 4


def fit_detector(
    kind: str,
    normal: npt.NDArray[np.integer],
    options: DetectorOptions | None = None,
    *,
    validation: npt.NDArray[np.integer] | None = None,
    state: npt.NDArray[np.integer] | None = None,
    say: Progress = SILENT,
) -> FittedDetector:
    """Learn a detector.

    Parameters
    ----------
    kind : str
        A key of ``detector.KINDS``.
    normal : ndarray, shape (rows, features), integers within int32
        Features of normal windows.
    options : DetectorOptions, optional
    validation : ndarray, shape (rows, features), optional
        Other normal rows, for kinds that stop learning by them (autoencoder); without them the last fifth
        of ``normal``.
    state : ndarray, shape (rows,), optional
        Which of several normal states each row is of, where that is known: each is then learnt by itself.
    say : Progress
        Told how far it is, by those that take long.

    Raises
    ------
    DataError
        Too few rows, or none in which anything moves.
    ConfigError
        Unknown kind, more features than it takes, or several states for a kind of ``ONE_STATE``.
    """
    options = options or DetectorOptions()
    if kind not in KINDS:
        raise ConfigError(f"detectors of kind {kind!r} are not known", hint=f"known: {', '.join(KINDS)}")
    if normal.ndim != 2 or normal.shape[1] < 1:
        raise DataError(f"features of shape {normal.shape} are no rows")
    if len(normal) < ROWS:
        raise DataError(
            f"{len(normal)} normal windows are too few to learn a detector from (at least {ROWS})",
            hint="add logs of the normal state, or choose a shorter --window or --stride",
        )
    if not (normal != normal[0]).any():
        raise DataError(
            "no feature moves in the normal windows: they are all the same",
            hint="look at the logs with sensorai inspect; a sensor that is off gives such data",
        )
    count = 1 if state is None else len(np.unique(state))
    if count > 1 and kind in ONE_STATE:
        refuse_states(kind, count)
    x = normal.astype(np.int32)
    if kind == "isolation-forest":
        return _isolation(x, options)
    if kind == "autoencoder":
        from sensorai.learn.autoencoder import fit_autoencoder

        return fit_autoencoder(x, options, validation, say)
    most = gaussians.MAX_FEATURES
    if x.shape[1] > most:
        raise ConfigError(f"a {kind} detector takes at most {most} features, not {x.shape[1]}")
    scaling = Scaling.fit_normal(x, state)
    if state is not None and count > 1:
        return fit_states(kind, x, scaling, options, state)
    make = {"mahalanobis": fit_mahalanobis, "gmm": fit_mixture, "prototypes": _prototypes}[kind]
    return make(x, scaling, options)


def refuse_states(kind: str, count: int) -> None:
    """Raise the ConfigError of several normal states for a kind that learns one."""
    raise ConfigError(
        f"a detector of kind {kind} learns one normal state, and of {count} it is blind to faults of the "
        "stillest",
        hint="take gmm (the default) or mahalanobis, which learn each state by itself; or one label for "
        "states that differ little",
    )


# ---------------------------------------------------------------- prototypes


def _prototypes(x: Int32, scaling: Scaling, options: DetectorOptions) -> FittedDetector:
    from sklearn.cluster import KMeans

    z = scaling.apply(x)
    # a centre for every row would be the rows themselves, and the rows' own distances nothing
    count = min(options.prototypes, len(np.unique(z, axis=0)), max(len(z) // ROWS_PER_POINT, 1))
    neighbours = min(options.neighbours, count)
    label = KMeans(count, n_init=4, random_state=options.seed).fit(z.astype(np.float64)).labels_
    # from whole sums: k-means adds in an order that threads decide, and means like 2.5 would round either way
    sums = np.stack([np.bincount(label, column, count) for column in z.T.astype(np.float64)], axis=1)
    centres = sums / np.bincount(label, minlength=count)[:, None]
    points = np.unique(np.floor(centres + 0.5), axis=0).astype(np.int16)
    neighbours = min(neighbours, len(points))
    core = Prototypes(points, neighbours)

    def scores(x: Int32) -> Float:
        wide = unrounded(scaling, x)
        squares = np.stack([((wide - c) ** 2).sum(axis=1) for c in centres], axis=1)
        out: Float = np.partition(squares, neighbours - 1, axis=1)[:, :neighbours].sum(axis=1)
        return out

    return FittedDetector(
        Detector("prototypes", core, INT32_MAX),
        scaling,
        scores,
        (f"{len(points)} centres of k-means, the nearest {neighbours} count",),
    )


# ---------------------------------------------------------------- isolation forest


def average_path(n: npt.NDArray[np.integer]) -> Float:
    """Mean path of an unsuccessful search in a binary tree of n samples: c(n) of Liu et al. (2008)."""
    count = np.maximum(np.asarray(n, np.float64), 1.0)
    many = np.maximum(count, 3.0)
    long = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(count < 2, 0.0, np.where(count < 3, 1.0, long))


def _isolation(x: Int32, options: DetectorOptions) -> FittedDetector:
    from sklearn.ensemble import IsolationForest

    shifts = narrow(x)
    rows = narrowed(x, shifts)
    samples = min(options.samples, len(x))
    model = IsolationForest(n_estimators=options.trees, max_samples=samples, random_state=options.seed)
    model.fit(rows.astype(np.float32))
    trees, paths = [], []
    count = 0
    for one in model.estimators_:
        grown = one.tree_
        trees.append(whole_tree(grown, shifts, count))
        depth = np.zeros(grown.node_count)
        # children come behind their parents
        for i in np.flatnonzero(grown.children_left >= 0):
            depth[[grown.children_left[i], grown.children_right[i]]] = depth[i] + 1
        leaf = grown.children_left < 0
        paths.append(depth[leaf] + average_path(grown.n_node_samples[leaf]))
        count += int(leaf.sum())
    steps = np.rint(np.concatenate(paths) * isolation.STEPS).astype(np.int64)
    centre = np.rint(np.median(x.astype(np.float64), axis=0)).astype(np.int64)
    core = isolation.build(trees, steps, centre.tolist())

    def scores(x: Int32) -> Float:
        return -np.asarray(model.score_samples(narrowed(x, shifts).astype(np.float32)), np.float64)

    return FittedDetector(
        Detector("isolation-forest", core, INT32_MAX),
        None,
        scores,
        (f"{options.trees} trees, each grown from {samples} windows, {core.trees.nodes} nodes",),
    )
