"""One function of two tensors, which repeat along each other's axes of one element."""

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
from sensorai.ops.nd import _testing, affine, binary_integer, ctext, elementwise, meant
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.pairs import LOGICAL, PAIRS


@dataclass(frozen=True, slots=True)
class Binary(NdOperator):
    """Function of two tensors.

    Real numbers are computed in their type, float16 in float32. Plain integers wrap; quotients go towards 0,
    and what has no value, such as x / 0, is 0. Integers with a scale are computed as TensorFlow Lite Micro
    does, see ``binary_integer``.

    Attributes
    ----------
    function : str
        Of ``PAIRS``.
    lo, hi : float or None
        Real values between which the result is held.
    rounding : str
        How integers with a scale are computed: "tflite", or "even": as what they mean, see ``meant``; then
        types may differ, and one may be float32.
    to : str
        Type that comes out then; "" for that of the first input.
    """

    function: str
    lo: float | None = None
    hi: float | None = None
    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "binary"
    PLACELESS: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the inputs, or bool; shape of both together."""
        if self.function not in PAIRS:
            raise ConfigError(f"layer {at.name}: there is no function {self.function}")
        pair, shape = PAIRS[self.function], elementwise.together(at, *at.inputs[:2])
        if self._meant:
            if pair.real is None or pair.asks or self.to not in ("int8", "uint8", "int16", "uint16"):
                raise ConfigError(
                    f"layer {at.name}: {self.function} does not make {self.to}, rounded to even"
                )
            return (Made(self.to, shape),)
        dtype = elementwise.same_type(at, *at.inputs[:2])
        if dtype == "bool" and self.function not in LOGICAL:
            raise ConfigError(f"layer {at.name}: {self.function} of bool")
        if ctext.real(dtype) and pair.real is None:
            raise ConfigError(f"layer {at.name}: {self.function} of {dtype}")
        return (Made("bool" if pair.asks else dtype, shape),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales do not fit."""
        if self._meant:
            meant.check(at, self.rounding)
        elif self._scaled(at):
            binary_integer.check(self.function, at, self.lo, self.hi)

    @property
    def _meant(self) -> bool:
        return self.rounding != "tflite"

    def _scaled(self, at: Applied) -> bool:
        return affine.scaled(at.out) or (PAIRS[self.function].asks and affine.scaled(at.x))

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The function of every pair."""
        a, b = np.broadcast_arrays(np.asarray(arrays[0]), np.asarray(arrays[1]))
        with np.errstate(all="ignore"):
            if self._meant:
                inputs = (meant.real(t, x) for t, x in zip(at.inputs, (a, b), strict=True))
                made = meant.integers(at.out, self._plain("float32", *inputs), "even")
            elif self._scaled(at):
                made = binary_integer.compute(self.function, at, a, b, self.lo, self.hi)
            else:
                made = self._plain(at.x.dtype, a, b)
        return (np.asarray(made, DTYPES[at.out.dtype]),)

    def _plain(self, dtype: str, a: Array, b: Array) -> Array:
        pair = PAIRS[self.function]
        if dtype == "float16":
            a, b = a.astype(np.float32), b.astype(np.float32)
        two = pair.real if ctext.real(dtype) and pair.real else pair.whole
        y = np.asarray(two(a, b))
        if self.lo is not None:
            y = np.where(y < y.dtype.type(self.lo), y.dtype.type(self.lo), y)
        if self.hi is not None:
            y = np.where(y > y.dtype.type(self.hi), y.dtype.type(self.hi), y)
        return np.asarray(y)

    def macc(self, at: Applied) -> int:
        """Operations of the function for every element."""
        return PAIRS[self.function].cost * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place of an input that is not repeated."""
        return elementwise.in_place(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one nest of loops."""
        if self._meant:
            self._emit_meant(at, to)
            return
        if self._scaled(at):
            binary_integer.emit(self.function, at, to, self.lo, self.hi)
            return
        pair, dtype = PAIRS[self.function], at.x.dtype
        kind, wide = ctext.plain(dtype), ctext.wrapping(dtype)
        runtime = pair.runtime
        if ctext.real(dtype):
            if dtype != "float32" and not pair.exact64:
                raise ConfigError(f"layer {at.name}: {self.function} of {dtype} has no C")
            text, runtime = pair.real_text, runtime if dtype == "float32" else ()
        else:
            text, runtime = self._whole(dtype), ("nd/sa_nd_integer.h",)
        if pair.asks:
            elementwise.emit(at, to, self.function, f"$y = {text} ? 1 : 0;", *runtime)
            return
        text = f"({kind})({text.replace('{u}', wide)})" if not ctext.real(dtype) else text
        lines = [f"{kind} v = {text};", *self._clamps(dtype)]
        body = "\n".join([*lines, "$y = v;"]) if len(lines) > 1 else f"$y = {text};"
        elementwise.emit(at, to, self.function, body, *runtime)

    def _emit_meant(self, at: Applied, to: Writer) -> None:
        """Write one nest of loops in float32 between integers."""
        pair = PAIRS[self.function]
        text = pair.real_text.replace("$0", "a").replace("$1", "b")
        lines = [f"const float a = {meant.value(at, 0, to)};", f"const float b = {meant.value(at, 1, to)};"]
        lines.append(f"float v = {text};")
        lines += self._clamps("float32")
        body = "\n".join([*lines, meant.stored(at, "v", to)])
        elementwise.emit(at, to, self.function, body, *pair.runtime, *meant.RUNTIME)

    def _clamps(self, dtype: str) -> list[str]:
        """C that holds ``v`` between the ends."""
        lines = []
        for sign, end in (("<", self.lo), (">", self.hi)):
            if end is not None:
                text = ctext.number(end, dtype)
                lines.append(f"v = v {sign} {text} ? {text} : v;")
        return lines

    def _whole(self, dtype: str) -> str:
        """C of plain integers, with the functions of their type."""
        suffix = f"_{'i' if dtype.startswith('int') else 'u'}{'64' if dtype.endswith('64') else '32'}("
        if self.function == "prelu" and dtype.startswith("uint"):
            return "$0"
        text = PAIRS[self.function].whole_text
        return text.replace("($0, $1)", f"{suffix}$0, $1)") if text.startswith("sa_nd") else text

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every function of the types that it has; repeated axes, constants, clamps."""
        for function, pair in PAIRS.items():
            real = ("float32", "float64") if pair.exact64 else ("float32",)
            kinds: tuple[str, ...] = real if pair.real else ("bool",) if function in LOGICAL else ()
            kinds = (*kinds, "int8", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "int16")
            for dtype in kinds:
                a, b = _testing.given("a", (3, 1, 4), dtype), _testing.given("b", (2, 4), dtype)
                yield f"binary_{function}_{dtype}", _testing.one(cls(function), (a, b))
        x = _testing.given("x", (2, 5))
        yield "binary_scalar", _testing.one(cls("mul"), (_testing.known("k", 1.5), x))
        yield "binary_table", _testing.one(cls("add", 0.0, 6.0), (x, _testing.known("k", np.arange(5.0))))
        yield "binary_twice", _testing.one(cls("mul"), (x, x))
        yield "binary_square", _testing.one(cls("pow"), (x, _testing.known("k", 2.0)))
        i = _testing.given("i", (6,), "int32")
        yield "binary_clamped", _testing.one(cls("add", -1.0, 1.0), (i, _testing.known("k", [1], "int32")))
        x, y = (
            _testing.given(n, (3, 5), t, Affine((0.1,), (z,)))
            for n, t, z in (("x", "int8", 3), ("y", "uint8", 99))
        )
        for function in ("add", "sub", "mul", "div", "max", "pow", "prelu"):
            op = cls(function, None, None, "even", "uint8")
            yield f"binary_{function}_meant", _testing.one(op, (x, y), (Affine((0.07,), (128,)),))
        op = cls("add", 0.0, 3.0, "even", "int8")
        yield (
            "binary_meant_constant",
            _testing.one(op, (x, _testing.known("k", 0.25)), (Affine((0.05,), (-9,)),)),
        )
        yield from binary_integer.cases(cls, Affine)
