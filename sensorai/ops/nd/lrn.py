"""Numbers damped by those of neighbouring channels."""

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
from sensorai.ops.nd import _testing, maths
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class LocalResponse(NdOperator):
    """``x / (bias + alpha * sum of squares)**beta`` in float32, squares of channels round the own one.

    Attributes
    ----------
    axis : int
        Of the channels.
    before, after : int
        Channels before and after the own one that count.
    alpha, beta, bias : float
    """

    axis: int
    before: int
    after: int
    alpha: float
    beta: float
    bias: float

    NAME: ClassVar[str] = "local_response"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        if at.x.dtype not in ("float32", "float16") or not 0 <= self.axis < len(at.x.shape):
            raise ConfigError(f"layer {at.name}: {at.x.dtype} of shape {at.x.shape}, axis {self.axis}")
        if min(self.before, self.after) < 0:
            raise ConfigError(f"layer {at.name}: {self.before} and {self.after} channels round one")
        return (Made(at.x.dtype, at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers damped."""
        given = np.asarray(arrays[0])
        x = np.moveaxis(given.astype(np.float32), self.axis, -1)
        depth = x.shape[-1]
        with np.errstate(all="ignore"):
            squares, total = x * x, np.zeros_like(x)
            for step in range(-min(self.before, depth), min(self.after, depth) + 1):
                low, high = max(0, -step), min(depth, depth - step)
                if low < high:
                    total[..., low:high] += squares[..., low + step : high + step]
            base = np.float32(self.bias) + np.float32(self.alpha) * total
            y = x / maths.power(base, np.float32(self.beta))
        return (np.moveaxis(y, -1, self.axis).astype(given.dtype),)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Along the same axis in its new place."""
        return replace(self, axis=perm[self.axis])

    def macs(self, at: Applied) -> int:
        """One for every channel that counts."""
        return (self.before + self.after + 1) * at.out.size

    def macc(self, at: Applied) -> int:
        """The sums, and a power and a quotient."""
        return (self.before + self.after + 12) * at.out.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Call one kernel."""
        shape = at.x.shape
        sizes = math.prod(shape[: self.axis]), shape[self.axis], math.prod(shape[self.axis + 1 :])
        values = (to.real(v) for v in (self.alpha, self.beta, self.bias))
        x, y = to.source(at.x), to.target(at.out)
        to.call("nd/sa_nd_lrn.h", "sa_nd_lrn_f32", x, y, *sizes, self.before, self.after, *values)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Along each axis; even and odd numbers of channels, more than there are."""
        for axis in range(3):
            for before, after in ((1, 1), (0, 1), (2, 2), (9, 9)):
                op = cls(axis, before, after, 0.01, 0.75, 1.0)
                yield f"lrn_{axis}_{before}_{after}", _testing.one(op, (_testing.given("x", (2, 5, 3)),))
