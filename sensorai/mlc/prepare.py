"""Logs made ready for a sensor: sensors, rate and full scale chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.experiment import Experiment
from sensorai.formats.keeper import keeping
from sensorai.formats.plausible import check_units
from sensorai.formats.resample import TOLERANCE, resampled, same_rate, to_rate
from sensorai.mlc.config import SensorSetting
from sensorai.mlc.devices import MlcDevice, fastest_mlc_rate, nearest_mlc_rate
from sensorai.mlc.features import SENSOR_WORDS
from sensorai.notes import grouped
from sensorai.recording import Dataset

#: Margin above the largest value in the logs when a full scale is chosen.
HEADROOM = 1.05


def check_device_units(dataset: Dataset, target: MlcDevice) -> None:
    """Refuse values far beyond what the sensors of ``target`` can measure; a DataError."""
    tops = {
        "acc": max(target.acc_full_scales, default=0.0),
        "gyro": max(target.gyro_full_scales, default=0.0),
    }
    check_units(dataset, {slot: top for slot, top in tops.items() if top}, target.name)


def usable_sensors(dataset: Dataset, target: MlcDevice, wanted: Sequence[str]) -> tuple[str, ...]:
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
    if wanted:
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
    dataset: Dataset, target: MlcDevice, experiment: Experiment
) -> tuple[Dataset, float, list[str]]:
    """Bring every log to one rate of the core, said aloud."""
    known = [r.rate_hz for r in dataset if r.rate_hz]
    rate = experiment.rate
    words = f"the nearest rate of {target.name}'s core"
    if rate is None:
        usual = Counter(round(k, 1) for k in known).most_common(1)[0][0]
        rate, fastest = nearest_mlc_rate(target, usual), fastest_mlc_rate(target, usual)
        # a faster core knows no more than the logs, and its bands lie higher, where people do not move; but
        # lines of a machine may lie up to half the rate of its logs
        if experiment.task == "classify" and fastest < rate:
            rate = fastest
            words = f"the fastest of {target.name}'s core that they bear (--rate takes another)"
    changed: list[float] = []
    notes: list[str] = []
    untold: list[tuple[str, Sequence[str]]] = []
    for r in dataset:
        if r.rate_hz is None:
            untold.append((r.name, (f"the log does not say its rate; taken as {rate:g} Hz",)))
        elif not same_rate(r.rate_hz, rate):
            changed.append(r.rate_hz)
            if experiment.no_resample:
                raise DataError(
                    f"the log is at {r.rate_hz:g} Hz, {target.name} offers no such rate, and resampling was "
                    "refused",
                    where=r.source,
                    hint=f"drop --no-resample (the log would be brought to {rate:g} Hz), or record at a rate "
                    "of the core: " + ", ".join(f"{hz:g}" for hz in target.mlc_rates) + " Hz",
                )
    notes += grouped(untold)
    out = keeping(to_rate(r, rate) for r in dataset)
    if changed:
        notes.append(f"{resampled(changed, rate)}, {words}")
    return Dataset(out), rate, notes


def sensor_settings(
    dataset: Dataset, target: MlcDevice, rate: float, slots: Sequence[str], wanted: Mapping[str, float]
) -> tuple[dict[str, SensorSetting], list[str]]:
    """Choose sensor rate and full scale: not below the core's rate, wide enough for the logs or as wanted."""
    out: dict[str, SensorSetting] = {}
    notes: list[str] = []
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
        if largest > top:
            notes.append(
                f"{slot} reaches {largest:.4g} {shown} in {where.name}, beyond the largest full scale of "
                f"{target.name} ({top:g} {shown}): the sensor will clip there, the simulator does not"
            )
        wide = [s for s in sorted(scales) if s >= largest * HEADROOM] or [top]
        if slot in wanted:
            wide = [wanted[slot]]
            if largest > wanted[slot]:
                notes.append(
                    f"{slot} reaches {largest:.4g} {shown} in {where.name}, beyond the full scale that was "
                    f"asked for ({wanted[slot]:g} {shown}): the sensor will clip there, the simulator does "
                    "not"
                )
        fast = [hz for hz in sorted(rates) if hz >= rate * (1 - TOLERANCE)]
        out[slot] = SensorSetting(fast[0], wide[0])
    return out, notes
