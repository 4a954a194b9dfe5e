"""Full scales of sensors and what one count is worth in them."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.errors import Problem
from sensorai.experiment import Experiment

#: Full scale (g, dps) and the value of one count, smallest first.
Scales = tuple[tuple[float, float], ...]

#: Unit in which counts are stated.
UNITS = {"acc": "mg", "gyro": "dps"}

#: Typical of ST's inertial sensors: acceleration (g, mg) and angular rate (dps, dps).
TYPICAL: Mapping[str, Scales] = {
    "acc": ((2, 0.061), (4, 0.122), (8, 0.244), (16, 0.488)),
    "gyro": ((125, 0.004375), (250, 0.00875), (500, 0.0175), (1000, 0.035), (2000, 0.07)),
}


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
