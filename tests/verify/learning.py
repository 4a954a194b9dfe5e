"""Pipelines that learn, counts that they can learn from, and commands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.cproject.learning import Command
from sensorai.features.catalogue import IntFeature, table
from sensorai.features.filters import IntFilter, butterworth
from sensorai.model import learner
from sensorai.model.detector import CLASSES, Detector
from sensorai.model.pipeline import Count, Pipeline, windows
from sensorai.model.scaling import Scaling

Int16 = npt.NDArray[np.int16]

FEATURES = (
    *(IntFeature(name, (axis,)) for axis in range(3) for name in ("VARIANCE", "MEAN", "PEAK_TO_PEAK")),
    IntFeature("NORM_RMS", (0, 1, 2)),
    *(IntFeature(name, (axis,)) for axis in range(3) for name in ("RMS", "JERK_ENERGY")),
)


def signal(seed: int, count: int = 4000, level: float = 600.0) -> Int16:
    """Noise of changing size around changing means, the axes correlated."""
    rng = np.random.default_rng(seed)
    size = level * np.exp(np.repeat(rng.normal(0, 0.3, (count // 8 + 1, 3)), 8, axis=0)[:count])
    mix = np.array([[1.0, 0.3, 0], [0, 1, 0.2], [0.1, 0, 1]])
    mean = np.repeat(rng.normal(0, 50, (count // 16 + 1, 3)), 16, axis=0)[:count]
    x = rng.normal(0, 1, (count, 3)) * size @ mix + mean + np.array([0, 300, 8000])
    out: Int16 = np.clip(np.rint(x), -32768, 32767).astype(np.int16)
    return out


def learning(
    d: int = 8,
    name: str = "lrn",
    *,
    window: int = 16,
    stride: int = 8,
    wins: int = 2,
    filtered: bool = False,
    seed: int = 1,
    lsb: float = 0.122,
    rate_hz: float = 104.0,
    started: bool = True,
) -> Pipeline:
    """Mahalanobis of d features, fitted to a `signal`; it starts with what that taught it, or empty."""
    features = FEATURES[:d]
    cut = windows(signal(seed), window, stride)
    values = table(features, cut)
    scaling = Scaling.fit_normal(values)
    moments = learner.learn(learner.empty(d), scaling.apply(values))
    core = learner.freeze(moments, learner.floors(scaling))
    filters = (IntFilter(0, butterworth(2, 5.0, rate_hz)),) if filtered else ()
    return Pipeline(
        name,
        tuple(Count(f"acc_{axis}", "mg", lsb) for axis in "xyz"),
        rate_hz,
        window,
        stride,
        filters,
        features,
        scaling,
        Detector("mahalanobis", core, 1024 * 3 * d),
        CLASSES,
        wins,
        moments if started else learner.empty(d),
    )


def commands(seed: int, total: int = 3000) -> list[Command]:
    """Learning and detecting by turns, freezes, a forget, saves and restores of damaged knowledge between."""
    rng = np.random.default_rng(seed)
    x = np.concatenate([signal(seed + 1, total // 2), signal(seed + 2, total - total // 2, 900.0)])
    x[total // 3 : total // 3 + 40] = 32767
    x[total // 3 + 40 : total // 3 + 80] = -32768
    kinds = "detect learn freeze detect save learn detect freeze detect forget detect freeze learn freeze "
    kinds += "detect detect learn freeze save detect learn init detect freeze detect save"
    words = kinds.split()
    fed = [k for k, kind in enumerate(words) if kind in ("detect", "learn")]
    edges = [0, *np.sort(rng.choice(np.arange(1, total), len(fed) - 1, replace=False)).tolist(), total]
    return [
        Command(kind, x[edges[fed.index(k)] : edges[fed.index(k) + 1]] if k in fed else None)
        for k, kind in enumerate(words)
    ]
