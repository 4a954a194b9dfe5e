"""Places of the largest or smallest numbers along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, ctext
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class ArgExtreme(NdOperator):
    """Index of the largest or smallest number along an axis, the first or the last of equal ones.

    A NaN is neither larger nor smaller than anything.

    Attributes
    ----------
    largest : bool
    axis : int
        From 0.
    keep : bool
        Whether the axis stays, with one element.
    last : bool
        Whether the last of equal numbers counts.
    dtype : str
        "int64" or "int32".
    """

    largest: bool
    axis: int
    keep: bool = True
    last: bool = False
    dtype: str = "int64"

    NAME: ClassVar[str] = "arg_extreme"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape without the axis."""
        shape = list(at.x.shape)
        if not 0 <= self.axis < len(shape) or not shape[self.axis]:
            raise ConfigError(f"layer {at.name}: {at.x.shape} has no numbers along axis {self.axis}")
        if self.dtype not in ("int64", "int32"):
            raise ConfigError(f"layer {at.name}: indices of {self.dtype}")
        shape[self.axis : self.axis + 1] = [1] if self.keep else []
        return (Made(self.dtype, tuple(shape)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Indices."""
        x = np.moveaxis(np.asarray(arrays[0]), self.axis, 0)
        if x.dtype.kind != "f" or not np.isnan(x).any():
            v = x[::-1] if self.last else x
            index = v.argmax(0) if self.largest else v.argmin(0)
            index = len(x) - 1 - index if self.last else index
            return (np.asarray(index, DTYPES[self.dtype]).reshape(at.out.shape),)
        best, index = x[0].copy(), np.zeros(x.shape[1:], np.int64)
        for k in range(1, len(x)):
            better = x[k] > best if self.largest else x[k] < best
            if self.last:
                better |= x[k] == best
            best, index = np.where(better, x[k], best), np.where(better, k, index)
        return (np.asarray(index, DTYPES[self.dtype]).reshape(at.out.shape),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Along the same axis in its new place, where it stays."""
        return replace(self, axis=perm[self.axis]) if self.keep else None

    def macc(self, at: Applied) -> int:
        """1 for every number."""
        return at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one nest of loops."""
        shape, kind = at.x.shape, ctext.plain(at.x.dtype)
        outer, depth, inner = (
            math.prod(shape[: self.axis]),
            shape[self.axis],
            math.prod(shape[self.axis + 1 :]),
        )
        sign = f"{'>' if self.largest else '<'}{'=' if self.last else ''}"
        text = (
            "    int32_t i, j, k;\n\n"
            f"    for (i = 0; i < {outer}; i++) {{\n"
            f"        for (j = 0; j < {inner}; j++) {{\n"
            f"            const {ctext.seen(at.x.dtype)} *p = x + i * {depth * inner} + j;\n"
            f"            {kind} best = p[0];\n"
            "            int32_t index = 0;\n"
            f"            for (k = 1; k < {depth}; k++) {{\n"
            f"                if (p[k * {inner}] {sign} best) {{\n"
            f"                    best = p[k * {inner}];\n"
            "                    index = k;\n"
            "                }\n"
            "            }\n"
            f"            y[i * {inner} + j] = index;\n"
            "        }\n"
            "    }\n"
        )
        parameters = f"const {ctext.seen(at.x.dtype)} *x, {ctext.seen(self.dtype)} *y"
        to.run(to.function("arg", parameters, text), to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Largest and smallest, first and last, along each axis, of several types."""
        for dtype in ("float32", "int8", "int64", "bool", "uint16"):
            for axis in range(3):
                for k in range(4):
                    op = cls(k < 2, axis, k % 2 == 0, k in (1, 2), "int32" if axis else "int64")
                    x = _testing.given("x", (2, 4, 3), dtype)
                    yield f"arg_{dtype}_{axis}_{k}", _testing.one(op, (x,))
