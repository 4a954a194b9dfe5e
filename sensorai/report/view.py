"""One recording with what comes of it: what drawings over time look at, and which ones a page shows.

Made by `of_trace` and, for detectors, `of_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.recording import NO_RESULT, Recording
from sensorai.report import svg
from sensorai.road import Trace
from sensorai.verify.alarms import ScoredLog

#: Recordings that a page shows at most.
MOST = 8

Names = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A recording with the results of one or more classifiers: what a timeline draws.

    Attributes
    ----------
    recording : Recording
        At the rate that the classifiers saw.
    columns : tuple of str
        Label column of each classifier.
    strips : tuple of str
        What to call ``results`` and ``decided``; empty where there are none.
    rate_hz : float
    ends_s : ndarray, shape (windows,), float64
        End of each window in seconds.
    step : int
        Samples from one window to the next.
    sensors : tuple of str
        Sensors worth drawing.
    notes : tuple of str
        What was done to the recording, in words.
    truth : tuple of tuple of str or None
        For each classifier the label of each window; None where there is none, or two.
    results, decided : tuple of tuple of str
        For each classifier what it says in each window, and what comes out after it.
    """

    recording: Recording
    columns: tuple[str, ...]
    strips: tuple[str, ...]
    rate_hz: float
    ends_s: npt.NDArray[np.float64]
    step: int
    sensors: tuple[str, ...]
    notes: tuple[str, ...]
    truth: tuple[tuple[str | None, ...], ...]
    results: Names
    decided: Names


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
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


View = Watched | Scored


# ---------------------------------------------------------------- constructors


def of_trace(trace: Trace, columns: Sequence[str]) -> Watched:
    """Watch the classifiers of a trace.

    Parameters
    ----------
    trace : Trace
    columns : sequence of str
        Label column of each classifier.
    """
    rate = float(trace.recording.rate_hz or 1.0)
    return Watched(
        trace.recording,
        tuple(columns),
        trace.strips,
        rate,
        trace.end / rate,
        trace.stride,
        _there(trace.recording, trace.sensors),
        tuple(dict.fromkeys(trace.recording.notes)),
        tuple(tuple(trace.truth(column)) for column in columns),
        tuple(map(tuple, trace.answers)),
        tuple(map(tuple, trace.decided)),
    )


def of_scores(log: ScoredLog, decided: npt.NDArray[np.int64], threshold: int) -> Scored:
    """Watch a detector.

    Parameters
    ----------
    log : ScoredLog
    decided : ndarray, shape (windows,), int64
        0 normal, 1 alarm, 255 none yet.
    threshold : int
    """
    return Scored(log.name, log.rate_hz, log.scores, log.end, log.truth, decided, threshold)


def _there(recording: Recording, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those sensors that the recording has."""
    have = {c.sensor for c in recording.channels}
    return tuple(s for s in dict.fromkeys(wanted) if s in have)


# ---------------------------------------------------------------- which ones a page shows


def right(view: Watched) -> tuple[int, int]:
    """Windows with the right result and labelled windows, all classifiers together."""
    hits = total = 0
    for labels, results in zip(view.truth, view.results, strict=True):
        for truth, result in zip(labels, results, strict=True):
            if truth is not None:
                hits += truth == result
                total += 1
    return hits, total


def choose(views: Sequence[Watched], most: int = MOST) -> list[Watched]:
    """At most ``most`` views: the worst, then one of every class where possible, then the next worst.

    Returned worst first; views without labels are the least interesting.
    """

    def badness(view: Watched) -> float:
        hits, total = right(view)
        return (total - hits) / total if total else -1.0

    order = sorted(views, key=badness, reverse=True)
    has = [{(t, c) for t, labels in enumerate(v.truth) for c in labels if c is not None} for v in order]
    taken: list[int] = []
    covered: set[tuple[int, str]] = set()
    while len(taken) < min(most, len(order)):
        left = [i for i in range(len(order)) if i not in taken]
        # the worst one first; then whoever shows most of what was not shown yet
        best = max(left, key=lambda i: (len(has[i] - covered), -i)) if taken else 0
        taken.append(best)
        covered |= has[best]
    return [order[i] for i in sorted(taken)]


# ---------------------------------------------------------------- colours


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


def colours_of(classifiers: Sequence[Mapping[str, Any]]) -> list[Colours]:
    """Colours for each entry of a report's ``classifiers``."""
    return [Colours([c["name"] for c in entry["classes"]]) for entry in classifiers]
