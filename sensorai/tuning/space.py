"""What is searched: families, windows, sensors, rates, features, sizes, precision; what is given is fixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sensorai.experiment import Experiment, check, checked, tables
from sensorai.recording import LABEL, Dataset
from sensorai.road import Backend, Prepared

#: Lengths of windows in seconds; those that the labels do not last for are left out.
WINDOWS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
#: The usual length, and bytes that usual sizes take at most.
USUAL, USUAL_FLASH = 2.0, 8192.0
#: For so many windows the longest label of a class must last, of the registers too.
SEVERAL = 1.5
#: Rates of a sensor from this share of the usual one on are tried, so many at most.
SLOWEST, RATES = 0.2, 3
#: Shortest window that is made shorter, in samples.
LEAST_WINDOW = 8
#: Fewest nodes of trees in registers.
LEAST_NODES = 7
#: Changed when a study of before would mean something else.
VERSION = 1

#: Fields of an experiment by name.
Changes = dict[str, Any]


class Asks(Protocol):
    """What an Optuna trial is asked."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of several."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number."""
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """What may be chosen.

    Attributes
    ----------
    base : Experiment
        What is fixed.
    families : tuple of str
    windows : tuple of float
        Seconds; empty: the experiment says it.
    sensors : tuple of str
        As in ``acc,gyro``; empty: the experiment says it, or there is one.
    rates : tuple of float
        Hz; empty: the experiment says it, or the target takes any.
    rate_hz : float
        Of the prepared logs, where nothing is chosen.
    nodes : int
        Most nodes of trees in registers.
    flash : float
        Most bytes of flash: what is tried first is about as large.
    """

    base: Experiment
    families: tuple[str, ...]
    windows: tuple[float, ...]
    sensors: tuple[str, ...]
    rates: tuple[float, ...]
    rate_hz: float
    nodes: int = 0
    flash: float = math.inf

    def suggest(self, trial: Asks) -> Changes:
        """Ask for everything that is not fixed; the fields that it fills in."""
        model = _one(trial, "model", self.families)
        made: Changes = {"model": model}
        rate = self.rate_hz
        if self.rates:
            made["rate"] = rate = _one(trial, "rate_hz", self.rates)
        if self.windows:
            made["window"] = self._allowed(int(_one(trial, "window_s", self.windows) * rate + 1e-6))
        if self.sensors:
            made["sensors"] = list(_one(trial, "sensors", self.sensors).split(","))
        if self.base.target_facts.takes == "registers":
            return {**made, **self._registers(trial)}
        facts = tables.FAMILIES[model, "pipeline"]
        precision = "int8"
        if facts.precisions:
            # float is no choice for a small device, unless it is asked for
            known = tuple(p for p in facts.precisions if p != "float32")
            precision = self.base.precision or _one(trial, f"{model}.precision", known)
            made["precision"] = precision
        if self.base.net is None and model in _SIZES:
            made["net"] = _SIZES[model](trial, precision == "binary")
        return made

    def first(self) -> list[dict[str, Any]]:
        """What is tried first: of every family a usual size, as ``train`` takes it without options."""
        common: dict[str, Any] = {}
        for name, values, wanted in (
            ("rate_hz", self.rates, self.rate_hz),
            ("window_s", self.windows, USUAL),
            ("sensors", self.sensors, None),
        ):
            if len(values) > 1:
                common[name] = (
                    values[0] if wanted is None else min(values, key=lambda v, w=wanted: abs(v - w))
                )
        several = len(self.families) > 1
        if self.base.target_facts.takes == "registers":
            trees = {"tree.nodes": self.nodes, "tree.features": 12}
            return [{**common, **{k: v for k, v in trees.items() if k in self._free()}}]
        out = []
        for model in sorted(self.families, key=list(_SIZES).index):
            usual = _first(model, self.flash / USUAL_FLASH) if self.base.net is None else {}
            if tables.FAMILIES[model, "pipeline"].precisions and self.base.precision is None:
                usual = {f"{model}.precision": "int8", **usual}
            out.append({**common, **({"model": model} if several else {}), **usual})
        return out

    def _free(self) -> tuple[str, ...]:
        """What is asked for of trees in registers."""
        several = self.nodes > LEAST_NODES
        free = self.base.max_features == Experiment.__dataclass_fields__["max_features"].default
        return (*(("tree.nodes",) if several else ()), *(("tree.features",) if free else ()))

    def _registers(self, trial: Asks) -> Changes:
        made: Changes = {}
        free = self._free()
        if "tree.nodes" in free:
            made["max_nodes"] = trial.suggest_int("tree.nodes", LEAST_NODES, self.nodes, log=True)
        if "tree.features" in free:
            made["max_features"] = trial.suggest_int("tree.features", 2, 20)
        return made

    def _allowed(self, window: int) -> int:
        """The window, or a shorter one that the device takes."""
        while window > LEAST_WINDOW and check(self.base.with_(window=window)):
            window = window * 9 // 10
        return window


def _one(trial: Asks, name: str, choices: tuple[Any, ...]) -> Any:
    """One of several; where there is one, nobody is asked."""
    return choices[0] if len(choices) == 1 else trial.suggest_categorical(name, choices)


# ---------------------------------------------------------------- sizes of families


def _mlp(trial: Asks, binary: bool) -> dict[str, Any]:
    # binary layers say less for each weight and are wider
    units = trial.suggest_int("mlp.units", 8, 64, step=8) * (2 if binary else 1)
    layers = trial.suggest_int("mlp.layers", 1, 2)
    features = trial.suggest_int("mlp.features", 4, 64, step=4)
    return {"sizes": [units, units // 2][:layers], "features": features}


def _cnn(trial: Asks, binary: bool) -> dict[str, Any]:
    first = trial.suggest_int("cnn.channels", 4, 16, step=4) * (2 if binary else 1)
    layers = trial.suggest_int("cnn.layers", 1, 3)
    growth = trial.suggest_int("cnn.growth", 1, 2)
    kernel = trial.suggest_int("cnn.kernel", 3, 9, step=2)
    return {"sizes": [first, *[first * growth] * (layers - 1)], "kernel": kernel}


def _forest(trial: Asks, binary: bool) -> dict[str, Any]:
    return {
        "trees": trial.suggest_int("forest.trees", 3, 20),
        "leaves": trial.suggest_int("forest.leaves", 4, 32, log=True),
        "features": trial.suggest_int("forest.features", 4, 40, step=4),
        "extra": trial.suggest_categorical("forest.extra", (False, True)),
    }


def _tree(trial: Asks, binary: bool) -> dict[str, Any]:
    return {
        "leaves": trial.suggest_int("tree.leaves", 3, 48, log=True),
        "features": trial.suggest_int("tree.features", 4, 32, step=4),
    }


_SIZES: Mapping[str, Callable[[Asks, bool], dict[str, Any]]] = {
    "mlp": _mlp,
    "forest": _forest,
    "tree": _tree,
    "cnn": _cnn,
}


def _first(model: str, share: float) -> dict[str, Any]:
    """Sizes that ``train`` takes, made smaller for a share of the usual flash."""
    share = min(share, 1.0)
    leaves = 32 if share > 0.75 else 16 if share > 0.4 else 8
    if model == "mlp":
        units, features = max(8, int(6 * share) * 8), max(4, int(12 * share) * 4)
        return {"mlp.units": units, "mlp.layers": 1, "mlp.features": features}
    if model == "cnn":
        channels = 8 if share > 0.75 else 4
        return {"cnn.channels": channels, "cnn.layers": 3, "cnn.growth": 2, "cnn.kernel": 5}
    if model == "tree":
        return {"tree.leaves": leaves, "tree.features": 12}
    trees = max(3, int(10 * share))
    return {"forest.trees": trees, "forest.leaves": leaves, "forest.features": 12, "forest.extra": False}


# ---------------------------------------------------------------- of logs


def space_of(
    base: Experiment,
    dataset: Dataset,
    backend: Backend,
    prepared: Prepared,
    nodes: int = 0,
    flash: float = math.inf,
) -> Space:
    """What may be chosen for these logs on this target.

    Raises
    ------
    ExperimentError
        No family goes with what is fixed.
    """
    takes = base.target_facts.takes
    if base.model is not None or (base.net is not None and takes == "pipeline"):
        families: tuple[str, ...] = (base.family,)
    else:
        every = tables.families(takes, one_class=False)
        families = tuple(f for f in every if not check(base.with_(model=f)))
    if not families or base.model is not None:
        checked(base)
    return Space(
        base,
        families,
        () if base.window is not None else _windows(takes, dataset, prepared.rate_hz),
        () if base.sensors else _sensors(prepared.sensors),
        () if base.rate is not None else _rates(base, backend, prepared.rate_hz),
        prepared.rate_hz,
        nodes,
        flash,
    )


def _windows(takes: str, dataset: Dataset, rate_hz: float) -> tuple[float, ...]:
    """Lengths in seconds, with the one that ``train`` takes in C; others as far as labels last for them."""
    spans: list[float] = []
    longest: dict[tuple[str, str], float] = {}
    for recording in dataset:
        for span in recording.labels.get(LABEL, ()):
            seconds = (span.stop - span.start) / (recording.rate_hz or rate_hz)
            key = recording.group, span.label
            longest[key] = max(longest.get(key, 0.0), seconds)
            spans.append(seconds)
    if not spans:
        return (USUAL,)
    # three quarters of the classes of all groups bear it
    most = float(np.quantile(list(longest.values()), 0.25)) / SEVERAL
    usual = min(USUAL, most if takes == "registers" else float(np.quantile(spans, 0.25)))
    return tuple(sorted({usual, *(w for w in WINDOWS if w <= most)}))


def _sensors(usable: tuple[str, ...]) -> tuple[str, ...]:
    """All usable sensors together, and each alone."""
    return (",".join(usable), *usable) if len(usable) > 1 else ()


def _rates(base: Experiment, backend: Backend, usual: float) -> tuple[float, ...]:
    """The usual rate of the device's sensor and the next slower ones; none where it takes any."""
    every = sorted({float(hz) for hz in backend.rates(base.device_name)[1]}, reverse=True)
    found = tuple(hz for hz in every if SLOWEST * usual <= hz <= usual * 1.001)[:RATES]
    return found if len(found) > 1 else ()
