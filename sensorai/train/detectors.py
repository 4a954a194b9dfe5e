"""Detectors learnt from features of normal windows, each beside the float model that it stands for.

Everything is deterministic: the same rows, options and seed give the same bits. Thresholds are not chosen
here; a fitted detector never raises an alarm until it gets one (`Detector.with_threshold`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.model import gaussians, isolation, prototypes
from sensorai.model.detector import KINDS, Detector
from sensorai.model.gaussians import Gaussians
from sensorai.model.prototypes import Prototypes
from sensorai.model.rounding import INT32_MAX
from sensorai.model.scaling import DEVIATION, LIMITS, Scaling
from sensorai.train.forests import narrow, narrowed, whole_tree

Int32 = npt.NDArray[np.int32]
Float = npt.NDArray[np.float64]

#: Least rows to learn from.
ROWS = 20
#: Share of a feature's variance that is added to it: a direction in which normal data hardly move would
#: otherwise turn the rounding of the inputs into distance.
RIDGE = 1 / 64
#: Normal rows for each prototype, at least.
ROWS_PER_POINT = 4
#: Largest shift of a row of weights that is of use: no weight gains a digit beyond it.
TOP_SHIFT = 20


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How a detector is learnt.

    Attributes
    ----------
    components : tuple of int
        Numbers of Gaussians tried for ``gmm``, 1 to 16, smallest first, until two in a row are worse; the
        one with the least BIC is taken.
    covariance : str
        ``full``, ``diag``, or ``auto`` for the one with the lesser BIC.
    prototypes, neighbours : int
        Points, and how many of the nearest are added up.
    trees, samples : int
        Isolation trees, and the rows that each is grown from.
    hidden : int
        Units of the autoencoder's hidden layer; 0: half the features.
    epochs : int
        Passes of the autoencoder, up to ten times as many where the rows are few.
    seed : int
    """

    components: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    covariance: str = "auto"
    prototypes: int = 64
    neighbours: int = 1
    trees: int = 32
    samples: int = 64
    hidden: int = 0
    epochs: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if self.covariance not in ("full", "diag", "auto"):
            raise ConfigError(f"a covariance of {self.covariance!r} is not known", hint="full, diag or auto")
        most = gaussians.MAX_COMPONENTS
        if not self.components or not all(1 <= k <= most for k in self.components):
            raise ConfigError(f"{self.components} Gaussians are not possible", hint=f"1 to {most}")
        if not 1 <= self.neighbours <= min(prototypes.MAX_NEIGHBOURS, self.prototypes):
            raise ConfigError(
                f"{self.neighbours} neighbours of {self.prototypes} prototypes are not possible",
                hint=f"1 to {prototypes.MAX_NEIGHBOURS}, and at most as many as there are prototypes",
            )
        for name, low, high in (
            ("prototypes", 1, prototypes.MAX_PROTOTYPES),
            ("trees", 1, 1000),
            ("samples", 2, 4096),
            ("hidden", 0, 256),
            ("epochs", 1, 10000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} = {getattr(self, name)} is not possible", hint=f"{low} to {high}")


@dataclass(frozen=True, slots=True, eq=False)
class FittedDetector:
    """A detector with what belongs to it.

    Attributes
    ----------
    detector : Detector
        With the largest threshold there is, so that nothing is an alarm.
    scaling : Scaling or None
        From int32 features to its inputs; None where it takes them as they are.
    float_scores : callable
        Features, shape (rows, d), to the scores of the float model, shape (rows,), float64; larger is
        further from normal. Its scale is its own: ranks compare, values do not.
    notes : tuple of str
        What was chosen.
    """

    detector: Detector
    scaling: Scaling | None
    float_scores: Callable[[Int32], Float]
    notes: tuple[str, ...]

    def scores(self, features: Int32) -> Int32:
        """Anomaly scores of int32 features, shape (rows, d) -> (rows,)."""
        inputs = features if self.scaling is None else self.scaling.apply(features)
        return self.detector.distances(inputs)


def fit_detector(
    kind: str,
    normal: npt.NDArray[np.integer],
    options: DetectorOptions | None = None,
    *,
    validation: npt.NDArray[np.integer] | None = None,
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

    Raises
    ------
    DataError
        Too few rows, or none in which anything moves.
    ConfigError
        Unknown kind, or more features than it takes.
    ToolMissing
        An autoencoder without JAX.
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
    x = normal.astype(np.int32)
    if kind == "isolation-forest":
        return _isolation(x, options)
    if kind == "autoencoder":
        from sensorai.train.autoencoder import fit_autoencoder

        return fit_autoencoder(x, options, validation)
    most = gaussians.MAX_FEATURES
    if x.shape[1] > most:
        raise ConfigError(f"a {kind} detector takes at most {most} features, not {x.shape[1]}")
    scaling = Scaling.fit_normal(x)
    make = {"mahalanobis": _mahalanobis, "gmm": _mixture, "prototypes": _prototypes}[kind]
    return make(x, scaling, options)


def unrounded(scaling: Scaling, x: npt.NDArray[np.integer]) -> Float:
    """What scaling gives without rounding and saturation, shape (rows, features), float64."""
    wide: Float = x.astype(np.float64) - np.array(scaling.offset, np.float64)
    return wide * 0.5 ** np.array(scaling.shift, np.float64)


# ---------------------------------------------------------------- Gaussians


def _mahalanobis(x: Int32, scaling: Scaling, options: DetectorOptions) -> FittedDetector:
    from sklearn.covariance import ledoit_wolf

    z = scaling.apply(x).astype(np.float64)
    mean, spread = z.mean(axis=0), _spread(z)
    # shrunk towards equal variances of standardised features
    correlation, shrinkage = ledoit_wolf((z - mean) / spread, assume_centered=True)
    covariance = _widened(correlation + RIDGE * np.eye(len(mean)), z) * np.outer(spread, spread)
    core = from_covariances(mean[None], covariance[None], np.ones(1))
    return FittedDetector(
        Detector("mahalanobis", core, INT32_MAX),
        scaling,
        _mixture_distance(scaling, mean[None], covariance[None], np.ones(1)),
        (f"covariance shrunk by {shrinkage:.3f} (Ledoit-Wolf), ridge of 1/{round(1 / RIDGE)}",),
    )


def _mixture(x: Int32, scaling: Scaling, options: DetectorOptions) -> FittedDetector:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    z = scaling.apply(x).astype(np.float64)
    kinds = ("full", "diag") if options.covariance == "auto" else (options.covariance,)
    spread = _spread(z)
    tried: list[tuple[float, int, str, Any]] = []
    for covariance in kinds:
        best, worse = np.inf, 0
        for k in sorted(set(options.components)):
            own = (
                z.shape[1] + 1 + (z.shape[1] * (z.shape[1] + 1) // 2 if covariance == "full" else z.shape[1])
            )
            # a component needs rows to be learnt from; more of them than help only take time
            if tried and (k * own > len(z) or worse == 2):
                continue
            model = GaussianMixture(k, covariance_type=covariance, reg_covar=RIDGE, random_state=options.seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(z / spread)
            bic = float(model.bic(z / spread))
            best, worse = min(best, bic), worse + 1 if bic > best else 0
            tried.append((bic, k, covariance, model))
    bic, k, covariance, model = min(tried, key=lambda t: t[:3])
    covariances = model.covariances_
    if covariance == "diag":
        covariances = np.stack([np.diag(c) for c in covariances])
    scaled = np.stack([_widened(c, z) for c in covariances]) * np.outer(spread, spread)
    mean = model.means_ * spread
    core = from_covariances(mean, scaled, model.weights_)
    return FittedDetector(
        Detector("gmm", core, INT32_MAX),
        scaling,
        _mixture_distance(scaling, mean, scaled, model.weights_),
        (f"{k} Gaussians with {covariance} covariance, BIC {bic:.0f}, of {len(tried)} mixtures",),
    )


def _spread(z: Float) -> Float:
    """Standard deviations, those that the scaling could not bring up to its grid counting as its least."""
    return np.maximum(np.asarray(z.std(axis=0), np.float64), float(DEVIATION))


def _widened(covariance: Float, z: Float) -> Float:
    """Covariance of ``z / _spread(z)`` with at least that deviation in features that hardly move.

    Such a feature counts something; one count more than ever before says little, and must not say all.
    """
    out = covariance.copy()
    still = np.flatnonzero(z.std(axis=0) < DEVIATION)
    out[still, still] = np.maximum(out[still, still], 1.0)
    return out


def from_covariances(mean: Float, covariance: Float, weights: Float) -> Gaussians:
    """Whole-number Gaussians from means, covariances and weights on the int16 grid.

    Parameters
    ----------
    mean : ndarray, shape (components, features)
    covariance : ndarray, shape (components, features, features)
        Positive definite.
    weights : ndarray, shape (components,)
        Positive, adding up to 1.

    Raises
    ------
    DataError
        A covariance that is not positive definite, or too narrow for 16-bit weights.
    """
    limit = LIMITS["int16"][1]
    rows: list[npt.NDArray[np.int16]] = []
    shifts: list[npt.NDArray[np.uint8]] = []
    bias = []
    for one, share in zip(covariance, weights, strict=True):
        try:
            lower = np.linalg.cholesky(one)
        except np.linalg.LinAlgError:
            raise DataError("the covariance of the normal windows is not positive definite") from None
        inverse = np.tril(np.linalg.inv(lower)) * 2.0**gaussians.YBITS
        # as many binary places as keep the largest weight of a row within 16 bits
        shift = np.floor(np.log2(32767.0 / np.abs(inverse).max(axis=1)))
        if (shift < 0).any():
            raise DataError("normal windows hardly differ: a weight of the detector leaves 16 bits")
        shift = np.minimum(shift, TOP_SHIFT)
        rows.append(np.rint(inverse * 2.0 ** shift[:, None]).astype(np.int16))
        shifts.append(shift.astype(np.uint8))
        bias.append(2 * np.log(np.diag(lower)).sum() - 2 * np.log(share))
    scaled = np.rint((np.array(bias) - min(bias)) * 4.0**gaussians.YBITS)
    return Gaussians(
        np.clip(np.rint(mean), -limit, limit).astype(np.int16),
        np.stack(rows),
        np.stack(shifts),
        np.minimum(scaled, INT32_MAX).astype(np.int32),
    )


def _mixture_distance(
    scaling: Scaling, mean: Float, covariance: Float, weights: Float
) -> Callable[[Int32], Float]:
    """-2 log of the mixture's density (up to a constant), in float, of features neither rounded nor cut."""
    precise = [np.linalg.inv(np.linalg.cholesky(c)) for c in covariance]
    constant = [2 * np.log(w) + 2 * np.log(np.diag(a)).sum() for w, a in zip(weights, precise, strict=True)]

    def scores(x: Int32) -> Float:
        z = unrounded(scaling, x)
        terms = [
            c - (((z - m) @ a.T) ** 2).sum(axis=1) for m, a, c in zip(mean, precise, constant, strict=True)
        ]
        total: Float = np.logaddexp.reduce(np.stack(terms) / 2, axis=0)
        return -2 * total

    return scores


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
