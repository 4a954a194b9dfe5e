"""Gravity as a check of units: at rest an accelerometer shows 1 g."""

from __future__ import annotations

import numpy as np

from sensorai.recording import FloatArray, Recording

#: Length of 1 g in each unit of acceleration.
_ONE_G = {"g": 1.0, "mg": 1000.0, "m/s2": 9.80665}
#: Samples per block in the search for rest, and the most a quiet block may scatter (of its norm).
_BLOCK, _QUIET = 25, 0.03
#: Offsets, scale errors and slow turns stay inside.
_LOW, _HIGH = 0.8, 1.25


def resting_norm(samples: FloatArray) -> float | None:
    """Norm in the quietest block of 25 samples, or None when the sensor never rests.

    Parameters
    ----------
    samples : ndarray, shape (n, 3)
        The three axes of an accelerometer, any unit.
    """
    blocks = len(samples) // _BLOCK
    if not blocks:
        return None
    cut = samples[: blocks * _BLOCK].reshape(blocks, _BLOCK, 3)
    # a block of zeros is a dead sensor, not a quiet one; absurd values may overflow, and are not quiet either
    with np.errstate(all="ignore"):
        scatter = np.sqrt(cut.var(axis=1).sum(axis=1))
        norm = np.sqrt((cut.mean(axis=1) ** 2).sum(axis=1))
        relative = np.where(norm > 0, scatter / norm, np.inf)
    relative[~np.isfinite(relative)] = np.inf
    best = int(np.argmin(relative))
    return float(norm[best]) if relative[best] < _QUIET else None


def looks_like(norm: float) -> str:
    """Return the unit of acceleration in which ``norm`` is about 1 g, or an empty text."""
    return next((unit for unit, one in _ONE_G.items() if _LOW < norm / one < _HIGH), "")


def resting(recording: Recording) -> tuple[str, float] | None:
    """Return unit and resting norm (in that unit) of the accelerometer, or None when it cannot be told."""
    if "acc" not in recording.sensors:
        return None
    columns = [recording.column(f"acc_{a}") for a in "xyz"]
    units = {recording.channels[i].unit for i in columns}
    norm = resting_norm(recording.samples[:, columns])
    return (units.pop(), norm) if len(units) == 1 and norm is not None else None


def doubt(recording: Recording) -> str:
    """Return a sentence when the resting norm does not fit the unit, else an empty text."""
    found = resting(recording)
    if found is None:
        return ""
    unit, norm = found
    likely = looks_like(norm)
    if unit == "" and likely:
        return f"acc has no unit; at rest its norm is {norm:.4g}, like {likely} (--unit acc={likely})"
    one = _ONE_G.get(unit)
    if one is None or _LOW < norm / one < _HIGH:
        return ""
    said = f"at rest the acceleration is {norm:.4g} {unit}, that is {norm / one:.3g} g instead of 1 g: "
    if likely:
        return f"{said}the values look like {likely} (--unit acc={likely})"
    if norm / one < _LOW:
        return f"{said}wrong unit or scale, or gravity was removed"
    return f"{said}wrong unit or scale"
