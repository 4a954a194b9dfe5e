"""What a model may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    """

    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None

    @property
    def limits(self) -> dict[str, float]:
        """Those that are given, by axis."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: float(value) for name, value in pairs if value is not None}

    def problems(self, experiment: Experiment) -> list[Problem]:
        """What the target has against it."""
        known = {axis.name for axis in axes(experiment)}
        return [
            Problem(
                f"--{name} is for models in C: registers of {experiment.device_name} take neither",
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


def axes(experiment: Experiment) -> tuple[Axis, ...]:
    """What models of the experiment's target cost."""
    return AXES[experiment.target_facts.takes]


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


def listed(costs: Mapping[str, float], known: Sequence[Axis]) -> str:
    """Costs in words."""
    return ", ".join(f"{axis.shown(costs[axis.name])} {axis.words.split(',')[0]}" for axis in known)
