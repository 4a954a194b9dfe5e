"""Traces of pipelines: what the reference says of a recording, and as a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Recording
from sensorai.road import Trace

if TYPE_CHECKING:
    import pandas as pd


def counts_of(recording: Recording, pipeline: Pipeline) -> npt.NDArray[np.int16]:
    """Counts of a recording at the pipeline's rate, shape (n, channels), int16."""
    values = [recording.in_unit(c.name, c.unit) for c in pipeline.channels]
    made = pipelines.counts(values, pipeline.channels)[0]
    recording.rest()
    return made


def trace_of(pipeline: Pipeline, recording: Recording, made: PipelineTrace) -> Trace:
    """What a pipeline does on a recording, with names for codes."""
    names = {NONE: NO_RESULT, **dict(enumerate(pipeline.classes))}
    return Trace(
        recording,
        pipeline.window,
        pipeline.stride,
        made.end,
        ([names[c] for c in made.answer.tolist()],),
        ([names[c] for c in made.decided.tolist()],),
        tuple(dict.fromkeys(c.name.partition("_")[0] for c in pipeline.channels)),
        ("answer", "decided"),
        made,
        partial(frame_of, pipeline, made, names),
        (int((np.diff(made.decided, prepend=NONE) != 0).sum()),),
        made.scores,
        pipeline.classes,
    )


def ran(pipeline: Pipeline, recording: Recording, got: npt.NDArray[np.void]) -> Trace:
    """What C made of a recording: results as they came, without features, which C does not hand out.

    Parameters
    ----------
    got : ndarray of ``sensorai.cproject.runs.record``, shape (windows,)
    """
    none = np.zeros((len(got), 0), np.int32)
    made = PipelineTrace(
        none,
        none,
        got["score"],
        got["answer"].astype(np.int64),
        got["decided"].astype(np.int64),
        ends_of(pipeline, got),
        got["saturated"].astype(np.int64),
    )
    return trace_of(pipeline, recording, made)


def ends_of(pipeline: Pipeline, got: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Samples seen at the end of each window, as C says; on a grid its number says it."""
    if pipeline.event is not None:
        return got["samples"].astype(np.int64)
    return got["window"].astype(np.int64) * pipeline.stride + pipeline.window


def frame_of(pipeline: Pipeline, made: PipelineTrace, names: dict[int, str]) -> pd.DataFrame:
    """Time, features, scores, answer and decision, a row per window."""
    import pandas as pd

    channels = [c.name for c in pipeline.channels]
    columns: dict[str, Any] = {"time_s": made.end / pipeline.rate_hz, "sample": made.end}
    if made.features.shape[1]:
        columns |= {f.label(channels): made.features[:, i] for i, f in enumerate(pipeline.features)}
    columns |= {f"score_{c}": made.scores[:, i] for i, c in enumerate(pipeline.classes)}
    columns["answer"] = pd.Series([names[c] for c in made.answer.tolist()], dtype="str")
    columns["decided"] = pd.Series([names[c] for c in made.decided.tolist()], dtype="str")
    return pd.DataFrame(columns)
