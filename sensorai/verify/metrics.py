"""How good a sequence of window results is: per window and per event.

An *event* is one labelled span of a recording. What counts on a device is not only how many windows
are right but how soon the right class appears after an event begins, and how often the output jumps to
a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.recording import LABEL, NO_RESULT, Recording

IntArray = npt.NDArray[np.int64]

#: What a confusion matrix calls a result that is none of the true classes.
OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class WindowMetrics:
    """Counts of windows.

    Attributes
    ----------
    classes : tuple of str
        Rows of the confusion matrix; its columns are these and ``OTHER``.
    confusion : ndarray, shape (classes, classes + 1), int64
        True class by result.
    """

    classes: tuple[str, ...]
    confusion: IntArray

    @property
    def windows(self) -> int:
        """Labelled windows."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """Windows with the right result."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of right windows; NaN without windows."""
        return self.right / self.windows if self.windows else float("nan")

    @property
    def recall(self) -> tuple[float, ...]:
        """Share of right windows of each true class; NaN for a class without windows."""
        total = self.confusion.sum(axis=1)
        return tuple(
            float(self.confusion[i, i] / n) if n else float("nan") for i, n in enumerate(total.tolist())
        )

    @property
    def precision(self) -> tuple[float, ...]:
        """Share of right windows of each result; NaN for a result that never came."""
        total = self.confusion.sum(axis=0)
        return tuple(
            float(self.confusion[i, i] / total[i]) if total[i] else float("nan")
            for i in range(len(self.classes))
        )

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes that have windows."""
        known = [r for r in self.recall if r == r]
        return float(np.mean(known)) if known else float("nan")

    @property
    def macro_f1(self) -> float:
        """Mean over the classes that have windows of the harmonic mean of recall and precision."""
        right = np.diag(self.confusion)
        truth = self.confusion.sum(axis=1)
        answers = self.confusion[:, : len(right)].sum(axis=0)
        found = truth > 0
        return (
            float(np.mean((2 * right / np.maximum(truth + answers, 1))[found]))
            if found.any()
            else float("nan")
        )

    @staticmethod
    def of(told: Mapping[str, Any]) -> WindowMetrics:
        """Counts of what ``as_dict`` made."""
        return WindowMetrics(tuple(told["classes"]), np.array(told["confusion"], np.int64))

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report; NaN as None."""
        return {
            "windows": self.windows,
            "right": self.right,
            "accuracy": none_if_nan(self.accuracy),
            "balanced_accuracy": none_if_nan(self.balanced_accuracy),
            "classes": list(self.classes),
            "columns": [*self.classes, OTHER],
            "confusion": self.confusion.tolist(),
            "recall": [none_if_nan(r) for r in self.recall],
            "precision": [none_if_nan(p) for p in self.precision],
        }


def none_if_nan(x: float) -> float | None:
    """``x``, or None for NaN (JSON has no NaN)."""
    return None if x != x else x


def window_metrics(
    truth: Sequence[str | None], results: Sequence[str], classes: Sequence[str]
) -> WindowMetrics:
    """Count results against truth; windows whose truth is None are left out.

    Parameters
    ----------
    truth, results : sequences of the same length, one entry per window
    classes : sequence of str
        Order of the matrix; true labels that are missing here are appended.
    """
    order = list(dict.fromkeys([*classes, *(t for t in truth if t is not None)]))
    index = {name: i for i, name in enumerate(order)}
    confusion = np.zeros((len(order), len(order) + 1), np.int64)
    for t, r in zip(truth, results, strict=True):
        if t is not None:
            confusion[index[t], index.get(r, len(order))] += 1
    return WindowMetrics(tuple(order), confusion)


@dataclass(frozen=True, slots=True)
class EventMetrics:
    """How soon and how steadily events are recognised.

    Attributes
    ----------
    delays_s : tuple of float
        For each detected event the time from its start to the end of the first window with the right
        result. Ends are what a host sees: a result exists when its window is over.
    missed : int
        Events that never got the right result.
    wrong_switches : int
        Changes of the output to a result that is not the label of that moment (``NO_RESULT`` aside).
    seconds : float
        Labelled time looked at.
    """

    delays_s: tuple[float, ...]
    missed: int
    wrong_switches: int
    seconds: float

    @property
    def events(self) -> int:
        """Events looked at."""
        return len(self.delays_s) + self.missed

    @property
    def wrong_switches_per_hour(self) -> float:
        """``wrong_switches`` by labelled time; NaN without time."""
        return self.wrong_switches * 3600.0 / self.seconds if self.seconds else float("nan")

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report; NaN as None."""
        delays = np.array(self.delays_s)
        return {
            "events": self.events,
            "missed": self.missed,
            "delay_median_s": float(np.median(delays)) if len(delays) else None,
            "delay_worst_s": float(delays.max()) if len(delays) else None,
            "wrong_switches": self.wrong_switches,
            "wrong_switches_per_hour": none_if_nan(self.wrong_switches_per_hour),
            "labelled_seconds": self.seconds,
        }


def event_metrics(
    recordings: Sequence[Recording],
    results: Sequence[Sequence[str]],
    window: Sequence[int],
    column: str = LABEL,
    ends: Sequence[Sequence[int]] | None = None,
) -> EventMetrics:
    """Events of recordings against the window results of each.

    Parameters
    ----------
    recordings : sequence of Recording
        At the rate of the core (``rate_hz`` set).
    results : sequence of sequence of str
        One result per window of each recording.
    window : sequence of int
        Samples per window, for each recording.
    column : str
        Label column.
    ends : sequence of sequence of int, optional
        Samples seen at the end of each window, where windows overlap; by default they follow one another.

    Notes
    -----
    Neighbouring spans with the same label are one event. Spans shorter than one window are left out:
    no result can belong to them alone.
    """
    delays: list[float] = []
    missed = switches = 0
    seconds = 0.0
    for i, (recording, got) in enumerate(zip(recordings, results, strict=True)):
        rate = recording.rate_hz or float("nan")
        length = window[i]
        at = range(length, length * len(got) + 1, length) if ends is None else ends[i]
        for start, stop, label in _events(recording, column):
            if stop - start < length:
                continue
            # windows that end inside the event
            inside = [k for k, end in enumerate(at) if start < end <= stop]
            if not inside:
                continue
            seconds += (stop - start) / rate
            first = next((k for k in inside if got[k] == label), None)
            if first is None:
                missed += 1
            else:
                delays.append((at[first] - start) / rate)
            before = got[inside[0] - 1] if inside[0] else None
            for k in inside:
                if got[k] not in (before, label, NO_RESULT):
                    switches += 1
                before = got[k]
    return EventMetrics(tuple(delays), missed, switches, seconds)


def _events(recording: Recording, column: str) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, str]] = []
    for span in recording.labels.get(column, ()):
        if merged and merged[-1][1] == span.start and merged[-1][2] == span.label:
            merged[-1] = (merged[-1][0], span.stop, span.label)
        else:
            merged.append((span.start, span.stop, span.label))
    return merged
