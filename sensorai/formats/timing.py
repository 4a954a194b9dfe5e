"""What time stamps say: rate, breaks, gaps, repeats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.formats.header import TIME_UNITS
from sensorai.recording import FloatArray, Recording

#: A step this many times the median step is no jitter: something else happened in between.
BREAK = 10.0
#: Nanoseconds since 1970 stay below this for three centuries; beyond it a number is no time stamp.
LARGEST = 1e19
#: More seconds than this are stamps since 1970: the years after 2000.
EPOCH = 0.946e9
#: A step longer than this many median steps is a gap.
GAP = 2.0


def median_step(time_s: FloatArray) -> float:
    """Median of the steps that go forward, in seconds; NaN when there is none."""
    steps = np.diff(time_s)
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else float("nan")


def breaks(time_s: FloatArray) -> npt.NDArray[np.intp]:
    """Find samples before which time runs backwards or jumps by more than ``BREAK`` median steps."""
    steps = np.diff(time_s)
    return np.flatnonzero((steps < 0) | (steps > BREAK * median_step(time_s))) + 1


def rate_of(time_s: FloatArray, borders: npt.NDArray[np.intp]) -> float | None:
    """Mean rate in Hz over the steps inside the parts that ``borders`` delimit.

    The mean, not the median: stamps are often rounded to milliseconds or delivered in bursts, and both
    leave the mean right. Rounded to 1 uHz, which is far below what any clock keeps. None when time does
    not advance.
    """
    steps = np.diff(time_s)
    inside = np.ones(steps.size, dtype=bool)
    inside[borders - 1] = False
    total = float(steps[inside].sum())
    return (round(float(inside.sum()) / total, 6) if total > 0 else 0.0) or None


def mean_rate(recording: Recording) -> float | None:
    """Rate in Hz measured from the time stamps, breaks left out; None without time stamps."""
    if recording.time_s is None or len(recording) < 2:
        return None
    return rate_of(recording.time_s, breaks(recording.time_s))


def guess_unit(time: FloatArray) -> str | None:
    """Return the unit of bare time stamps, or None when it is not clear.

    The rate must be one an inertial sensor can have (4 Hz to 8 kHz). Stamps since 1970 are then told by
    their size, others by being the only unit left.
    """
    step = median_step(time)
    fitting = [unit for unit, ticks in TIME_UNITS.items() if 4.0 <= ticks / step <= 8000.0]
    for unit in fitting:
        if EPOCH < float(time[0]) / TIME_UNITS[unit] < 4.1e9:
            return unit
    return fitting[0] if len(fitting) == 1 else None
