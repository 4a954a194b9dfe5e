"""(time, channels) to (features,), time first. Costs nothing where nothing is padded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.model.build import Builder
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("int8", "int8"), ("binary", "binary"), ("float32", "float32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """All extents multiplied."""
    return (int(np.prod(shapes[0])),)


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Same values."""
    return arrays[0].reshape(arrays[0].shape[0], -1)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Same values."""
    return arrays[0].reshape(arrays[0].shape[0], -1)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """Before a dense layer; channels that do and do not fill words."""
    for time, channels in ((3, 32), (4, 5), (2, 40)):
        n = time * channels
        for x, out in (("int8", "int32"), ("binary", "int32"), ("binary", "binary"), ("float32", "float32")):
            b = Builder((time, channels), x, 5 if x == "int8" else None)
            b.add("flatten", dtype=x, fraction=5 if x == "int8" else None)
            b.add("dense", params=_testing.product_params((3, n), 3, n, x, out, n), dtype=out)
            yield f"flatten_{time}x{channels}_{x}_{out}", b.graph()
