"""Mean of ``size`` steps.

int8: ``saturate((sum * m + 2**15) >> 16)`` with ``m`` the integer nearest to ``2**16 / size`` (half up);
exact rounding for powers of two, one multiplication otherwise, no division. float32: the sum in order of
time, times the float32 nearest to ``1 / size``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model import rounding
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing
from sensorai.model.ops.max_pool import pool_shape, taps

TYPES = frozenset({("int8", "int8"), ("float32", "float32")})

MAX_SIZE = 4096


def multiplier(size: int) -> int:
    """``2**16 / size`` rounded half up."""
    if not 1 <= size <= MAX_SIZE:
        raise ConfigError(f"the mean of {size} steps is not supported", hint=f"1 to {MAX_SIZE}")
    return (2 * 65536 + size) // (2 * size)


def mean(steps: list[Array], dtype: str) -> Array:
    """Mean of arrays as defined above."""
    if dtype == "float32":
        total = steps[0].astype(np.float32)
        for step in steps[1:]:
            total = total + step
        return np.asarray(total * (np.float32(1) / np.float32(len(steps))), np.float32)
    sums = np.sum(np.stack(steps).astype(np.int64), axis=0)
    return rounding.saturate(rounding.shift_round(sums * multiplier(len(steps)), 16), -128, 127).astype(
        np.int8
    )


def shape(node: Node, *shapes: Shape) -> Shape:
    """(time, channels) -> (steps, channels)."""
    multiplier(int(node.attrs["size"]))
    return pool_shape(node, shapes[0])


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, time, channels)."""
    return mean(taps(node.attrs, arrays[0]), out.dtype)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    return xp.mean(xp.stack(taps(attrs, arrays[0])), axis=0)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """One addition per value read."""
    return out.size * int(node.attrs["size"])


def cases() -> Iterator[tuple[str, Graph]]:
    """Powers of two and others, overlapping, with a rest."""
    for time, channels, size, stride in (
        (9, 3, 2, 2),
        (9, 4, 3, 3),
        (9, 5, 5, 1),
        (7, 2, 4, 3),
        (3, 1, 1, 1),
    ):
        for x, out in sorted(TYPES):
            graph = _testing.one("avg_pool", (time, channels), x, out, size=size, stride=stride)
            yield f"avg_pool_{time}x{channels}_{size}s{stride}_{x}", graph
