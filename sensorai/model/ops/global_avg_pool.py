"""Mean over all steps, as ``avg_pool`` defines it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing
from sensorai.model.ops.avg_pool import mean, multiplier

TYPES = frozenset({("int8", "int8"), ("float32", "float32")})


def shape(node: Node, *shapes: Shape) -> Shape:
    """(time, channels) -> (channels,)."""
    if len(shapes[0]) != 2:
        raise ConfigError(f"layer {node.output}: pooling needs (time, channels)")
    multiplier(shapes[0][0])
    return (shapes[0][1],)


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, time, channels)."""
    return mean([arrays[0][:, t] for t in range(arrays[0].shape[1])], out.dtype)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    return arrays[0].mean(axis=1)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """One addition per value read."""
    return ins[0].size


def cases() -> Iterator[tuple[str, Graph]]:
    """Lengths that are powers of two and not."""
    for time, channels in ((1, 1), (8, 3), (13, 32), (52, 5)):
        for x, out in sorted(TYPES):
            yield f"gap_{time}x{channels}_{x}", _testing.one("global_avg_pool", (time, channels), x, out)
