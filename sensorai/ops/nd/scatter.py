"""A tensor with other numbers at places that another tensor says, one after the other.

Places from -1 down count from the end. One that lies outside means the first or the last.
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
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.gather import RUNTIME, held, place, whole

#: What becomes of a number (``v``) and the one that comes (``u``), in C.
REDUCTIONS = {"none": "u", "add": "", "mul": "", "max": "u > v ? u : v", "min": "u < v ? u : v"}


@dataclass(frozen=True, slots=True)
class Scatter(NdOperator):
    """Inputs: x, places, updates.

    Attributes
    ----------
    axis : int or None
        Every update has its own place on this axis, and its own index on the others. None: the last axis of
        the places holds coordinates on the first axes of x, and updates are parts of x.
    reduction : str
        One of ``REDUCTIONS``; sums of integers wrap.
    """

    axis: int | None = None
    reduction: str = "none"

    NAME: ClassVar[str] = "scatter"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of x."""
        x, places, updates = at.inputs[:3]
        whole(at, places)
        where = f"layer {at.name}"
        if self.reduction not in REDUCTIONS or (x.dtype == "bool" and self.reduction != "none"):
            raise ConfigError(
                f"{where}: {self.reduction!r} of {x.dtype} is not known", hint=", ".join(REDUCTIONS)
            )
        if updates.dtype != x.dtype:
            raise ConfigError(f"{where}: types {x.dtype} and {updates.dtype} do not go together")
        if any(isinstance(t.quant, Affine) and t.quant != x.quant for t in (x, updates)):
            raise ConfigError(f"{where}: updates have another scale")
        if isinstance(x.quant, Affine) and (x.quant.axis is not None or self.reduction in ("add", "mul")):
            raise ConfigError(f"{where}: {x.name} has a scale, with which this is not supported")
        wanted = places.shape
        if self.axis is not None:
            axis = moving.axis_in(at, self.axis, len(x.shape))
            fits = len(places.shape) == len(x.shape) and all(
                b <= a for k, (a, b) in enumerate(zip(x.shape, places.shape, strict=True)) if k != axis
            )
        else:
            depth = places.shape[-1] if places.shape else len(x.shape) + 1
            fits = depth <= len(x.shape)
            wanted = (*places.shape[:-1], *x.shape[depth:])
        if not fits or updates.shape != wanted or (updates.size and not x.size):
            raise ConfigError(f"{where}: {x.shape}, {places.shape} and {updates.shape} do not go together")
        return (Made(x.dtype, x.shape, x.quant),)

    def _flat(self, at: Applied, places: Array) -> Array:
        """Place of every update among the numbers of x."""
        shape, own = at.x.shape, nest.strides(at.x.shape)
        if self.axis is not None:
            grid = np.indices(places.shape, np.int64)
            grid[self.axis] = held(places, shape[self.axis])
            return np.asarray(sum((g * s for g, s in zip(grid, own, strict=True)), np.int64(0)))
        depth = places.shape[-1]
        first = np.zeros(places.shape[:-1], np.int64)
        for k in range(depth):
            first = first + held(places[..., k], shape[k]) * own[k]
        inner = np.arange(math.prod(shape[depth:]), dtype=np.int64).reshape(shape[depth:])
        return np.asarray(first.reshape(first.shape + (1,) * inner.ndim) + inner)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Updates in their order."""
        x, places, updates = (np.asarray(a) for a in arrays[:3])
        y, u = np.array(x).reshape(-1), updates.reshape(-1)
        flat = self._flat(at, places).reshape(-1)
        with np.errstate(all="ignore"):
            if self.reduction == "none":
                y[flat] = u
            elif self.reduction in ("add", "mul"):
                (np.add if self.reduction == "add" else np.multiply).at(y, flat, u)
            else:
                for k, value in zip(flat.tolist(), u, strict=True):
                    if value > y[k] if self.reduction == "max" else value < y[k]:
                        y[k] = value
        return (y.reshape(x.shape),)

    def macc(self, at: Applied) -> int:
        """1 for every update that is combined."""
        return 0 if self.reduction == "none" else at.inputs[2].size

    def emit(self, at: Applied, to: Writer) -> None:
        """Copy x, then one update after the other."""
        x, places, updates = at.inputs[:3]
        dtype, kind = x.dtype, ctext.seen(x.dtype)
        size, own = nest.strides(x.shape), nest.strides(x.shape)
        moving.copy(to, "copy", x, at.out, x.shape, size, size)
        if not updates.size:
            return
        if self.axis is not None:
            shape = places.shape
            steps = [0 if k == self.axis else s for k, s in enumerate(own)]
            found = place(places, nest.index(nest.strides(shape)), x.shape[self.axis])
            terms = [nest.index(steps), f"{found} * {own[self.axis]}"]
        else:
            depth = places.shape[-1]
            shape = (math.prod(places.shape[:-1]), math.prod(x.shape[depth:]))
            terms = ["i1"]
            terms += [
                f"{place(places, nest.index((depth,), k), x.shape[k])} * {own[k]}" for k in range(depth)
            ]
        combined = REDUCTIONS[self.reduction]
        if self.reduction in ("add", "mul"):
            sign, plain, wide = (
                "+" if self.reduction == "add" else "*",
                ctext.plain(dtype),
                ctext.wrapping(dtype),
            )
            combined = f"v {sign} u" if ctext.real(dtype) else f"({plain})(({wide})v {sign} ({wide})u)"
        body = f"{kind} *to = y + ({' + '.join(terms)});\n"
        body += f"const {ctext.plain(dtype)} u = *w++;\n"
        if self.reduction != "none":
            body += f"const {ctext.plain(dtype)} v = *to;\n"
        body += f"\n*to = {combined};"
        if self.axis is None and not places.shape[-1]:
            body = body.replace("\n\n", "\n\n(void)p;\n", 1)
        parameters = f"const {ctext.seen(places.dtype)} *p, const {kind} *w, {kind} *y"
        name = to.function("scatter", parameters, nest.loops(shape, body), RUNTIME)
        to.run(name, to.source(places), to.source(updates), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every reduction of reals and integers, both kinds of places."""
        for reduction in REDUCTIONS:
            for dtype in ("float32", "int8", "int16", "int64"):
                x, u = _testing.given("x", (3, 4), dtype), _testing.given("u", (2, 5), dtype)
                op = cls(1, reduction)
                yield (
                    f"scatter_{reduction}_{dtype}",
                    _testing.one(op, (x, _testing.given("p", (2, 5), "int8"), u)),
                )
            x, u = _testing.given("x", (3, 4, 2)), _testing.given("u", (5, 2))
            yield (
                f"scatter_nd_{reduction}",
                _testing.one(cls(None, reduction), (x, _testing.given("p", (5, 2), "int64"), u)),
            )
        x, p = _testing.given("x", (3, 4), "bool"), _testing.given("p", (3,), "int32")
        yield (
            "scatter_rows",
            _testing.one(
                cls(), (x, _testing.known("p", [[2], [0]], "int32"), _testing.given("u", (2, 4), "bool"))
            ),
        )
        yield "scatter_axis", _testing.one(cls(0), (_testing.given("x", (4,)), p, _testing.given("u", (3,))))
