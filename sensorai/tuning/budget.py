"""What a model may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from sensorai.errors import ConfigError, Problem
from sensorai.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Axis:
    """One cost.

    Attributes
    ----------
    name : str
        Key of costs and budgets.
    words, unit : str
        As a sentence has them; no unit where it is a number of things.
    """

    name: str
    words: str
    unit: str = ""

    def shown(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:,.0f}{f' {self.unit}' if self.unit else ''}"


#: What the C of a pipeline costs, and what registers do; the first says which of two models is smaller.
AXES: Mapping[str, tuple[Axis, ...]] = {
    "pipeline": (
        Axis("flash", "flash", "B"),
        Axis("ram", "RAM with stack", "B"),
        Axis("instructions", "instructions a window, at most"),
    ),
    "registers": (Axis("nodes", "tree nodes"),),
}

#: Where a budget says it.
CURRENT = Axis("current", "current, at most", "\N{MICRO SIGN}A")
_CURRENT = re.compile(r"(\d+(?:\.\d+)?)\s*(u|\N{MICRO SIGN}|\N{GREEK SMALL LETTER MU}|m)A", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)(i?[bB])?")


@dataclass(frozen=True, slots=True)
class Budget:
    """Most that a model may cost; None: no matter, as long as the device has room.

    Attributes
    ----------
    flash, ram : int, optional
        Bytes: code and tables; context, variables and stack. On the ISPU of the whole program.
    instructions : int, optional
        Of the window that takes most, counted in the emulator.
    current : float, optional
        Microamperes on average, sensor and core: the most that published figures leave open must be below it.
    """

    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None
    current: float | None = None

    @property
    def limits(self) -> dict[str, float]:
        """Those that are given, by axis."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: float(value) for name, value in pairs if value is not None}

    def problems(self, experiment: Experiment) -> list[Problem]:
        """What the target has against it."""
        known = {axis.name for axis in axes(experiment, self)}
        return [
            Problem(
                f"--{name} is for models in C: registers of {experiment.device_name} have none",
                hint="their size is --max-nodes",
            )
            for name in self.limits
            if name not in known
        ]

    def over(self, costs: Mapping[str, float]) -> dict[str, float]:
        """By how much each limit is exceeded, as a share of it; 0 or less: it is kept."""
        return {name: costs[name] / limit - 1 for name, limit in self.limits.items()}

    def keeps(self, costs: Mapping[str, float]) -> bool:
        """Whether costs stay inside."""
        return all(share <= 0 for share in self.over(costs).values())


def axes(experiment: Experiment, budget: Budget) -> tuple[Axis, ...]:
    """What models of the experiment's target cost; current, where the budget says it."""
    more = () if budget.current is None else (CURRENT,)
    return (*AXES[experiment.target_facts.takes], *more)


def read(name: str, text: str) -> int:
    """Read a size: ``8k``, ``8 KiB`` and ``8192`` are the same bytes; ``50k`` instructions are 50,000.

    Raises
    ------
    ConfigError
        It is none, or not above 0.
    """
    found = _SIZE.fullmatch(text.strip())
    kilo = 1000 if name == "instructions" else 1024
    value = 0.0
    if found is not None and not (name == "instructions" and found[3]):
        value = float(found[1]) * kilo ** ("", "k", "m").index(found[2].lower())
    if not 1 <= value < 2**40:
        raise ConfigError(
            f"--{name} {text!r} is no {'number' if name == 'instructions' else 'size'}",
            hint=f"as in --{name} {'50k' if name == 'instructions' else '8k'}",
        )
    return int(value)


def read_current(text: str) -> float:
    """Read a current: ``100uA`` or ``0.1 mA``.

    Raises
    ------
    ConfigError
        It is none, or not above 0.
    """
    found = _CURRENT.fullmatch(text.strip())
    value = float(found[1]) * (1000.0 if found[2] in "mM" else 1.0) if found else 0.0
    if not 0 < value < 1e9:
        raise ConfigError(f"--current {text!r} is no current", hint="as in --current 100uA")
    return value
