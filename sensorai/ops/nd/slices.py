"""A part of a tensor, every so many numbers along each axis, forwards or backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _testing, moving, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Slice(NdOperator):
    """Along axis ``k`` the places ``range(starts[k], stops[k], steps[k])``, all of them on the axis.

    Attributes
    ----------
    starts, stops, steps : tuple of int
        For every axis. A step may be negative; a stop of -1 is then the place before the first.
    """

    starts: tuple[int, ...] = ()
    stops: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()

    NAME: ClassVar[str] = "slice"
    MOVES: ClassVar[bool] = True

    def places(self, axis: int) -> range:
        """Places that are taken along an axis."""
        return range(self.starts[axis], self.stops[axis], self.steps[axis])

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the input; a ConfigError where places lie outside."""
        shape = at.x.shape
        if not len(self.starts) == len(self.stops) == len(self.steps) == len(shape) or 0 in self.steps:
            raise ConfigError(f"layer {at.name}: slices need start, stop and step for every axis of {shape}")
        for axis, extent in enumerate(shape):
            places = self.places(axis)
            if len(places) and not (0 <= places[0] < extent and 0 <= places[-1] < extent):
                raise ConfigError(f"layer {at.name}: {places} lies outside of axis {axis} of {shape}")
        quant: Quant = at.x.quant
        if isinstance(quant, Affine) and quant.axis is not None:
            quant = moving.picked(quant, quant.axis, self.places(quant.axis))
        return (Made(at.x.dtype, tuple(len(self.places(k)) for k in range(len(shape))), quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        ends = zip(self.starts, self.stops, self.steps, strict=True)
        index = tuple(slice(a, b if b >= 0 else None, c) for a, b, c in ends)
        # no places at all are none, also where the stop counts as one from the end
        empty = any(not len(self.places(k)) for k in range(len(self.starts)))
        x = np.asarray(arrays[0])
        return (np.zeros(at.out.shape, x.dtype) if empty else np.array(x[index]),)

    def _walk(self, shape: Shape) -> tuple[tuple[int, ...], int]:
        """Strides in the input and first element."""
        own = nest.strides(shape)
        start = sum(a * s for a, s in zip(self.starts, own, strict=True))
        return tuple(c * s for c, s in zip(self.steps, own, strict=True)), start

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is as the beginning of its input; forwards no number is overtaken."""
        return Buffers(
            alias=moving.still(at.out.shape, *self._walk(at.x.shape)),
            in_place=min(self.steps, default=1) > 0,
        )

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same of the axes as they were."""
        return Slice(*(moving.moved(one, perm) for one in (self.starts, self.stops, self.steps)))

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result, with the strides of the input."""
        read, start = self._walk(at.x.shape)
        if not moving.still(at.out.shape, read, start):
            moving.copy(to, "slice", at.x, at.out, at.out.shape, read, nest.strides(at.out.shape), start)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types; steps, backwards, the beginning, the end, nothing cut off."""
        for dtype in ("float32", "int8", "int16", "int64", "bool"):
            x = _testing.given("x", (4, 5, 3), dtype)
            yield f"slice_{dtype}", _testing.one(cls((1, 0, 1), (4, 5, 3), (2, 2, 1)), (x,))
        x = _testing.given("x", (4, 5))
        yield "slice_back", _testing.one(cls((3, 3), (-1, 0), (-1, -2)), (x,))
        yield "slice_begin", _testing.one(cls((0, 0), (2, 5), (1, 1)), (x,))
        yield "slice_end", _testing.one(cls((2, 0), (4, 5), (1, 1)), (x,))
        yield "slice_columns", _testing.one(cls((0, 1), (4, 4), (1, 1)), (x,))
        yield "slice_number", _testing.one(cls((3, 2), (4, 3), (1, 1)), (x,))
        yield "slice_all", _testing.one(cls((0, 0), (4, 5), (1, 1)), (x,))
        yield "slice_scalar", _testing.one(cls(), (_testing.given("x", ()),))
