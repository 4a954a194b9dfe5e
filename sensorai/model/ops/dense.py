"""Fully connected layer: weights (out, in)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products, _testing

TYPES = _products.TYPES


def shape(node: Node, *shapes: Shape) -> Shape:
    """(in,) -> (out,)."""
    w = node.params["weights"].shape
    if len(shapes[0]) != 1 or len(w) != 2 or w[1] != shapes[0][0]:
        raise ConfigError(
            f"layer {node.output}: weights of shape {w} cannot take an input of shape {shapes[0]}"
        )
    return (int(w[0]),)


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for (batch, in)."""
    w = node.params["weights"]
    if ins[0].dtype == "float32":
        return _products.finish(node, out, _products.ordered_matmul(arrays[0], w, node.params["bias"]))
    acc = _products.exact_matmul(arrays[0], w) + np.asarray(node.params.get("bias", 0), np.int64)
    return _products.finish(node, out, acc)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result for (batch, in)."""
    w = _products.real_weights(xp, attrs, params["weights"])
    return _products.real_finish(xp, attrs, arrays[0] @ w.T + params["bias"])


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """One per weight."""
    return int(node.params["weights"].size)


def cases() -> Iterator[tuple[str, Graph]]:
    """Sizes around the blocks of the kernels (4 inputs, 2 and 8 rows, 32 bits), every output type."""
    sizes = ((1, 1), (3, 2), (4, 8), (5, 9), (28, 12), (67, 19))
    for i, (n, rows) in enumerate(sizes):
        for x, out in sorted(TYPES):
            params = _testing.product_params((rows, n), rows, 100 + i, x, out, n)
            attrs: dict[str, Any] = {"lo": 0, "hi": 127 if i % 2 else 96} if out == "int8" and i > 2 else {}
            if out == "float32" and i % 2:
                attrs = {"lo": 0.0, "hi": 1.5}
            yield f"dense_{n}x{rows}_{x}_{out}", _testing.one("dense", (n,), x, out, params, **attrs)
    wide = _testing.product_params((3, 1100), 3, 7, "int8", "int8", 1100)
    wide["weights"][0] = 127
    yield "dense_long", _testing.one("dense", (1100,), "int8", "int8", wide)
    wide = _testing.product_params((33, 300), 33, 7, "binary", "binary", 300)
    yield "dense_long_binary", _testing.one("dense", (300,), "binary", "binary", wide)
    imported = _testing.product_params((11, 20), 11, 8, "int8", "int8", 20, multiplier=True)
    yield "dense_multiplier", _testing.one("dense", (20,), "int8", "int8", imported)
    # scales from 1/2 on: every bit of the product below the point counts
    small = _testing.product_params((32, 2), 32, 9, "int8", "int8", 2, multiplier=True)
    small |= {
        "weights": np.sign(small["weights"]),
        "bias": np.arange(-16, 16, dtype=np.int32),
        "shift": np.repeat(np.array([31, 32, 33, 34], np.uint8), 8),
    }
    yield "dense_multiplier_small", _testing.one("dense", (2,), "int8", "int8", small)
    # bits with int8 weights: the last layer of a binary net
    for n, rows in ((1, 1), (32, 3), (40, 5), (130, 12)):
        params = _testing.product_params((rows, n), rows, 10 + n, "int8", "int32", n)
        params["weights"][0] = 127
        params["weights"][-1] = -127
        yield f"dense_wide_{n}x{rows}", _testing.one("dense", (n,), "binary", "int32", params, weights="int8")
    large = _testing.product_params((9, 300), 9, 13, "int8", "binary", 300)
    large["weights"][::2] = np.where(large["weights"][::2] < 0, -127, 127)
    yield "dense_large_int8_binary", _testing.one("dense", (300,), "int8", "binary", large)
    # thresholds that every sum, or none, reaches, and the ones next to the largest sums
    ends = _testing.product_params((10, 5), 10, 11, "int8", "binary", 5)
    ends["weights"][:] = 127
    ends["bias"] = np.zeros(10, np.int32)
    top, low = 5 * 127 * 127, -5 * 127 * 128
    ends["threshold"] = np.array(
        [top, top + 1, low, low + 1, low - 1, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), top - 1], np.int32
    )
    ends["flip"] = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], np.uint8)
    yield "dense_ends_int8_binary", _testing.one("dense", (5,), "int8", "binary", ends)
    bits = _testing.product_params((10, 5), 10, 12, "binary", "binary", 5)
    bits["threshold"] = np.array([5, 6, -5, -6, -4, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 4], np.int32)
    bits["weights"][:] = 1
    bits["flip"] = ends["flip"]
    yield "dense_ends_binary_binary", _testing.one("dense", (5,), "binary", "binary", bits)
