"""Scales of a float net: which power of two each tensor will have, by what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import forward
from sensorai.graph.quant import Pow2
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Array
from sensorai.passes.change import Changed

#: Largest int8 value.
LIMIT = 127


def fraction_of(largest: float) -> int:
    """Most binary places with which ``largest`` still fits int8; 7 for an all-zero tensor."""
    if not np.isfinite(largest) or largest < 0:
        raise ConfigError(f"a range of {largest} cannot be quantised")
    return 7 if largest == 0 else int(np.clip(np.floor(np.log2(LIMIT / largest)), -16, 24))


def calibrate(graph: Graph, x: Array) -> dict[str, int]:
    """Binary places of all tensors from what they hold for the inputs ``x`` (batch, *shape)."""
    values = forward(np, graph, np.asarray(x, np.float64))
    return {name: fraction_of(float(np.max(np.abs(v), initial=0.0))) for name, v in values.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Annotate:
    """Give tensors the scales that they will have."""

    places: Mapping[str, int]
    level: Level = Level.QUANTISED

    def run(self, graph: Graph) -> Changed:
        """Same nodes; tensors without binary places stay without scale."""
        scaled = [
            replace(tensor, quant=Pow2(int(self.places[tensor.name])))
            for tensor in graph.activations
            if tensor.name in self.places
        ]
        return Changed(graph.with_tensors(scaled), (f"{len(scaled)} tensors have scales",))
