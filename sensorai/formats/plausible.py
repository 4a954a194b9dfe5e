"""Values that no sensor can measure: the one check of units, for every target and for ``inspect``.

A wrong unit spoils everything that is learnt. Peaks a little beyond the full scale are clipped by the sensor
and no reason to refuse a log; many values far beyond it are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.errors import DataError
from sensorai.formats import gravity
from sensorai.recording import SENSORS, UNITS, FloatArray, Recording

#: Largest full scale of any sensor that is known here: g, dps, g of high-g accelerometers.
TOPS: Mapping[str, float] = {"acc": 32.0, "gyro": 4000.0, "acch": 400.0}
#: Unit in which full scales are said, and its size in the base unit of the quantity.
SAID: Mapping[str, tuple[str, float]] = {"acc": ("g", 1000.0), "gyro": ("dps", 1.0), "acch": ("g", 1000.0)}
#: Values this far beyond the largest full scale are no clipped peaks.
BEYOND = 1.5
#: Share of the samples that may be so: a broken row is no wrong unit.
MANY = 0.01
#: Angular rates of people and machines reach this, in dps; a unit in which they stay below is not the one.
TURNS = 20.0


@dataclass(frozen=True, slots=True)
class Misfit:
    """A sensor of a recording that reads more than there is.

    Attributes
    ----------
    sensor, unit : str
        The unit that the log says.
    share : float
        Share of the samples that are far beyond ``top``.
    peak, top : float
        Largest value, and largest full scale, in ``SAID``.
    likely : str
        The unit that the values look like, where that is clear; else empty.
    """

    sensor: str
    unit: str
    share: float
    peak: float
    top: float
    likely: str

    def words(self, who: str) -> str:
        """Say it, with the name of what cannot measure it."""
        unit = SAID[self.sensor][0]
        return (
            f"{self.sensor} reaches {self.peak:.4g} {unit}, far beyond the {self.top:g} {unit} that {who} "
            f"can measure, in {self.share:.0%} of the samples: the unit of the log ({self.unit}) must be "
            "wrong"
        )

    @property
    def hint(self) -> str:
        """What to do about it."""
        if self.likely:
            return f"say the right one: --unit {self.sensor}={self.likely} fits the values"
        known = "|".join(_units(self.sensor))
        return f"say the right one, as in --unit {self.sensor}={known.split('|')[0]} ({known})"


def check_units(
    recordings: Iterable[Recording], tops: Mapping[str, float] | None = None, who: str = "any known sensor"
) -> None:
    """Refuse recordings whose unit must be wrong.

    Parameters
    ----------
    recordings : iterable of Recording
    tops : mapping of sensor to float, optional
        Largest full scale in g or dps; by default that of any known sensor.
    who : str
        Whose full scales these are, for the message.

    Raises
    ------
    DataError
        Many values far beyond full scale; it names the unit that they look like, where that is clear.
    """
    worst: tuple[Misfit, Recording] | None = None
    for r in recordings:
        for found in misfits(r, tops):
            if worst is None or found.share > worst[0].share:
                worst = found, r
    if worst is not None:
        raise DataError(worst[0].words(who), where=worst[1].source, hint=worst[0].hint)


def check_told(recordings: Iterable[Recording], sensors: Iterable[str]) -> None:
    """Refuse sensors whose unit no log names and nobody told, all at once.

    Raises
    ------
    DataError
        It asks for the units, with those that the values look like.
    """
    missing: dict[str, list[Recording]] = {}
    for r in recordings:
        for sensor in sensors:
            if sensor in r.sensors and any(not r.channels[i].unit for i in _axes(r, sensor)):
                missing.setdefault(sensor, []).append(r)
    if not missing:
        return
    likely = {sensor: _likely_of_all(sensor, logs) for sensor, logs in missing.items()}
    asked = [
        f"--unit {s}={u}" if u else f"--unit {s}=UNIT ({'|'.join(_units(s))})" for s, u in likely.items()
    ]
    looks = " and ".join(f"{u} ({s})" for s, u in likely.items() if u)
    raise DataError(
        f"the logs name no unit for {' and '.join(missing)}",
        where=next(iter(missing.values()))[0].source,
        hint=f"say it with {' '.join(asked)}" + (f": the values look like {looks}" if looks else ""),
    )


def _axes(recording: Recording, sensor: str) -> list[int]:
    return [recording.column(f"{sensor}_{a}") for a in "xyz"]


def _likely_of_all(sensor: str, logs: Sequence[Recording]) -> str:
    """Return the unit that the values of all logs look like, or an empty text."""
    values = [r.samples[:, _axes(r, sensor)] for r in logs]
    if sensor == "gyro":
        # a log in which nothing turns looks like one in a larger unit
        values = [max(values, key=lambda v: float(np.abs(v).max(initial=0.0)))]
    found = {_likely(sensor, "", v, TOPS[sensor]) for v in values if len(v)} - {""}
    return found.pop() if len(found) == 1 else ""


def misfits(recording: Recording, tops: Mapping[str, float] | None = None) -> list[Misfit]:
    """Sensors of a recording with many values far beyond the largest full scale."""
    out = []
    for sensor, top in {**TOPS, **(tops or {})}.items():
        if sensor not in recording.sensors:
            continue
        columns = _axes(recording, sensor)
        units = {recording.channels[i].unit for i in columns}
        unit = units.pop()
        if units or unit not in UNITS or UNITS[unit][0] != SENSORS[sensor]:
            continue
        values = recording.samples[:, columns]
        with np.errstate(over="ignore", invalid="ignore"):
            peaks = (
                np.abs(values).max(axis=1, initial=0.0) * UNITS[unit][1] / UNITS[unit][2] / SAID[sensor][1]
            )
        peaks = peaks[np.isfinite(peaks)]
        far = peaks > BEYOND * top
        if far.sum() > max(MANY * len(peaks), 1):
            likely = _likely(sensor, unit, values, top)
            out.append(Misfit(sensor, unit, float(far.mean()), float(peaks.max()), top, likely))
    return out


def doubts(recordings: Iterable[Recording]) -> list[str]:
    """Accelerometers that do not show 1 g at rest, said once for all recordings."""
    found = [(r.name, text) for r in recordings if (text := gravity.doubt(r))]
    if not found:
        return []
    name, text = found[0]
    return [f"{name}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: {text}"]


def _units(sensor: str) -> list[str]:
    return [u for u, (quantity, _, _) in UNITS.items() if quantity == SENSORS[sensor]]


def _likely(sensor: str, unit: str, values: FloatArray, top: float) -> str:
    """Return another unit that makes the values plausible, where there is just one; else an empty text."""
    values = values[np.isfinite(values).all(axis=1)]
    if sensor == "acc":
        # at rest, or else most of the time: people and machines move around 1 g
        norm = gravity.resting_norm(values)
        if norm is None:
            norm = float(np.median(np.sqrt((values**2).sum(axis=1))))
        found = gravity.looks_like(norm)
        return found if found != unit else ""
    peak = float(np.quantile(np.abs(values), 0.999)) if len(values) else 0.0
    said = SAID[sensor][1]
    fits = [u for u in _units(sensor) if TURNS <= peak * UNITS[u][1] / UNITS[u][2] / said <= top]
    return fits[0] if sensor == "gyro" and len(fits) == 1 else ""
