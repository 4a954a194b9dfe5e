"""Convolution over time of each channel on its own: weights (kernel, channels)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.products import Convolution, bias_of


@dataclass(frozen=True, slots=True)
class DepthwiseConv1d(Convolution):
    """Every channel has a kernel of its own."""

    NAME: ClassVar[str] = "depthwise_conv1d"
    CHANNELS: ClassVar[int] = 1
    DEPTHWISE: ClassVar[bool] = True
    KERNEL: ClassVar[int] = 0

    def _fits(self, w: Shape, channels: int) -> bool:
        return len(w) == 2 and w[1] == channels

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, time, channels)."""
        w = self.counted(at)
        seen = self.windows(np, arrays[0], w.shape[0], self.padding_of(at.x))
        if at.x.dtype == "float32":
            acc = np.broadcast_to(at.constant("bias"), (*seen.shape[:2], w.shape[1])).astype(np.float32)
            for j in range(w.shape[0]):
                acc = acc + seen[:, :, j].astype(np.float32) * w[j]
            return self.finish(at, acc)
        total = (seen.astype(np.int64) * w.astype(np.int64)).sum(axis=2)
        return self.finish(at, total + bias_of(at))

    def sums(self, xp: Any, weights: Any, bias: Any, x: Any) -> Any:
        """Sums for (batch, time, channels)."""
        seen = self.windows(xp, x, weights.shape[0], -1 if self.signs else 0)
        return (seen * weights).sum(axis=2) + bias

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Kernels, strides, paddings, channels around a word, pooling."""
        shapes = (
            (9, 3, 5, 1, "same", 1),
            (9, 1, 1, 1, "valid", 1),
            (12, 4, 3, 2, "same", 2),
            (11, 34, 4, 1, "valid", 2),
            (20, 5, 17, 1, "same", 1),
        )
        for i, (time, channels, kernel, stride, padding, pool) in enumerate(shapes):
            for x, out in sorted(cls.TYPES):
                params = _testing.product_params((kernel, channels), channels, 300 + i, x, out, kernel)
                way = _testing.requant(out)
                if out == "int8" and i % 2:
                    way = _testing.requant(out, 0, 100)
                if out == "float32" and i % 2:
                    way = _testing.requant(out, 0.0, 1.0)
                op = cls(way, x == "binary", stride, padding, pool)
                name = f"depthwise_{time}x{channels}_k{kernel}s{stride}{padding}p{pool}_{x}_{out}"
                yield name, _testing.one(op, (time, channels), x, out, params)
