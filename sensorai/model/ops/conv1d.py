"""Convolution over time: weights (out, kernel, in)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products, _testing

TYPES = _products.TYPES


def shape(node: Node, *shapes: Shape) -> Shape:
    """(time, in) -> (steps, out)."""
    w = node.params["weights"].shape
    if len(shapes[0]) != 2 or len(w) != 3 or w[2] != shapes[0][1]:
        raise ConfigError(
            f"layer {node.output}: weights of shape {w} cannot take an input of shape {shapes[0]}"
        )
    steps, _, _ = _products.geometry(
        shapes[0][0], w[1], node.attrs.get("stride", 1), node.attrs.get("padding", "valid")
    )
    return _products.pool_steps(node, steps, int(w[0]))


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, time, in)."""
    w = node.params["weights"]
    seen = _products.windows(np, arrays[0], node.attrs, w.shape[1])
    seen, flat = seen.reshape(*seen.shape[:2], -1), w.reshape(w.shape[0], -1)
    if ins[0].dtype == "float32":
        return _products.finish(node, out, _products.ordered_matmul(seen, flat, node.params["bias"]))
    acc = _products.exact_matmul(seen, flat) + np.asarray(node.params.get("bias", 0), np.int64)
    return _products.finish(node, out, acc)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result for (batch, time, in)."""
    w = _products.real_weights(xp, attrs, params["weights"])
    seen = _products.windows(xp, arrays[0], attrs, w.shape[1])
    seen = seen.reshape(seen.shape[0], seen.shape[1], -1)
    return _products.real_finish(xp, attrs, seen @ w.reshape(w.shape[0], -1).T + params["bias"])


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """Weights times steps, padding included."""
    w = node.params["weights"]
    steps, _, _ = _products.geometry(
        ins[0].shape[0], w.shape[1], node.attrs.get("stride", 1), node.attrs.get("padding", "valid")
    )
    pool = int(node.attrs.get("pool", 1))
    return int(w.size) * (steps // pool * pool)


def cases() -> Iterator[tuple[str, Graph]]:
    """Kernels, strides, paddings, channel counts off the blocks of 4, 8 and 32, pooling."""
    shapes = (
        (9, 3, 5, 8, 1, "same", 1),
        (9, 1, 1, 1, 1, "valid", 1),
        (10, 4, 3, 9, 2, "same", 2),
        (11, 5, 4, 6, 3, "valid", 1),
        (7, 33, 2, 34, 1, "same", 3),
        (8, 16, 3, 16, 1, "same", 2),
    )
    for i, (time, channels, kernel, rows, stride, padding, pool) in enumerate(shapes):
        for x, out in sorted(TYPES):
            fan = kernel * channels
            params = _testing.product_params((rows, kernel, channels), rows, 200 + i, x, out, fan)
            attrs: dict[str, Any] = {"stride": stride, "padding": padding}
            if pool > 1:
                attrs["pool"] = pool
            if x == "binary":
                attrs["pad_value"] = -1
            if out == "int8" and i % 2:
                attrs |= {"lo": 0, "hi": 127}
            if out == "float32" and i % 2:
                attrs |= {"lo": 0.0}
            name = f"conv1d_{time}x{channels}_k{kernel}s{stride}{padding}p{pool}_{rows}_{x}_{out}"
            yield name, _testing.one("conv1d", (time, channels), x, out, params, **attrs)
    params = _testing.product_params((5, 3, 3), 5, 9, "int8", "int8", 9, multiplier=True)
    yield (
        "conv1d_multiplier",
        _testing.one(
            "conv1d", (12, 3), "int8", "int8", params, padding="same", stride=1, pool=2, lo=0, hi=127
        ),
    )
