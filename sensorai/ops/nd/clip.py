"""Holds every number between two ends: clip, relu, relu6."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, affine, ctext, elementwise, fixed
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.fixed import multiplier_of


@dataclass(frozen=True, slots=True)
class Clip(NdOperator):
    """Numbers held between two ends; a larger lower end gives way.

    Integers with a scale are brought to the scale of the output, as TensorFlow Lite Micro's RELU is, and held
    between the numbers nearest to the ends.

    Attributes
    ----------
    lo, hi : float or None
        Ends as real values, of plain integers as they are; None: no end.
    """

    lo: float | None = None
    hi: float | None = None

    NAME: ClassVar[str] = "clip"
    PLACELESS: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        if at.x.dtype == "bool":
            raise ConfigError(f"layer {at.name}: clip of bool")
        return (Made(at.x.dtype, at.x.shape, at.x.quant if affine.scaled(at.x) else None),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where there are several scales."""
        if affine.scaled(at.out):
            affine.single(at, at.x)
            affine.single(at, at.out)

    def _ends(self, at: Applied) -> tuple[int, int]:
        """Ends of plain integers."""
        low, high = ctext.ends(at.x.dtype)
        lo = low if self.lo is None else min(max(int(self.lo), low), high)
        hi = high if self.hi is None else min(max(int(self.hi), low), high)
        return min(lo, hi), hi

    def _factor(self, at: Applied) -> tuple[int, int]:
        return multiplier_of(affine.single(at, at.x)[0] / affine.single(at, at.out)[0])

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Every number held between the ends."""
        x = np.asarray(arrays[0])
        if affine.scaled(at.out):
            low, high = affine.clamp(at, self.lo, self.hi)
            if at.x.quant == at.out.quant:
                return (np.clip(x, low, high).astype(x.dtype),)
            zero, to = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
            y = fixed.multiply(x.astype(np.int64) - zero, *self._factor(at)) + to
            return (np.clip(y, low, high).astype(DTYPES[at.out.dtype]),)
        if not ctext.real(at.x.dtype):
            return (np.clip(x, *self._ends(at)).astype(x.dtype),)
        kind = x.dtype.type
        if self.lo is not None:
            x = np.where(x < kind(self.lo), kind(self.lo), x)
        if self.hi is not None:
            x = np.where(x > kind(self.hi), kind(self.hi), x)
        return (np.asarray(x),)

    def macc(self, at: Applied) -> int:
        """1 for every element."""
        return at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """Works in place."""
        return elementwise.in_place(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one loop."""
        kind = ctext.plain(at.out.dtype)
        if affine.scaled(at.out):
            n = to.number
            low, high = affine.clamp(at, self.lo, self.hi)
            if at.x.quant == at.out.quant:
                text = f"$y = ({kind})sa_nd_clamp($0, {n(low)}, {n(high)});"
            else:
                zero, back = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
                m, s = self._factor(at)
                value = f"sa_nd_multiply((int32_t)$0 - ({n(zero)}), {n(m)}, {n(s)}) + ({n(back)})"
                text = f"$y = ({kind})sa_nd_clamp({value}, {n(low)}, {n(high)});"
            elementwise.emit(at, to, "clip", text, "nd/sa_nd_fixed.h")
            return
        lo, hi = (self.lo, self.hi) if ctext.real(at.x.dtype) else self._ends(at)
        smallest, largest = (None, None) if ctext.real(at.x.dtype) else ctext.ends(at.x.dtype)
        bits = at.isa == "ispu" and at.x.dtype == "float32"

        def above(a: str, b: str) -> str:
            return f"SA_ND_ABOVE({a}, {b})" if bits else f"{a} > {b}"

        lines = [f"{kind} v = $0;"]
        if lo is not None and lo != smallest:
            low_text = ctext.number(lo, at.x.dtype)
            below = above(low_text, "v") if bits else f"v < {low_text}"
            lines.append(f"v = {below} ? {low_text} : v;")
        if hi is not None and hi != largest:
            high_text = ctext.number(hi, at.x.dtype)
            lines.append(f"v = {above('v', high_text)} ? {high_text} : v;")
        files = ("nd/sa_nd_above.h",) if bits else ()
        elementwise.emit(at, to, "clip", "\n".join([*lines, "$y = v;"]), *files)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """One end, both, none; of real numbers, plain integers, integers with one and with two scales."""
        for name, op in (("relu", cls(0.0)), ("six", cls(0.0, 6.0)), ("hi", cls(None, 1.5)), ("none", cls())):
            for dtype in ("float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "int16"):
                yield f"clip_{name}_{dtype}", _testing.one(op, (_testing.given("x", (3, 5), dtype),))
            for dtype, scale, zero in (("int8", 0.05, -3), ("uint8", 0.05, 128), ("int16", 0.001, 0)):
                x = _testing.given("x", (30,), dtype, Affine((scale,), (zero,)))
                yield f"clip_{name}_{dtype}_same", _testing.one(op, (x,))
                out = Affine((0.7 * scale,), (zero,))
                yield f"clip_{name}_{dtype}_scaled", _testing.one(op, (x,), (out,))
        yield "clip_crossed", _testing.one(cls(3.0, 1.0), (_testing.given("x", (9,)),))
