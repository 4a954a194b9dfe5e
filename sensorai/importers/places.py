"""Inputs of a node that is being read, by their place."""

from __future__ import annotations

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor


class Placed:
    """What has inputs by their place; None where one is left out."""

    __slots__ = ()

    inputs: tuple[Tensor | None, ...]

    @property
    def where(self) -> str:
        """The node in messages."""
        raise NotImplementedError

    def input(self, place: int) -> Tensor | None:
        """Input at a place, None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def need(self, place: int) -> Tensor:
        """Input at a place; a ConfigError where it is left out."""
        found = self.input(place)
        if found is None:
            raise ConfigError(f"{self.where}: input {place} is missing")
        return found
