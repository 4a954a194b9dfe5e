"""Small pipelines and counts for proofs of whole projects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorai.features.catalogue import IntFeature
from sensorai.features.filters import IntFilter, butterworth
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline
from sensorai.model.scaling import Scaling

Int16 = npt.NDArray[np.int16]
CLASSES = ("still", 'walk "fast"?', "läuft")


def channels(count: int = 3) -> tuple[Count, ...]:
    names = [f"{s}_{a}" for s in ("acc", "gyro") for a in "xyz"][:count]
    return tuple(
        Count(n, "mg" if n.startswith("acc") else "dps", 0.122 if n.startswith("acc") else 0.07)
        for n in names
    )


def forest(
    name: str = "demo",
    *,
    window: int = 26,
    stride: int = 13,
    wins: int = 2,
    filtered: bool = True,
    hard: bool = False,
) -> Pipeline:
    features = (IntFeature("MEAN", (0,)), IntFeature("VARIANCE", (1,)), IntFeature("NORM_RMS", (0, 1, 2)))
    trees = [
        Tree.from_nodes([(0, 100.5, 1, 2), (1, 200000.0, ~0, ~1), (2, 300000.0 / 4, ~1, ~2)]),
        Tree.from_nodes([(2, 40000.0, ~0, 1), (0, -2000.0, ~1, ~2)]),
    ]
    ensemble = build(trees, np.array([[7, 1, 0], [1, 6, 1], [0, 2, 6]]), CLASSES, 3, total=1 if hard else 128)
    filters = (IntFilter(0, butterworth(2, 5.0, 52.0)),) if filtered else ()
    return Pipeline(name, channels(), 52.0, window, stride, filters, features, None, ensemble, CLASSES, wins)


def net(name: str = "net", precision: str = "int8", *, raw: bool = False) -> Pipeline:
    """Return a net with random weights: its answers mean nothing, its bits do."""
    from sensorai.learn import shapes
    from sensorai.passes.annotate import calibrate
    from sensorai.passes.trained import quantize

    rng = np.random.default_rng(3)
    binary = precision == "binary"
    features: tuple[IntFeature, ...] = ()
    if raw:
        graph = shapes.cnn(20, 3, (8, 8), 3, kernel=3, binary=binary, seed=1)
        x = rng.normal(0, 1, (64, 20, 3))
        scaling = Scaling((0, 0, 0), (8, 8, 8))
    else:
        graph = shapes.mlp(3, (16, 8), 3, binary=binary, seed=1)
        x = rng.normal(0, 1, (64, 3))
        scaling = Scaling((50, 1000, 20000), (7, 12, 9))
        features = (IntFeature("MEAN", (0,)), IntFeature("VARIANCE", (1,)), IntFeature("NORM_RMS", (0, 1, 2)))
    model = quantize(graph, calibrate(graph, x))
    return Pipeline(name, channels(), 52.0, 20, 20, (), features, scaling, model, CLASSES, 0)


def detector(kind: str, name: str = "watch", *, wins: int = 2) -> Pipeline:
    """Return a detector learnt from a quiet stretch; its threshold is a score that occurs."""
    from sensorai.features import catalogue
    from sensorai.learn import shapes
    from sensorai.learn.detectors import DetectorOptions, fit_detector
    from sensorai.model.detector import Detector
    from sensorai.model.pipeline import run, windows
    from sensorai.passes.annotate import calibrate
    from sensorai.passes.trained import quantize

    # a bias, a count that seldom moves (its scaling multiplies), and two of very different sizes
    features = (
        IntFeature("MEAN", (0,)),
        IntFeature("PEAKS", (1,), 400),
        IntFeature("VARIANCE", (1,)),
        IntFeature("NORM_RMS", (0, 1, 2)),
    )
    rng = np.random.default_rng(3)
    quiet = np.rint(rng.normal(0, 150, (3000, 3)) + np.repeat(rng.normal(0, 90, (300, 3)), 10, axis=0))
    table = catalogue.table(features, windows(quiet.astype(np.int16), 20, 10))
    model: Detector
    if kind == "autoencoder":  # of random weights: nothing is to be learnt here
        graph = shapes.mlp(len(features), (3,), len(features), binary=False, seed=1)
        places = {**calibrate(graph, rng.normal(0, 1, (64, len(features)))), "input": 5, graph.outputs[0]: 5}
        scaling: Scaling | None = Scaling.fit(table)
        model = Detector(kind, quantize(graph, places, scores=False), 0)
    else:
        options = DetectorOptions(components=(3,), prototypes=12, neighbours=2, trees=8, samples=32)
        fitted = fit_detector(kind, table, options)
        scaling, model = fitted.scaling, fitted.detector
    made = Pipeline(
        name,
        channels(),
        52.0,
        20,
        10,
        (),
        features,
        scaling,
        model,
        ("normal", "anomaly"),
        wins,
    )
    scores = run(made, samples(1)).scores[:, 1]
    return replace(made, model=model.with_threshold(int(np.sort(scores)[len(scores) // 2])))


def samples(seed: int, count: int = 400) -> Int16:
    """Noise, a constant stretch, and full-scale values at both ends."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3000, (400, 3)) + np.repeat(rng.normal(0, 2500, (8, 3)), 50, axis=0)
    x[50:110] = x[50]
    x[150:180] = 40000
    x[180:210] = -40000
    x[210:240:2], x[211:240:2] = 32767, -32768
    return np.clip(np.rint(x[:count]), -32768, 32767).astype(np.int16)
