"""One side of a diagonal."""

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
from sensorai.ops.nd import _testing, ctext, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Triangle(NdOperator):
    """Numbers of the last two axes on a diagonal and to one side of it, 0 on the other.

    Attributes
    ----------
    upper : bool
        Which side stays.
    k : int
        Diagonal: 0 is the main one, more lie above.
    """

    upper: bool = True
    k: int = 0

    NAME: ClassVar[str] = "triangle"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """What comes in."""
        if len(at.x.shape) < 2:
            raise ConfigError(f"layer {at.name}: shape {at.x.shape} has no diagonal")
        return (Made(at.x.dtype, at.x.shape, at.x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers or 0."""
        x = np.asarray(arrays[0])
        rows, columns = np.indices(x.shape[-2:])
        apart = columns - rows
        return (np.where(apart >= self.k if self.upper else apart <= self.k, x, np.zeros((), x.dtype)),)

    def buffers(self, at: Applied) -> Buffers:
        """In place."""
        return Buffers(in_place=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over matrices, rows, columns."""
        rows, columns = at.x.shape[-2:]
        shape = (math.prod(at.x.shape[:-2]), rows, columns)
        # far away diagonals leave all or nothing
        k = min(max(self.k, -rows - columns), rows + columns)
        index, zero = nest.index(nest.strides(shape)), ctext.number(0, at.x.dtype)
        sign = ">=" if self.upper else "<="
        text = nest.loops(shape, f"y[{index}] = i2 - i1 {sign} {k} ? x[{index}] : {zero};")
        kind = ctext.seen(at.x.dtype)
        name = to.function("triangle", f"const {kind} *x, {kind} *y", text)
        to.run(name, to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both sides, diagonals above, below and far away, several types."""
        for upper in (True, False):
            for k in (0, 1, -2, 50):
                x = _testing.given("x", (2, 3, 4))
                yield f"triangle_{'upper' if upper else 'lower'}_{k}", _testing.one(cls(upper, k), (x,))
        for dtype in ("int8", "int64", "bool"):
            yield f"triangle_{dtype}", _testing.one(cls(), (_testing.given("x", (3, 3), dtype),))
