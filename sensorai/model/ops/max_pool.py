"""Largest value of ``size`` steps; a rest at the end is dropped. Binary: OR of the bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products, _testing

TYPES = frozenset({("int8", "int8"), ("binary", "binary"), ("float32", "float32")})


def pool_shape(node: Node, shape_in: Shape) -> Shape:
    """(time, channels) -> (steps, channels) for attributes ``size`` and ``stride`` (default ``size``)."""
    size, stride = int(node.attrs["size"]), int(node.attrs.get("stride", node.attrs["size"]))
    if len(shape_in) != 2 or size < 1 or stride < 1:
        raise ConfigError(f"layer {node.output}: pooling needs (time, channels), size and stride from 1 on")
    if shape_in[0] < size:
        raise ConfigError(f"layer {node.output}: cannot pool {size} of {shape_in[0]} steps")
    return ((shape_in[0] - size) // stride + 1, shape_in[1])


def taps(attrs: Any, x: Any) -> list[Any]:
    """The ``size`` values of each step, as slices (batch, steps, channels)."""
    size, stride = int(attrs["size"]), int(attrs.get("stride", attrs["size"]))
    steps = (x.shape[1] - size) // stride + 1
    return [x[:, j : j + (steps - 1) * stride + 1 : stride] for j in range(size)]


def shape(node: Node, *shapes: Shape) -> Shape:
    """(time, channels) -> (steps, channels)."""
    return pool_shape(node, shapes[0])


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, time, channels)."""
    return _products.largest(taps(node.attrs, arrays[0]))


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    return xp.max(xp.stack(taps(attrs, arrays[0])), axis=0)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """Sizes with and without rest, overlapping, channels around a word."""
    for time, channels, size, stride in ((9, 3, 2, 2), (8, 4, 4, 4), (9, 33, 3, 1), (7, 5, 2, 3)):
        for x, out in sorted(TYPES):
            graph = _testing.one("max_pool", (time, channels), x, out, size=size, stride=stride)
            yield f"max_pool_{time}x{channels}_{size}s{stride}_{x}", graph
