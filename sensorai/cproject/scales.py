"""What sensors can be set to: full scales with the value of a count, and sample rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sensorai.errors import Problem
from sensorai.experiment import Experiment
from sensorai.formats.resample import same_rate

#: Full scale (g, dps) and the value of one count, smallest first.
Scales = tuple[tuple[float, float], ...]

#: Unit in which counts are stated.
UNITS = {"acc": "mg", "gyro": "dps"}

#: Typical of ST's inertial sensors: acceleration (g, mg) and angular rate (dps, dps).
TYPICAL: Mapping[str, Scales] = {
    "acc": ((2, 0.061), (4, 0.122), (8, 0.244), (16, 0.488)),
    "gyro": ((125, 0.004375), (250, 0.00875), (500, 0.0175), (1000, 0.035), (2000, 0.07)),
}


#: Sample rates in Hz that common inertial sensors have, as their data sheets give them (documented): ST's
#: LSM6DSO family, ST's LSM6DSV family, and Bosch's BMI270 with TDK's ICM-42688.
RATES = (
    *(12.5, 26.0, 52.0, 104.0, 208.0, 416.0, 833.0, 1666.0, 3332.0, 6667.0),
    *(7.5, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 7680.0),
    *(25.0, 50.0, 100.0, 200.0, 400.0, 500.0, 800.0, 1000.0, 1600.0, 2000.0, 4000.0),
)


def sensor_rate(measured: float) -> tuple[float, str]:
    """The rate that a sensor was set to where logs say ``measured`` Hz; and a note where none fits."""
    near = min(RATES, key=lambda hz: abs(math.log(hz / measured)))
    if same_rate(measured, near):
        return near, ""
    below = max((hz for hz in RATES if hz < measured), default=RATES[0])
    above = min((hz for hz in RATES if hz > measured), default=max(RATES))
    return measured, (
        f"no common sensor has a rate of {measured:g} Hz: bring the logs to one that yours has, as with "
        f"--rate {below:g} or --rate {above:g}"
    )


def narrowed(scales: Mapping[str, Scales], experiment: Experiment) -> dict[str, Scales]:
    """Only the wanted full scale, where one was asked for."""
    wanted = dict(experiment.full_scale)
    return {
        sensor: tuple(one for one in of if sensor not in wanted or one[0] == wanted[sensor])
        for sensor, of in scales.items()
    }


def check_scales(experiment: Experiment, scales: Mapping[str, Scales], whose: str) -> list[Problem]:
    """Full scales that were asked for and that ``whose`` sensors do not have."""
    out = []
    for sensor, full in experiment.full_scale:
        known = [one for one, _ in scales.get(sensor, ())]
        if not known:
            out.append(
                Problem(
                    f"--full-scale {sensor}: {whose} has no such sensor", hint="sensors: " + ", ".join(scales)
                )
            )
        elif full not in known:
            out.append(
                Problem(
                    f"--full-scale {sensor}={full:.10g}: {whose} has no such full scale",
                    hint="it has " + ", ".join(f"{one:g}" for one in known),
                )
            )
    return out


def check_sensors(experiment: Experiment, sensors: Iterable[str], whose: str) -> list[Problem]:
    """Sensors that were asked for and that no log could bring in."""
    known = list(sensors)
    return [
        Problem(f"--sensors {sensor}: {whose} has no such sensor", hint="sensors: " + ", ".join(known))
        for sensor in dict.fromkeys(experiment.sensors)
        if sensor not in known
    ]
