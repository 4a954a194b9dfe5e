"""Parts of a tensor at places that have several coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, nest
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.gather import RUNTIME, held, place, whole


@dataclass(frozen=True, slots=True)
class GatherND(NdOperator):
    """Inputs: x and places, whose last axis holds the coordinates on the next axes of x.

    Coordinates from -1 down count from the end; one that lies outside means the first or the last.

    Attributes
    ----------
    batch : int
        Leading axes that x and places share.
    """

    batch: int = 0

    NAME: ClassVar[str] = "gather_nd"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the places without the coordinates, then that of a part."""
        x, places = at.inputs[:2]
        whole(at, places)
        batch = self.batch
        if not 0 <= batch < len(places.shape) or x.shape[:batch] != places.shape[:batch]:
            raise ConfigError(f"layer {at.name}: {x.shape} and {places.shape} do not share {batch} axes")
        depth = places.shape[-1]
        if batch + depth > len(x.shape) or 0 in x.shape[batch : batch + depth]:
            raise ConfigError(f"layer {at.name}: {depth} coordinates do not go with shape {x.shape}")
        if isinstance(x.quant, Affine) and x.quant.axis is not None:
            raise ConfigError(f"layer {at.name}: {x.name} has a scale for each index of an axis")
        return (Made(x.dtype, (*places.shape[:-1], *x.shape[batch + depth :]), x.quant),)

    def _extents(self, at: Applied) -> tuple[int, int, tuple[int, ...], int]:
        """Batches, places in each, extents of the coordinates, numbers of a part."""
        x, places, batch = at.x.shape, at.inputs[1].shape, self.batch
        axes = x[batch : batch + places[-1]]
        return math.prod(x[:batch]), math.prod(places[batch:-1]), axes, math.prod(x[batch + len(axes) :])

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        x, places = np.asarray(arrays[0]), np.asarray(arrays[1])
        b, j, axes, i = self._extents(at)
        steps = nest.strides(axes)
        rows = x.reshape(b, math.prod(axes), i)
        found = places.reshape(b, j, len(axes))
        flat = sum((held(found[..., k], n) * s for k, (n, s) in enumerate(zip(axes, steps, strict=True))), 0)
        flat = np.broadcast_to(flat, (b, j))
        taken = [rows[k][flat[k]] for k in range(b)]
        return (np.stack(taken).reshape(at.out.shape) if b else np.zeros(at.out.shape, x.dtype),)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write the result from its first number to its last."""
        places = at.inputs[1]
        b, j, axes, i = self._extents(at)
        depth, size = len(axes), math.prod(axes) * i
        terms = [nest.index((size if b > 1 else 0, 0))]
        for k, (extent, step) in enumerate(zip(axes, nest.strides(axes), strict=True)):
            found = place(places, nest.index((j * depth if b > 1 else 0, depth), k), extent)
            terms.append(f"{found} * {step * i}")
        kind = ctext.seen(at.x.dtype)
        body = f"const {kind} *v = x + ({' + '.join(terms)});\n"
        if i > 1:
            body += f"int32_t k;\n\nfor (k = 0; k < {i}; k++) {{\n    *y++ = v[k];\n}}"
        else:
            body += "\n*y++ = *v;"
        parameters = f"const {kind} *x, const {ctext.seen(places.dtype)} *p, {kind} *y"
        if not depth:
            body = "(void)p;\n" + body
        name = to.function("gather", parameters, nest.loops((b, j), body), RUNTIME)
        to.run(name, to.source(at.x), to.source(places), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """One, two and all coordinates, batches, several types."""
        for dtype in ("float32", "int8", "int64", "bool"):
            x, p = _testing.given("x", (3, 4, 2), dtype), _testing.given("p", (5, 2), "int8")
            yield f"gather_nd_{dtype}", _testing.one(cls(), (x, p))
        x = _testing.given("x", (2, 3, 4))
        yield "gather_nd_one", _testing.one(cls(), (x, _testing.given("p", (2, 2, 1), "int32")))
        yield "gather_nd_all", _testing.one(cls(), (x, _testing.given("p", (4, 3), "int64")))
        yield "gather_nd_number", _testing.one(cls(), (x, _testing.given("p", (3,), "int16")))
        yield "gather_nd_batch", _testing.one(cls(1), (x, _testing.given("p", (2, 3, 1), "int8")))
        yield "gather_nd_batches", _testing.one(cls(1), (x, _testing.given("p", (2, 2), "int8")))
