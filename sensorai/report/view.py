"""One recording with what the core makes of it: what the plots look at, and which ones a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from sensorai.mlc.features import third_sensor_name
from sensorai.mlc.simulate import Trace
from sensorai.model.decision import NONE
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Recording
from sensorai.report import svg
from sensorai.verify.cjudge import window_truth

#: Recordings that a page shows at most.
MOST = 8


class Watched(Protocol):
    """A recording with the results of one or more classifiers: what a timeline draws."""

    @property
    def recording(self) -> Recording:
        """At the rate that the classifiers saw."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Label column of each classifier."""
        ...

    @property
    def strips(self) -> tuple[str, str]:
        """What to call ``results`` and ``decided``."""
        ...

    @property
    def rate_hz(self) -> float:
        """Sample rate."""
        ...

    @property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """End of each window in seconds, shape (windows,)."""
        ...

    @property
    def step(self) -> int:
        """Samples from one window to the next."""
        ...

    @property
    def sensors(self) -> list[str]:
        """Sensors worth drawing."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the recording, in words."""
        ...

    def truth(self, tree: int) -> list[str | None]:
        """Label of each window; None where there is none, or two."""
        ...

    def results(self, tree: int) -> list[str]:
        """Name what the classifier says in each window."""
        ...

    def decided(self, tree: int) -> list[str]:
        """Name what comes out after each window."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """A recording and its trace.

    Attributes
    ----------
    recording : Recording
        At the rate of the core: what ``trace`` was made from.
    trace : Trace
    columns : tuple of str
        Label column of each tree.
    """

    recording: Recording
    trace: Trace
    columns: tuple[str, ...]

    @property
    def strips(self) -> tuple[str, str]:
        """What to call ``results`` and ``decided``."""
        return "tree", "register"

    @property
    def rate_hz(self) -> float:
        """Rate of the core."""
        return self.trace.rate_hz

    @property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """End of each window in seconds, shape (windows,)."""
        return self.trace.time_s

    @property
    def step(self) -> int:
        """Samples from one window to the next."""
        return self.trace.config.window

    @property
    def sensors(self) -> list[str]:
        """Sensors of the recording that the features use."""
        config = self.trace.config
        used = {f.source.sensor for f in config.features}
        third = third_sensor_name(config)
        wanted = [third if slot == "ext" else slot for slot in ("acc", "gyro", "ext") if slot in used]
        have = {c.sensor for c in self.recording.channels}
        return [s for s in wanted if s in have]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the recording, and what the trace has to say."""
        return tuple(dict.fromkeys([*self.recording.notes, *self.trace.notes]))

    def truth(self, tree: int) -> list[str | None]:
        """Label of each window of the trace; None where there is none, or two."""
        first = self.trace.first_row
        labels = self.recording.window_labels(self.trace.config.window, self.columns[tree])
        labels = labels[first : first + len(self.trace)]
        return labels + [None] * (len(self.trace) - len(labels))

    def results(self, tree: int) -> list[str]:
        """Name what the tree says in each window."""
        return self.trace.names(tree, self.trace.tree[:, tree])

    def decided(self, tree: int) -> list[str]:
        """Name what the result register holds after each window."""
        return self.trace.names(tree, self.trace.decided[:, tree])


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A recording and what a pipeline does on it.

    Attributes
    ----------
    recording : Recording
        At the rate of the pipeline: what ``trace`` was made from.
    trace : PipelineTrace
    pipeline : Pipeline
    column : str
        Label column.
    """

    recording: Recording
    trace: PipelineTrace
    pipeline: Pipeline
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one label column."""
        return (self.column,)

    @property
    def strips(self) -> tuple[str, str]:
        """What to call ``results`` and ``decided``."""
        return "answer", "decided"

    @property
    def rate_hz(self) -> float:
        """Rate of the pipeline."""
        return self.pipeline.rate_hz

    @property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """End of each window in seconds, shape (windows,)."""
        return self.trace.end / self.pipeline.rate_hz

    @property
    def step(self) -> int:
        """Samples from one window to the next: windows may overlap."""
        return self.pipeline.stride

    @property
    def sensors(self) -> list[str]:
        """Sensors of the recording that the pipeline takes."""
        have = {c.sensor for c in self.recording.channels}
        wanted = dict.fromkeys(c.name.partition("_")[0] for c in self.pipeline.channels)
        return [s for s in wanted if s in have]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the recording."""
        return tuple(dict.fromkeys(self.recording.notes))

    def truth(self, tree: int) -> list[str | None]:
        """Label of each window; None where it is not wholly inside one label."""
        return window_truth(self.recording, self.trace, self.pipeline.window, self.columns[tree])

    def results(self, tree: int) -> list[str]:
        """Name the model's answer in each window."""
        return self._names(self.trace.answer)

    def decided(self, tree: int) -> list[str]:
        """Name the decision after each window."""
        return self._names(self.trace.decided)

    def _names(self, codes: npt.NDArray[np.int64]) -> list[str]:
        return [NO_RESULT if c == NONE else self.pipeline.classes[c] for c in codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyView:
    """Scores of a detector on one recording, and its alarms.

    Attributes
    ----------
    name : str
        Name of the recording.
    rate_hz : float
        Sample rate.
    scores : ndarray, shape (windows,), int64
        Higher is more anomalous.
    end : ndarray, shape (windows,), int64
        Samples seen at the end of each window, rising.
    truth : ndarray, shape (windows,), int64
        0 normal, 1 anomaly, -1 neither or unknown.
    decided : ndarray, shape (windows,), int64
        0 normal, 1 alarm, 255 none yet.
    threshold : int
        A window votes for an alarm where its score is above.
    """

    name: str
    rate_hz: float
    scores: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    decided: npt.NDArray[np.int64]
    threshold: int


def right(view: Watched) -> tuple[int, int]:
    """Windows with the right result and labelled windows, all classifiers together."""
    hits = total = 0
    for t in range(len(view.columns)):
        for truth, result in zip(view.truth(t), view.results(t), strict=True):
            if truth is not None:
                hits += truth == result
                total += 1
    return hits, total


class Colours:
    """Colour of every class of one tree, the same all over a page."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._index = {name: i for i, name in enumerate(dict.fromkeys(classes))}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in order."""
        return tuple(self._index)

    def of(self, name: str | None) -> str:
        """Colour of a class; grey for what is none of the classes."""
        if name is None or name == NO_RESULT or name not in self._index:
            return svg.THEME["idle"]
        return svg.class_colour(self._index[name])


AnyView = TypeVar("AnyView", bound=Watched)


def choose(views: Sequence[AnyView], most: int = MOST) -> list[AnyView]:
    """At most ``most`` views: the worst, then one of every class where possible, then the next worst.

    Returned worst first; views without labels are the least interesting.
    """

    def badness(view: Watched) -> float:
        hits, total = right(view)
        return (total - hits) / total if total else -1.0

    order = sorted(views, key=badness, reverse=True)
    has = [{(t, c) for t in range(len(v.columns)) for c in v.truth(t) if c is not None} for v in order]
    taken: list[int] = []
    covered: set[tuple[int, str]] = set()
    while len(taken) < min(most, len(order)):
        left = [i for i in range(len(order)) if i not in taken]
        # the worst one first; then whoever shows most of what was not shown yet
        best = max(left, key=lambda i: (len(has[i] - covered), -i)) if taken else 0
        taken.append(best)
        covered |= has[best]
    return [order[i] for i in sorted(taken)]


def colours_of(trees: Sequence[Mapping[str, Any]]) -> list[Colours]:
    """Colours for each entry of a report's ``trees``."""
    return [Colours([c["name"] for c in tree["classes"]]) for tree in trees]
