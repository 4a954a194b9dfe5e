"""Sign as +1 or -1 (0 counts as +1): the activation of binary nets.

Only float nets hold it; quantisation folds it into the layer before as thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.graph.operator import Applied, Operator
from sensorai.graph.tensor import Array, Shape


@dataclass(frozen=True, slots=True)
class Sign(Operator):
    """Which side of zero."""

    NAME: ClassVar[str] = "sign"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("float32", "float32")})
    EMITTED: ClassVar[bool] = False

    def shape(self, at: Applied) -> Shape:
        """Any shape, unchanged."""
        return at.x.shape

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result."""
        return np.where(arrays[0] >= 0, 1, -1).astype(np.float32)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result; the gradient that training uses is the trainer's business."""
        return xp.where(arrays[0] >= 0, 1.0, -1.0)
