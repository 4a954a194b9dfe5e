"""Tensors one behind the other along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Concat(NdOperator):
    """Any number of tensors of one type, joined.

    Attributes
    ----------
    axis : int
        From 0.
    """

    axis: int = 0

    NAME: ClassVar[str] = "concat"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the first, extents along the axis added."""
        if not at.inputs:
            raise ConfigError(f"layer {at.name}: there is nothing to join")
        first = at.x
        axis = moving.axis_in(at, self.axis, len(first.shape))
        for one in at.inputs:
            if one.dtype != first.dtype:
                raise ConfigError(f"layer {at.name}: types {first.dtype} and {one.dtype} do not go together")
            around = (*one.shape[:axis], *one.shape[axis + 1 :])
            if len(one.shape) != len(first.shape) or around != (
                *first.shape[:axis],
                *first.shape[axis + 1 :],
            ):
                raise ConfigError(
                    f"layer {at.name}: shapes {first.shape} and {one.shape} do not go together along {axis}"
                )
        extent = sum(one.shape[axis] for one in at.inputs)
        shape = (*first.shape[:axis], extent, *first.shape[axis + 1 :])
        return (Made(first.dtype, shape, self._quant(at)),)

    def _quant(self, at: Applied) -> Quant:
        """Scale that all share, or the scales of all behind each other; None where they differ."""
        quants = [one.quant for one in at.inputs]
        if all(isinstance(q, Affine) and q.axis == self.axis for q in quants):
            each = [q for q in quants if isinstance(q, Affine)]
            scale = tuple(s for q in each for s in q.scale)
            return replace(each[0], scale=scale, zero=tuple(z for q in each for z in q.zero))
        return quants[0] if all(q == quants[0] for q in quants) else None

    def check(self, at: Applied) -> None:
        """A ConfigError where numbers would change their meaning."""
        # int16: TensorFlow Lite joins numbers as they are
        for one in at.inputs:
            alike = one.quant == at.out.quant or self._quant(at) is not None or one.dtype == "int16"
            if isinstance(one.quant, Affine) and not alike:
                raise ConfigError(f"layer {at.name}: {one.name} has another scale than {at.out.name}")

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        return (np.concatenate([np.asarray(a) for a in arrays], axis=self.axis),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same along the axis as it was."""
        return Concat(perm[self.axis])

    def emit(self, at: Applied, to: Writer) -> None:
        """Copy one input after the other; those of one shape share their loops."""
        shape = at.out.shape
        write, kind = nest.strides(shape), ctext.seen(at.out.dtype)
        made: dict[tuple[int, ...], str] = {}
        done = 0
        for k, x in enumerate(at.inputs):
            if not x.size:
                continue
            if x.shape not in made:
                extents, (source, target) = nest.merged(x.shape, nest.strides(x.shape), write)
                text = nest.loops(extents, f"y[{nest.index(target)}] = x[{nest.index(source)}];")
                made[x.shape] = to.function(f"concat{k}_", f"const {kind} *x, {kind} *y", text)
            into = to.target(at.out) + (f" + {done}" if done else "")
            to.run(made[x.shape], to.source(x), into)
            done += x.shape[self.axis] * write[self.axis]

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types; each axis, constants, one input twice, one alone."""
        for axis in range(3):
            shapes = [tuple(2 + (k == axis) * n for k in range(3)) for n in range(3)]
            xs = [_testing.given(f"x{n}", shape) for n, shape in enumerate(shapes)]
            yield f"concat_axis{axis}", _testing.one(cls(axis), xs)
        for dtype in ("int8", "int16", "int64", "bool"):
            xs = [_testing.given(name, (2, 3), dtype) for name in "ab"]
            yield f"concat_{dtype}", _testing.one(cls(1), xs)
        x, k = _testing.given("x", (2, 2)), _testing.known("k", [[1.5], [-2.5]])
        yield "concat_constant", _testing.one(cls(1), (k, x, x, k))
        yield "concat_one", _testing.one(cls(0), (x,))
