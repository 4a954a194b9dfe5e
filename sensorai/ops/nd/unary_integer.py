"""Functions of integers with a scale, as TensorFlow Lite Micro computes them.

Of 8-bit numbers there are 256, so that the C is a table however a function is computed. Of 16-bit numbers
there are tanh and the sigmoid (a table of 256 numbers and straight lines between them), leaky_relu and abs
(integer scaling). Rounded to even, 16-bit numbers are computed as what they mean, in float32 each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, affine, ctext, elementwise, fixed, fixed_functions, meant
from sensorai.ops.nd.fixed import IntArray, multiplier_of
from sensorai.ops.nd.functions import FUNCTIONS

#: Functions of 16-bit numbers.
_WIDE = ("sigmoid", "tanh", "leaky_relu", "abs")
#: Types of which a table holds every result.
_BYTES = ("int8", "uint8")


def check(function: str, at: Applied, rounding: str = "tflite") -> None:
    """Raise a ConfigError where scales or types do not fit the function."""
    affine.single(at, at.x)
    affine.single(at, at.out)
    if rounding == "even":
        return
    if at.x.dtype not in ("int8", "uint8", "int16"):
        raise ConfigError(f"layer {at.name}: {function} of {at.x.dtype} with a scale is not supported")
    if at.x.dtype == "int16" and function not in _WIDE:
        raise ConfigError(
            f"layer {at.name}: {function} of int16 with a scale is not supported",
            hint=f"those of {', '.join(_WIDE)} are, and all functions of int8",
        )


def compute(
    function: str, settings: tuple[float, float], at: Applied, x: Array, rounding: str = "tflite"
) -> Array:
    """The function of every element."""
    if rounding == "even" and at.x.dtype not in _BYTES:
        return _meant(function, settings, at, x)
    if at.x.dtype != "int16":
        low = ctext.ends(at.x.dtype)[0]
        return np.asarray(_table(function, settings, at, rounding)[x.astype(np.int64) - low])
    v = x.astype(np.int64)
    if function in ("sigmoid", "tanh"):
        made = _wide_curve(function, at, v)
    else:
        made = _scaled(function, settings, at, v)
    return np.asarray(made, np.int16)


def _meant(function: str, settings: tuple[float, float], at: Applied, x: Array) -> Array:
    """Function of the real numbers, in float32, rounded to even."""
    with np.errstate(all="ignore"):
        y = FUNCTIONS[function].compute(meant.real(at.x, x), *(np.float32(v) for v in settings))
    return meant.integers(at.out, np.asarray(y, np.float32), "even")


def _table(function: str, settings: tuple[float, float], at: Applied, rounding: str) -> Array:
    """What comes out for every number, from the smallest on."""
    low, high = ctext.ends(at.x.dtype)
    x = np.arange(low, high + 1, dtype=np.int64)
    if rounding == "even":
        return _meant(function, settings, at, x)
    if function in ("sigmoid", "tanh") and at.out.dtype == at.x.dtype:
        made = _curve(function, at, x) + low + 128
    elif function == "hard_swish":
        made = _hard_swish(at, x)
    elif at.x.dtype == "int8" and function == "rsqrt":
        made = _rsqrt(at, x)
    elif function in ("leaky_relu", "abs"):
        made = _scaled(function, settings, at, x)
    else:
        made = _sampled(function, settings, at, x)
    ends = ctext.ends(at.out.dtype)
    return np.clip(made, *ends).astype(DTYPES[at.out.dtype])


def _sampled(function: str, settings: tuple[float, float], at: Applied, x: IntArray) -> IntArray:
    """Function of the real numbers, rounded half away from zero, all in float32."""
    scale, zero = (np.float32(v) for v in affine.single(at, at.x))
    out, to = (np.float32(v) for v in affine.single(at, at.out))
    with np.errstate(all="ignore"):
        real = scale * (x.astype(np.float32) - zero)
        if function == "elu":
            below = np.exp(np.minimum(real, np.float32(0)).astype(np.float64)).astype(np.float32)
            y = np.where(real < 0, np.float32(settings[0]) * (below - np.float32(1)), real)
        else:
            y = FUNCTIONS[function].compute(real, *(np.float32(v) for v in settings))
        y = np.asarray(y, np.float32) * (np.float32(1) / out)
        y = np.where(np.isnan(y), np.float32(0), y)
        near = np.copysign(np.floor(np.abs(y.astype(np.float64)) + 0.5), y) + to
    return np.asarray(np.clip(near, -(2.0**31), 2.0**31), np.int64)


def _curve(function: str, at: Applied, x: IntArray) -> IntArray:
    """Sigmoid and tanh of int8 in fixed point with 4 integer bits."""
    scale, zero = affine.single(at, at.x)
    mantissa, shift = math.frexp(scale * 2.0**27)
    multiplier = affine.rounded(mantissa * 2.0**31)
    radius = math.floor(15 * 2.0**27 / 2.0**shift)
    v = x - zero
    inside = np.clip(v, -radius, radius)
    q = fixed.multiply(inside, multiplier, shift)
    if function == "sigmoid":
        y = fixed.divide_by_power(fixed_functions.logistic(q, 4), 23) - 128
    else:
        y = fixed.divide_by_power(fixed_functions.tanh(q, 4), 24)
    return np.asarray(np.where(v <= -radius, -128, np.where(v >= radius, 127, y)), np.int64)


def _hard_swish(at: Applied, x: IntArray) -> IntArray:
    """Of int8: x * relu6(x + 3) / 6 in 16-bit fixed point."""
    (scale, zero), (out, to) = affine.single(at, at.x), affine.single(at, at.out)
    fine = np.float32(1 / 128) * np.float32(scale)
    multiplier, exponent = multiplier_of(float(fine / np.float32(out)))
    ramp, steps = multiplier_of(float(fine / (np.float32(3) / np.float32(32768))))
    v = (x - zero) << 7
    before = _high16(v, _narrow(multiplier))
    y = v
    if steps > 0:
        y = np.clip(y << (steps - 1), -32768, 32767)
    y = _high16(y, _narrow(ramp))
    if steps > 0:
        y = np.clip(y << 1, -32768, 32767)
    if steps < 0:
        y = fixed.divide_by_power(y, -steps)
    y = (y + 32768) >> 1
    product = y * before
    kept = np.where(product >= 0, product >> 15, -((-product) >> 15))
    return np.asarray(fixed.divide_by_power(kept, max(-exponent, 0)) + to, np.int64)


def _narrow(multiplier: int) -> int:
    """16-bit form of a 31-bit multiplier."""
    return 32767 if multiplier >= 2**31 - 2**15 else (multiplier + 2**15) >> 16


def _high16(a: IntArray, b: int) -> IntArray:
    """Doubled product's high half of 16-bit numbers, rounded to nearest."""
    product = a * b
    total = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.where(total >= 0, total >> 15, -((-total) >> 15)), np.int64)


def _rsqrt(at: Applied, x: IntArray) -> IntArray:
    """1 / sqrt of int8; the largest number where it has no value."""
    (scale, zero), (out, to) = affine.single(at, at.x), affine.single(at, at.out)
    multiplier, shift = multiplier_of(1.0 / (math.sqrt(scale) * out))
    made = []
    for v in (x - zero).tolist():
        if v <= 0:
            made.append(ctext.ends(at.out.dtype)[1])
            continue
        inverse, power = inverse_root(v)
        data = fixed.multiply(1, inverse, power + 20)
        made.append(int(fixed.multiply(data, multiplier, shift - 20)) + to)
    return np.asarray(made, np.int64)


def inverse_root(value: int) -> tuple[int, int]:
    """Multiplier and shift of ``1 / sqrt(value)`` of a number from 1 on."""
    if value <= 1:
        return 2**31 - 1, 0
    right = 11
    while value >= 1 << 29:
        value //= 4
        right += 1
    pairs = (31 - value.bit_length()) // 2 - 1
    value <<= 2 * pairs
    right -= pairs
    # three integer bits; Newton's steps for x = 1 / sqrt(value)
    half = int(fixed.divide_by_power(value >> 1, 1))
    x = 1 << 28
    three = (1 << 28) + (1 << 27)
    for _ in range(5):
        x3 = fixed_functions.shift_left(fixed.doubling_high(fixed.doubling_high(x, x), x), 6)
        a, b = fixed.doubling_high(three, x), fixed.doubling_high(half, x3)
        x = int(fixed_functions.shift_left(a - b, 3))
    x = int(fixed.doubling_high(x, 1518500250))
    if right < 0:
        x, right = x << -right, 0
    return x, -right


def _factors(function: str, settings: tuple[float, float], at: Applied) -> tuple[int, int, int, int]:
    """Multipliers and shifts above and below zero."""
    scale, out = affine.single(at, at.x)[0], affine.single(at, at.out)[0]
    if function == "abs":
        up = multiplier_of(scale / out)
        return (*up, *up)
    slope = scale * float(np.float32(settings[0])) / out
    below = multiplier_of(abs(slope))
    sign = -1 if slope < 0 else 1
    return (*multiplier_of(scale / out), sign * below[0], below[1])


def _scaled(function: str, settings: tuple[float, float], at: Applied, x: IntArray) -> IntArray:
    zero, to = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
    up, up_shift, down, down_shift = _factors(function, settings, at)
    v = x - zero
    if function == "abs":
        v = np.abs(v)
    y = np.where(v >= 0, fixed.multiply(v, up, up_shift), fixed.multiply(v, down, down_shift)) + to
    return np.asarray(np.clip(y, *ctext.ends(at.out.dtype)), np.int64)


def _curve_settings(function: str, at: Applied) -> tuple[int, int]:
    """Multiplier and right shift that bring int16 numbers to a scale of 1 / 12288."""
    scale = affine.single(at, at.x)[0]
    power = affine.rounded(float(np.float32(np.log2(np.float32(scale)))))
    exact = abs(math.log2(scale) - power) < 1e-3
    left = 12 + power
    if exact and left in ((0,) if function == "sigmoid" else (0, 1)):
        return 3 << left, 0
    multiplier, right = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and right <= 30:
        right += 1
        multiplier *= 2.0
    return int(multiplier), right


def curve_table() -> Array:
    """Sigmoid of k / 24 for k from 0 to 255, as uint16 with 16 places.

    Half of what straight lines miss in the middle between two numbers is added; the last number is the end.
    """
    k = np.arange(256) / 24.0
    here, middle, after = (65536.0 / (1.0 + np.exp(-x)) for x in (k, k + 1 / 48, k + 1 / 24))
    made = np.floor(here + (middle - (here + after) / 2.0) / 2.0 + 0.5)
    made[255] = 65535.0
    return made.astype(np.uint16)


def _wide_curve(function: str, at: Applied, x: IntArray) -> IntArray:
    return curve(function, x, *_curve_settings(function, at))


def curve(function: str, x: IntArray, multiplier: int, right: int) -> IntArray:
    """Sigmoid or tanh, with 15 places, of 16-bit numbers that ``multiplier >> right`` scales to 1 / 12288."""
    table = curve_table().astype(np.int64)
    v = (x * multiplier + ((1 << right) >> 1)) >> right
    size = np.abs(v)
    bits = 9 if function == "sigmoid" else 8
    k = np.minimum(size >> bits, 254)
    line = (table[k] << bits) + (size & ((1 << bits) - 1)) * (table[k + 1] - table[k])
    if function == "sigmoid":
        y = np.where(size >> 9 >= 255, 0x7FFF << 10, line)
        return np.asarray(np.where(v >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1) >> 10, np.int64)
    y = np.where(size >> 8 >= 255, 0xFFFF << 8, line)
    return np.asarray(
        np.where(v >= 0, y - (1 << 23) + (1 << 7), -y + (1 << 23) + (1 << 7) - 1) >> 8, np.int64
    )


def emit(
    function: str, settings: tuple[float, float], at: Applied, to: Writer, rounding: str = "tflite"
) -> None:
    """Write the C of one layer."""
    if rounding == "even" and at.x.dtype not in _BYTES:
        a, b = (ctext.number(v, "float32") for v in settings)
        text = FUNCTIONS[function].text.replace("$a", a).replace("$b", b).replace("$0", "v")
        lines = [f"const float v = {meant.value(at, 0, to)};", f"const float w = {text};"]
        lines.append(meant.stored(at, "w", to))
        elementwise.emit(at, to, function, "\n".join(lines), "nd/sa_nd_trig.h", *meant.RUNTIME)
    elif at.x.dtype != "int16":
        kind = ctext.plain(at.out.dtype)
        name = to.table(kind, f"map{to.index}", _table(function, settings, at, rounding))
        low = ctext.ends(at.x.dtype)[0]
        elementwise.emit(at, to, function, f"$y = {name}[$0 - ({low})];")
    elif function in ("sigmoid", "tanh"):
        multiplier, right = map(to.number, _curve_settings(function, at))
        name = to.table("uint16_t", f"curve{to.index}", curve_table())
        text = f"$y = sa_nd_{function}_i16($0, {multiplier}, {right}, {name});"
        elementwise.emit(at, to, function, text, "nd/sa_nd_curve.h")
    else:
        up, up_shift, down, down_shift = map(to.number, _factors(function, settings, at))
        low, high = ctext.ends(at.out.dtype)
        zero, back = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
        value = f"(int32_t)$0 - ({to.number(zero)})"
        lines = [f"int32_t v = {value};"]
        lines += ["v = v < 0 ? -v : v;"] if function == "abs" else []
        lines.append(
            f"v = v >= 0 ? sa_nd_multiply(v, {up}, {up_shift}) : sa_nd_multiply(v, {down}, {down_shift});"
        )
        lines.append(
            f"$y = ({ctext.plain(at.out.dtype)})sa_nd_clamp(v + ({to.number(back)}), {low}, {high});"
        )
        elementwise.emit(at, to, function, "\n".join(lines), "nd/sa_nd_fixed.h")


def cases(cls: Any) -> Iterator[tuple[str, Graph]]:
    """Tables of every function of int8; the functions of int16, exact and inexact powers of two."""
    quant, out = Affine((0.05,), (3,)), Affine((0.01,), (-20,))
    for function in FUNCTIONS:
        made = Affine((1 / 256,), (-128,)) if function == "sigmoid" else out
        made = Affine((1 / 128,), (0,)) if function == "tanh" else made
        made = Affine((0.06,), (1,)) if function in ("hard_swish", "leaky_relu") else made
        yield (
            f"unary_{function}_scaled",
            _testing.one(cls(function), (_testing.given("x", (64,), "int8", quant),), (made,)),
        )
        x = _testing.given("x", (64,), "int8", quant)
        yield (
            f"unary_{function}_meant",
            _testing.one(cls(function, None, None, "even", "uint8"), (x,), (out,)),
        )
    for function in ("gelu", "sqrt"):
        x = _testing.given("x", (40,), "int16", Affine((0.0004,), (0,)))
        op = cls(function, None, None, "even", "int16")
        yield f"unary_{function}_int16_meant", _testing.one(op, (x,), (Affine((0.0003,), (0,)),))
    for function in _WIDE:
        for name, scale in (("", 0.0004), ("_power", 2.0**-12), ("_large", 0.01)):
            made = Affine((1 / 32768 if function in ("sigmoid", "tanh") else 0.0003,), (0,))
            x = _testing.given("x", (40,), "int16", Affine((scale,), (0,)))
            yield f"unary_{function}_int16{name}", _testing.one(cls(function), (x,), (made,))
