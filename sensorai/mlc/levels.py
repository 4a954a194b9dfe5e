"""Levels of a register file side by side: every value of a trace by name, and where two part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sensorai.divergence import Divergence, first_divergence
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import Trace, simulate, stream
from sensorai.recording import Recording

#: Values by name, in the order of computation.
Columns = Mapping[str, npt.NDArray[np.float64]]


def columns_of(trace: Trace) -> dict[str, npt.NDArray[np.float64]]:
    """Every value of a trace by name, in the order of computation."""
    out = {name: trace.features[:, i] for i, name in enumerate(feature_names(trace.config))}
    for t in range(len(trace.config.trees)):
        out[f"tree {t + 1}"] = trace.tree[:, t].astype(np.float64)
    for t in range(len(trace.config.trees)):
        out[f"decided {t + 1}"] = trace.decided[:, t].astype(np.float64)
    return out


def stream_of(config: MlcConfig, recording: Recording, pieces: int, style: str = "current") -> Columns:
    """Values of a recording that is pushed ``pieces`` samples at a time."""
    parts = [columns_of(t) for t in stream(config, recording, pieces, style=style)]
    if not parts:
        return columns_of(simulate(config, recording, style=style, rate="as-is"))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def divergence(name: str, trace: Trace, other: Columns) -> Divergence | None:
    """The first value of a recording in which another level differs from a trace."""
    mine = columns_of(trace)
    # another level may hold another number of features or trees: that, too, is a divergence
    if list(mine) != list(other):
        extra = sorted(set(mine) ^ set(other))[0]
        return Divergence(name, 0, extra, float(extra in other), float(extra in mine))
    return first_divergence(name, other, mine)
