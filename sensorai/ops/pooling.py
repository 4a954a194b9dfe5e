"""What poolings over time share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Buffers, Operator
from sensorai.graph.tensor import Shape


@dataclass(frozen=True, slots=True)
class Pool(Operator):
    """One value of ``size`` steps.

    Attributes
    ----------
    size : int
    stride : int or None
        From one such group of steps to the next; None: ``size``.
    """

    size: int
    stride: int | None = None

    @property
    def every(self) -> int:
        """Stride."""
        return self.size if self.stride is None else self.stride

    def shape(self, at: Applied) -> Shape:
        """(time, channels) -> (steps, channels)."""
        x = at.x.shape
        if len(x) != 2 or self.size < 1 or self.every < 1:
            raise ConfigError(f"layer {at.name}: pooling needs (time, channels), size and stride from 1 on")
        if x[0] < self.size:
            raise ConfigError(f"layer {at.name}: cannot pool {self.size} of {x[0]} steps")
        return ((x[0] - self.size) // self.every + 1, x[1])

    def taps(self, x: Any) -> list[Any]:
        """The ``size`` values of each step, as slices (batch, steps, channels)."""
        steps = (x.shape[1] - self.size) // self.every + 1
        return [x[:, j : j + (steps - 1) * self.every + 1 : self.every] for j in range(self.size)]

    def buffers(self, at: Applied) -> Buffers:
        """Works in place: no step is written before it is read."""
        return Buffers(in_place=True)
