"""Sums of the numbers up to each along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, affine, ctext
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class CumSum(NdOperator):
    """Running sums along an axis, one number after the other in their own type; integers wrap.

    Attributes
    ----------
    axis : int
        From 0.
    exclusive : bool
        Whether a number does not count in its own sum.
    reverse : bool
        Whether sums run from the end.
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False

    NAME: ClassVar[str] = "cumsum"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        if not 0 <= self.axis < len(at.x.shape):
            raise ConfigError(f"layer {at.name}: {at.x.shape} has no axis {self.axis}")
        if at.x.dtype == "bool" or affine.scaled(at.x):
            raise ConfigError(f"layer {at.name}: running sums of {at.x.dtype}, or of integers with a scale")
        return (Made(at.x.dtype, at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Running sums."""
        x = np.moveaxis(np.asarray(arrays[0]), self.axis, 0)
        x = x[::-1] if self.reverse else x
        with np.errstate(all="ignore"):
            y = np.add.accumulate(x, axis=0, dtype=x.dtype) + x.dtype.type(0)
        if self.exclusive:
            y = np.concatenate([np.zeros_like(y[:1]), y[:-1]])
        y = y[::-1] if self.reverse else y
        return (np.ascontiguousarray(np.moveaxis(y, 0, self.axis)),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Along the same axis in its new place."""
        return replace(self, axis=perm[self.axis])

    def macc(self, at: Applied) -> int:
        """1 for every number."""
        return at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one nest of loops."""
        shape, dtype = at.x.shape, at.x.dtype
        outer, depth, inner = (
            math.prod(shape[: self.axis]),
            shape[self.axis],
            math.prod(shape[self.axis + 1 :]),
        )
        wide, seen = ctext.wrapping(dtype), ctext.seen(dtype)
        place = f"({depth - 1} - k) * {inner}" if self.reverse else f"k * {inner}"
        # a variable of its own: gcc warns of the conversion inside the sum
        cast = "" if ctext.real(dtype) else f"({wide})"
        take = f"            const {wide} v = {cast}p[{place}];\n"
        add = "            sum = sum + v;\n"
        cast = "" if ctext.real(dtype) else f"({ctext.plain(dtype)})"
        put = f"            q[{place}] = {cast}sum;\n"
        steps = "".join("    " + line for line in ((take, put, add) if self.exclusive else (take, add, put)))
        text = (
            "    int32_t i, j, k;\n\n"
            f"    for (i = 0; i < {outer}; i++) {{\n"
            f"        for (j = 0; j < {inner}; j++) {{\n"
            f"            const {seen} *p = x + i * {depth * inner} + j;\n"
            f"            {seen} *q = y + i * {depth * inner} + j;\n"
            f"            {wide} sum = {ctext.number(0, dtype)};\n"
            f"            for (k = 0; k < {depth}; k++) {{\n{steps}            }}\n"
            "        }\n"
            "    }\n"
        )
        parameters = f"const {seen} *x, {seen} *y"
        to.run(to.function("cumsum", parameters, text), to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both directions, with and without the own number, along each axis."""
        for dtype in ("float32", "float64", "int8", "int32", "int64", "uint8", "uint32"):
            for k in range(4):
                op = cls(k % 3, k % 2 == 1, k > 1)
                yield f"cumsum_{dtype}_{k}", _testing.one(op, (_testing.given("x", (2, 4, 3), dtype),))
