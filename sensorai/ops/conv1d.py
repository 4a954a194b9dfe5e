"""Convolution over time: weights (out, kernel, in), inputs (time, in)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.products import Convolution, bias_of, exact_matmul, ordered_matmul


@dataclass(frozen=True, slots=True)
class Conv1d(Convolution):
    """Every output sums every channel under the kernel."""

    NAME: ClassVar[str] = "conv1d"

    def _fits(self, w: Shape, channels: int) -> bool:
        return len(w) == 3 and w[2] == channels

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, time, in)."""
        w = self.counted(at)
        seen = self.windows(np, arrays[0], w.shape[1], self.padding_of(at.x))
        seen, flat = seen.reshape(*seen.shape[:2], -1), w.reshape(w.shape[0], -1)
        if at.x.dtype == "float32":
            return self.finish(at, ordered_matmul(seen, flat, at.constant("bias")))
        return self.finish(at, exact_matmul(seen, flat) + bias_of(at))

    def sums(self, xp: Any, weights: Any, bias: Any, x: Any) -> Any:
        """Sums for (batch, time, in)."""
        seen = self.windows(xp, x, weights.shape[1], -1 if self.signs else 0)
        seen = seen.reshape(seen.shape[0], seen.shape[1], -1)
        return seen @ weights.reshape(weights.shape[0], -1).T + bias

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
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
            for x, out in sorted(cls.TYPES):
                fan = kernel * channels
                params = _testing.product_params((rows, kernel, channels), rows, 200 + i, x, out, fan)
                way = _testing.requant(out)
                if out == "int8" and i % 2:
                    way = _testing.requant(out, 0, 127)
                if out == "float32" and i % 2:
                    way = _testing.requant(out, 0.0)
                op = cls(way, x == "binary", stride, padding, pool)
                name = f"conv1d_{time}x{channels}_k{kernel}s{stride}{padding}p{pool}_{rows}_{x}_{out}"
                yield name, _testing.one(op, (time, channels), x, out, params)
        params = _testing.product_params((5, 3, 3), 5, 9, "int8", "int8", 9, multiplier=True)
        op = cls(_testing.requant("int8", 0, 127, multiplier=True), padding="same", pool=2)
        yield "conv1d_multiplier", _testing.one(op, (12, 3), "int8", "int8", params)
