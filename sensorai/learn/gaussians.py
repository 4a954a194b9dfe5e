"""Gaussians learnt from normal windows, and their whole-number form."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.graph.rounding import INT32_MAX
from sensorai.learn.fitted import DetectorOptions, FittedDetector, Float, Int32, unrounded
from sensorai.model import gaussians
from sensorai.model.detector import Detector
from sensorai.model.gaussians import Gaussians
from sensorai.model.scaling import DEVIATION, LIMITS, Scaling

#: Share of a feature's variance that is added to it: a direction in which normal data hardly move would
#: otherwise turn the rounding of the inputs into distance.
RIDGE = 1 / 64
#: Variance that rounding to the grid stands for, and least rows of a state.
ROUNDED, LEAST_ROWS = 0.5, 8
#: Largest shift of a row of weights that is of use: no weight gains a digit beyond it.
TOP_SHIFT = 20


def fit_mahalanobis(x: Int32, scaling: Scaling, options: DetectorOptions) -> FittedDetector:
    """Learn one Gaussian from int32 features, shape (rows, d), and their int16 scaling."""
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


def fit_mixture(x: Int32, scaling: Scaling, options: DetectorOptions) -> FittedDetector:
    """Learn a mixture of Gaussians from int32 features, shape (rows, d), and their int16 scaling."""
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


def fit_states(
    kind: str, x: Int32, scaling: Scaling, options: DetectorOptions, state: npt.NDArray[np.integer]
) -> FittedDetector:
    """Learn a Gaussian for every normal state.

    The nearest counts: for ``gmm`` by density, all states equally likely; for ``mahalanobis`` by deviations,
    however wide it is.

    Parameters
    ----------
    kind : {"gmm", "mahalanobis"}
    x : ndarray, shape (rows, d), int32
    scaling : Scaling
    options : DetectorOptions
    state : ndarray, shape (rows,)
        Which state each row is of.

    Raises
    ------
    ConfigError, DataError
        More states than a mixture holds, or one with too few rows.
    """
    from sklearn.covariance import ledoit_wolf

    names = np.unique(state)
    if len(names) > gaussians.MAX_COMPONENTS:
        raise ConfigError(
            f"{len(names)} normal labels are more than the {gaussians.MAX_COMPONENTS} Gaussians of a mixture",
            hint="give normal states that behave alike one label",
        )
    diagonal = options.covariance == "diag" and kind == "gmm"
    z = scaling.apply(x).astype(np.float64)
    means, covariances = [], []
    for one in names:
        rows = z[state == one]
        if len(rows) < LEAST_ROWS:
            raise DataError(
                f"a normal state has {len(rows)} windows to learn from, at least {LEAST_ROWS} are needed",
                hint="add logs of it, choose a shorter --stride, or give it the label of a similar state",
            )
        # what the grid rounds away is no steadiness of the machine
        spread = np.sqrt(rows.var(axis=0) + ROUNDED)
        centred = (rows - rows.mean(axis=0)) / spread
        correlation = (
            np.diag((centred**2).mean(axis=0)) if diagonal else ledoit_wolf(centred, assume_centered=True)[0]
        )
        wide = correlation + np.diag(1 - np.diag(correlation) + RIDGE)
        means.append(rows.mean(axis=0))
        covariances.append(wide * np.outer(spread, spread))
    mean, covariance = np.stack(means), np.stack(covariances)
    weights = np.full(len(names), 1 / len(names))
    core = from_covariances(mean, covariance, weights)
    distance = _mixture_distance(scaling, mean, covariance, weights)
    if kind == "mahalanobis":
        core = replace(core, bias=np.zeros(len(names), np.int32))
        distance = _nearest_distance(scaling, mean, covariance)
    return FittedDetector(
        Detector(kind, core, INT32_MAX),
        scaling,
        distance,
        (f"a Gaussian with {'diagonal' if diagonal else 'full'} covariance for each of {len(names)} states",),
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


def _nearest_distance(scaling: Scaling, mean: Float, covariance: Float) -> Callable[[Int32], Float]:
    """Squared deviations from the nearest Gaussian, in float, of features neither rounded nor cut."""
    precise = [np.linalg.inv(np.linalg.cholesky(c)) for c in covariance]

    def scores(x: Int32) -> Float:
        z = unrounded(scaling, x)
        parts = [(((z - m) @ a.T) ** 2).sum(axis=1) for m, a in zip(mean, precise, strict=True)]
        out: Float = np.stack(parts).min(axis=0)
        return out

    return scores
