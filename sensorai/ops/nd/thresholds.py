"""Numbers counted against rows of thresholds, as FINN and QONNX have activations of few bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator

F = np.float32


@dataclass(frozen=True, slots=True)
class Thresholds(NdOperator):
    """x (..., C) and constant thresholds (C, T), or (1, T) for all: scale * count + bias.

    The count is that of thresholds that x is not below. Product and sum are rounded in float32.

    Attributes
    ----------
    scale, bias : float
    """

    scale: float = 1.0
    bias: float = 0.0

    NAME: ClassVar[str] = "thresholds"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input."""
        x, rows = at.inputs
        fits = x.shape and len(rows.shape) == 2 and rows.shape[0] in (1, x.shape[-1]) and rows.size
        if not fits or {x.dtype, rows.dtype} != {"float32"}:
            raise ConfigError(f"layer {at.name}: thresholds {rows.shape} do not go with {x.dtype} {x.shape}")
        return (Made("float32", x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Count, threshold by threshold."""
        x, rows = np.asarray(arrays[0], F), np.asarray(arrays[1], F)
        count = np.zeros(x.shape, F)
        for k in range(rows.shape[1]):
            count += x >= rows[:, k]
        return (F(self.scale) * count + F(self.bias),)

    def macc(self, at: Applied) -> int:
        """A comparison for each threshold."""
        return at.x.size * at.inputs[1].shape[1]

    def emit(self, at: Applied, to: Writer) -> None:
        """A loop over numbers and thresholds."""
        x, rows = at.inputs
        count, wide = rows.shape[1], rows.shape[0] > 1
        scale, bias = to.number(self.scale, "float32"), to.number(self.bias, "float32")
        row = f"t + i % {x.shape[-1]} * {count}" if wide else "t"
        text = (
            "    int32_t i, k;\n\n"
            f"    for (i = 0; i < {x.size}; i++) {{\n"
            f"        const sa_nd_f32 *const row = {row};\n"
            "        int32_t n = 0;\n\n"
            f"        for (k = 0; k < {count}; k++) {{\n"
            "            n += x[i] >= row[k];\n"
            "        }\n"
            f"        y[i] = {scale} * (float)n + {bias};\n"
            "    }\n"
        )
        name = to.function("thresholds", "const sa_nd_f32 *x, const sa_nd_f32 *t, sa_nd_f32 *y", text)
        to.run(name, to.source(x), to.source(rows), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """A row for each channel, and one for all."""
        for rows in (1, 3):
            x = _testing.given("x", (2, 4, 3))
            t = _testing.known("t", np.sort(np.random.default_rng(rows).normal(0, 1, (rows, 7)), axis=1))
            yield f"thresholds_{rows}", _testing.one(cls(0.1, -0.5), (x, t))
