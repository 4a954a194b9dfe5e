"""Normal windows of counts: what a detector in C learns from, and what the report says of its logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.learn import counts as counting
from sensorai.learn import states
from sensorai.learn.counts import Counted, CountOptions
from sensorai.learn.features import healthy
from sensorai.learn.states import STATE, Parts
from sensorai.learn.steady import steady
from sensorai.model.detector import CLASSES
from sensorai.recording import LABEL, Recording
from sensorai.road import Lesson
from sensorai.verify.shape import listed

#: Fewest normal windows to learn from, by feature.
WINDOWS_A_FEATURE = 4


@dataclass(frozen=True, slots=True, eq=False)
class NormalWindows:
    """What a detector learns from.

    Attributes
    ----------
    counted : Counted
        Windows of all parts, those to learn from first, then calibration and test.
    features : tuple of IntFeature
    values : ndarray, shape (windows, features), int32
        Of the normal windows to learn from.
    state : ndarray, shape (windows,), int64
        Which normal label each of them has, as its place in ``Parts.normal``.
    """

    counted: Counted
    features: tuple[IntFeature, ...]
    values: npt.NDArray[np.int32]
    state: npt.NDArray[np.int64]


def normal_windows(lesson: Lesson) -> NormalWindows:
    """Choose features on the normal windows to learn from, and compute them.

    Raises
    ------
    ConfigError, DataError
        Features that are not known, or too few normal windows.
    """
    experiment, prepared, parts = lesson.experiment, lesson.prepared, lesson.share
    # every part in one go: full scale and windows are the same for all
    counted = counting.build(prepared.dataset, CountOptions.of(lesson, STATE, CLASSES))
    learnt = (counted.recording < len(parts.learn)) & (counted.y == 0)
    first = counted.rows(learnt)
    if not len(first.x):
        raise DataError(
            f"no normal recording to learn from is as long as a window of {counted.window} samples",
            hint="choose a shorter --window or add longer logs",
        )
    state = states_of(parts, counted)[learnt]
    features = () if experiment.features else steady(first, state)
    features = features or healthy(first, experiment.features)
    values = catalogue.table(features, first.x)
    if len(values) < WINDOWS_A_FEATURE * len(features):
        raise DataError(
            f"{len(values)} normal windows are too few to learn {len(features)} features from",
            hint=f"at least {WINDOWS_A_FEATURE * len(features)} are needed: add normal logs, or choose a "
            "shorter --window or --stride",
        )
    return NormalWindows(counted, features, values, state)


def states_of(parts: Parts, counted: Counted) -> npt.NDArray[np.int64]:
    """Place of each window's label in ``parts.normal``, 0 where it is none of them, shape (windows,)."""
    assert counted.start is not None  # noqa: S101
    out = np.zeros(len(counted.y), np.int64)
    for i, r in enumerate(parts.recordings):
        scale = counted.rate_hz / (r.rate_hz or counted.rate_hz)
        for span in r.labels.get(LABEL, ()):
            if span.label in parts.normal:
                middle = counted.start + counted.window // 2
                inside = (counted.recording == i) & (middle >= span.start * scale)
                out[inside & (middle < span.stop * scale)] = parts.normal.index(span.label)
    return out


def data_of(parts: Parts, rate_hz: float, windows: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """``data`` of the report: recordings and groups; normal hours and windows of each part.

    Parameters
    ----------
    windows : mapping of part to (normal, anomalous) windows
    """
    out: dict[str, Any] = {}
    for part, (normal, anomalous) in windows.items():
        logs: tuple[Recording, ...] = getattr(parts, part)
        samples = sum(s.stop - s.start for r in logs for s in r.labels[STATE] if s.label == states.NORMAL)
        out[part] = {
            "groups": len(parts.groups(part)),
            "recordings": len(logs),
            "normal_hours": samples / rate_hz / 3600.0,
            "normal_windows": normal,
            "anomalous_windows": anomalous,
        }
    return {
        "recordings": listed(parts.recordings, parts.groups("test")),
        "groups": list(parts.recordings.groups()),
        "test_groups": list(parts.groups("test")),
        "parts": out,
    }


def windows_of(
    parts: Parts, recording: npt.NDArray[np.int64], y: npt.NDArray[np.int64]
) -> dict[str, tuple[int, int]]:
    """Normal and anomalous windows of each part.

    Parameters
    ----------
    recording, y : ndarray, shape (windows,), int64
        Place of the recording among all parts, and 0 normal, 1 anomaly.
    """
    sizes: Sequence[tuple[str, int]] = [
        (part, len(getattr(parts, part))) for part in ("learn", "calibrate", "test")
    ]
    start, out = 0, {}
    for part, count in sizes:
        rows = (recording >= start) & (recording < start + count)
        start += count
        out[part] = int((rows & (y == 0)).sum()), int((rows & (y == 1)).sum())
    return out
