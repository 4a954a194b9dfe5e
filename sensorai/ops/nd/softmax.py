"""Exponentials as parts of their sum, and the logarithms of those."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, affine, maths, softmax_integer, softmax_nearest
from sensorai.ops.nd.base import Made, NdOperator


def ordered_sum(x: Array, axis: int) -> Array:
    """Sum along an axis, one number after the other from the first on; the axis stays, with one element."""
    if x.shape[axis] == 0:
        return np.zeros([1 if k == axis % x.ndim else n for k, n in enumerate(x.shape)], x.dtype)
    total = np.add.accumulate(x, axis=axis, dtype=x.dtype)
    return np.asarray(np.take(total, [-1], axis=axis) + x.dtype.type(0))


@dataclass(frozen=True, slots=True)
class Softmax(NdOperator):
    """Softmax along an axis, or its logarithm.

    float32: the largest number is taken off, exponentials add up from the first on, and each is divided by
    the sum; of the logarithm, log of the sum is taken off. Integers with a scale: see ``softmax_integer``
    and ``softmax_nearest``.

    Attributes
    ----------
    axis : int
        From 0.
    log : bool
    beta : float
        Factor of the numbers.
    dtype : str
        Type that comes out; "" for that of the input. int8 may become int16.
    rounding : str
        Of integers with a scale: "tflite", or "even": nearest to the softmax of what they mean; then types
        may differ.
    """

    axis: int
    log: bool = False
    beta: float = 1.0
    dtype: str = ""
    rounding: str = "tflite"

    NAME: ClassVar[str] = "softmax"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        if not 0 <= self.axis < len(at.x.shape):
            raise ConfigError(f"layer {at.name}: {at.x.shape} has no axis {self.axis}")
        if self._nearest:
            return (Made(self.dtype or at.x.dtype, at.x.shape),)
        if at.x.dtype not in ("float32", "float16", "float64", "int8", "int16"):
            raise ConfigError(f"layer {at.name}: softmax of {at.x.dtype}")
        dtype = self.dtype or at.x.dtype
        if dtype != at.x.dtype and (at.x.dtype, dtype) != ("int8", "int16"):
            raise ConfigError(f"layer {at.name}: softmax of {at.x.dtype} does not make {dtype}")
        return (Made(dtype, at.x.shape),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales do not fit."""
        if self._nearest:
            softmax_nearest.check(self.log, at)
        elif affine.scaled(at.x):
            softmax_integer.check(self.axis, self.log, at)

    @property
    def _nearest(self) -> bool:
        return self.rounding != "tflite"

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Parts of the sum."""
        x = np.asarray(arrays[0])
        if self._nearest:
            return (softmax_nearest.compute(self.log, self.beta, self.axis, at, x),)
        if affine.scaled(at.x):
            return (softmax_integer.compute(self.log, self.beta, at, x),)
        if at.x.dtype == "float64":
            e = np.exp((x - x.max(self.axis, keepdims=True)) * self.beta)
            y = e / e.sum(self.axis, keepdims=True)
            return (np.log(y) if self.log else y,)
        v = x.astype(np.float32)
        if not v.size:
            return (x,)
        with np.errstate(all="ignore"):
            less = v - v.max(self.axis, keepdims=True)
            if self.beta != 1.0:
                less = less * np.float32(self.beta)
            e = maths.exp(less)
            total = ordered_sum(e, self.axis)
            y = less - maths.log(total) if self.log else e / total
        return (y.astype(x.dtype),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Along the same axis in its new place; integers only along the last."""
        axis = perm[self.axis]
        fixed = affine.scaled(at.x) and not self._nearest
        return None if fixed and axis != len(perm) - 1 else replace(self, axis=axis)

    def macc(self, at: Applied) -> int:
        """15 for every element, as ST's tool counts."""
        return 15 * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place of real numbers."""
        return Buffers(in_place=at.x.dtype == at.out.dtype and not affine.scaled(at.x))

    def emit(self, at: Applied, to: Writer) -> None:
        """Call one kernel."""
        if self._nearest:
            softmax_nearest.emit(self.log, self.beta, self.axis, at, to)
            return
        if affine.scaled(at.x):
            softmax_integer.emit(self.log, self.beta, at, to)
            return
        if at.x.dtype != "float32":
            raise ConfigError(f"layer {at.name}: softmax of {at.x.dtype} has no C")
        shape = at.x.shape
        outer, depth, inner = (
            math.prod(shape[: self.axis]),
            shape[self.axis],
            math.prod(shape[self.axis + 1 :]),
        )
        name = "sa_nd_log_softmax_f32" if self.log else "sa_nd_softmax_f32"
        beta = to.real(self.beta)
        to.call("nd/sa_nd_softmax.h", name, to.source(at.x), to.target(at.out), outer, depth, inner, beta)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Along each axis, of one number, with a factor."""
        for log in (False, True):
            name = "log_softmax" if log else "softmax"
            for axis in range(3):
                yield f"{name}_{axis}", _testing.one(cls(axis, log), (_testing.given("x", (2, 5, 3)),))
            yield f"{name}_one", _testing.one(cls(0, log), (_testing.given("x", (1,)),))
            yield f"{name}_beta", _testing.one(cls(1, log, 0.5), (_testing.given("x", (2, 7)),))
        yield from softmax_integer.cases(cls)
        yield from softmax_nearest.cases(cls)
