"""Sum of two tensors of one shape.

int8: ``saturate(shift_round((a << left_a) + (b << left_b), shift), lo, hi)`` brings both to one scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model import rounding
from sensorai.model.build import Builder
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products, _testing

TYPES = frozenset({("int8", "int8"), ("float32", "float32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """Unchanged; both inputs must agree."""
    if len(shapes) != 2 or shapes[0] != shapes[1]:
        raise ConfigError(f"layer {node.output} adds shapes that differ: {', '.join(map(str, shapes))}")
    a = node.attrs
    if not (0 <= a.get("left_a", 0) <= 16 and 0 <= a.get("left_b", 0) <= 16 and 0 <= a.get("shift", 0) <= 24):
        raise ConfigError(f"layer {node.output}: left shifts are 0 to 16, the right shift 0 to 24")
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result."""
    a, b = arrays
    if out.dtype == "float32":
        return _products.finish(node, out, a.astype(np.float32) + b)
    at = node.attrs
    total = (a.astype(np.int64) << at.get("left_a", 0)) + (b.astype(np.int64) << at.get("left_b", 0))
    q = rounding.shift_round(total, at.get("shift", 0))
    return rounding.saturate(q, at.get("lo", -128), at.get("hi", 127)).astype(np.int8)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    return _products.real_finish(xp, attrs, arrays[0] + arrays[1])


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """A residual connection round a dense layer, and a tensor added to itself."""
    for x, attrs in (
        ("int8", {"left_a": 2, "shift": 3, "lo": 0, "hi": 127}),
        ("int8", {}),
        ("float32", {"lo": 0.0}),
    ):
        b = Builder((9,), x, 5 if x == "int8" else None)
        b.add("dense", params=_testing.product_params((9, 9), 9, 4, x, x, 9), dtype=x, fraction=4)
        b.add("add", "input", b.last, dtype=x, fraction=4, **attrs)
        b.add("add", b.last, b.last, dtype=x, fraction=4)
        yield f"add_{x}_{len(attrs)}", b.graph()
