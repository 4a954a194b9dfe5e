"""What C knows of the event that opens a window."""

from __future__ import annotations

from typing import Any

from sensorai.model.pipeline import Pipeline


def event_fields(pipeline: Pipeline) -> dict[str, Any] | None:
    """What templates know of it; None where windows are on a grid."""
    event = pipeline.event
    if event is None:
        return None
    return {
        "jerk": event.signal == "jerk",
        "first": event.first,
        "threshold": event.threshold,
        "before": event.before,
        "after": event.after,
        "rest": event.rest,
    }
