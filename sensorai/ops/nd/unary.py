"""One function of every element: of real numbers, of plain integers, and of integers with a scale."""

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
from sensorai.ops.nd import _testing, ctext, elementwise, meant, unary_integer
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.functions import FUNCTIONS

#: Functions of plain integers, which wrap; C with ``$0`` in the unsigned type.
_INTEGER = {"abs": "$0 < 0 ? 0U - ({u})$0 : ({u})$0", "neg": "0U - ({u})$0", "square": "({u})$0 * ({u})$0"}
#: Functions that ask something.
_TESTS = {
    "is_nan": "$0 != $0",
    "is_inf": "$0 == __builtin_inff() || $0 == -__builtin_inff()",
}


@dataclass(frozen=True, slots=True)
class Unary(NdOperator):
    """Function of every element.

    Real numbers are computed in float32 as ``ops/nd/functions.py`` says; float16 is computed in float32 and
    rounded; float64 has C only where a function needs no more than additions and products. Plain integers
    wrap. 8-bit integers with a scale go through a table of 256 numbers that is computed as
    ``unary_integer`` says, 16-bit ones as TensorFlow Lite Micro computes them, or as what they mean.

    Attributes
    ----------
    function : str
        Of ``FUNCTIONS``; besides ``not`` of bool, ``bitwise_not`` of integers, ``is_nan`` and ``is_inf``.
    alpha, beta : float or None
        Settings of the function; None: what it has where nothing is said.
    rounding : str
        How integers with a scale are computed: "tflite", or "even": as what they mean, see ``meant``.
    to : str
        Type that comes out then; "" for that of the input.
    """

    function: str
    alpha: float | None = None
    beta: float | None = None
    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "unary"
    PLACELESS: ClassVar[bool] = True

    @property
    def settings(self) -> tuple[float, float]:
        """Settings as they are used."""
        usual = FUNCTIONS[self.function].settings if self.function in FUNCTIONS else (0.0, 0.0)
        return (
            usual[0] if self.alpha is None else self.alpha,
            usual[1] if self.beta is None else self.beta,
        )

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        x = at.x
        if self.function in _TESTS:
            if not ctext.real(x.dtype):
                raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype}")
            return (Made("bool", x.shape),)
        if (self.function == "not") != (x.dtype == "bool"):
            raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype}")
        if self.function not in ("not", "bitwise_not") and self.function not in FUNCTIONS:
            raise ConfigError(f"layer {at.name}: there is no function {self.function}")
        if not ctext.real(x.dtype) and x.quant is None:
            known = (*_INTEGER, "not", "bitwise_not", "sign", "floor", "ceil", "round", "trunc")
            if self.function not in known:
                raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype}")
        return (Made(self.to or x.dtype, x.shape),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales do not fit the function."""
        if isinstance(at.out.quant, Affine) and not ctext.real(at.x.dtype):
            meant.check(at, self.rounding)
            unary_integer.check(self.function, at, self.rounding)
        elif self.to not in ("", at.x.dtype):
            raise ConfigError(f"layer {at.name}: {self.function} of {at.x.dtype} does not make {self.to}")

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The function of every element."""
        x = np.asarray(arrays[0])
        with np.errstate(all="ignore"):
            return (self._compute(at, x),)

    def _compute(self, at: Applied, x: Array) -> Array:
        if self.function == "not":
            return np.asarray(~x)
        if self.function == "bitwise_not":
            return np.asarray(np.invert(x))
        if self.function == "is_nan":
            return np.asarray(np.isnan(x))
        if self.function == "is_inf":
            return np.asarray(np.isinf(x))
        if isinstance(at.out.quant, Affine) and not ctext.real(at.x.dtype):
            return unary_integer.compute(self.function, self.settings, at, x, self.rounding)
        if not ctext.real(at.x.dtype):
            return self._integer(x)
        return function_of(self.function, self.settings, x)

    def _integer(self, x: Array) -> Array:
        if self.function == "abs":
            return np.asarray(np.where(x < 0, np.negative(x), x))
        if self.function == "neg":
            return np.asarray(np.negative(x))
        if self.function == "square":
            return np.asarray(x * x)
        if self.function == "sign":
            return np.asarray(np.sign(x))
        return x

    def macc(self, at: Applied) -> int:
        """By ST's convention: 10 for an exponential function, 1 for a simple one."""
        cost = FUNCTIONS[self.function].cost if self.function in FUNCTIONS else 1
        return cost * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """Works in place."""
        return elementwise.in_place(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one loop, or the call of a table."""
        x = at.x
        if isinstance(at.out.quant, Affine) and not ctext.real(x.dtype):
            unary_integer.emit(self.function, self.settings, at, to, self.rounding)
            return
        if self.function in ("not", "bitwise_not"):
            text = "$0 == 0 ? 1 : 0" if self.function == "not" else "~$0"
            elementwise.emit(at, to, "not", f"$y = ({ctext.plain(x.dtype)})({text});")
        elif self.function in _TESTS:
            text = _TESTS[self.function]
            text = text.replace("inff", "inf") if x.dtype == "float64" else text
            elementwise.emit(at, to, self.function, f"$y = {text} ? 1 : 0;")
        elif not ctext.real(x.dtype):
            self._emit_integer(at, to)
        elif x.dtype == "float32":
            a, b = (ctext.number(v, "float32") for v in self.settings)
            text = FUNCTIONS[self.function].text.replace("$a", a).replace("$b", b)
            elementwise.emit(at, to, self.function, f"$y = {text};", "nd/sa_nd_trig.h")
        else:
            raise ConfigError(f"layer {at.name}: {self.function} of {x.dtype} has no C")

    def _emit_integer(self, at: Applied, to: Writer) -> None:
        kind, wide = ctext.plain(at.x.dtype), ctext.wrapping(at.x.dtype)
        if self.function == "sign":
            text = "($0 > 0) - ($0 < 0)" if at.x.dtype.startswith("int") else "$0 > 0"
        else:
            text = _INTEGER.get(self.function, "$0").replace("{u}", wide)
            if not at.x.dtype.startswith("int"):
                text = "$0" if self.function == "abs" else text
        elementwise.emit(at, to, self.function, f"$y = ({kind})({text});")

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every function of float32; of integers those that there are; a scalar."""
        x = _testing.given("x", (3, 5))
        for function in FUNCTIONS:
            yield f"unary_{function}", _testing.one(cls(function), (x,))
        yield "unary_leaky", _testing.one(cls("leaky_relu", 0.3), (_testing.given("x", ()),))
        for function in _TESTS:
            yield f"unary_{function}", _testing.one(cls(function), (x,))
        yield "unary_not", _testing.one(cls("not"), (_testing.given("x", (7,), "bool"),))
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"):
            for function in ("abs", "neg", "sign", "square", "bitwise_not"):
                op = cls(function)
                yield f"unary_{function}_{dtype}", _testing.one(op, (_testing.given("x", (9,), dtype),))
        yield from unary_integer.cases(cls)


def function_of(function: str, settings: tuple[float, float], x: Array) -> Array:
    """Values of a function of real numbers, in their type."""
    one = FUNCTIONS[function]
    if x.dtype == np.float64:
        chosen = one.wide or one.compute
        return np.asarray(chosen(x, *settings), np.float64)
    a, b = (np.float32(v) for v in settings)
    return np.asarray(one.compute(x.astype(np.float32), a, b), np.float32).astype(DTYPES[x.dtype.name])
