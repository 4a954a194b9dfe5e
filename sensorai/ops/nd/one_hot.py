"""A number for each of several, one value at the place that a tensor says and another elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.gather import whole


@dataclass(frozen=True, slots=True)
class OneHot(NdOperator):
    """Inputs: places, and two values: elsewhere, there. A place that lies outside is nowhere.

    Attributes
    ----------
    axis : int
        Of the result, from 0: the new one.
    depth : int
        Its extent.
    negative : bool
        Whether places from -1 down count from the end.
    """

    axis: int = 0
    depth: int = 1
    negative: bool = False

    NAME: ClassVar[str] = "one_hot"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the places with an axis more, type of the values."""
        places, values = at.inputs[:2]
        whole(at, places)
        axis = moving.axis_in(at, self.axis, len(places.shape) + 1)
        if values.shape != (2,) or self.depth < 0:
            raise ConfigError(
                f"layer {at.name}: {values.shape} values and depth {self.depth} are not supported"
            )
        return (Made(values.dtype, (*places.shape[:axis], self.depth, *places.shape[axis:]), values.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """One of the two values."""
        places, values = (
            np.expand_dims(np.asarray(arrays[0]).astype(np.int64), self.axis),
            np.asarray(arrays[1]),
        )
        shape = [1] * places.ndim
        shape[self.axis] = self.depth
        each = np.arange(self.depth, dtype=np.int64).reshape(shape)
        there = places == each
        if self.negative:
            there = there | (places == each - self.depth)
        return (values[there.astype(np.int64)],)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write the result from its first number to its last."""
        places, values = at.inputs[:2]
        outer, inner = math.prod(places.shape[: self.axis]), math.prod(places.shape[self.axis :])
        wide = "int64_t" if places.dtype in ("int64", "uint64", "uint32") else "int32_t"
        kind = ctext.seen(values.dtype)
        index = nest.index((inner if outer > 1 else 0, 0, 1))
        there = "k == i1" + (f" || k == i1 - {self.depth}" if self.negative else "")
        body = f"const {wide} k = ({wide})p[{index}];\n\n*y++ = {there} ? v[1] : v[0];"
        parameters = f"const {ctext.seen(places.dtype)} *p, const {kind} *v, {kind} *y"
        name = to.function("one_hot", parameters, nest.loops((outer, self.depth, inner), body))
        to.run(name, to.source(places), to.source(values), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Each axis, several types, places outside."""
        for dtype in ("float32", "int8", "int64", "bool"):
            p, v = _testing.known("p", [0, 3, -1, 7, -5, 2], "int64"), _testing.given("v", (2,), dtype)
            yield f"one_hot_{dtype}", _testing.one(cls(1, 4, True), (p, v))
        for axis in range(3):
            p, v = _testing.given("p", (2, 40), "int8"), _testing.known("v", [-1.0, 2.0])
            yield f"one_hot_axis{axis}", _testing.one(cls(axis, 100), (p, v))
        p = _testing.given("p", (), "int32")
        yield "one_hot_number", _testing.one(cls(0, 3, True), (p, _testing.given("v", (2,))))
