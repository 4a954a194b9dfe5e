"""Traces of pipelines: what the reference says of a recording, and as a table."""

from __future__ import annotations

from dataclasses import dataclass
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
    return pipelines.counts(values, pipeline.channels)[0]
