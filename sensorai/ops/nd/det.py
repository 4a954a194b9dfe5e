"""Determinants."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator

#: Extent of a matrix at most: the work grows with its third power.
MOST = 256


@dataclass(frozen=True, slots=True)
class Det(NdOperator):
    """Determinants of the matrices of the last two axes, in float32.

    Rows are taken off each other from the first column on, below the number of the largest magnitude, the
    first of equal ones; the product of what stands on the diagonal is rounded factor by factor.
    """

    NAME: ClassVar[str] = "det"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape without the last two axes; a ConfigError where these are no square."""
        shape = at.x.shape
        if at.x.dtype != "float32" or len(shape) < 2 or shape[-1] != shape[-2] or not 1 <= shape[-1] <= MOST:
            raise ConfigError(
                f"layer {at.name}: determinants of {at.x.dtype}, {shape}",
                hint=f"float32 squares of {MOST} numbers a side at most",
            )
        return (Made("float32", shape[:-2]),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Matrix after matrix."""
        x = np.asarray(arrays[0], np.float32)
        n = x.shape[-1]
        made = [_one(a.copy()) for a in x.reshape(-1, n, n)]
        return (np.array(made, np.float32).reshape(x.shape[:-2]),)

    def macs(self, at: Applied) -> int:
        """A product and a difference for each number that is left, column by column."""
        n = at.x.shape[-1]
        return at.out.size * sum(k * k for k in range(n))

    def buffers(self, at: Applied) -> Buffers:
        """Room for one matrix."""
        return Buffers(scratch=4 * at.x.shape[-1] ** 2)

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over matrices, columns, rows."""
        n, count = at.x.shape[-1], math.prod(at.x.shape[:-2])
        text = (
            "    int32_t m, k, r, c;\n\n"
            f"    for (m = 0; m < {count}; m++) {{\n"
            "        float det = 1.0F;\n\n"
            f"        for (k = 0; k < {n * n}; k++) {{\n"
            f"            a[k] = x[m * {n * n} + k];\n"
            "        }\n"
            f"        for (k = 0; k < {n}; k++) {{\n"
            "            int32_t at = k;\n"
            "            float d;\n\n"
            f"            for (r = k + 1; r < {n}; r++) {{\n"
            f"                const float v = a[r * {n} + k], w = a[at * {n} + k];\n\n"
            "                at = (v < 0.0F ? -v : v) > (w < 0.0F ? -w : w) ? r : at;\n"
            "            }\n"
            f"            for (c = 0; at != k && c < {n}; c++) {{\n"
            f"                const float v = a[k * {n} + c];\n\n"
            f"                a[k * {n} + c] = a[at * {n} + c];\n"
            f"                a[at * {n} + c] = v;\n"
            "            }\n"
            f"            d = a[k * {n} + k];\n"
            "            det = (at != k ? -det : det) * d;\n"
            "            if (!(d < 0.0F || d > 0.0F)) {\n"
            "                break;\n"
            "            }\n"
            f"            for (r = k + 1; r < {n}; r++) {{\n"
            f"                const float f = a[r * {n} + k] / d;\n\n"
            f"                for (c = k + 1; c < {n}; c++) {{\n"
            f"                    const float v = f * a[k * {n} + c];\n\n"
            f"                    a[r * {n} + c] = a[r * {n} + c] - v;\n"
            "                }\n"
            "            }\n"
            "        }\n"
            "        y[m] = det;\n"
            "    }\n"
        )
        name = to.function("det", "const sa_nd_f32 *x, sa_nd_f32 *a, sa_nd_f32 *y", text)
        to.run(name, to.source(at.x), to.scratch("sa_nd_f32"), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """One matrix and several, of one number and more; rows that change places."""
        for shape in ((1, 1), (3, 3), (2, 3, 4, 4), (5, 5)):
            x = _testing.given("x", shape)
            yield f"det_{'_'.join(map(str, shape))}", _testing.one(cls(), (x,))


def _one(a: Array) -> np.float32:
    det = np.float32(1)
    with np.errstate(all="ignore"):
        for k in range(len(a)):
            column = np.abs(a[k:, k])
            at = k
            for r in range(k + 1, len(a)):
                at = r if column[r - k] > column[at - k] else at
            if at != k:
                a[[k, at]] = a[[at, k]]
                det = -det
            d = a[k, k]
            det = det * d
            # 0, or not a number
            if not (d < 0 or d > 0):
                break
            factors = a[k + 1 :, k] / d
            a[k + 1 :, k + 1 :] -= factors[:, None] * a[k, k + 1 :]
    return np.float32(det)
