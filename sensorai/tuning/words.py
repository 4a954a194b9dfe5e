"""Trials, reasons and messages in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.experiment import Experiment
from sensorai.tuning.budget import Axis, Budget
from sensorai.tuning.front import Point


def described(experiment: Experiment, rate_hz: float) -> str:
    """What a trial is, as in ``mlp 48, 48 features, int8, 2 s, acc+gyro``."""
    net = dict(experiment.net or {})
    parts = [experiment.family]
    if sizes := net.get("sizes"):
        parts[0] += " " + "-".join(map(str, sizes))
    if trees := net.get("trees"):
        parts[0] += f" of {trees}"
    if net.get("extra"):
        parts.append("extra")
    parts += [f"{net[key]} {key}" for key in ("leaves", "features") if key in net]
    if "kernel" in net:
        parts.append(f"kernel {net['kernel']}")
    if experiment.target_facts.takes == "registers":
        parts += [] if experiment.max_nodes is None else [f"{experiment.max_nodes} nodes at most"]
        parts.append(f"{experiment.max_features} features at most")
    if experiment.precision is not None:
        parts.append(experiment.precision)
    if experiment.window is not None:
        parts.append(f"{experiment.window / (experiment.rate or rate_hz):.2g} s")
    if experiment.sensors:
        parts.append("+".join(experiment.sensors))
    if experiment.rate is not None:
        parts.append(f"{experiment.rate:g} Hz")
    return ", ".join(parts)


def why(
    taken: Point,
    best: Point,
    names: Mapping[int, str],
    metric: str,
    axes: Sequence[Axis],
    budget: Budget,
    looked: int,
) -> list[str]:
    """Why a point is recommended, in sentences."""
    size = axes[0]
    inside = " inside the budget" if budget.limits else ""
    out = []
    if taken.number == best.number:
        out.append(
            f"{names[taken.number]}: the best{inside}, {100 * best.value:.1f} % {metric}; nothing smaller "
            f"comes within one standard error of it over its folds ({100 * best.error:.1f} points)."
        )
    else:
        out.append(
            f"{names[taken.number]}: {100 * taken.value:.1f} % {metric} at "
            f"{size.shown(taken.costs[size.name])} of {size.words}. The best{inside} has "
            f"{100 * best.value:.1f} % at {size.shown(best.costs[size.name])}; this is the smallest within "
            f"one standard error of it over its folds ({100 * best.error:.1f} points), so the difference may "
            "be chance."
        )
    out.append(
        f"It was chosen among {looked} models by the folds that judge it, so its figure is a little too "
        "good; logs that only judge (--test LOG) say it without that."
    )
    return out


def nearest(costs: Sequence[tuple[str, Mapping[str, float]]], axes: Sequence[Axis], budget: Budget) -> str:
    """What comes nearest to a budget that nothing keeps."""

    def worst(one: tuple[str, Mapping[str, float]]) -> float:
        return max(budget.over(one[1]).values(), default=0.0)

    name, found = min(costs, key=worst)
    over = budget.over(found)
    said = [
        f"{axis.shown(found[axis.name])} of {axis.words}, and {axis.shown(budget.limits[axis.name])} "
        "are allowed"
        for axis in axes
        if over.get(axis.name, 0.0) > 0
    ]
    return f"{name} takes {'; '.join(said)}"


def plain(value: Any) -> Any:
    """Numbers as JSON keeps them: whole ones whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
