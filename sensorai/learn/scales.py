"""Full scales that logs need, and their samples as counts; one log after the other is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sensorai.cproject.scales import UNITS, Scales
from sensorai.errors import DataError
from sensorai.kept import file_of, kept
from sensorai.model.pipeline import Count, counts
from sensorai.recording import Recording

Int16 = npt.NDArray[np.int16]

#: Share of samples that may saturate before the next full scale is taken.
SATURATED = 1e-3


def channels_of(
    logs: Sequence[Recording], sensors: Sequence[str], scales: Mapping[str, Scales]
) -> tuple[Count, ...]:
    """Channels of the sensors, each at the smallest full scale that keeps saturation rare.

    Raises
    ------
    DataError
        A log has values that are no numbers.
    """
    beyond = _beyond(logs, sensors, scales)
    samples = max(3 * sum(map(len, logs)), 1)
    return tuple(
        Count(f"{s}_{axis}", UNITS[s], lsb)
        for s in sensors
        for lsb in [_lsb(beyond[s], samples, scales[s])]
        for axis in "xyz"
    )


def _beyond(
    logs: Sequence[Recording], sensors: Sequence[str], scales: Mapping[str, Scales]
) -> dict[str, list[int]]:
    """For each sensor, how many samples of all axes lie beyond each of its scales."""
    out = {s: [0] * len(scales[s]) for s in sensors}
    for r in logs:
        for s in sensors:
            size = np.abs(r.xyz(s, UNITS[s]))
            if not np.isfinite(size).all():
                raise DataError(
                    f"{r.name} has values that are no numbers",
                    where=r.source,
                    hint="sensorai inspect says where; cut or mend that part of the log",
                )
            limits = [32767 * lsb for _, lsb in scales[s]]
            out[s] = [n + int((size > most).sum()) for n, most in zip(out[s], limits, strict=True)]
        r.rest()
    return out


def counts_in(recording: Recording, channels: Sequence[Count]) -> tuple[Int16, int]:
    """Counts of a log, kept where its samples are, and how many are saturated."""
    made, beyond = counts([recording.in_unit(c.name, c.unit) for c in channels], channels)
    if file_of(recording.samples) is not None:
        recording.rest()
        (made,) = kept([made])
    return made, beyond


def _lsb(beyond: Sequence[int], samples: int, scales: Scales) -> float:
    for count, (_, lsb) in zip(beyond, scales, strict=True):
        if count / samples <= SATURATED:
            return lsb
    return scales[-1][1]
