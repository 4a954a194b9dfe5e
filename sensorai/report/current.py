"""What a result draws, by its figures and the table of published currents."""

from __future__ import annotations

from sensorai.ispu import devices as ispu
from sensorai.mcu import devices as mcu
from sensorai.mlc import devices as mlc
from sensorai.power.estimate import MODE, SENSOR, Asked, Estimate, estimate
from sensorai.report.section import Figures


def current(report: Figures, sensor: str = SENSOR, mode: str = MODE) -> Estimate:
    """Estimate the current of a result.

    Parameters
    ----------
    report : Figures
        Figures of a report on a training or validation.
    sensor : str
        Sensor beside a microcontroller: full name.
    mode : str
        Operating mode of the sensor, a name in `sensorai.power.estimate.MODES`.

    Returns
    -------
    Estimate
        Microamperes on average, as an interval, or unknown with the reason.
    """
    return estimate(asked(report, sensor, mode))


def asked(report: Figures, sensor: str = SENSOR, mode: str = MODE) -> Asked:
    """What of a result its current depends on."""
    settings, target = report["settings"], report["target"]
    # a sensor that is off has a rate of 0
    sensors = [name for name, one in (settings.get("sensors") or {}).items() if one["rate_hz"]]
    sensors += [one["name"] for one in settings.get("channels") or ()]
    return Asked(
        target=target,
        device=full_name(target, report["device"]),
        rate_hz=settings["rate_hz"],
        hop_s=settings["stride"] / settings["rate_hz"],
        gyro=any(name.startswith("gyro") for name in sensors),
        trees=max(len(report["classifiers"]), 1),
        cycles=_cycles(report),
        sensor=sensor,
        mode=mode,
    )


def _cycles(report: Figures) -> tuple[float, float] | None:
    """Cycles of a window and the samples before it: one an instruction, and as they are estimated."""
    cost = report["cost"].get("library")
    if not cost or cost.get("instructions_mean") is None:
        return None
    counted = cost["instructions_mean"] + cost["instructions_sample"] * report["settings"]["stride"]
    guessed = cost.get("cycles") or counted
    return min(counted, guessed), max(counted, guessed)


def full_name(target: str, device: str) -> str:
    """Name of a device of a target, from that or a unique beginning of it.

    Raises
    ------
    ConfigError
        None or several of the target's devices are called so.
    """
    if target == "mlc":
        return mlc.device(device).name
    return ispu.device(device).name if target == "ispu" else mcu.device(device).name
