"""Convolution over time of each channel on its own: weights (kernel, channels)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products, _testing

TYPES = _products.TYPES


def shape(node: Node, *shapes: Shape) -> Shape:
    """(time, channels) -> (steps, channels)."""
    w = node.params["weights"].shape
    if len(shapes[0]) != 2 or len(w) != 2 or w[1] != shapes[0][1]:
        raise ConfigError(
            f"layer {node.output}: weights of shape {w} cannot take an input of shape {shapes[0]}"
        )
    steps, _, _ = _products.geometry(
        shapes[0][0], w[0], node.attrs.get("stride", 1), node.attrs.get("padding", "valid")
    )
    return _products.pool_steps(node, steps, int(w[1]))


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, time, channels)."""
    w = node.params["weights"]
    seen = _products.windows(np, arrays[0], node.attrs, w.shape[0])
    if ins[0].dtype == "float32":
        acc = np.broadcast_to(node.params["bias"], (*seen.shape[:2], w.shape[1])).astype(np.float32)
        for j in range(w.shape[0]):
            acc = acc + seen[:, :, j].astype(np.float32) * w[j]
        return _products.finish(node, out, acc)
    total = (seen.astype(np.int64) * w.astype(np.int64)).sum(axis=2)
    return _products.finish(node, out, total + np.asarray(node.params.get("bias", 0), np.int64))


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result for (batch, time, channels)."""
    w = _products.real_weights(xp, attrs, params["weights"])
    seen = _products.windows(xp, arrays[0], attrs, w.shape[0])
    return _products.real_finish(xp, attrs, (seen * w).sum(axis=2) + params["bias"])


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """Weights times steps, padding included."""
    w = node.params["weights"]
    steps, _, _ = _products.geometry(
        ins[0].shape[0], w.shape[0], node.attrs.get("stride", 1), node.attrs.get("padding", "valid")
    )
    pool = int(node.attrs.get("pool", 1))
    return int(w.size) * (steps // pool * pool)


def cases() -> Iterator[tuple[str, Graph]]:
    """Kernels, strides, paddings, channels around a word, pooling."""
    shapes = (
        (9, 3, 5, 1, "same", 1),
        (9, 1, 1, 1, "valid", 1),
        (12, 4, 3, 2, "same", 2),
        (11, 34, 4, 1, "valid", 2),
        (20, 5, 17, 1, "same", 1),
    )
    for i, (time, channels, kernel, stride, padding, pool) in enumerate(shapes):
        for x, out in sorted(TYPES):
            params = _testing.product_params((kernel, channels), channels, 300 + i, x, out, kernel)
            attrs: dict[str, Any] = {"stride": stride, "padding": padding}
            if pool > 1:
                attrs["pool"] = pool
            if x == "binary":
                attrs["pad_value"] = -1
            if out == "int8" and i % 2:
                attrs |= {"lo": 0, "hi": 100}
            if out == "float32" and i % 2:
                attrs |= {"lo": 0.0, "hi": 1.0}
            name = f"depthwise_{time}x{channels}_k{kernel}s{stride}{padding}p{pool}_{x}_{out}"
            yield name, _testing.one("depthwise_conv1d", (time, channels), x, out, params, **attrs)
