"""An input or output as a project describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Shape


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a project."""

    name: str
    dtype: str
    shape: Shape
    scale: float | None = None
    zero: int = 0

    @property
    def kind(self) -> np.dtype[Any]:
        """NumPy's type."""
        kind: np.dtype[Any] = np.dtype(DTYPES[self.dtype])
        return kind


def ports(graph: Graph, names: Sequence[str]) -> tuple[Port, ...]:
    """Tensors of a net as ports of a project."""
    from sensorai.nets.costs import scale_of

    out = []
    for name in names:
        tensor = graph.tensors[name]
        scale, zero = scale_of(tensor) or (None, 0)
        out.append(Port(name, tensor.dtype, tensor.shape, scale, zero))
    return tuple(out)
