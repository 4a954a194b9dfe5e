"""Index of the largest value, the lowest on a tie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("int8", "int32"), ("int32", "int32"), ("float32", "int32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """(features,) -> (1,)."""
    if len(shapes[0]) != 1:
        raise ConfigError(f"layer {node.output}: argmax needs one axis")
    return (1,)


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result."""
    return np.asarray(np.argmax(arrays[0], axis=-1)[..., None], np.int32)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Index, as in the integer form."""
    return xp.argmax(arrays[0], axis=-1)[..., None]


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """Also with equal values (constant inputs)."""
    yield "argmax_int8", _testing.one("argmax", (5,), "int8", "int32")
    yield "argmax_float32", _testing.one("argmax", (3,), "float32", "int32")
    yield "argmax_one", _testing.one("argmax", (1,), "int8", "int32")
