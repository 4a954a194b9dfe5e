"""Sums, means, extremes and products over axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array, Shape
from sensorai.ops.nd import _testing, affine, ctext, maths, meant, nest, reduce_integer
from sensorai.ops.nd.base import Made, NdOperator


@dataclass(frozen=True, slots=True)
class Fold:
    """How numbers are taken together: what stands at first, what a number adds, what is made at the end.

    C: ``v`` is the number, ``a`` what has come together, ``N`` how many there are.
    """

    first: float
    each: str
    join: str
    last: str = ""
    cost: int = 1


#: "abs" of integers wraps like all else.
FOLDS: Mapping[str, Fold] = {
    "sum": Fold(0.0, "v", "a + v"),
    "mean": Fold(0.0, "v", "a + v", "a / N"),
    "max": Fold(-math.inf, "v", "v > a || v != v ? v : a"),
    "min": Fold(math.inf, "v", "v < a || v != v ? v : a"),
    "prod": Fold(1.0, "v", "a * v"),
    "l1": Fold(0.0, "v < 0 ? -v : v", "a + v", cost=2),
    "l2": Fold(0.0, "v * v", "a + v", "sa_nd_sqrt(a)", 2),
    "sum_square": Fold(0.0, "v * v", "a + v", cost=2),
    "log_sum": Fold(0.0, "v", "a + v", "sa_nd_log(a)"),
    "log_sum_exp": Fold(0.0, "v", "a + v", cost=12),
    "any": Fold(0.0, "v", "v | a"),
    "all": Fold(1.0, "v", "v & a"),
}


def _accumulate(function: Callable[..., Array], x: Array) -> Array:
    """One number after the other along the last axis."""
    return np.asarray(function(x, axis=-1, dtype=x.dtype)[..., -1])


@dataclass(frozen=True, slots=True)
class Reduce(NdOperator):
    """Numbers of some axes taken together, in the order in which they lie.

    float32 adds and multiplies one number after the other in float32; a mean is the sum divided by the
    count; log_sum_exp takes the largest number off first. Plain integers wrap, and their means go towards 0.
    Integers with a scale: see ``reduce_integer``, or ``meant``.

    Attributes
    ----------
    function : str
        Of ``FOLDS``.
    axes : tuple of int
        From 0, in order; none: nothing is taken together.
    keep : bool
        Whether the axes stay, with one element each.
    rounding : str
        Of integers with a scale: "tflite" as in ``reduce_integer``, or "even": as what they mean, see
        ``meant``.
    to : str
        Type that comes out then; "" for that of the input.
    """

    function: str
    axes: tuple[int, ...]
    keep: bool = True
    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "reduce"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the input, without the axes."""
        x, rank = at.x, len(at.x.shape)
        if self.function not in FOLDS:
            raise ConfigError(f"layer {at.name}: there is no function {self.function}")
        if list(self.axes) != sorted(set(self.axes)) or any(not 0 <= a < rank for a in self.axes):
            raise ConfigError(f"layer {at.name}: {x.shape} has no axes {self.axes}")
        if (self.function in ("any", "all")) != (x.dtype == "bool") and self.function not in ("max", "min"):
            raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype}")
        if self.function.startswith("log") and not ctext.real(x.dtype) and not self._meant:
            raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype}")
        shape = [1 if k in self.axes else n for k, n in enumerate(x.shape)]
        left = [n for k, n in enumerate(shape) if k not in self.axes]
        quant = x.quant if self.function in ("max", "min") and not self._meant else None
        return (Made(self.to or x.dtype, tuple(shape if self.keep else left), quant),)

    @property
    def _meant(self) -> bool:
        return self.rounding != "tflite"

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales do not fit."""
        if self._meant:
            meant.check(at, self.rounding)
            if not self.count(at):
                raise ConfigError(f"layer {at.name}: {self.function} of no numbers")
        elif affine.scaled(at.out):
            reduce_integer.check(self.function, self.count(at), at)

    def count(self, at: Applied) -> int:
        """Numbers that are taken together each time."""
        return math.prod(at.x.shape[k] for k in self.axes)

    def together(self, at: Applied, x: Array) -> Array:
        """Numbers of one output along the last axis, in their order."""
        left = [k for k in range(x.ndim) if k not in self.axes]
        kept = [x.shape[k] for k in left]
        return np.ascontiguousarray(x.transpose([*left, *self.axes])).reshape([*kept, self.count(at)])

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers taken together."""
        rows = self.together(at, np.asarray(arrays[0]))
        with np.errstate(all="ignore"):
            if self._meant:
                made = meant.integers(at.out, self._plain(at, meant.real(at.x, rows)), "even")
            elif affine.scaled(at.out):
                made = reduce_integer.compute(self.function, at, rows)
            else:
                made = self._plain(at, rows)
        return (np.asarray(made, DTYPES[at.out.dtype]).reshape(at.out.shape),)

    def _plain(self, at: Applied, rows: Array) -> Array:
        narrow = rows.dtype == np.float16
        v = rows.astype(np.float32) if narrow else rows
        if self.function in ("any", "all", "max", "min"):
            return self._extreme(v)
        kind = v.dtype.type
        if self.function == "l1":
            v = np.where(v < 0, -v, v)
        elif self.function in ("l2", "sum_square"):
            v = v * v
        elif self.function == "log_sum_exp":
            return self._log_sum_exp(v)
        if not v.shape[-1]:
            made = np.full(v.shape[:-1], FOLDS[self.function].first, v.dtype)
        elif self.function == "prod":
            made = _accumulate(np.multiply.accumulate, v)
        else:
            made = _accumulate(np.add.accumulate, v) + kind(0)
        return self._finish(np.asarray(made), v.shape[-1])

    def _finish(self, made: Array, count: int) -> Array:
        if self.function == "mean":
            if made.dtype.kind == "f":
                return np.asarray(made / made.dtype.type(count))
            if not count:
                return np.zeros_like(made)
            quotient = made // made.dtype.type(count)
            rest = quotient * made.dtype.type(count) != made
            return np.asarray(quotient + ((made < 0) & rest).astype(made.dtype))
        if self.function == "l2":
            return (
                np.sqrt(made.astype(np.float64)).astype(made.dtype)
                if made.dtype.kind != "f"
                else np.sqrt(made)
            )
        if self.function == "log_sum":
            return np.log(made) if made.dtype == np.float64 else maths.log(made)
        return made

    def _extreme(self, v: Array) -> Array:
        """Largest or smallest; of none of them the other end."""
        least = self.function in ("min", "all")
        if v.dtype == np.bool_:
            return np.asarray(v.all(-1) if least else v.any(-1))
        if not v.shape[-1]:
            if v.dtype.kind == "f":
                end = math.inf if least else -math.inf
            else:
                end = np.iinfo(v.dtype).max if least else np.iinfo(v.dtype).min
            return np.full(v.shape[:-1], end, v.dtype)
        # of equal numbers, such as 0 and -0, the first
        place = v.argmin(-1, keepdims=True) if least else v.argmax(-1, keepdims=True)
        return np.asarray(np.take_along_axis(v, place, -1)[..., 0])

    def _log_sum_exp(self, v: Array) -> Array:
        if not v.shape[-1]:
            return np.full(v.shape[:-1], -math.inf, v.dtype)
        most = v.max(-1, keepdims=True)
        # infinities have no difference
        base = np.where(np.isfinite(most), most, most.dtype.type(0))
        if v.dtype == np.float64:
            return np.asarray(np.log(np.exp(v - base).sum(-1)) + base[..., 0])
        total = _accumulate(np.add.accumulate, maths.exp(v - base))
        return np.asarray(maths.log(total) + base[..., 0])

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Over the same axes in their new places, where numbers of float32 keep their order."""
        axes = tuple(perm[a] for a in self.axes)
        exact = self.function in ("max", "min", "any", "all")
        exact = exact or not (ctext.real(at.x.dtype) or self._meant)
        kept = self.keep and (exact or list(axes) == sorted(axes))
        return replace(self, axes=tuple(sorted(axes))) if kept else None

    def macc(self, at: Applied) -> int:
        """Operations for every number."""
        return FOLDS[self.function].cost * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Write loops over what is left, and inside over what is taken together."""
        if affine.scaled(at.out) and not self._meant:
            reduce_integer.emit(self.function, self.count(at), at, to, self.axes)
            return
        dtype = "float32" if self._meant else at.x.dtype
        if dtype == "float64" and self.function in ("log_sum", "log_sum_exp", "l2"):
            raise ConfigError(f"layer {at.name}: {self.function} of {dtype} has no C")
        if not ctext.real(dtype) and self.function == "l2":
            raise ConfigError(f"layer {at.name}: {self.function} of {dtype} has no C")
        outside, steps, inside, strides = reduce_integer.walk(at, self.axes)
        x = f"x[{nest.index(steps)}{_plus(nest.index(strides, names='j'))}]"
        runtime: tuple[str, ...] = ("nd/sa_nd_unary.h",) if dtype == "float32" else ()
        end = f"y[{_place(outside)}] = {self._last(at, dtype)};\n"
        if self._meant:
            runtime += meant.RUNTIME
            stored = meant.stored(at, "v", to).replace("$y", f"y[{_place(outside)}]")
            end = f"{{\n    const float v = {self._last(at, dtype)};\n    {stored}\n}}\n"
            x = meant.value(at, 0, to).replace("$0", x)
        logs = self.function == "log_sum_exp"
        body = _log_sum_exp(inside, x) if logs else self._body(dtype, inside, x)
        text = nest.loops(outside, body + end)
        parameters = f"const {ctext.seen(at.x.dtype)} *x, {ctext.seen(at.out.dtype)} *y"
        to.run(to.function(self.function, parameters, text, *runtime), to.source(at.x), to.target(at.out))

    def _body(self, dtype: str, inside: Shape, x: str) -> str:
        fold, kind, wide = FOLDS[self.function], ctext.plain(dtype), ctext.wrapping(dtype)
        first, join, each = fold.first, fold.join, fold.each
        if ctext.real(dtype):
            start = ctext.number(first, dtype)
            line = f"const {kind} w = {x};\nconst {kind} v = {each.replace('v', 'w')};\na = {join};"
            return f"{kind} a = {start};\n" + nest.loops(inside, line, "j", 0)
        if self.function in ("max", "min", "any", "all"):
            low, high = ctext.ends(dtype)
            start = ctext.number(high if self.function in ("min", "all") else low, dtype)
            sign = "<" if self.function in ("min", "all") else ">"
            line = f"const {kind} v = {x};\na = v {sign} a ? v : a;"
            return f"{kind} a = {start};\n" + nest.loops(inside, line, "j", 0)
        # "w" is the number in its own type, "v" in that in which sums wrap
        signed = each.startswith("v < 0") and dtype.startswith("int")
        text = "(w < 0 ? 0U - v : v)" if signed else "v" if each.startswith("v < 0") else f"({each})"
        own = f"const {kind} w = {x};\n" if signed else ""
        line = f"{own}const {wide} v = ({wide}){'w' if signed else x};\na = {join.replace(' v', ' ' + text)};"
        return f"{wide} a = {ctext.number(int(first), dtype)};\n" + nest.loops(inside, line, "j", 0)

    def _last(self, at: Applied, dtype: str) -> str:
        fold, kind, count = FOLDS[self.function], ctext.plain(dtype), self.count(at)
        if ctext.real(dtype):
            number = ctext.number(float(count), dtype)
            return fold.last.replace("N", number) if fold.last else "a"
        if self.function in ("max", "min", "any", "all"):
            return "a"
        wide = "int64_t" if dtype.endswith("64") else "int32_t"
        if not dtype.startswith("int"):
            wide = "u" + wide
        if self.function == "mean":
            return f"({kind})(({wide})({kind})a / {ctext.number(count, dtype)})"
        return f"({kind})a"

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every function of the types that it has, over first, middle, last, several and all axes."""
        for function in FOLDS:
            kinds: tuple[str, ...] = (
                "float32",
                "float64",
                "int8",
                "int32",
                "int64",
                "uint8",
                "uint32",
                "int16",
            )
            if function in ("any", "all"):
                kinds = ("bool",)
            if function.startswith("log") or function == "l2":
                kinds = ("float32",)
            every = ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2))
            for dtype in kinds:
                for axes in every if dtype in ("float32", "bool") else every[1:4:2]:
                    x = _testing.given("x", (2, 3, 4), dtype)
                    name = f"reduce_{function}_{dtype}_{''.join(map(str, axes))}"
                    yield name, _testing.one(cls(function, axes, len(axes) % 2 == 1), (x,))
        yield "reduce_max_bool", _testing.one(cls("max", (1,)), (_testing.given("x", (4, 3), "bool"),))
        yield "reduce_none", _testing.one(cls("sum", ()), (_testing.given("x", (4, 3)),))
        for function, dtype, made in (
            ("mean", "int8", "int8"),
            ("max", "int8", "uint8"),
            ("sum", "uint8", "int16"),
            ("l2", "int16", "int16"),
            ("log_sum_exp", "int8", "int16"),
        ):
            x = _testing.given("x", (2, 3, 5), dtype, Affine((0.05,), (0 if dtype == "int16" else 3,)))
            out = Affine((0.002,), (0,)) if made == "int16" else Affine((0.1,), (5,))
            op = cls(function, (0, 2), True, "even", made)
            yield f"reduce_{function}_{dtype}_meant", _testing.one(op, (x,), (out,))
        yield from reduce_integer.cases(cls)


def _plus(text: str) -> str:
    return "" if text == "0" else f" + {text}"


def _place(outside: Shape) -> str:
    return nest.index(nest.strides(outside))


def _log_sum_exp(inside: Shape, x: str) -> str:
    most = nest.loops(inside, f"const float v = {x};\nm = v > m || v != v ? v : m;", "j", 0)
    total = nest.loops(inside, f"s += sa_nd_exp({x} - b);", "j", 0)
    block = "".join(f"    {line}\n" if line else "\n" for line in total.splitlines())
    return (
        f"float m = -__builtin_inff(), b, s = 0.0F, a;\n{most}"
        "b = m < __builtin_inff() && m > -__builtin_inff() ? m : 0.0F;\n"
        f"{{\n{block}}}\na = sa_nd_log(s) + b;\n"
    )
