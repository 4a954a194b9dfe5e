"""A pipeline: sensor counts in, decided class out, with the exact integer meaning that every target shares.

The reference of the integer road: what the generated C computes on the host, in the emulator and on the
chip is what ``run`` computes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.features.filters import IntFilter, run_filters
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import output
from sensorai.model.decision import decide
from sensorai.model.detector import Detector
from sensorai.model.ensemble import Ensemble
from sensorai.model.event import Event
from sensorai.model.gaussians import Gaussians
from sensorai.model.learner import Moments
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
        To the int8 input of a net or the int16 one of a detector, per feature or, without features, per
        channel; None for trees, and for nets that take windows of counts as they are.
    model : Ensemble, Graph or Detector
    classes : tuple of str
    wins : int
        Decision filter: 0 (off) to 15.
    learn : Moments or None
        What a device that learns (``sensorai.model.learner``) knows at its first start, and goes on from.
    stream : bool
        Whether C computes only what is new in a window, with the same results; of nets that take windows of
        counts as they are.
    event : Event or None
        What opens a window; then ``window`` is that of the event, and ``stride`` the fewest samples from one
        window to the next. None: a window every ``stride`` samples.
    """

    name: str
    channels: tuple[Count, ...]
    rate_hz: float
    window: int
    stride: int
    filters: tuple[IntFilter, ...]
    features: tuple[IntFeature, ...]
    scaling: Scaling | None
    model: Ensemble | Graph | Detector
    classes: tuple[str, ...]
    wins: int = 0
    learn: Moments | None = None
    stream: bool = False
    event: Event | None = None

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
        given = self.scaling.type if self.scaling is not None else "int16" if self.raw else "int32"
        if given != self.input_type:
            raise ConfigError(
                f"the model takes {self.input_type}, but is given {given}"
                if self.scaling is not None
                else f"the model needs a scaling to {self.input_type}",
                hint="nets take int8, detectors int16, trees the features as they are",
            )
        if isinstance(self.model, Graph) and self.raw:
            self._check_raw(self.model)
        if self.stream and not self.raw:
            raise ConfigError("only nets of windows of counts compute what is new alone")
        if isinstance(self.model, Ensemble) and self.model.features != len(self.features):
            raise ConfigError(f"the forest takes {self.model.features} features, not {len(self.features)}")
        if isinstance(self.model, Detector):
            if self.model.inputs != self.inputs:
                raise ConfigError(f"the detector takes {self.model.inputs} inputs, not {self.inputs}")
            if len(self.classes) != 2:
                raise ConfigError(f"a detector tells two classes apart, not {len(self.classes)}")
        if self.learn is not None:
            self._check_learner(self.learn)
        if self.event is not None:
            self._check_event(self.event)

    def _check_raw(self, graph: Graph) -> None:
        taken, made = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
        if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.states:
            raise ConfigError("a net of windows has one input and one output, and keeps nothing")
        if self.features or self.filters or taken.shape != (self.window, len(self.channels)):
            raise ConfigError(f"a net of whole windows takes no {taken.shape}")
        if made.dtype not in ("float32", "int32") or made.size != len(self.classes):
            raise ConfigError(
                f"the net gives {made.size} scores of {made.dtype} for {len(self.classes)} classes"
            )

    def _check_event(self, event: Event) -> None:
        fits = event.window == self.window and self.stride == min(event.least, self.window)
        if not fits or event.first + 3 > len(self.channels):
            raise ConfigError(f"a window of {self.window} samples is not what {event} opens")
        if self.learn is not None or self.stream:
            raise ConfigError(
                "windows that an event opens neither learn on the device nor stream",
                hint="drop --event, or the other",
            )

    def _check_learner(self, moments: Moments) -> None:
        model = self.model if isinstance(self.model, Detector) else None
        core = model.core if model is not None and model.kind == "mahalanobis" else None
        if not isinstance(core, Gaussians) or core.components > 1 or not self.features:
            raise ConfigError(
                "only Mahalanobis detectors of features learn on the device, and of one state",
                hint="choose that kind, or do not let the device learn",
            )
        if moments.features != len(self.features):
            raise ConfigError(f"the device learns {moments.features} inputs, the model has {self.inputs}")

    @property
    def input_type(self) -> str:
        """Type of the values that the model takes: ``int8``, ``int16`` or ``int32``."""
        if isinstance(self.model, Detector):
            return self.model.input_type
        if isinstance(self.model, Ensemble):
            return "int32"
        return "int16" if self.raw else "int8"

    @property
    def raw(self) -> bool:
        """Whether the model is a net that takes windows of counts as they are."""
        return isinstance(self.model, Graph) and self.model.tensors[self.model.inputs[0]].dtype == "int16"

    @property
    def float_scores(self) -> bool:
        """Whether the model answers with float32 scores."""
        if not isinstance(self.model, Graph):
            return False
        return self.model.tensors[self.model.outputs[0]].dtype == "float32"

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
        int32 for trees, int8 for nets, int16 for detectors by distance.
    scores : ndarray, shape (rows, classes), int32 (float32 for float nets)
    answer : ndarray, shape (rows,), int64
        Class of the largest score, the first of equal ones.
    decided : ndarray, shape (rows,), int64
        After the decision filter; 255 before the first decision.
    end : ndarray, shape (rows,), int64
        Samples seen at the end of each window.
    saturated : ndarray, shape (rows,), int64
        How many of those had a channel at an end of the int16 range.
    """

    features: npt.NDArray[np.int32]
    inputs: npt.NDArray[np.integer]
    scores: npt.NDArray[np.number]
    answer: npt.NDArray[np.int64]
    decided: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    saturated: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.answer)


def windows(samples: Int16, window: int, stride: int) -> Int16:
    """Cut whole windows, shape (n, channels) -> (rows, window, channels), int16."""
    if len(samples) < window:
        return np.zeros((0, window, samples.shape[1]), np.int16)
    view = np.lib.stride_tricks.sliding_window_view(samples, window, axis=0)[::stride]
    return np.ascontiguousarray(view.transpose(0, 2, 1))


def opened(samples: Int16, end: npt.NDArray[np.int64], window: int) -> Int16:
    """Windows that end at given places, shape (n, channels) -> (rows, window, channels), int16."""
    places = end[:, None] + np.arange(-window, 0)
    return np.ascontiguousarray(samples[places])


def model_inputs(pipeline: Pipeline, cut: Int16) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.integer]]:
    """Features and model inputs of windows, shape (rows, window, channels)."""
    if not pipeline.features:
        none = np.zeros((len(cut), 0), np.int32)
        if pipeline.raw:
            return none, cut.reshape(len(cut), pipeline.inputs)
        if pipeline.scaling is None:
            raise ConfigError("a window without features needs a scaling")
        return none, pipeline.scaling.apply(cut).reshape(len(cut), pipeline.inputs)
    values = catalogue.table(pipeline.features, cut)
    return values, values if pipeline.scaling is None else pipeline.scaling.apply(values)


def scores(pipeline: Pipeline, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.number]:
    """Run the model on prepared inputs, shape (rows, inputs) -> (rows, classes), int32 or float32."""
    if not isinstance(pipeline.model, Graph):
        return pipeline.model.scores(inputs)
    graph = pipeline.model
    if not len(inputs):
        return np.zeros((0, len(pipeline.classes)), np.float32 if pipeline.float_scores else np.int32)
    shape = graph.tensors[graph.inputs[0]].shape
    kind = np.int16 if pipeline.raw else np.int8
    out = output(graph, inputs.astype(kind).reshape(len(inputs), *shape))
    flat = out.reshape(len(inputs), len(pipeline.classes))
    return flat if flat.dtype == np.float32 else flat.astype(np.int32)


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
    if pipeline.event is None:
        cut = windows(filtered, pipeline.window, pipeline.stride)
        end = np.arange(len(cut)) * pipeline.stride + pipeline.window
    else:
        end = pipeline.event.ends(filtered)
        cut = opened(filtered, end, pipeline.window)
    features, inputs = model_inputs(pipeline, cut)
    points = scores(pipeline, inputs)
    answer = np.argmax(points, axis=1).astype(np.int64)
    decided = decide(answer, pipeline.wins, len(pipeline.classes))
    return PipelineTrace(features, inputs, points, answer, decided, end, saturated(samples)[end - 1])


def saturated(samples: Int16) -> npt.NDArray[np.int64]:
    """Samples up to each one in which a channel is -32768 or 32767, as the C counts them, shape (n,)."""
    ends = ((samples == -32768) | (samples == 32767)).any(axis=1)
    return np.minimum(np.cumsum(ends, dtype=np.int64), 2**32 - 1)


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


# ---------------------------------------------------------------- store


def to_dict(pipeline: Pipeline) -> dict[str, Any]:
    """Return the pipeline as plain data for JSON."""
    from dataclasses import asdict

    from sensorai.model import detector, ensemble, event, learner, store

    model = pipeline.model
    if isinstance(model, Ensemble):
        kind, stored = "forest", ensemble.to_dict(model)
    elif isinstance(model, Detector):
        kind, stored = "detector", detector.to_dict(model)
    else:
        kind, stored = "net", store.to_dict(model)
    return {
        "name": pipeline.name,
        "channels": [asdict(c) for c in pipeline.channels],
        "rate_hz": pipeline.rate_hz,
        "window": pipeline.window,
        "stride": pipeline.stride,
        "filters": [
            {"channel": f.channel, "sections": [[*s.b, *s.a, s.shift] for s in f.sections]}
            for f in pipeline.filters
        ],
        "features": [
            {
                "name": f.name,
                "inputs": list(f.inputs),
                "threshold": f.threshold,
                "band": f.band and list(f.band),
            }
            for f in pipeline.features
        ],
        "scaling": None
        if pipeline.scaling is None
        else {
            "offset": list(pipeline.scaling.offset),
            "shift": list(pipeline.scaling.shift),
            "type": pipeline.scaling.type,
        },
        "model": stored,
        "kind": kind,
        "classes": list(pipeline.classes),
        "wins": pipeline.wins,
        **({"stream": True} if pipeline.stream else {}),
        **({} if pipeline.event is None else {"event": event.to_dict(pipeline.event)}),
        **({} if pipeline.learn is None else {"learn": learner.to_dict(pipeline.learn)}),
    }


def from_dict(data: Any, where: str = "") -> Pipeline:
    """Read what ``to_dict`` wrote; a DataError naming ``where`` for anything else."""
    from sensorai.errors import DataError, SensoraiError
    from sensorai.features.filters import Biquad
    from sensorai.model import detector, ensemble, event, learner, store

    readers: dict[str, Callable[[Any, str], Ensemble | Graph | Detector]] = {
        "forest": ensemble.from_dict,
        "detector": detector.from_dict,
        "net": store.from_dict,
    }
    try:
        scaling = data["scaling"]
        return Pipeline(
            str(data["name"]),
            tuple(Count(str(c["name"]), str(c["unit"]), float(c["lsb"])) for c in data["channels"]),
            float(data["rate_hz"]),
            int(data["window"]),
            int(data["stride"]),
            tuple(
                IntFilter(
                    int(f["channel"]),
                    tuple(Biquad((s[0], s[1], s[2]), (s[3], s[4]), s[5]) for s in f["sections"]),
                )
                for f in data["filters"]
            ),
            tuple(
                IntFeature(
                    str(f["name"]),
                    tuple(int(i) for i in f["inputs"]),
                    int(f["threshold"]),
                    None if f["band"] is None else (int(f["band"][0]), int(f["band"][1])),
                )
                for f in data["features"]
            ),
            None
            if scaling is None
            else Scaling(
                tuple(int(v) for v in scaling["offset"]),
                tuple(int(v) for v in scaling["shift"]),
                # projects written before there were others do not say
                str(scaling.get("type", "int8")),
            ),
            readers[data["kind"]](data["model"], where),
            tuple(str(c) for c in data["classes"]),
            int(data["wins"]),
            None if data.get("learn") is None else learner.from_dict(data["learn"]),
            data.get("stream") is True,
            None if data.get("event") is None else event.from_dict(data["event"]),
        )
    except SensoraiError as error:
        raise DataError(error.message, where=error.where or where, hint="train again") from None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            f"this is no pipeline: {type(error).__name__} {error}", where=where, hint="train again"
        ) from None
