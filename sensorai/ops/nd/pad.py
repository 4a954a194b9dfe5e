"""More numbers around a tensor: one value, or its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array, Shape
from sensorai.ops.nd import _testing, ctext, moving, nest
from sensorai.ops.nd.base import Made, NdOperator

#: Where the numbers come from: a value; mirrored without and with the number at the edge; the number at the
#: edge; from the other end.
MODES = ("constant", "reflect", "symmetric", "edge", "wrap")


@dataclass(frozen=True, slots=True)
class Pad(NdOperator):
    """Before and behind along each axis.

    Attributes
    ----------
    pads : tuple of (before, after)
        For every axis, from 0 on.
    mode : str
        One of ``MODES``.
    value : float or int
        Of mode "constant", as a number of the tensor: of quantised ones an integer.
    """

    pads: tuple[tuple[int, int], ...] = ()
    mode: str = "constant"
    value: float | int = 0

    NAME: ClassVar[str] = "pad"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Extents grow; a ConfigError where the tensor has not as many numbers as a mirror needs."""
        shape = at.x.shape
        if self.mode not in MODES:
            raise ConfigError(f"layer {at.name}: unknown mode {self.mode!r}", hint=", ".join(MODES))
        if len(self.pads) != len(shape) or min((min(p) for p in self.pads), default=0) < 0:
            raise ConfigError(f"layer {at.name}: pads {self.pads} do not go with shape {shape}")
        for axis, (extent, pads) in enumerate(zip(shape, self.pads, strict=True)):
            if self.mode != "constant" and max(pads) and not extent:
                raise ConfigError(f"layer {at.name}: axis {axis} of {shape} has nothing to repeat")
            if self.mode != "constant" and isinstance(at.x.quant, Affine) and at.x.quant.axis == axis:
                raise ConfigError(f"layer {at.name}: {self.mode} along axis {axis}, which has many scales")
        if isinstance(at.x.quant, Affine) and at.x.quant.axis is not None and any(map(sum, self.pads)):
            raise ConfigError(f"layer {at.name}: pads a tensor with a scale for each index of an axis")
        grown = tuple(e + a + b for e, (a, b) in zip(shape, self.pads, strict=True))
        return (Made(at.x.dtype, grown, at.x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The numbers, and those around them."""
        x = np.asarray(arrays[0])
        if self.mode != "constant":
            for axis, places in enumerate(self._places(x.shape)):
                x = x if places is None else np.take(x, places, axis=axis)
            return (x,)
        y = np.full(at.out.shape, self.value, DTYPES[at.out.dtype])
        y[tuple(slice(a, a + e) for (a, _), e in zip(self.pads, x.shape, strict=True))] = x
        return (y,)

    def _places(self, shape: Shape) -> list[Array | None]:
        """Along each axis the place that every number comes from; None where that is its own."""
        out: list[Array | None] = []
        for extent, (before, after) in zip(shape, self.pads, strict=True):
            if not before and not after:
                out.append(None)
                continue
            i = np.arange(-before, extent + after, dtype=np.int64)
            if self.mode == "edge":
                i = np.clip(i, 0, extent - 1)
            elif self.mode == "wrap":
                i = i % extent
            else:
                edge = int(self.mode == "symmetric")
                period = max(2 * (extent - 1 + edge), 1)
                i = i % period
                i = np.where(i >= extent, period - edge - i, i)
            out.append(i)
        return out

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same of the axes as they were."""
        before = moving.moved([a for a, _ in self.pads], perm)
        after = moving.moved([b for _, b in self.pads], perm)
        return Pad(tuple(zip(before, after, strict=True)), self.mode, self.value)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write the result from its first number to its last."""
        if self.mode == "constant":
            self._emit_constant(at, to)
        else:
            self._emit_places(at, to)

    def _emit_constant(self, at: Applied, to: Writer) -> None:
        extents, pads = _together(at.x.shape, self.pads)
        kind = ctext.seen(at.out.dtype)
        scaled = isinstance(at.x.quant, Affine) and at.out.dtype in ("int8", "uint8", "int16")
        # what stands for zero changes with the scale
        value = to.number(int(self.value)) if scaled else ctext.number(self.value, at.out.dtype)
        value = f"({kind}){value}" if scaled and to.updatable else value
        grown = tuple(e + a + b for e, (a, b) in zip(extents, pads, strict=True))
        rest = nest.strides(grown)
        counters = [f"i{k}" for k in range(len(extents))]
        lines = [f"int32_t {', '.join(counters)};", ""] if counters else []

        def run(axis: int, indent: str) -> None:
            inner = indent + "    "
            for part, count in (("before", pads[axis][0]), ("", extents[axis]), ("after", pads[axis][1])):
                if not count:
                    continue
                steps = count if not part else count * rest[axis]
                lines.append(f"{indent}for (i{axis} = 0; i{axis} < {steps}; i{axis}++) {{")
                if part:
                    lines.append(f"{inner}*y++ = {value};")
                elif axis == len(extents) - 1:
                    lines.append(f"{inner}*y++ = *x++;")
                else:
                    run(axis + 1, inner)
                lines.append(f"{indent}}}")

        if extents:
            run(0, "")
        else:
            lines.append("*y = *x;")
        text = "".join(f"    {line}\n" if line else "\n" for line in lines)
        name = to.function("pad", f"const {kind} *x, {kind} *y", text)
        to.run(name, to.source(at.x), to.target(at.out))

    def _emit_places(self, at: Applied, to: Writer) -> None:
        own, extents = nest.strides(at.x.shape), at.out.shape
        parts = []
        for axis, places in enumerate(self._places(at.x.shape)):
            if extents[axis] == 1:
                continue
            if places is None:
                parts.append(f"i{axis} * {own[axis]}")
                continue
            # places in elements, so that one addition finds them
            table = to.table("int32_t", f"places{to.index}_{axis}", places * own[axis])
            parts.append(f"{table}[i{axis}]")
        index = " + ".join(parts) or "0"
        kind = ctext.seen(at.out.dtype)
        text = nest.loops(extents, f"*y++ = x[{index}];")
        name = to.function("pad", f"const {kind} *x, {kind} *y", text)
        to.run(name, to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Several types and modes; one axis, all, none."""
        for dtype, value in (("float32", -1.5), ("int8", -128), ("int16", 7), ("int64", -5), ("bool", 1)):
            x = _testing.given("x", (2, 3, 2), dtype)
            yield f"pad_{dtype}", _testing.one(cls(((1, 0), (0, 2), (1, 1)), value=value), (x,))
        x = _testing.given("x", (2, 4, 3))
        for mode in MODES:
            yield f"pad_{mode}", _testing.one(cls(((0, 0), (2, 3), (1, 0)), mode), (x,))
        yield "pad_time", _testing.one(cls(((0, 0), (2, 0), (0, 0))), (x,))
        yield "pad_inner", _testing.one(cls(((1, 1), (0, 0), (0, 0)), "edge"), (x,))
        yield "pad_far", _testing.one(cls(((0, 0), (0, 0), (7, 8)), "reflect"), (x,))
        yield "pad_none", _testing.one(cls(((0, 0), (0, 0), (0, 0))), (x,))
        yield "pad_scalar", _testing.one(cls(()), (_testing.given("x", ()),))


def _together(
    shape: Shape, pads: tuple[tuple[int, int], ...]
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Extents and pads, axes without pads joined with the one before them, in its own elements."""
    extents: list[int] = []
    kept: list[tuple[int, int]] = []
    for extent, pad in zip(shape, pads, strict=True):
        if extents and pad == (0, 0):
            # the axis before counts in runs of this one
            extents[-1] *= extent
            kept[-1] = (kept[-1][0] * extent, kept[-1][1] * extent)
        else:
            extents.append(extent)
            kept.append(pad)
    return tuple(extents), tuple(kept)
