"""A pipeline: sensor counts in, decided class out, with the exact integer meaning that every target shares.

The reference of the integer road: what the generated C computes on the host, in the emulator and on the
chip is what ``run`` computes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.features.filters import IntFilter, run_filters
from sensorai.model.decision import decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.graph import Graph
from sensorai.model.scaling import Scaling

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Count:
    """One channel of a sample.

    Attributes
    ----------
    name : str
        ``acc_x`` ...
    unit : str
        ``mg`` or ``dps``.
    lsb : float
        Value of one count in that unit.
    """

    name: str
    unit: str
    lsb: float


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """Everything between a sample and a decision.

    Attributes
    ----------
    name : str
        C prefix of the generated project.
    channels : tuple of Count
        In the order of a sample.
    rate_hz : float
    window, stride : int
        Samples per window, and from one window to the next; ``1 <= stride <= window``.
    filters : tuple of IntFilter
        Per-sample filters before the window.
    features : tuple of IntFeature
        Empty: the window goes straight into the net.
    scaling : Scaling or None
        To the int8 input of a net, per feature or, without features, per channel; None for trees.
    model : Ensemble or Graph
    classes : tuple of str
    wins : int
        Decision filter: 0 (off) to 15.
    """

    name: str
    channels: tuple[Count, ...]
    rate_hz: float
    window: int
    stride: int
    filters: tuple[IntFilter, ...]
    features: tuple[IntFeature, ...]
    scaling: Scaling | None
    model: Ensemble | Graph
    classes: tuple[str, ...]
    wins: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.window <= catalogue.MAX_WINDOW:
            raise ConfigError(
                f"a window of {self.window} samples with a stride of {self.stride} is not possible",
                hint=f"1 <= stride <= window <= {catalogue.MAX_WINDOW}",
            )
        if not 0 <= self.wins <= 15:
            raise ConfigError(f"a decision filter of {self.wins} wins is outside 0 to 15")
        if not 2 <= len(self.classes) <= 254:
            raise ConfigError(f"{len(self.classes)} classes: 2 to 254 are possible")
        for feature in self.features:
            catalogue.check(feature, self.window, len(self.channels))
        inputs = len(self.features) or len(self.channels)
        if self.scaling is not None and len(self.scaling.offset) != inputs:
            raise ConfigError(f"{len(self.scaling.offset)} scalings for {inputs} inputs")
        if isinstance(self.model, Graph) == (self.scaling is None):
            raise ConfigError("a net needs a scaling to its int8 input, trees take features as they are")
        if isinstance(self.model, Ensemble) and self.model.features != len(self.features):
            raise ConfigError(f"the forest takes {self.model.features} features, not {len(self.features)}")

    @property
    def inputs(self) -> int:
        """Values that the model takes."""
        return len(self.features) or self.window * len(self.channels)


@dataclass(frozen=True, slots=True, eq=False)
class PipelineTrace:
    """What a pipeline does on one recording, a row per window.

    Attributes
    ----------
    features : ndarray, shape (rows, features), int32
        No columns where the window goes straight into the net.
    inputs : ndarray, shape (rows, inputs)
        int32 for trees, int8 for nets.
    scores : ndarray, shape (rows, classes), int32
    answer : ndarray, shape (rows,), int64
        Class of the largest score, the first of equal ones.
    decided : ndarray, shape (rows,), int64
        After the decision filter; 255 before the first decision.
    end : ndarray, shape (rows,), int64
        Samples seen at the end of each window.
    """

    features: npt.NDArray[np.int32]
    inputs: npt.NDArray[np.integer]
    scores: npt.NDArray[np.int32]
    answer: npt.NDArray[np.int64]
    decided: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.answer)


def windows(samples: Int16, window: int, stride: int) -> Int16:
    """Cut whole windows, shape (n, channels) -> (rows, window, channels), int16."""
    if len(samples) < window:
        return np.zeros((0, window, samples.shape[1]), np.int16)
    view = np.lib.stride_tricks.sliding_window_view(samples, window, axis=0)[::stride]
    return np.ascontiguousarray(view.transpose(0, 2, 1))


def model_inputs(pipeline: Pipeline, cut: Int16) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.integer]]:
    """Features and model inputs of windows, shape (rows, window, channels)."""
    if not pipeline.features:
        none = np.zeros((len(cut), 0), np.int32)
        if pipeline.scaling is None:
            raise ConfigError("a window without features needs a scaling")
        return none, pipeline.scaling.apply(cut).reshape(len(cut), pipeline.inputs)
    values = catalogue.table(pipeline.features, cut)
    return values, values if pipeline.scaling is None else pipeline.scaling.apply(values)


def scores(pipeline: Pipeline, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Run the model on prepared inputs, shape (rows, inputs) -> (rows, classes)."""
    if isinstance(pipeline.model, Ensemble):
        return pipeline.model.scores(inputs)
    from sensorai.model.interpret import scores as net_scores

    return net_scores(pipeline.model, inputs)


def run(pipeline: Pipeline, samples: Int16) -> PipelineTrace:
    """Run a recording from the first sample on.

    Parameters
    ----------
    samples : ndarray, shape (n, channels), int16
        Sensor counts at the rate of the pipeline.
    """
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != len(pipeline.channels):
        raise ConfigError(f"samples must be int16 with {len(pipeline.channels)} channels")
    filtered = run_filters(pipeline.filters, samples) if pipeline.filters else samples
    cut = windows(filtered, pipeline.window, pipeline.stride)
    features, inputs = model_inputs(pipeline, cut)
    points = scores(pipeline, inputs)
    answer = np.argmax(points, axis=1).astype(np.int64)
    end = np.arange(len(cut)) * pipeline.stride + pipeline.window
    return PipelineTrace(
        features, inputs, points, answer, decide(answer, pipeline.wins, len(pipeline.classes)), end
    )


def counts(values: Sequence[npt.NDArray[np.float64]], channels: Sequence[Count]) -> tuple[Int16, int]:
    """Turn values in the units of ``channels`` into counts.

    Returns
    -------
    counts : ndarray, shape (n, channels), int16
        Nearest count, ties to even, saturated.
    saturated : int
        Values beyond the range.
    """
    wide = np.stack([np.rint(v / c.lsb) for v, c in zip(values, channels, strict=True)], axis=1)
    beyond = int(((wide < -32768) | (wide > 32767)).sum())
    return np.clip(wide, -32768, 32767).astype(np.int16), beyond
