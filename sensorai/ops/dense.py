"""Fully connected layer: weights (out, in)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.product_c import Extent
from sensorai.ops.products import Product, bias_of, exact_matmul, ordered_matmul


@dataclass(frozen=True, slots=True)
class Dense(Product):
    """Every output sums every input."""

    NAME: ClassVar[str] = "dense"
    WIDE: ClassVar[bool] = True

    def shape(self, at: Applied) -> Shape:
        """(in,) -> (out,)."""
        w, x = at.constant("weights").shape, at.x.shape
        if len(x) != 1 or len(w) != 2 or w[1] != x[0]:
            raise ConfigError(f"layer {at.name}: weights of shape {w} cannot take an input of shape {x}")
        return (int(w[0]),)

    def extent(self, at: Applied) -> Extent:
        """One step of one tap."""
        return Extent(1, 0, 1, 1, at.x.size, at.constant("weights").shape[0])

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, in)."""
        w = self.counted(at)
        if at.x.dtype == "float32":
            return self.finish(at, ordered_matmul(arrays[0], w, at.constant("bias")))
        return self.finish(at, exact_matmul(arrays[0], w) + bias_of(at))

    def sums(self, xp: Any, weights: Any, bias: Any, x: Any) -> Any:
        """Sums for (batch, in)."""
        return x @ weights.T + bias

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Sizes around the blocks of the kernels (4 inputs, 2 and 8 rows, 32 bits), every output type."""
        sizes = ((1, 1), (3, 2), (4, 8), (5, 9), (28, 12), (67, 19))
        for i, (n, rows) in enumerate(sizes):
            for x, out in sorted(cls.TYPES):
                params = _testing.product_params((rows, n), rows, 100 + i, x, out, n)
                way = _testing.requant(out)
                if out == "int8" and i > 2:
                    way = _testing.requant(out, 0, 127 if i % 2 else 96)
                if out == "float32" and i % 2:
                    way = _testing.requant(out, 0.0, 1.5)
                op = cls(way, signs=x == "binary")
                yield f"dense_{n}x{rows}_{x}_{out}", _testing.one(op, (n,), x, out, params)
        int8, bits = _testing.requant("int8"), _testing.requant("binary")
        wide = _testing.product_params((3, 1100), 3, 7, "int8", "int8", 1100)
        wide["weights"][0] = 127
        yield "dense_long", _testing.one(cls(int8), (1100,), "int8", "int8", wide)
        wide = _testing.product_params((33, 300), 33, 7, "binary", "binary", 300)
        yield "dense_long_binary", _testing.one(cls(bits, True), (300,), "binary", "binary", wide)
        imported = _testing.product_params((11, 20), 11, 8, "int8", "int8", 20, multiplier=True)
        multiplied = cls(_testing.requant("int8", multiplier=True))
        yield "dense_multiplier", _testing.one(multiplied, (20,), "int8", "int8", imported)
        # sums that just fit where two rows share a number, with bias and rounding, and some that just do not
        for name, many, over in (("8", 8, 0), ("17", 17, 0), ("over", 16, 1)):
            sides = np.resize(np.array([1, 1, -1, -1, 1], np.int32), many)
            edge: dict[str, Array] = {
                "weights": np.repeat(127 * sides[:, None], 12, axis=1).astype(np.int8),
                "bias": -sides * ((1 << 23) - 1 + over - 12 * 127 * 128 - (1 << 15)),
                "shift": np.full(many, 16, np.uint8),
            }
            yield f"dense_edge_{name}", _testing.one(cls(int8), (12,), "int8", "int8", edge)
        # scales from 1/2 on: every bit of the product below the point counts
        small = _testing.product_params((32, 2), 32, 9, "int8", "int8", 2, multiplier=True)
        small |= {
            "weights": np.sign(small["weights"]),
            "bias": np.arange(-16, 16, dtype=np.int32),
            "shift": np.repeat(np.array([31, 32, 33, 34], np.uint8), 8),
        }
        yield "dense_multiplier_small", _testing.one(multiplied, (2,), "int8", "int8", small)
        # bits with int8 weights: the last layer of a binary net
        for n, rows in ((1, 1), (32, 3), (40, 5), (130, 12)):
            params = _testing.product_params((rows, n), rows, 10 + n, "int8", "int32", n)
            params["weights"][0] = 127
            params["weights"][-1] = -127
            yield f"dense_wide_{n}x{rows}", _testing.one(cls(), (n,), "binary", "int32", params)
        large = _testing.product_params((9, 300), 9, 13, "int8", "binary", 300)
        large["weights"][::2] = np.where(large["weights"][::2] < 0, -127, 127)
        yield "dense_large_int8_binary", _testing.one(cls(bits), (300,), "int8", "binary", large)
        # thresholds that every sum, or none, reaches, and the ones next to the largest sums
        ends = _testing.product_params((10, 5), 10, 11, "int8", "binary", 5)
        ends["weights"][:] = 127
        ends["bias"] = np.zeros(10, np.int32)
        top, low = 5 * 127 * 127, -5 * 127 * 128
        ends["threshold"] = np.array(
            [top, top + 1, low, low + 1, low - 1, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), top - 1], np.int32
        )
        ends["flip"] = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], np.uint8)
        yield "dense_ends_int8_binary", _testing.one(cls(bits), (5,), "int8", "binary", ends)
        signs = _testing.product_params((10, 5), 10, 12, "binary", "binary", 5)
        low, top = -(2**31), 2**31 - 1
        signs["threshold"] = np.array([5, 6, -5, -6, -4, top, low, top, low, 4], np.int32)
        signs["weights"][:] = 1
        signs["flip"] = ends["flip"]
        yield "dense_ends_binary_binary", _testing.one(cls(bits, True), (5,), "binary", "binary", signs)
