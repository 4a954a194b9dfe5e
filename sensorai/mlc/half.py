"""The core's own half-precision arithmetic: the definition, in plain integers.

A half is held as its 16-bit pattern. It is **not** IEEE arithmetic: rounding is to nearest with ties
away from zero, and addition is not correctly rounded. Source: facts, mlc-numerics sections 1 and 2
(confirmed on 62,992 published feature values; agreement is with ST's tools, no sensor was measured).

``sensorai.mlc.kernel`` holds the same operations compiled for speed; the tests compare the two bit
for bit. Everything the facts leave open is one named choice here or in ``NumericStyle``:

* overflow: a result that rounds beyond 65,504 becomes infinity; arithmetic with infinities and NaN
  follows IEEE (unknown; the core's running minimum and maximum start at infinity, so it knows them);
* the sign of a zero that a product underflows to is kept (unknown, no published value shows it).
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError

SIGN = 0x8000
INFINITY = 0x7C00
NAN = 0x7E00
LARGEST = 65504.0

# ---------------------------------------------------------------- patterns and values


def to_float(bits: int) -> float:
    """Value of a 16-bit pattern, exactly."""
    return float(np.uint16(bits).view(np.float16))


def nearest(x: float) -> int:
    """Pattern nearest to ``x``, ties to even: how ST's tools write decimal text into a file.

    Source: facts, mlc-format section 2 (734 thresholds confirmed; no tie occurs among them, so the
    tie rule is inferred). Beyond the largest half the result is infinity.
    """
    with np.errstate(over="ignore"):
        return int(np.float64(x).astype(np.float16).view(np.uint16))


def exact_bits(x: float) -> int:
    """Pattern of ``x``; a ConfigError when ``x`` is not a half."""
    bits = nearest(x)
    if to_float(bits) != x and not math.isnan(x):
        raise ConfigError(
            f"{x!r} is not a half-precision number", hint=f"the nearest one is {to_float(bits)!r}"
        )
    return bits


def floor(x: float) -> int:
    """Pattern of the largest half ``<= x``.

    Narrowing a threshold this way keeps every decision ``feature <= x``, since features are halves.
    """
    bits = nearest(x)
    return bits if to_float(bits) <= x else below(bits)


def below(bits: int) -> int:
    """Pattern of the next smaller half (both zeros step to the smallest negative)."""
    if bits in (0, SIGN):
        return SIGN | 1
    return bits + 1 if bits & SIGN else bits - 1


def toward_zero(x: float) -> int:
    """Pattern of ``x`` truncated toward zero."""
    bits = nearest(x)
    return bits if abs(to_float(bits)) <= abs(x) else bits - 1


def nearest_away(x: float) -> int:
    """Pattern nearest to ``x``, ties away from zero."""
    magnitude = abs(x)
    down = toward_zero(magnitude)
    if down < INFINITY:
        low, high = to_float(down), to_float(down + 1) if down + 1 < INFINITY else 65536.0
        if magnitude - low >= high - magnitude:
            down += 1
    return down | (SIGN if math.copysign(1.0, x) < 0 else 0)


# ---------------------------------------------------------------- arithmetic


def _split(bits: int) -> tuple[int, int]:
    """Exponent field (at least 1) and 11-bit significand; subnormals have no hidden bit."""
    e = (bits >> 10) & 0x1F
    m = bits & 0x3FF
    return (e, m | 0x400) if e else (1, m)


def _pack(sign: int, e: int, m: int) -> int:
    """Pattern of ``m * 2**(e - 25)``, where ``m`` < 2048 and is normalised unless e is 1."""
    if e > 30:
        return sign | INFINITY
    return sign | (((e << 10) | (m & 0x3FF)) if m & 0x400 else m)


def _special(a: int, b: int) -> bool:
    return (a & INFINITY) == INFINITY or (b & INFINITY) == INFINITY


def add(a: int, b: int) -> int:
    """``a + b``.

    Equal signs: the smaller operand is rounded to the step of the larger one, with no guard bit; a
    carry rounds a second time. Opposite signs: five guard bits, one rounding. All ties away.
    """
    if _special(a, b):
        with np.errstate(invalid="ignore"):
            return nearest(to_float(a) + to_float(b))
    (ea, ma), (eb, mb) = _split(a), _split(b)
    if (eb, mb) > (ea, ma):
        a, b, ea, eb, ma, mb = b, a, eb, ea, mb, ma
    d = ea - eb
    sign = a & SIGN
    half_step = (1 << d) >> 1
    if not (a ^ b) & SIGN:
        m = ma + ((mb + half_step) >> d)
        if m >= 2048:
            m, ea = (m + 1) >> 1, ea + 1
        return _pack(sign, ea, m)
    m = (ma << 5) - (((mb << 5) + half_step) >> d)
    if m == 0:
        return 0
    while m < 1 << 15 and ea > 1:
        m, ea = m << 1, ea - 1
    m = (m + 16) >> 5
    if m >= 2048:
        m, ea = m >> 1, ea + 1
    return _pack(sign, ea, m)


def negate(a: int) -> int:
    """``-a``."""
    return a ^ SIGN


def subtract(a: int, b: int) -> int:
    """``a - b``, which is ``a + (-b)``."""
    return add(a, negate(b))


def multiply(a: int, b: int) -> int:
    """``a * b``: the exact product, rounded once, ties away."""
    if _special(a, b):
        with np.errstate(invalid="ignore"):
            return nearest(to_float(a) * to_float(b))
    (ea, ma), (eb, mb) = _split(a), _split(b)
    sign = (a ^ b) & SIGN
    m = ma * mb
    if m == 0:
        return sign
    e = ea + eb - 25  # the value is m * 2**(e - 25)
    drop = max(m.bit_length() - 11, 1 - e)
    if drop > 0:
        m, e = (m + (1 << (drop - 1))) >> drop, e + drop
        if m >= 2048:
            m, e = m >> 1, e + 1
    elif drop < 0:
        m, e = m << -drop, e + drop
    return _pack(sign, e, m)


_HALF, _ONE_AND_HALF = 0x3800, 0x3E00


def reciprocal_root(q: int) -> int:
    """``1 / sqrt(q)`` for q > 0: a start from the bit pattern, then two Newton steps.

    For subnormal q two steps are not enough; the core does not repair that and neither do we (inferred).
    """
    y = 0x59BA - (q >> 1)
    half_q = multiply(_HALF, q)
    for _ in range(2):
        y = multiply(y, subtract(_ONE_AND_HALF, multiply(multiply(half_q, y), y)))
    return y


def square_root(q: int) -> int:
    """``q * reciprocal_root(q)``, and 0 for 0."""
    return multiply(q, reciprocal_root(q)) if q & ~SIGN else 0


def window_reciprocal(window: int) -> int:
    """1 / ``window`` as the core uses it: the square of the reciprocal root (often not the nearest half)."""
    r = reciprocal_root(nearest(float(window)))
    return multiply(r, r)


# ---------------------------------------------------------------- arrays and text


def values_to_bits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Patterns of values that are halves; any shape, float64 -> uint16."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16).view(np.uint16)


_SIX_DIGITS = Context(prec=6, rounding=ROUND_HALF_UP)


def arff_text(x: float) -> str:
    """``x`` as ST's ARFF files print it: six significant digits, decimal ties away from zero.

    Python's and C's ``%g`` round the exact decimal ties of halves to even; ST's text does not
    (confirmed on 62,992 values).
    """
    if not math.isfinite(x):
        return "nan" if math.isnan(x) else ("inf" if x > 0 else "-inf")
    if x == 0:
        return "0"
    return f"{float(_SIX_DIGITS.create_decimal(Decimal(x))):g}"
