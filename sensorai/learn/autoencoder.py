"""A small dense autoencoder, learnt as the device computes it: int8 weights and activations.

A float net is learnt first and stands beside the result; then the same net goes on learning with its
weights and activations rounded (``sensorai.learn.qat``). What counts is the score of the integer net.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.graph.graph import Graph
from sensorai.graph.rounding import INT32_MAX
from sensorai.learn import qat, shapes
from sensorai.learn.curves import best
from sensorai.learn.fitted import DetectorOptions, FittedDetector, Float, Int32, unrounded
from sensorai.learn.lower import lower
from sensorai.learn.nets import FLOAT_CLIP, INPUT_PLACES, first_params
from sensorai.model.detector import Detector
from sensorai.model.scaling import Scaling
from sensorai.road import SILENT, Progress

#: Learning rate, rows of a step, and epochs without a better validation loss before stopping.
RATE, BATCH, PATIENCE = 4e-3, 64, 25
#: Steps of a stage, at least: an epoch of few rows has few.
STEPS = 2000


def fit_autoencoder(
    x: Int32,
    options: DetectorOptions,
    validation: npt.NDArray[np.integer] | None = None,
    say: Progress = SILENT,
) -> FittedDetector:
    """Learn an autoencoder d-h-d; parameters and errors as `detectors.fit_detector`."""
    train, other = x, validation
    if other is None or not len(other):
        cut = len(x) - max(len(x) // 5, 1)
        train, other = x[:cut], x[cut:]
    scaling = Scaling.fit(train)
    d = x.shape[1]
    hidden = options.hidden or max((d + 1) // 2, 1)
    graph = shapes.mlp(d, (hidden,), d, binary=False, seed=options.seed)
    real = qat.Data(
        _real(scaling, train), _none(train), _real(scaling, other), _none(other), np.ones(1, np.float32)
    )
    rounded = qat.Data(_rounded(scaling, train), real.y, _rounded(scaling, other), real.val_y, real.weights)
    epochs = max(options.epochs, min(STEPS // max(len(train) // BATCH, 1), 10 * options.epochs))
    schedule = qat.Schedule(epochs, max(PATIENCE, epochs // 8), RATE, BATCH, options.seed)
    float_params, curve = qat.learn(
        graph,
        first_params(graph),
        real,
        schedule,
        qat.Scales(),
        "float",
        say.part(0.0, 0.6),
        qat.reconstruction,
    )
    places = dict(qat.calibrate(graph, float_params, rounded.x, INPUT_PLACES).places)
    # the output has the scale of the input, or their difference would mean nothing
    scales = qat.Scales({**places, graph.outputs[0]: INPUT_PLACES})
    tune = qat.Schedule(max(epochs // 3, 1), schedule.patience, RATE / 4, BATCH, options.seed + 1)
    params, more = qat.learn(
        graph, float_params, rounded, tune, scales, "int8", say.part(0.6, 1.0), qat.reconstruction
    )
    net = lower(graph, params, scales, scores=False)
    if net.tensors[net.outputs[0]].places != INPUT_PLACES:
        raise DataError(
            "the weights of the autoencoder grew too large for the scale of its output",
            hint="another --seed, or another kind of detector",
        )
    return FittedDetector(
        Detector("autoencoder", net, INT32_MAX),
        scaling,
        lambda rows: _float_scores(graph, float_params, _real(scaling, rows)),
        (
            f"{d}-{hidden}-{d}, {len(curve)} float and {len(more)} int8 epochs",
            f"power met on validation: float {curve[best(curve)].validation_accuracy:.1%}, "
            f"int8 {more[best(more)].validation_accuracy:.1%}",
        ),
    )


def _none(x: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """No classes: what is wanted is the input."""
    return np.zeros(len(x), np.int64)


def _real(scaling: Scaling, x: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    wide = unrounded(scaling, x) * 2.0**-INPUT_PLACES
    return np.clip(wide, -FLOAT_CLIP, FLOAT_CLIP).astype(np.float32)


def _rounded(scaling: Scaling, x: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    return (scaling.apply(x) * np.float32(2.0**-INPUT_PLACES)).astype(np.float32)


def _float_scores(graph: Graph, params: qat.Params, x: npt.NDArray[np.float32]) -> Float:
    made = np.asarray(qat.forward(graph, params, x, qat.Scales())[0][graph.outputs[0]], np.float64)
    out: Float = ((made - x) ** 2).sum(axis=1)
    return out
