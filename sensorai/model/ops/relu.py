"""Clamp to ``[0, hi]``; ``hi`` is None for plain ReLU, 6 (in the tensor's scale) for ReLU6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("int8", "int8"), ("float32", "float32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """Any shape, unchanged."""
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result."""
    kind = arrays[0].dtype.type
    high = node.attrs.get("hi")
    x = np.where(arrays[0] < 0, kind(0), arrays[0])
    return x if high is None else np.where(x > kind(high), kind(high), x)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    x = xp.maximum(arrays[0], 0.0)
    return x if attrs.get("hi") is None else xp.minimum(x, attrs["hi"])


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """With and without upper end."""
    for x, out in sorted(TYPES):
        yield f"relu_{x}", _testing.one("relu", (13,), x, out)
        yield f"relu_capped_{x}", _testing.one("relu", (5, 3), x, out, hi=96 if x == "int8" else 6.0)
