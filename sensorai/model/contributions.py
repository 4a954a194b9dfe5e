"""What each feature adds to an anomaly score: for people who ask why an alarm was raised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.graph.graph import Graph
from sensorai.model.detector import Detector, reconstruct
from sensorai.model.gaussians import Gaussians
from sensorai.model.isolation import Isolation
from sensorai.model.prototypes import Prototypes

Float = npt.NDArray[np.float64]


def contributions(detector: Detector, inputs: npt.NDArray[np.integer]) -> Float:
    """Shares of each score, shape (rows, inputs) -> (rows, inputs), float64, in the score's unit.

    Gaussians
        Each row of the whitening matrix adds ``y_i**2``, split by what each feature adds to the sum behind
        ``y_i``. They add up to the squared distance of the nearest component, without its bias, before
        saturation to int32. A negative one: the feature lies as it should, given the others.
    Prototypes
        The squared difference in that feature, over the nearest points; they add up to the score.
    Autoencoder
        The squared difference of that input; they add up to the score before saturation.
    Isolation forest
        How much the score drops when that feature alone is put to the normal centre. They do not add up to
        the score: two features can each be enough to isolate a window.
    """
    core = detector.core
    detector.distances(inputs[:0])  # refuses another shape
    if isinstance(core, Gaussians):
        return _gaussians(core, inputs)
    if isinstance(core, Prototypes):
        return _prototypes(core, inputs)
    if isinstance(core, Isolation):
        return _isolation(core, inputs)
    return _autoencoder(core, inputs)


def _gaussians(core: Gaussians, z: npt.NDArray[np.integer]) -> Float:
    nearest = core.distances(z).argmin(axis=1)
    y = core.whitened(z).astype(np.float64)
    out = np.zeros(z.shape)
    for k in np.unique(nearest):
        rows = nearest == k
        u = z[rows].astype(np.float64) - core.mean[k]
        weight = core.weight[k].astype(np.float64)
        acc = u @ weight.T
        # y is 0 where its sum is
        ratio = np.divide(y[rows, k] ** 2, acc, out=np.zeros_like(acc), where=acc != 0)
        out[rows] = u * (ratio @ weight)
    return out


def _prototypes(core: Prototypes, z: npt.NDArray[np.integer]) -> Float:
    wide, points = z.astype(np.int64), core.points.astype(np.int64)
    squares = np.stack([((wide - point) ** 2).sum(axis=1) for point in points], axis=1)
    nearest = np.argsort(squares, axis=1, kind="stable")[:, : core.neighbours]
    out: Float = ((wide[:, None, :] - points[nearest]) ** 2).sum(axis=1).astype(np.float64)
    return out


def _isolation(core: Isolation, x: npt.NDArray[np.integer]) -> Float:
    full = core.scores(x)
    out = np.zeros(x.shape)
    for j, centre in enumerate(core.centre):
        moved = x.copy()
        moved[:, j] = centre
        out[:, j] = full - core.scores(moved)
    return out


def _autoencoder(core: Graph, x: npt.NDArray[np.integer]) -> Float:
    if not len(x):
        return np.zeros(x.shape)
    out: Float = ((reconstruct(core, x).astype(np.float64) - x) ** 2).reshape(x.shape)
    return out
