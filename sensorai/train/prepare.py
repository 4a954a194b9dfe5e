"""Logs made ready for a device: doubts said aloud, copies found, sensors, rate and full scale chosen."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.formats.resample import TOLERANCE, resampled, same_rate, to_rate
from sensorai.mlc.config import SensorSetting
from sensorai.mlc.devices import MlcDevice, nearest_mlc_rate
from sensorai.mlc.features import SENSOR_WORDS
from sensorai.notes import grouped
from sensorai.recording import Dataset, Recording
from sensorai.train.askrate import no_rate
from sensorai.train.options import Choices, MlcOptions

#: Window lengths that ``auto`` tries, in seconds.
WINDOW_SECONDS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
#: Margin above the largest value in the logs when a full scale is chosen.
HEADROOM = 1.05
#: Values this far beyond the largest full scale are no clipped peaks: the unit is wrong.
BEYOND = 1.5


def doubts(dataset: Dataset) -> list[str]:
    """Accelerometers that do not show 1 g at rest: said aloud, because a wrong unit spoils everything."""
    from sensorai.formats import gravity

    found = [(r.name, text) for r in dataset if (text := gravity.doubt(r))]
    if not found:
        return []
    name, text = found[0]
    return [f"{name}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: {text}"]


def usable_sensors(dataset: Dataset, target: MlcDevice, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Sensors that every log has and the device offers (of the wanted ones, if any)."""
    common = set(dataset.recordings[0].sensors)
    for r in dataset:
        common &= set(r.sensors)
    there = [s for s in ("acc", "gyro") if s in common and s in target.sensors]
    usable = tuple(s for s in there if _varies(dataset, s))
    if there and not usable:
        raise DataError(
            f"every sample of the {' and the '.join(SENSOR_WORDS[s] for s in there)} is the same: no feature "
            "can tell classes apart",
            where=dataset.recordings[0].source,
            hint="check the sensor and the columns of the log",
        )
    if wanted is not None:
        missing = [s for s in wanted if s not in usable]
        if missing:
            raise ConfigError(
                f"--sensors {','.join(wanted)}: no {missing[0]} "
                + ("in every log" if missing[0] in target.sensors else f"on {target.name}"),
                hint="usable here: " + (", ".join(usable) or "none"),
            )
        usable = tuple(s for s in usable if s in wanted)
    if not usable:
        have = ", ".join(c.name for c in dataset.recordings[0].channels)
        raise DataError(
            f"no log channel that {target.name} could use: x, y and z of an accelerometer or gyroscope "
            "are needed",
            where=dataset.recordings[0].source,
            hint=f"the log has: {have}; name columns with --column acc_x=COLUMN",
        )
    return usable


def _varies(dataset: Dataset, sensor: str) -> bool:
    """Whether a sensor shows anything but one constant value per recording."""
    for r in dataset:
        x = r.samples[:, [r.column(f"{sensor}_{a}") for a in "xyz"]]
        if len(x) and (x != x[0]).any():
            return True
    return False


def at_device_rate(
    dataset: Dataset, target: MlcDevice, options: MlcOptions, choices: Choices
) -> tuple[Dataset, float]:
    """Bring every log to one rate of the core, said aloud."""
    known = [r.rate_hz for r in dataset if r.rate_hz]
    rate = options.rate_hz
    if rate is None:
        if not known:
            raise no_rate(dataset, "mlc", target.name)
        rate = nearest_mlc_rate(target, Counter(round(k, 1) for k in known).most_common(1)[0][0])
    changed: list[float] = []
    untold: list[tuple[str, Sequence[str]]] = []
    for r in dataset:
        if r.rate_hz is None:
            untold.append((r.name, (f"the log does not say its rate; taken as {rate:g} Hz",)))
        elif not same_rate(r.rate_hz, rate):
            changed.append(r.rate_hz)
            if not options.resample:
                raise DataError(
                    f"the log is at {r.rate_hz:g} Hz, {target.name} offers no such rate, and resampling was "
                    "refused",
                    where=r.source,
                    hint=f"drop --no-resample (the log would be brought to {rate:g} Hz), or record at a rate "
                    "of the core: " + ", ".join(f"{hz:g}" for hz in target.mlc_rates) + " Hz",
                )
    choices.notes += grouped(untold)
    out = [to_rate(r, rate) for r in dataset]
    if changed:
        choices.notes.append(f"{resampled(changed, rate)}, the nearest rate of {target.name}'s core")
    return Dataset(tuple(out)), rate


def window_lengths(options: MlcOptions, rate: float, dataset: Dataset, target: MlcDevice) -> list[int]:
    """Window lengths to try, in samples, shortest first."""
    if options.window is not None:
        return [options.window]
    longest = max(len(r) for r in dataset)
    lengths = {round(s * rate) for s in WINDOW_SECONDS}
    return sorted(w for w in lengths if 8 <= w <= min(target.limits.window, longest)) or [
        min(target.limits.window, longest)
    ]


def check_length(dataset: Dataset, window: int, rate: float) -> None:
    """Refuse logs of which none holds a whole window."""
    if all(len(r) < window for r in dataset):
        raise DataError(
            f"no log is as long as one window of {window} samples ({window / rate:.2f} s)",
            hint="choose a shorter --window or record longer logs",
        )


def without_copies(dataset: Dataset, columns: Sequence[str], choices: Choices) -> Dataset:
    """Drop recordings whose samples are those of an earlier one, and say so.

    A copy on both sides of the split would be a leak.

    Raises
    ------
    DataError
        The same samples carry different labels.
    """
    first: dict[bytes, Recording] = {}
    kept: list[Recording] = []
    copies: list[str] = []
    for r in dataset:
        key = hashlib.sha256(np.ascontiguousarray(r.samples).tobytes()).digest()
        other = first.get(key)
        if other is None or not r.samples.size or (r.samples == r.samples[0]).all():
            first[key] = r
            kept.append(r)
        elif any(r.labels.get(c, ()) != other.labels.get(c, ()) for c in columns):
            raise DataError(
                f"{r.name} and {other.name} hold the same samples under different labels",
                where=r.source,
                hint=f"drop one of them; the other is {other.source}",
            )
        else:
            copies.append(f"{r.name} (as {other.name})")
    if copies:
        more = f" and {len(copies) - 1} more" if len(copies) > 1 else ""
        choices.notes.append(f"left out as a copy of another recording: {copies[0]}{more}")
    return Dataset(tuple(kept))


def sensor_settings(
    dataset: Dataset, target: MlcDevice, rate: float, slots: Sequence[str], choices: Choices
) -> dict[str, SensorSetting]:
    """Choose sensor rate and full scale: not below the core's rate, wide enough for the logs.

    Raises
    ------
    DataError
        Values far beyond the largest full scale of the device: the unit must be wrong.
    """
    out = {}
    for slot, unit, shown, per, rates, scales in (
        ("acc", "mg", "g", 1000.0, target.acc_rates, target.acc_full_scales),
        ("gyro", "dps", "dps", 1.0, target.gyro_rates, target.gyro_full_scales),
    ):
        if slot not in slots:
            continue
        top = max(scales)
        largest, where = 0.0, dataset.recordings[0]
        for r in dataset:
            if slot in r.sensors:
                peak = float(np.abs(r.xyz(slot, unit)).max(initial=0.0)) / per
                largest, where = max((largest, where), (peak, r), key=lambda pair: pair[0])
        if largest > BEYOND * top:
            raise DataError(
                f"{slot} reaches {largest:.4g} {shown}, far beyond the {top:g} {shown} that {target.name} "
                "can measure: the unit of the log must be wrong",
                where=where.source,
                hint=f"say the right one, as in --unit {slot}={unit}",
            )
        if largest > top:
            choices.notes.append(
                f"{slot} reaches {largest:.4g} {shown} in {where.name}, beyond the largest full scale of "
                f"{target.name} ({top:g} {shown}): the sensor will clip there, the simulator does not"
            )
        wide = [s for s in sorted(scales) if s >= largest * HEADROOM] or [top]
        fast = [hz for hz in sorted(rates) if hz >= rate * (1 - TOLERANCE)]
        out[slot] = SensorSetting(fast[0], wide[0])
    return out
