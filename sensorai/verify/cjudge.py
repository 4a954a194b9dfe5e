"""What a pipeline decides on labelled recordings: windows right, delays, wrong switches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Recording
from sensorai.verify.metrics import EventMetrics, WindowMetrics, window_metrics


def recording_counts(recording: Recording, pipeline: Pipeline) -> npt.NDArray[np.int16]:
    """Counts of a recording at the pipeline's rate, shape (n, channels), int16."""
    values = [recording.in_unit(c.name, c.unit) for c in pipeline.channels]
    return pipelines.counts(values, pipeline.channels)[0]


def window_truth(recording: Recording, trace: PipelineTrace, window: int, column: str) -> list[str | None]:
    """Label of each window of a trace; None where it is not wholly inside one label."""
    spans = recording.labels.get(column, ())
    return [
        next((s.label for s in spans if s.start <= end - window and end <= s.stop), None)
        for end in trace.end.tolist()
    ]


def judge(
    pipeline: Pipeline, recordings: Sequence[Recording], traces: Sequence[PipelineTrace], column: str
) -> dict[str, Any]:
    """Window and event metrics of answers and decisions, in the shape of the MLC's."""
    truth, answers, decided = [], [], []
    by_group: dict[str, list[int]] = {}
    for r, t in zip(recordings, traces, strict=True):
        here = window_truth(r, t, pipeline.window, column)
        truth += here
        named = [pipeline.classes[a] for a in t.answer.tolist()]
        answers += named
        decided += [NO_RESULT if d == NONE else pipeline.classes[d] for d in t.decided.tolist()]
        count = by_group.setdefault(r.group, [0, 0])
        for a, b in zip(here, named, strict=True):
            if a is not None:
                count[0] += a == b
                count[1] += 1
    tree: WindowMetrics = window_metrics(truth, answers, pipeline.classes)
    after: WindowMetrics = window_metrics(truth, decided, pipeline.classes)
    return {
        "tree": tree.as_dict(),
        "decided": after.as_dict(),
        "tree_events": _events(pipeline, recordings, traces, column, after=False).as_dict(),
        "decided_events": _events(pipeline, recordings, traces, column, after=True).as_dict(),
        "by_group": {g: right / n for g, (right, n) in by_group.items() if n},
    }


def _events(
    pipeline: Pipeline,
    recordings: Sequence[Recording],
    traces: Sequence[PipelineTrace],
    column: str,
    *,
    after: bool,
) -> EventMetrics:
    """Delays and wrong switches; windows overlap here, so a result belongs to the end of its window."""
    delays: list[float] = []
    missed = switches = 0
    seconds = 0.0
    for r, t in zip(recordings, traces, strict=True):
        codes = (t.decided if after else t.answer).tolist()
        names = [NO_RESULT if c == NONE else pipeline.classes[c] for c in codes]
        for span in r.labels.get(column, ()):
            if span.stop - span.start < pipeline.window:
                continue
            inside = [k for k, end in enumerate(t.end.tolist()) if span.start < end <= span.stop]
            if not inside:
                continue
            seconds += (span.stop - span.start) / pipeline.rate_hz
            first = next((k for k in inside if names[k] == span.label), None)
            if first is None:
                missed += 1
            else:
                delays.append((int(t.end[first]) - span.start) / pipeline.rate_hz)
            before = names[inside[0] - 1] if inside[0] else None
            for k in inside:
                switches += names[k] not in (before, span.label, NO_RESULT)
                before = names[k]
    return EventMetrics(tuple(delays), missed, switches, seconds)
