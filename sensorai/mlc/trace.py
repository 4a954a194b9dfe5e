"""Traces of the core: what registers do on a recording, with names for codes."""

from __future__ import annotations

import numpy as np

from sensorai.mlc.features import third_sensor_name
from sensorai.mlc.simulate import Trace as CoreTrace
from sensorai.recording import Recording
from sensorai.road import Trace


def trace_of(recording: Recording, made: CoreTrace) -> Trace:
    """What the core does on a recording, with names for codes."""
    trees = range(len(made.config.trees))
    used = {f.source.sensor for f in made.config.features}
    third = third_sensor_name(made.config)
    return Trace(
        recording,
        made.config.window,
        made.config.window,
        np.asarray(made.samples, np.int64),
        tuple(made.names(t, made.tree[:, t]) for t in trees),
        tuple(made.names(t, made.decided[:, t]) for t in trees),
        tuple(third if slot == "ext" else slot for slot in ("acc", "gyro", "ext") if slot in used),
        ("tree", "register"),
        made,
        made.frame,
        tuple(int(n) for n in made.interrupts.sum(axis=0)),
        settles=True,
    )
