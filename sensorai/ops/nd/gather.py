"""Parts of a tensor at places that another tensor says.

Places from -1 down count from the end. One that lies outside means the first or the last: frameworks stop
there or read what they should not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator

#: File of the runtime with what holds places within their axis.
RUNTIME = "nd/sa_nd_place.h"


def whole(at: Applied, tensor: Tensor) -> None:
    """Raise a ConfigError unless a tensor holds whole numbers without a scale."""
    if ctext.real(tensor.dtype) or tensor.dtype == "bool" or isinstance(tensor.quant, Affine):
        raise ConfigError(f"layer {at.name}: places of type {tensor.dtype} make no sense")


def place(tensor: Tensor, index: str, extent: int) -> str:
    """C of a place on an axis of ``extent`` elements, read at ``index`` of the tensor ``p``."""
    wide = "i64" if tensor.dtype in ("int64", "uint64", "uint32") else "i32"
    kind = "int64_t" if wide == "i64" else "int32_t"
    cast = "" if tensor.dtype in ("int64", "int32") else f"({kind})"
    return f"sa_nd_place_{wide}({cast}p[{index}], {extent})"


def held(index: Array, extent: int) -> Array:
    """Places on an axis as C finds them."""
    wide = index.astype(np.int64)
    wide = np.where(wide < 0, wide + extent, wide)
    return np.asarray(np.clip(wide, 0, extent - 1))


@dataclass(frozen=True, slots=True)
class Gather(NdOperator):
    """Inputs: x and places. Axis ``axis`` of x becomes the axes of the places.

    Attributes
    ----------
    axis : int
        Of x, from 0.
    batch : int
        Leading axes that x and places share; ``axis`` is not below.
    """

    axis: int = 0
    batch: int = 0

    NAME: ClassVar[str] = "gather"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of x with that of the places in it."""
        x, places = at.inputs[:2]
        whole(at, places)
        axis = moving.axis_in(at, self.axis, len(x.shape))
        batch = self.batch
        if not 0 <= batch <= min(axis, len(places.shape)) or x.shape[:batch] != places.shape[:batch]:
            raise ConfigError(f"layer {at.name}: {x.shape} and {places.shape} do not share {batch} axes")
        if not x.shape[axis] and places.size:
            raise ConfigError(f"layer {at.name}: axis {axis} of {x.shape} is empty")
        quant: Quant = x.quant
        if isinstance(quant, Affine) and quant.axis is not None:
            if quant.axis == axis:
                raise ConfigError(f"layer {at.name}: gathers along axis {axis}, which has many scales")
            more = len(places.shape) - batch - 1 if quant.axis > axis else 0
            quant = moving.shifted(quant, more)
        return (Made(x.dtype, (*x.shape[:axis], *places.shape[batch:], *x.shape[axis + 1 :]), quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        x, places = np.asarray(arrays[0]), held(np.asarray(arrays[1]), at.x.shape[self.axis])
        b, o, n, j, i = self._extents(at)
        if not at.out.size:
            return (np.zeros(at.out.shape, x.dtype),)
        rows = x.reshape(b, o, n, i)
        taken = [rows[k][:, places.reshape(b, j)[k]] for k in range(b)]
        return (np.stack(taken).reshape(at.out.shape),)

    def _extents(self, at: Applied) -> tuple[int, int, int, int, int]:
        """Batches, outer elements, elements along the axis, places, inner elements."""
        x, p, batch, axis = at.x.shape, at.inputs[1].shape, self.batch, self.axis
        outer, inner = math.prod(x[batch:axis]), math.prod(x[axis + 1 :])
        return math.prod(x[:batch]), outer, x[axis], math.prod(p[batch:]), inner

    def emit(self, at: Applied, to: Writer) -> None:
        """Write the result from its first number to its last."""
        places = at.inputs[1]
        b, o, n, j, i = self._extents(at)
        kind, index = ctext.seen(at.x.dtype), ctext.seen(places.dtype)
        found = place(places, nest.index((0 if b == 1 else j, 0, 1)), n)
        start = nest.index((0 if b == 1 else o * n * i, 0 if o == 1 else n * i))
        body = f"const {kind} *v = x + ({start} + {found} * {i});\n"
        if i > 1:
            body += f"int32_t k;\n\nfor (k = 0; k < {i}; k++) {{\n    *y++ = v[k];\n}}"
        else:
            body += "\n*y++ = *v;"
        text = nest.loops((b, o, j), body)
        name = to.function("gather", f"const {kind} *x, const {index} *p, {kind} *y", text, RUNTIME)
        to.run(name, to.source(at.x), to.source(places), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types of numbers and places, outside of the axis too; each axis, batches, one place."""
        for dtype in ("float32", "int8", "int16", "int64", "bool"):
            x, p = _testing.given("x", (3, 4, 2), dtype), _testing.known("p", [2, -1, 9, 0, -9], "int64")
            yield f"gather_{dtype}", _testing.one(cls(1), (x, p))
        for kind in ("int32", "int64", "uint8", "int16"):
            x, p = _testing.given("x", (300, 2)), _testing.given("p", (2, 3), kind)
            yield f"gather_places_{kind}", _testing.one(cls(0), (x, p))
        x = _testing.given("x", (2, 3, 4))
        yield "gather_last", _testing.one(cls(2), (x, _testing.given("p", (2, 2), "int8")))
        yield "gather_number", _testing.one(cls(1), (x, _testing.given("p", (), "int32")))
        yield "gather_batch", _testing.one(cls(2, 1), (x, _testing.given("p", (2, 2), "int8")))
        yield "gather_batches", _testing.one(cls(2, 2), (x, _testing.given("p", (2, 3), "int8")))


@dataclass(frozen=True, slots=True)
class GatherElements(NdOperator):
    """Inputs: x and places of as many axes. Every number comes from its own place on ``axis``.

    Attributes
    ----------
    axis : int
        From 0.
    """

    axis: int = 0

    NAME: ClassVar[str] = "gather_elements"
    MOVES: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the places."""
        x, places = at.inputs[:2]
        whole(at, places)
        axis = moving.axis_in(at, self.axis, len(x.shape))
        if len(places.shape) != len(x.shape):
            raise ConfigError(f"layer {at.name}: {x.shape} and {places.shape} differ in their number of axes")
        for k, (a, b) in enumerate(zip(x.shape, places.shape, strict=True)):
            if (k != axis and b > a) or (k == axis and b and not a):
                raise ConfigError(f"layer {at.name}: places of shape {places.shape} leave {x.shape}")
        if isinstance(x.quant, Affine) and x.quant.axis is not None:
            raise ConfigError(f"layer {at.name}: {x.name} has a scale for each index of an axis")
        return (Made(x.dtype, places.shape, x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        x, places = np.asarray(arrays[0]), np.asarray(arrays[1])
        cut = tuple(slice(0, n if k != self.axis else None) for k, n in enumerate(places.shape))
        return (np.take_along_axis(x[cut], held(places, x.shape[self.axis]), self.axis),)

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result."""
        places = at.inputs[1]
        own = nest.strides(at.x.shape)
        read = [0 if k == self.axis else s for k, s in enumerate(own)]
        shape, (steps, write) = nest.merged(places.shape, read, nest.strides(places.shape))
        kind, index = ctext.seen(at.x.dtype), ctext.seen(places.dtype)
        found = place(places, nest.index(write), at.x.shape[self.axis])
        body = f"y[{nest.index(write)}] = x[{nest.index(steps)} + {found} * {own[self.axis]}];"
        text = nest.loops(shape, body)
        name = to.function("gather", f"const {kind} *x, const {index} *p, {kind} *y", text, RUNTIME)
        to.run(name, to.source(at.x), to.source(places), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Each axis, a part of the others, several types."""
        for axis in range(3):
            x, p = _testing.given("x", (3, 4, 2)), _testing.given("p", (3, 4, 2), "int8")
            yield f"gather_elements_axis{axis}", _testing.one(cls(axis), (x, p))
        for dtype in ("int8", "int64"):
            x, p = _testing.given("x", (3, 4), dtype), _testing.given("p", (2, 6), "int64")
            yield f"gather_elements_{dtype}", _testing.one(cls(1), (x, p))
