"""What is in a recording, and what is odd about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sensorai.formats import gravity, plausible, timing
from sensorai.recording import UNITS, FloatArray, Recording

#: Largest reading of ST's 16-bit sensors per full scale, in base units (mg, dps, mG): the sensitivity of
#: the data sheets times 32768. LSM6DSOX: 0.061 mg at 2 g, 4.375 mdps at 125 dps; the other scales are
#: multiples; LSM6DSO32X: 0.122 mg at 4 g to 0.976 mg at 32 g; LIS2MDL: 1.5 mG.
_TOPS: Mapping[str, tuple[float, ...]] = {
    "acceleration": tuple(0.061 * 32768 * k for k in (1, 2, 4, 8, 16)),
    "angular rate": tuple(0.004375 * 32768 * k for k in (1, 2, 4, 8, 16, 32)),
    "magnetic field": (1.5 * 32768,),
}
#: Logs are rounded and cut in many ways; a reading this close to the top has no room left.
_NEAR = 0.002


@dataclass(frozen=True, slots=True)
class Inspection:
    """Facts about one recording.

    Attributes
    ----------
    name, source, group : str
    rows : int
    rate_hz : float or None
        Rate the recording is taken at (told, from the log, or measured).
    measured_hz : float or None
        Mean rate of the time stamps.
    duration_s : float or None
    jitter_s : float or None
        Standard deviation of the time steps, gaps left out.
    gaps : tuple of (int, float)
        Samples before which the time step is longer than twice the median, and that step in seconds.
    repeats : int
        Time stamps equal to the one before.
    backwards : int
        Time stamps earlier than the one before.
    repeated_rows : int
        Longest run of identical samples (all channels), less one.
    saturated : mapping of str to int
        Samples at the top of a known full scale, per channel.
    ranges : mapping of str to (min, max)
    units : mapping of str to str
    labels : mapping of column to mapping of label to samples
        Unlabelled samples count under the empty label.
    resting_g : float or None
        Norm of the accelerometer at rest in g, when it rests and its unit is known.
    notes : tuple of str
        What reading found, and the doubts about what is above.
    """

    name: str
    source: str
    group: str
    rows: int
    rate_hz: float | None
    measured_hz: float | None
    duration_s: float | None
    jitter_s: float | None
    gaps: tuple[tuple[int, float], ...]
    repeats: int
    backwards: int
    repeated_rows: int
    saturated: Mapping[str, int]
    ranges: Mapping[str, tuple[float, float]]
    units: Mapping[str, str]
    labels: Mapping[str, Mapping[str, int]]
    resting_g: float | None
    notes: tuple[str, ...]


def inspect(recording: Recording) -> Inspection:
    """Measure a recording; nothing is changed."""
    samples = recording.samples
    names = [c.name for c in recording.channels]
    notes = list(recording.notes)
    jitter, gaps, repeats, backwards = _time_facts(recording.time_s)
    saturated = _saturation(recording)
    if gaps:
        longest = max(step for _, step in gaps)
        notes.append(f"{len(gaps)} gaps in the time stamps, the longest {longest:.4g} s")
    if backwards:
        notes.append(f"time runs backwards {backwards} times")
    if saturated:
        notes.append(f"saturated: {', '.join(f'{n} {k} samples' for n, k in saturated.items())}")
    notes += [f"{found.words('any known sensor')} ({found.hint})" for found in plausible.misfits(recording)]
    rest = gravity.resting(recording)
    doubt = gravity.doubt(recording)
    if doubt and doubt not in notes:
        notes.append(doubt)
    return Inspection(
        name=recording.name,
        source=recording.source,
        group=recording.group,
        rows=len(recording),
        rate_hz=recording.rate_hz,
        measured_hz=timing.mean_rate(recording),
        duration_s=recording.duration_s if recording.rate_hz else None,
        jitter_s=jitter,
        gaps=gaps,
        repeats=repeats,
        backwards=backwards,
        repeated_rows=_longest_repeat(samples),
        saturated=saturated,
        ranges={
            n: (float(samples[:, i].min()), float(samples[:, i].max()))
            for i, n in enumerate(names)
            if len(samples)
        },
        units={c.name: c.unit for c in recording.channels},
        labels={column: _label_counts(recording, column) for column in recording.labels},
        resting_g=_in_g(*rest) if rest else None,
        notes=tuple(notes),
    )


def _in_g(unit: str, norm: float) -> float | None:
    if unit not in UNITS:
        return None
    _, up, down = UNITS[unit]
    return norm * up / down / 1000.0


def _time_facts(
    time_s: FloatArray | None,
) -> tuple[float | None, tuple[tuple[int, float], ...], int, int]:
    if time_s is None or len(time_s) < 3:
        return None, (), 0, 0
    steps = np.diff(time_s)
    long = steps > timing.GAP * timing.median_step(time_s)
    gaps = tuple((int(i) + 1, float(steps[i])) for i in np.flatnonzero(long))
    regular = steps[~long & (steps >= 0)]
    with np.errstate(over="ignore", invalid="ignore"):
        jitter = float(regular.std()) if regular.size else None
    return jitter, gaps, int((steps == 0).sum()), int((steps < 0).sum())


def _saturation(recording: Recording) -> dict[str, int]:
    out: dict[str, int] = {}
    for i, channel in enumerate(recording.channels):
        values = np.abs(recording.samples[:, i])
        if channel.unit == "LSB":
            count = int((values >= 32767).sum())
        elif channel.unit in UNITS and len(values):
            kind, up, down = UNITS[channel.unit]
            with np.errstate(over="ignore"):
                values = values * up / down
            peak = float(values.max())
            top = next((t for t in _TOPS[kind] if abs(peak / t - 1) < _NEAR), None)
            held = values > (1 - _NEAR) * top if top else np.zeros(0, dtype=bool)
            # one sample that happens to end there is no saturation
            count = int(held.sum()) if bool((held[1:] & held[:-1]).any()) else 0
        else:
            count = 0
        if count:
            out[channel.name] = count
    return out


def _longest_repeat(samples: FloatArray) -> int:
    if len(samples) < 2:
        return 0
    same = (samples[1:] == samples[:-1]).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _label_counts(recording: Recording, column: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for span in recording.labels[column]:
        counts[span.label] = counts.get(span.label, 0) + span.stop - span.start
    rest = len(recording) - sum(counts.values())
    return {**counts, "": rest} if rest else counts
