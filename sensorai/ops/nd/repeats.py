"""Tensors repeated along axes."""

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
class Expand(NdOperator):
    """Axes of one element repeated, axes in front added: as NumPy broadcasts.

    Attributes
    ----------
    to : tuple of int
        Shape that comes out.
    """

    to: Shape = ()

    NAME: ClassVar[str] = "expand"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """The shape, where the input goes with it."""
        shape = at.x.shape
        lead = len(self.to) - len(shape)
        fits = lead >= 0 and all(a in (1, b) for a, b in zip(shape, self.to[lead:], strict=True))
        if not fits or min(self.to, default=0) < 0:
            raise ConfigError(f"layer {at.name}: {shape} cannot be repeated to {self.to}")
        quant: Quant = at.x.quant
        if isinstance(quant, Affine) and quant.axis is not None:
            count = self.to[quant.axis + lead] // max(shape[quant.axis], 1)
            quant = moving.picked(quant, quant.axis, tuple(range(shape[quant.axis])) * count)
        return (Made(at.x.dtype, self.to, moving.shifted(quant, lead)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers, again and again."""
        return (np.broadcast_to(np.asarray(arrays[0]), self.to),)

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is when nothing is repeated."""
        return Buffers(alias=at.x.size == at.out.size)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same of the axes as they were; not where some are added."""
        return Expand(moving.moved(self.to, perm)) if len(perm) == len(self.to) else None

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result; repeated axes have stride 0 in the input."""
        if at.x.size == at.out.size:
            return
        read = nest.broadcast(at.x.shape, self.to)
        moving.copy(to, "expand", at.x, at.out, self.to, read, nest.strides(self.to))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types; a single number, axes in front, between, behind, none."""
        for dtype in ("float32", "int8", "int16", "int64", "bool"):
            yield f"expand_{dtype}", _testing.one(cls((4, 3, 2)), (_testing.given("x", (3, 1), dtype),))
        yield "expand_scalar", _testing.one(cls((3, 2)), (_testing.given("x", ()),))
        yield "expand_between", _testing.one(cls((2, 3, 2)), (_testing.given("x", (2, 1, 2)),))
        yield "expand_none", _testing.one(cls((1, 2, 3)), (_testing.given("x", (2, 3)),))


@dataclass(frozen=True, slots=True)
class Tile(NdOperator):
    """The whole tensor again and again along each axis.

    Attributes
    ----------
    repeats : tuple of int
        For every axis.
    """

    repeats: tuple[int, ...] = ()

    NAME: ClassVar[str] = "tile"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Every extent times its repeats."""
        shape = at.x.shape
        if len(self.repeats) != len(shape) or min(self.repeats, default=0) < 0:
            raise ConfigError(f"layer {at.name}: repeats {self.repeats} do not go with shape {shape}")
        quant: Quant = at.x.quant
        if isinstance(quant, Affine) and quant.axis is not None:
            places = tuple(range(shape[quant.axis])) * self.repeats[quant.axis]
            quant = moving.picked(quant, quant.axis, places)
        grown = tuple(e * r for e, r in zip(shape, self.repeats, strict=True))
        return (Made(at.x.dtype, grown, quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers, again and again."""
        return (np.tile(np.asarray(arrays[0]), self.repeats),)

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is when nothing is repeated."""
        return Buffers(alias=at.x.size == at.out.size)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same of the axes as they were."""
        return Tile(moving.moved(self.repeats, perm))

    def emit(self, at: Applied, to: Writer) -> None:
        """Two loops for every axis: over its repeats, and over its elements."""
        if at.x.size == at.out.size:
            return
        own = nest.strides(at.x.shape)
        split = tuple(v for pair in zip(self.repeats, at.x.shape, strict=True) for v in pair)
        read = [v for step in own for v in (0, step)]
        moving.copy(to, "tile", at.x, at.out, split, read, nest.strides(split))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types; the first axis, the last, all, none."""
        for dtype in ("float32", "int8", "int16", "int64", "bool"):
            yield f"tile_{dtype}", _testing.one(cls((2, 1, 3)), (_testing.given("x", (2, 3, 2), dtype),))
        for name, repeats in {"first": (3, 1), "last": (1, 3), "all": (2, 2), "none": (1, 1)}.items():
            yield f"tile_{name}", _testing.one(cls(repeats), (_testing.given("x", (2, 3)),))
