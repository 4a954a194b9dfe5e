"""Integers to float32: ``q * 2**-fraction``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("int8", "float32"), ("int16", "float32"), ("int32", "float32")})


def scale(x: Tensor) -> np.float32:
    """``2**-fraction``; a ConfigError when the tensor has no scale."""
    if x.fraction is None or not -100 <= x.fraction <= 100:
        raise ConfigError(f"tensor {x.name} has no scale to dequantise with")
    return np.float32(2.0**-x.fraction)


def shape(node: Node, *shapes: Shape) -> Shape:
    """Unchanged."""
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result; int32 beyond 2**24 rounds to the nearest float32."""
    return np.asarray(arrays[0].astype(np.float32) * scale(ins[0]), np.float32)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Nothing to do in real numbers."""
    return arrays[0]


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """From int8."""
    yield "dequantize_int8", _testing.one("dequantize", (7,), "int8", "float32")
