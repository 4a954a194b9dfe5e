"""Functions of two tensors of integers with a scale, as TensorFlow Lite Micro computes them.

Sums and differences: both inputs are brought to twice the larger scale with 20 more places (16-bit: 15),
added, and brought to the output's scale. Products: one scaling. Maximum and minimum: of the numbers as they
are. Comparisons: both inputs with 8 more places. PReLU: one scaling on each side of zero. Quotients: the
multiplier of the quotient of the numbers, with 31 places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, affine, ctext, elementwise, fixed
from sensorai.ops.nd.fixed import multiplier_of
from sensorai.ops.nd.pairs import PAIRS

_SUMS = ("add", "sub")
#: Places that ``sa_nd_multiply_small`` adds.
_SMALL = 20
_KNOWN = ("add", "sub", "mul", "min", "max", "squared_difference", "prelu")
_ASKS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}


@dataclass(frozen=True, slots=True)
class _Factors:
    """What brings two inputs together and the result to its scale: multipliers with their shifts."""

    left: int
    first: tuple[int, int]
    second: tuple[int, int]
    out: tuple[int, int]
    zeros: tuple[int, int, int]
    low: int
    high: int


def check(function: str, at: Applied, lo: float | None, hi: float | None) -> None:
    """Raise a ConfigError where types or scales do not fit the function."""
    if at.x.dtype not in ("int8", "uint8", "int16") or function not in (*_KNOWN, *_ASKS):
        raise ConfigError(f"layer {at.name}: {function} of {at.x.dtype} with a scale is not supported")
    _factors(function, at, lo, hi)


def _factors(function: str, at: Applied, lo: float | None, hi: float | None) -> _Factors:
    (a, za), (b, zb) = affine.single(at, at.inputs[0]), affine.single(at, at.inputs[1])
    if function in _ASKS:
        return _Factors(8, multiplier_of(a), multiplier_of(b), (0, 0), (za, zb, 0), 0, 0)
    (out, zero), (low, high) = affine.single(at, at.out), affine.clamp(at, lo, hi)
    zeros = (za, zb, zero)
    if function in _SUMS:
        left = 15 if at.out.dtype == "int16" else 20
        twice = 2 * max(a, b)
        wide = multiplier_of(twice / ((1 << left) * out))
        return _Factors(left, multiplier_of(a / twice), multiplier_of(b / twice), wide, zeros, low, high)
    if function == "squared_difference":
        twice = 2 * max(a, b)
        # places that leave the square of the largest difference in 32 bits
        left = 0 if at.out.dtype == "int16" else 7
        wide = multiplier_of(twice * twice / ((1 << 2 * left) * out))
        return _Factors(left, multiplier_of(a / twice), multiplier_of(b / twice), wide, zeros, low, high)
    product = multiplier_of(a * b / out)
    return _Factors(0, multiplier_of(a / out), product, product, zeros, low, high)


def compute(function: str, at: Applied, a: Array, b: Array, lo: float | None, hi: float | None) -> Array:
    """The function of every pair; arrays of the same shape."""
    f = _factors(function, at, lo, hi)
    if function in ("min", "max"):
        made = np.minimum(a, b) if function == "min" else np.maximum(a, b)
        return np.asarray(np.clip(made, f.low, f.high))
    x, y = a.astype(np.int64) - f.zeros[0], b.astype(np.int64) - f.zeros[1]
    if function == "mul":
        made = fixed.multiply(x * y, *f.out)
    elif function == "prelu":
        made = np.where(x >= 0, fixed.multiply(x, *f.first), fixed.multiply(x * y, *f.out))
    else:
        x = fixed.multiply(x << f.left, *f.first)
        y = fixed.multiply(y << f.left, *f.second)
        if function in _ASKS:
            return PAIRS[function].whole(x, y)
        made = x + y if function == "add" else x - y
        if function == "squared_difference":
            made = made * made
        made = fixed.multiply(made, *f.out)
    return np.asarray(np.clip(made + f.zeros[2], f.low, f.high), np.int64)


def emit(function: str, at: Applied, to: Writer, lo: float | None, hi: float | None) -> None:
    """Write one nest of loops."""
    f = _factors(function, at, lo, hi)
    if function == "add" and _fast(at, to, f):
        return
    n = to.number
    if function in ("min", "max"):
        sign = "<" if function == "min" else ">"
        lines = [f"const int32_t v = $0 {sign} $1 ? $0 : $1;"]
        lines.append(f"$y = ({ctext.plain(at.out.dtype)})sa_nd_clamp(v, {n(f.low)}, {n(f.high)});")
        elementwise.emit(at, to, function, "\n".join(lines), "nd/sa_nd_fixed.h")
        return
    lines = [f"int32_t a = (int32_t)$0 - ({n(f.zeros[0])});", f"int32_t b = (int32_t)$1 - ({n(f.zeros[1])});"]
    # numbers of 8 bits less their zero points have 9
    short = at.isa == "ispu" and {t.dtype for t in at.inputs} <= {"int8", "uint8"}
    product = "sa_nd_short(a) * sa_nd_short(b)" if short else "a * b"
    if function == "prelu":
        up, down = (", ".join(map(n, one)) for one in (f.first, f.out))
        lines.append(f"a = a >= 0 ? sa_nd_multiply(a, {up}) : sa_nd_multiply({product}, {down});")
    elif function == "mul":
        lines.append(f"a = sa_nd_multiply({product}, {n(f.out[0])}, {n(f.out[1])});")
        lines[1] = "const " + lines[1]
    else:
        lines += [_larger(name, f.left, way, n) for name, way in (("a", f.first), ("b", f.second))]
        if function in _ASKS:
            lines.append(f"$y = a {_ASKS[function]} b ? 1 : 0;")
            elementwise.emit(at, to, function, "\n".join(lines), "nd/sa_nd_fixed.h")
            return
        lines.append(f"a = a {'+' if function == 'add' else '-'} b;")
        text = "a * a" if function == "squared_difference" else "a"
        lines.append(f"a = sa_nd_multiply({text}, {n(f.out[0])}, {n(f.out[1])});")
    kind = ctext.plain(at.out.dtype)
    lines.append(f"$y = ({kind})sa_nd_clamp(a + ({n(f.zeros[2])}), {n(f.low)}, {n(f.high)});")
    elementwise.emit(at, to, function, "\n".join(lines), "nd/sa_nd_fixed.h")


def _fast(at: Applied, to: Writer, f: _Factors) -> bool:
    """Write the call of a faster kernel of the core's instructions, where there is one for the layer."""
    scales = [f.first, f.second, f.out]
    right = [-shift for _, shift in scales]
    shapes = {t.shape for t in (*at.inputs, at.out)}
    types = {t.dtype for t in (*at.inputs, at.out)}
    if at.isa != "mve" or types != {"int8"} or len(shapes) > 1 or not 1 <= right[2] <= 30:
        return False
    # the larger scale has the factor one half: as exact with one more place
    left = [f.left + (shift == 0) for shift in right[:2]]
    right = [max(shift, 1) for shift in right]
    if max(right) > 30:
        return False
    n = to.number
    fields: dict[str, object] = {
        "count": at.out.size,
        "left": _listed(map(n, left)),
        "zero": _listed(map(n, f.zeros)),
        "multiplier": _listed(n(m) for m, _ in scales),
        "right": _listed(map(n, right)),
        "lo": n(f.low),
        "hi": n(f.high),
    }
    layer = to.layer(fields, "sa_nd_add_t")
    a, b = (to.source(t) for t in at.inputs)
    to.call("nd/sa_nd_add_mve.h", "sa_nd_add_mve", layer, a, b, to.target(at.out))
    return True


def _listed(numbers: Iterable[str]) -> str:
    return "{" + ", ".join(numbers) + "}"


def _larger(name: str, left: int, way: tuple[int, int], number: Callable[[int], str]) -> str:
    """Line of C that scales a number of so many more places."""
    factor = ", ".join(map(number, way))
    if left == _SMALL and way[1] <= 0:
        return f"{name} = sa_nd_multiply_small({name}, {factor});"
    return f"{name} = sa_nd_multiply({name} * {1 << left}, {factor});"


def cases(cls: Any, quant: Any) -> Iterator[tuple[str, Graph]]:
    """Every function of int8 and int16; repeated axes, constants, clamps."""
    for function in (*_KNOWN, *_ASKS):
        for dtype, zeros in (("int8", (3, -7, 5)), ("int16", (0, 0, 0)), ("uint8", (128, 3, 100))):
            fine = 1.0 if dtype != "int16" else 1 / 256
            a = _testing.given("a", (3, 1, 4), dtype, quant((0.05 * fine,), (zeros[0],)))
            b = _testing.given("b", (2, 4), dtype, quant((0.03 * fine,), (zeros[1],)))
            out = () if function in _ASKS else (quant((0.07 * fine,), (zeros[2],)),)
            yield f"binary_{function}_{dtype}_scaled", _testing.one(cls(function), (a, b), out)
    a = _testing.given("a", (9,), "int8", quant((0.05,), (3,)))
    k = _testing.known("k", [4], "int8", quant((0.5,), (1,)))
    yield "binary_relu6_scaled", _testing.one(cls("add", 0.0, 6.0), (a, k), (quant((0.06,), (-100,)),))
    yield "binary_relu_scaled", _testing.one(cls("mul", 0.0), (a, a), (quant((0.06,), (-90,)),))
