"""The same numbers with their axes in another order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, moving, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Transpose(NdOperator):
    """Axis ``k`` of the result is axis ``perm[k]`` of the input.

    Attributes
    ----------
    perm : tuple of int
    """

    perm: tuple[int, ...] = ()

    NAME: ClassVar[str] = "transpose"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Extents and scales in the new order."""
        shape = at.x.shape
        if sorted(self.perm) != list(range(len(shape))):
            raise ConfigError(f"layer {at.name}: axes {self.perm} are no order of those of {shape}")
        quant: Quant = at.x.quant
        if isinstance(quant, Affine) and quant.axis is not None:
            quant = replace(quant, axis=self.perm.index(quant.axis))
        return (Made(at.x.dtype, tuple(shape[k] for k in self.perm), quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        return (np.ascontiguousarray(np.asarray(arrays[0]).transpose(self.perm)).reshape(at.out.shape),)

    def _still(self, at: Applied) -> bool:
        """Whether only axes of one element move."""
        wide = [k for k in self.perm if at.x.shape[k] != 1]
        return wide == sorted(wide)

    def macc(self, at: Applied) -> int:
        """Half an operation for each number that moves: 4,096 for 8,192 in a report of ST's."""
        return 0 if self._still(at) else at.out.size // 2

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is when only axes of one element move."""
        return Buffers(alias=self._still(at))

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result, with the strides of the input."""
        if self._still(at):
            return
        own, shape = nest.strides(at.x.shape), at.out.shape
        moving.copy(to, "transpose", at.x, at.out, shape, [own[k] for k in self.perm], nest.strides(shape))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types; axes that go together, axes of one element, nothing at all."""
        for dtype in ("float32", "int8", "int64", "bool"):
            yield f"transpose_{dtype}", _testing.one(cls((1, 2, 0)), (_testing.given("x", (3, 4, 2), dtype),))
        yield "transpose_all", _testing.one(cls((3, 1, 2, 0)), (_testing.given("x", (2, 3, 1, 4)),))
        yield "transpose_still", _testing.one(cls((1, 0, 2)), (_testing.given("x", (3, 1, 4)),))
        yield "transpose_none", _testing.one(cls((0, 1)), (_testing.given("x", (3, 4)),))
