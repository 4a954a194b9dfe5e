"""Sign as +1 or -1 (0 counts as +1): the activation of binary nets.

Only float nets hold it; quantisation folds it into the layer before as thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.model.graph import Array, Graph, Node, Shape, Tensor

TYPES = frozenset({("float32", "float32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """Any shape, unchanged."""
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result."""
    return np.where(arrays[0] >= 0, 1, -1).astype(np.float32)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result; the gradient that training uses is the trainer's business."""
    return xp.where(arrays[0] >= 0, 1.0, -1.0)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """None: never emitted."""
    yield from ()
