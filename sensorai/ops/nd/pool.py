"""Largest number, average or norm of what lies under a moving kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _testing, affine, ctext, fast_pool, meant
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.windows import AXES, MOST, Window

Pads = tuple[tuple[int, int], ...]

#: Largest; average; sum of magnitudes; root of the sum, and of the average, of squares.
KINDS = ("max", "average", "lp1", "lp2", "l2")
#: Names of types in the runtime.
_SHORT = {
    "float32": "f32",
    "float64": "f64",
    "int8": "s8",
    "uint8": "u8",
    "int16": "s16",
    "uint16": "u16",
    "int32": "s32",
    "int64": "s64",
}
_AVERAGED = ("float32", "int8", "uint8", "int16")
_FOUND = ("float32", "int8", "uint8")
_MEANT = ("int8", "uint8")


def _whole(window: Window) -> bool:
    """Whether the kernel lies on all places at once."""
    plain = not any(window.before) and set(window.dilations) <= {1}
    return plain and window.kernel == window.extents and set(window.out) <= {1}


@dataclass(frozen=True, slots=True)
class Pool(NdOperator):
    """Input (N, axes of the kernel, channels). Numbers in margins do not exist: a largest one ignores them.

    Averages of integers are rounded to nearest, ties away from zero, as TensorFlow Lite Micro's reference
    does it; where the kernel meets no number at all the largest is the lowest of its type, an average 0.

    Attributes
    ----------
    kind : str
        One of ``KINDS``; norms are of float32.
    kernel, strides, dilations : tuple of int
        For each of its axes; strides and dilations are 1 where they are left out.
    pads : tuple of (before, after)
        Margins; none where they are left out.
    count_include_pad : bool
        Whether an average counts the numbers of margins, as zeros.
    lo, hi : float or None
        Real-valued ends of the result.
    beyond : tuple of int
        Places behind the margins that the last kernel may reach, which never count.
    indices : str
        Kind max: second output, int64, with the place of the largest number in the tensor with its channels
        first, its last axis the nearest ("row") or its first ("column"); "" without.
    rounding : str
        Of averages of integers: "tflite" as above, or "even": as what they mean, see ``meant``; then the
        scale may change, and margins that count are real zeros.
    to : str
        Type that comes out then.
    """

    kind: str = "max"
    kernel: Shape = ()
    strides: Shape = ()
    dilations: Shape = ()
    pads: Pads = ()
    count_include_pad: bool = False
    lo: float | None = None
    hi: float | None = None
    beyond: Shape = ()
    indices: str = ""
    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "pool"

    def window(self, at: Applied) -> Window:
        """The kernel over the input; a ConfigError where the settings do not fit."""
        where, x, axes = f"layer {at.name}", at.x.shape, len(self.kernel)
        if not 1 <= axes <= AXES or len(x) != axes + 2:
            raise ConfigError(
                f"{where}: a kernel {self.kernel} over {x} is not supported", hint="1 to 3 axes"
            )
        strides, dilations = self.strides or (1,) * axes, self.dilations or (1,) * axes
        pads, beyond = self.pads or ((0, 0),) * axes, self.beyond or (0,) * axes
        if {len(strides), len(dilations), len(pads), len(beyond)} != {axes}:
            raise ConfigError(f"{where}: strides, dilations and pads must have {axes} axes")
        low = min(min(strides + dilations + self.kernel) - 1, min(min(p) for p in pads), *beyond)
        if low < 0:
            raise ConfigError(f"{where}: kernel {self.kernel}, strides {strides}, {dilations} or pads {pads}")
        before = tuple(p[0] for p in pads)
        after = tuple(p[1] + more for p, more in zip(pads, beyond, strict=True))
        window = Window(x[1:-1], self.kernel, strides, dilations, before, after)
        reach = [e + b + a for e, b, a in zip(x[1:-1], before, after, strict=True)]
        if min(window.out + x) < 1 or x[0] * math.prod(window.out) * x[-1] > MOST or math.prod(reach) > MOST:
            raise ConfigError(f"{where}: a kernel of {self.kernel} over {x} makes {window.out}")
        if at.x.dtype != "float32" and self.kind != "max" and math.prod(self.kernel) >= 1 << 16:
            # sums of int16 stay within int32
            raise ConfigError(f"{where}: a kernel of {self.kernel} is too large", hint="below 65536 numbers")
        return window

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(N, places, channels); a ConfigError for types that are not pooled."""
        dtype, where = at.x.dtype, f"layer {at.name}"
        kinds = {"max": tuple(_SHORT), "average": _AVERAGED}.get(self.kind, ("float32",))
        if self.kind not in KINDS or self.indices not in ("", "row", "column"):
            raise ConfigError(f"{where}: a pool of kind {self.kind!r}, places {self.indices!r}")
        if self.indices:
            kinds = _FOUND if self.kind == "max" else ()
        if dtype not in kinds:
            raise ConfigError(f"{where}: a pool {self.kind} of {dtype}", hint=f"known: {', '.join(kinds)}")
        shape = (at.x.shape[0], *self.window(at).out, at.x.shape[-1])
        if self._meant:
            if self.kind != "average" or dtype not in _MEANT or self.to not in _MEANT:
                raise ConfigError(f"{where}: a pool {self.kind} of {dtype} to {self.to}, rounded to even")
            return (Made(self.to, shape),)
        made = Made(dtype, shape, at.x.quant)
        return (made, Made("int64", shape)) if self.indices else (made,)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where ends need a scale that is not known."""
        if self._meant:
            meant.check(at, self.rounding)
            return
        if self._clamped() and at.x.dtype != "float32":
            if at.x.dtype not in _AVERAGED or not isinstance(at.out.quant, Affine):
                raise ConfigError(f"layer {at.name}: ends of {at.x.dtype} need a scale")
            affine.clamp(at, self.lo, self.hi)

    @property
    def _meant(self) -> bool:
        return self.rounding != "tflite"

    def _clamped(self) -> bool:
        return self.lo is not None or self.hi is not None

    def _held(self, at: Applied, y: Array) -> Array:
        """Results between the ends."""
        if not self._clamped():
            return y
        if y.dtype.kind != "f":
            return np.clip(y, *affine.clamp(at, self.lo, self.hi))
        lo, hi = self._ends()
        return np.where(y < lo, np.float32(lo), np.where(y > hi, np.float32(hi), y))

    def _ends(self) -> tuple[float, float]:
        return (-math.inf if self.lo is None else self.lo, math.inf if self.hi is None else self.hi)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Taps in their order."""
        x, window = np.asarray(arrays[0]), self.window(at)
        with np.errstate(all="ignore"):
            if self.kind == "max":
                return self._largest(at, x, window)
            if self._meant:
                return (meant.integers(at.out, self._mean(at, meant.real(at.x, x), window), self.rounding),)
            return (self._mean(at, x, window).astype(x.dtype),)

    def _largest(self, at: Applied, x: Array, window: Window) -> tuple[Array, ...]:
        shape = (x.shape[0], *window.out, x.shape[-1])
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        y = np.full(shape, lowest, x.dtype)
        found = np.full(shape, -1, np.int64)
        own = self._places(at.x.shape) if self.indices else found
        for tap in window.taps():
            if (block := window.block(tap)) is None:
                continue
            to, values = ((slice(None), *part) for part in block)
            more = x[values] > y[to]
            if self.indices:
                found[to] = np.where(more | (found[to] < 0), own[values], found[to])
            y[to] = np.where(more, x[values], y[to])
        held = self._held(at, y).astype(x.dtype)
        return (held, found) if self.indices else (held,)

    def _places(self, shape: Shape) -> Array:
        """Place of each number in the tensor with its channels first."""
        axes = len(shape) - 2
        first = (shape[0], shape[-1], *shape[1:-1])
        inner = np.arange(math.prod(shape[1:-1]))
        if self.indices == "column":
            inner = inner.reshape(shape[1:-1][::-1]).transpose(range(axes - 1, -1, -1)).reshape(-1)
        lead = np.arange(shape[0] * shape[-1])[:, None] * math.prod(shape[1:-1])
        return np.moveaxis((lead + inner).reshape(first), 1, -1)

    def _mean(self, at: Applied, x: Array, window: Window) -> Array:
        wide = x if x.dtype.kind == "f" else x.astype(np.int64)
        total = np.zeros((x.shape[0], *window.out, x.shape[-1]), wide.dtype)
        for tap in window.taps():
            if (block := window.block(tap)) is not None:
                to, values = ((slice(None), *part) for part in block)
                one = wide[values]
                if self.kind != "average":
                    one = np.abs(one) if self.kind == "lp1" else one * one
                total[to] = total[to] + one
        count = self._count(window)[None, ..., None]
        if x.dtype.kind != "f":
            half = count // 2
            # C divides towards zero
            mean = np.where(total > 0, (total + half) // count, -((half - total) // count))
            return self._held(at, mean)
        if self.kind in ("average", "l2"):
            total = total / count.astype(np.float32)
        return self._held(at, np.sqrt(total) if self.kind in ("lp2", "l2") else total)

    def counted(self, window: Window) -> Shape:
        """End of what an average counts along each axis."""
        if not self.count_include_pad:
            return window.extents
        beyond = self.beyond or (0,) * len(self.kernel)
        return tuple(e + a - b for e, a, b in zip(window.extents, window.after, beyond, strict=True))

    def _count(self, window: Window) -> Array:
        """What each average is divided by, at least 1."""
        total = np.ones((), np.int64)
        for axis, end in enumerate(self.counted(window)):
            from_ = np.arange(window.out[axis]) * window.strides[axis] - window.before[axis]
            taps = from_[:, None] + np.arange(window.kernel[axis]) * window.dilations[axis]
            inside = (taps < end) & (self.count_include_pad | (taps >= 0))
            total = np.multiply.outer(total, inside.sum(axis=1))
        return np.maximum(total, 1)

    def moves(self) -> bool:
        """The largest number is the largest value."""
        return self.kind == "max" and not self.indices and not self._clamped()

    def macc(self, at: Applied) -> int:
        """Results times the size of the kernel."""
        return at.out.size * math.prod(self.kernel)

    def buffers(self, at: Applied) -> Buffers:
        """Results may run over values that no kernel reads any more, unless places are found afterwards."""
        if len(at.outputs) > 1:
            return Buffers()
        read, made = (at.x.shape[-1] * t.item_bytes for t in (at.x, at.out))
        return Buffers(overlap=(self.window(at).overlap(at.x.shape[0], read, made),))

    def emit(self, at: Applied, to: Writer) -> None:
        """One kernel for each type."""
        w = self.window(at)
        if at.isa and self._emit_fast(at, to, w):
            return
        lead = AXES - len(w.kernel)

        def three(values: Shape, fill: int) -> str:
            return "{" + ", ".join(map(str, (fill,) * lead + tuple(values))) + "}"

        fields: dict[str, object] = {
            "in": three(w.extents, 1),
            "out": three(w.out, 1),
            "kernel": three(w.kernel, 1),
            "stride": three(w.strides, 1),
            "dilation": three(w.dilations, 1),
            "before": three(w.before, 0),
            "counted": three(self.counted(w), 1),
            "batch": at.x.shape[0],
            "channels": at.x.shape[-1],
            "margins": int(self.count_include_pad),
            "clamped": int(self._clamped()),
        }
        if self._meant:
            self._emit_meant(at, to, fields)
            return
        floats = ctext.real(at.x.dtype)
        if floats:
            fields["lo"], fields["hi"] = (ctext.number(v, "float32") for v in self._ends())
        elif self._clamped():
            low, high = affine.clamp(at, self.lo, self.hi)
            fields["low"], fields["high"] = to.number(low), to.number(high)
        elif at.x.dtype in _AVERAGED:
            fields["low"], fields["high"] = ctext.ends(at.x.dtype)
        if floats and self.kind != "max":
            fields["kind"] = f"SA_ND_POOL_{self.kind.upper()}"
        file, short = "nd/sa_nd_pool.h", _SHORT[at.x.dtype]
        if self.kind == "average" and not floats and _whole(w):
            numbers = at.x.shape[0], math.prod(w.extents), at.x.shape[-1], fields["low"], fields["high"]
            name = f"sa_nd_pool_whole_{short}"
            to.call("nd/sa_nd_pool_whole.h", name, to.source(at.x), to.target(at.out), *numbers)
            return
        layer = to.layer(fields, "sa_nd_pool_t")
        way = "max" if self.kind == "max" else "mean"
        to.call(file, f"sa_nd_pool_{way}_{short}", layer, to.source(at.x), to.target(at.out))
        if self.indices and len(at.outputs) > 1:
            columns = int(self.indices == "column")
            places = to.target(at.outputs[1])
            to.call(file, f"sa_nd_pool_where_{short}", layer, to.source(at.x), places, columns)

    def _emit_fast(self, at: Applied, to: Writer, window: Window) -> bool:
        counted = self.count_include_pad and self.kind == "average" and any(window.before + window.after)
        if at.x.dtype != "int8" or self._meant or self.indices or counted:
            return False
        ends = ("-128", "127")
        if self._clamped():
            low, high = affine.clamp(at, self.lo, self.hi)
            ends = to.number(low), to.number(high)
        return fast_pool.emit(at, to, window, self.kind, ends)

    def _emit_meant(self, at: Applied, to: Writer, pool: dict[str, object]) -> None:
        pool["lo"], pool["hi"] = (ctext.number(v, "float32") for v in self._ends())
        (scale, zero), (step, back) = affine.single(at, at.x), affine.single(at, at.out)
        pool["low"], pool["high"] = ctext.ends(at.out.dtype)
        fields: dict[str, object] = {
            **{f"pool.{k}": v for k, v in pool.items()},
            "scale": to.number(scale, "float32"),
            "zero": to.number(zero),
            "step": to.number(step, "float32"),
            "back": to.number(back),
        }
        short = f"{_SHORT[at.x.dtype]}_{_SHORT[at.out.dtype]}"
        layer = to.layer(fields, "sa_nd_pool_meant_t")
        file = "nd/sa_nd_pool_meant.h"
        to.call(file, f"sa_nd_pool_meant_{short}", layer, to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every kind and type, margins, gaps, kernels on margins only, ends, places."""
        pads = ((1, 2), (0, 1))
        for dtype in _SHORT:
            op = cls("max", (3, 2), (2, 1), (1, 2), pads)
            yield f"pool_max_{dtype}", _testing.one(op, (_testing.given("x", (2, 5, 6, 3), dtype),))
        quant = Affine((0.05,), (3,))
        for dtype in _AVERAGED:
            scale = None if dtype == "float32" else quant if dtype == "uint8" else Affine((0.05,), (-3,))
            x = _testing.given("x", (1, 5, 6, 3), dtype, scale)
            for include in (False, True):
                op = cls("average", (3, 2), (2, 1), (1, 2), pads, include, beyond=(1, 0))
                yield f"pool_average_{dtype}_{include}", _testing.one(op, (x,), (scale,))
            whole = _testing.given("x", (2, 5, 6, 3), dtype, scale)
            op = cls("average", (5, 6), hi=1.5)
            yield f"pool_average_{dtype}_whole", _testing.one(op, (whole,), (scale,))
            for kind in ("max", "average"):
                op = cls(kind, (2, 2), lo=-1.0 if kind == "max" else None, hi=1.5)
                yield f"pool_{kind}_{dtype}_ends", _testing.one(op, (x,), (scale,))
        x1, x3 = _testing.given("x", (2, 7, 2)), _testing.given("x", (1, 3, 4, 5, 2))
        for kind in KINDS:
            yield f"pool_{kind}_1d", _testing.one(cls(kind, (3,), (2,), (), ((1, 1),)), (x1,))
            yield f"pool_{kind}_3d", _testing.one(cls(kind, (2, 2, 3), (1, 2, 2)), (x3,))
        yield "pool_max_far", _testing.one(cls("max", (2,), (), (), ((4, 4),)), (x1,))
        yield "pool_average_far", _testing.one(cls("average", (2,), (), (), ((4, 4),)), (x1,))
        for dtype in _MEANT:
            for made in _MEANT:
                x = _testing.given("x", (1, 5, 6, 3), dtype, Affine((0.05,), (3,)))
                op = cls(
                    "average", (2, 2), (2, 1), (), pads, made == "int8", hi=3.0, rounding="even", to=made
                )
                yield f"pool_meant_{dtype}_{made}", _testing.one(op, (x,), (Affine((0.04,), (9,)),))
        for order in ("row", "column"):
            for dtype in _FOUND:
                x = _testing.given("x", (2, 4, 5, 3), dtype)
                op = cls("max", (2, 3), (1, 2), (), ((0, 1), (1, 1)), indices=order)
                yield f"pool_{order}_{dtype}", _testing.one(op, (x,))
