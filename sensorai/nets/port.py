"""An input or output as a project describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
