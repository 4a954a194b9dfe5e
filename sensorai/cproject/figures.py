"""What a report says of a project in C (the keys: ``sensorai.report``)."""

from __future__ import annotations

from typing import Any

from sensorai.features import catalogue
from sensorai.model.detector import Detector
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline

#: What is compared in the proof of a C project.
PROOF = (
    "features, scores, answers and decisions of the integer reference, every bit of them, against the C on"
)


def kind_of(pipeline: Pipeline) -> str:
    """What a pipeline's model is, as far as the model itself says."""
    model = pipeline.model
    if isinstance(model, Detector):
        return model.kind
    if isinstance(model, Ensemble):
        return "tree" if len(model.trees) == 1 else "forest"
    return "net"


def of_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """``settings``, ``model`` and ``features`` of a C project."""
    channels = [c.name for c in pipeline.channels]
    return {
        "settings": {
            "rate_hz": pipeline.rate_hz,
            "window": pipeline.window,
            "window_s": pipeline.window / pipeline.rate_hz,
            "stride": pipeline.stride,
            "channels": [{"name": c.name, "unit": c.unit, "lsb": c.lsb} for c in pipeline.channels],
            "wins": pipeline.wins,
        },
        "model": {"kind": kind_of(pipeline), "precision": None, "learns": pipeline.learn is not None},
        "features": {
            "each": [{"name": f.label(channels), "formula": catalogue.formula(f)} for f in pipeline.features],
            "filters": [],
        },
    }
