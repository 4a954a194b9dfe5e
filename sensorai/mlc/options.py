"""Options of an experiment held against what a machine learning core has."""

from __future__ import annotations

from collections.abc import Iterator

from sensorai.errors import Problem
from sensorai.experiment import Experiment
from sensorai.experiment.words import end_counters
from sensorai.mlc.devices import MlcDevice


def problems_of(experiment: Experiment, target: MlcDevice) -> list[Problem]:
    """Everything that contradicts the device, each with the way out."""
    return [
        *_sizes(experiment, target),
        *_rate(experiment, target),
        *_counters(experiment, target),
        *_scales(experiment, target),
        *_sensors(experiment, target),
    ]


def _sizes(experiment: Experiment, target: MlcDevice) -> Iterator[Problem]:
    """Window, trees, nodes and features."""
    limits, trees = target.limits, max(len(experiment.tree), 1)
    if experiment.window is not None and experiment.window > limits.window:
        yield Problem(
            f"--window {experiment.window} is outside 1 to {limits.window} samples",
            hint=f"the window counter of {target.name} has 8 bits; use a lower --rate for longer windows",
        )
    if trees > limits.trees:
        yield Problem(
            f"{trees} trees do not fit: {target.name} has {limits.trees}",
            hint="drop a --tree or choose another device (sensorai devices)",
        )
    if experiment.max_nodes is not None and not trees <= experiment.max_nodes <= limits.nodes:
        yield Problem(
            f"--max-nodes {experiment.max_nodes} is outside {trees} to {limits.nodes}",
            hint=f"{target.name} has room for {limits.nodes} nodes",
        )
    if experiment.max_features > limits.features:
        yield Problem(
            f"--max-features {experiment.max_features} is outside 1 to {limits.features}",
            hint=f"{target.name} computes at most {limits.features} features",
        )


def _rate(experiment: Experiment, target: MlcDevice) -> Iterator[Problem]:
    if experiment.rate is not None and experiment.rate not in target.mlc_rates:
        rates = ", ".join(f"{hz:g}" for hz in target.mlc_rates)
        yield Problem(
            f"the machine learning core of {target.name} has no rate of {experiment.rate:g} Hz",
            hint=f"its rates are {rates} Hz",
        )


def _counters(experiment: Experiment, target: MlcDevice) -> Iterator[Problem]:
    counters = end_counters(experiment.end_counters)
    if isinstance(counters, tuple) and len(counters) not in (1, target.limits.groups):
        yield Problem(
            f"{len(counters)} end counters for {target.limits.groups} result groups",
            hint=f"give one number for all groups, or {target.limits.groups}",
        )


def _scales(experiment: Experiment, target: MlcDevice) -> Iterator[Problem]:
    scales = {"acc": target.acc_full_scales, "gyro": target.gyro_full_scales}
    for sensor, full in experiment.full_scale:
        if full not in scales.get(sensor, ()):
            known = ", ".join(f"{one:g}" for one in scales.get(sensor, ()))
            yield Problem(
                f"--full-scale {sensor}={full:g}: {target.name} has no such full scale",
                hint=f"it has {known}" if known else "sensors are acc and gyro",
            )


def _sensors(experiment: Experiment, target: MlcDevice) -> Iterator[Problem]:
    """Sensors that no log could bring in."""
    there = [sensor for sensor in ("acc", "gyro") if sensor in target.sensors]
    for sensor in dict.fromkeys(experiment.sensors):
        if sensor not in there:
            yield Problem(
                f"--sensors {','.join(experiment.sensors)}: no {sensor} on {target.name}",
                hint="usable here: " + ", ".join(there),
            )
