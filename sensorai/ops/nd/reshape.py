"""The same numbers in another shape."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Reshape(NdOperator):
    """Numbers in their order.

    Attributes
    ----------
    to : tuple of int
        Shape that comes out.
    """

    to: Shape = ()

    NAME: ClassVar[str] = "reshape"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and scale of the input; a ConfigError where the sizes differ."""
        if at.x.size != math.prod(self.to):
            raise ConfigError(f"layer {at.name}: {at.x.shape} cannot become {self.to}")
        return (Made(at.x.dtype, self.to, at.x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        return (np.asarray(arrays[0]).reshape(self.to),)

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is."""
        return Buffers(alias=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """Nothing runs."""

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Of several types, to one axis, to none."""
        for dtype in ("float32", "int8", "int64", "bool"):
            yield f"reshape_{dtype}", _testing.one(cls((6, 2)), (_testing.given("x", (3, 4), dtype),))
        yield "reshape_scalar", _testing.one(cls(()), (_testing.given("x", (1, 1)),))
