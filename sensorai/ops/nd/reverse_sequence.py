"""Beginnings of sequences, backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.gather import RUNTIME, held, place, whole


@dataclass(frozen=True, slots=True)
class ReverseSequence(NdOperator):
    """Inputs: x and a length for each sequence; what lies behind that stays.

    Lengths from -1 down count from one more than the extent; those beyond are all of it.

    Attributes
    ----------
    batch, time : int
        Axis of the sequences, and axis along which they run.
    """

    batch: int = 0
    time: int = 1

    NAME: ClassVar[str] = "reverse_sequence"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """What x is."""
        x, lengths = at.inputs[:2]
        whole(at, lengths)
        batch, time = (moving.axis_in(at, axis, len(x.shape)) for axis in (self.batch, self.time))
        if batch == time or lengths.shape != (x.shape[batch],):
            raise ConfigError(f"layer {at.name}: lengths {lengths.shape} do not go with shape {x.shape}")
        if isinstance(x.quant, Affine) and x.quant.axis == time:
            raise ConfigError(f"layer {at.name}: axis {time} has many scales")
        return (Made(x.dtype, x.shape, x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        x, steps = np.asarray(arrays[0]), at.x.shape[self.time]
        shape = [1] * x.ndim
        shape[self.batch] = -1
        lengths = held(np.asarray(arrays[1]), steps + 1).reshape(shape)
        shape[self.batch], shape[self.time] = 1, -1
        t = np.arange(steps, dtype=np.int64).reshape(shape)
        index = np.broadcast_to(np.where(t < lengths, lengths - 1 - t, t), x.shape)
        return (np.take_along_axis(x, index, self.time),)

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result."""
        x, lengths = at.inputs[:2]
        own, t = nest.strides(x.shape), f"i{self.time}"
        rest = nest.index([0 if k == self.time else s for k, s in enumerate(own)])
        found = place(lengths, f"i{self.batch}", x.shape[self.time] + 1)
        body = f"const int32_t n = {found};\n"
        body += f"const int32_t t = {t} < n ? n - 1 - {t} : {t};\n\n*y++ = x[{rest} + t * {own[self.time]}];"
        kind = ctext.seen(x.dtype)
        parameters = f"const {kind} *x, const {ctext.seen(lengths.dtype)} *p, {kind} *y"
        name = to.function("reverse", parameters, nest.loops(x.shape, body), RUNTIME)
        to.run(name, to.source(x), to.source(lengths), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both orders of the axes, several types, lengths known and given."""
        for dtype in ("float32", "int8", "int64"):
            x, n = _testing.given("x", (3, 4, 2), dtype), _testing.known("n", [0, 2, 4], "int64")
            yield f"reverse_sequence_{dtype}", _testing.one(cls(0, 1), (x, n))
        x = _testing.given("x", (100, 3))
        yield "reverse_sequence_given", _testing.one(cls(1, 0), (x, _testing.given("n", (3,), "int8")))
