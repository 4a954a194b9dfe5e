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
from sensorai.verify.judge import TreeJudgement, compare


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
    return judgement(pipeline, recordings, traces, column).as_dict()


def judgement(
    pipeline: Pipeline, recordings: Sequence[Recording], traces: Sequence[PipelineTrace], column: str
) -> TreeJudgement:
    """Judge answers (as those of a tree) and decisions of recordings."""
    names = {NONE: NO_RESULT, **dict(enumerate(pipeline.classes))}
    return compare(
        recordings,
        [window_truth(r, t, pipeline.window, column) for r, t in zip(recordings, traces, strict=True)],
        [[names[c] for c in t.answer.tolist()] for t in traces],
        [[names[c] for c in t.decided.tolist()] for t in traces],
        pipeline.window,
        column,
        pipeline.classes,
        [t.end.tolist() for t in traces],
    )
