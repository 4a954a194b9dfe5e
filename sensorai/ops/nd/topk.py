"""The largest or smallest numbers along an axis, in their order, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class TopK(NdOperator):
    """Outputs: ``count`` numbers, the first of equal ones first, and their places. NaN is above all numbers.

    Attributes
    ----------
    count : int
    axis : int
    largest : bool
        Whether the largest come, else the smallest.
    places : str
        Type of the second output, int32 or int64.
    """

    count: int = 1
    axis: int = 0
    largest: bool = True
    places: str = "int64"

    NAME: ClassVar[str] = "top_k"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """``count`` in place of the extent of the axis."""
        axis, shape = moving.axis_in(at, self.axis, len(at.x.shape)), at.x.shape
        if self.places not in ("int32", "int64") or not 0 <= self.count <= shape[axis]:
            raise ConfigError(f"layer {at.name}: {self.count} of {shape[axis]} numbers, places {self.places}")
        made = (*shape[:axis], self.count, *shape[axis + 1 :])
        return Made(at.x.dtype, made, at.x.quant), Made(self.places, made)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sorted, equal ones in their order."""
        x = np.asarray(arrays[0])
        if self.largest:
            # backwards twice, so that equal ones stay in their order
            back = np.argsort(np.flip(x, self.axis), axis=self.axis, kind="stable")
            order = np.flip(x.shape[self.axis] - 1 - back, self.axis)
        else:
            order = np.argsort(x, axis=self.axis, kind="stable")
        best = np.take(order, np.arange(self.count), axis=self.axis)
        return np.take_along_axis(x, best, self.axis), best.astype(DTYPES[self.places])

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Two outputs cannot both be turned."""
        return None

    def emit(self, at: Applied, to: Writer) -> None:
        """Insert every number among the best so far."""
        extent, step = at.x.shape[self.axis], nest.strides(at.x.shape)[self.axis]
        outer = at.x.size // (extent * step)
        first, second = ("v", "w") if self.largest else ("w", "v")
        better = f"{first} > {second}"
        if ctext.real(at.x.dtype):
            better += f" || ({first} != {first} && {second} == {second})"
        kind, place = ctext.seen(at.x.dtype), ctext.seen(self.places)
        text = (
            "    int32_t i, k, n;\n\n"
            f"    for (i = 0; i < {outer * step}; i++) {{\n"
            f"        const {kind} *from = x + (i / {step}) * {extent * step} + i % {step};\n"
            f"        const int32_t start = (i / {step}) * {self.count * step} + i % {step};\n"
            f"        {kind} *to = y + start;\n"
            f"        {place} *at = p + start;\n\n"
            f"        for (n = 0; n < {extent}; n++) {{\n"
            f"            const {kind} v = from[n * {step}];\n\n"
            f"            k = n < {self.count} ? n : {self.count};\n"
            "            while (k > 0) {\n"
            f"                const {kind} w = to[(k - 1) * {step}];\n\n"
            f"                if (!({better})) {{\n"
            "                    break;\n"
            "                }\n"
            f"                if (k < {self.count}) {{\n"
            f"                    to[k * {step}] = w;\n"
            f"                    at[k * {step}] = at[(k - 1) * {step}];\n"
            "                }\n"
            "                k--;\n"
            "            }\n"
            f"            if (k < {self.count}) {{\n"
            f"                to[k * {step}] = v;\n"
            f"                at[k * {step}] = n;\n"
            "            }\n"
            "        }\n"
            "    }\n"
        )
        name = to.function("top_k", f"const {kind} *x, {kind} *y, {place} *p", text)
        to.run(name, to.source(at.x), to.target(at.out), to.target(at.outputs[1]))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Types, axes, both ways, all numbers, equal ones."""
        for dtype in ("float32", "int8", "int64", "uint16", "bool"):
            x = _testing.given("x", (2, 5, 3), dtype)
            yield f"top_k_{dtype}", _testing.one(cls(3, 1), (x,))
            yield f"top_k_{dtype}_low", _testing.one(cls(2, 2, False, "int32"), (x,))
        yield "top_k_all", _testing.one(cls(4, 0), (_testing.given("x", (4,)),))
        yield "top_k_one", _testing.one(cls(1, 0, False), (_testing.given("x", (4,), "int16"),))
