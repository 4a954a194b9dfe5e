"""Changes of type on the way in.

float32 to int8: scaled by ``2**fraction``, clamped to [-128, 127], 128.5 added in float32, truncated, 128
taken off: half up, and the same steps in C. int8 to binary: thresholds as in binary layers. binary to
int8: +1 and -1 with fraction 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("float32", "int8"), ("int8", "binary"), ("binary", "int8")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """Unchanged."""
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result."""
    x = arrays[0]
    if out.dtype == "binary":
        bit = np.where(node.params["flip"] != 0, x <= node.params["threshold"], x >= node.params["threshold"])
        return np.where(bit, 1, -1).astype(np.int8)
    if ins[0].dtype == "binary":
        return x.astype(np.int8)
    if out.fraction is None:
        raise ConfigError(f"tensor {out.name} needs a scale to quantise to")
    v = np.clip(x.astype(np.float32) * np.float32(2.0**out.fraction), np.float32(-128), np.float32(127))
    return np.asarray((v + np.float32(128.5)).astype(np.int32) - 128, np.int8)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Nothing to do in real numbers."""
    return arrays[0]


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """Each pair of types."""
    yield "quantize_float32_int8", _testing.one("quantize", (9,), "float32", "int8")
    r = _testing.rng(3)
    for n in (3, 32, 45):
        params: dict[str, Array] = {
            "threshold": r.integers(-128, 129, n).astype(np.int32),
            "flip": r.integers(0, 2, n).astype(np.uint8),
        }
        # the constant inputs of the tests meet these exactly
        params["threshold"][:3] = (0, -128, 127)
        yield f"quantize_{n}_int8_binary", _testing.one("quantize", (n,), "int8", "binary", params)
        yield f"quantize_{n}_binary_int8", _testing.one("quantize", (2, n), "binary", "int8")
