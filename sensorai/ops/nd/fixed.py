"""Integer scaling as TensorFlow Lite Micro does it, to the bit.

A real factor is ``multiplier * 2**(shift - 31)`` with a multiplier from 2**30 on. Sources: tflite-micro,
``kernels/internal/common.h`` and ``quantization_util.cc`` (built without TFLITE_SINGLE_ROUNDING, as the
PyPI package is): doubling high product rounded to nearest with ties away from zero towards plus infinity,
then a division by a power of two rounded to nearest, ties away from zero.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def multiplier_of(factor: float) -> tuple[int, int]:
    """Return ``(multiplier, shift)`` of a factor, 0 for 0 and for factors below 2**-32."""
    if factor == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(factor)
    # C's round(): half away from zero; factors are not negative
    fixed = math.floor(mantissa * 2**31 + 0.5)
    if fixed == 1 << 31:
        fixed, shift = fixed >> 1, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return (1 << 31) - 1, 30
    return fixed, shift


def multipliers_of(factors: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """``multiplier_of`` for each factor."""
    pairs = [multiplier_of(float(f)) for f in np.asarray(factors, np.float64).reshape(-1)]
    return np.array([m for m, _ in pairs], np.int64), np.array([s for _, s in pairs], np.int64)


def doubling_high(a: npt.ArrayLike, b: npt.ArrayLike) -> IntArray:
    """Half of the doubled product's high word: ``(a * b + nudge) / 2**31``, towards zero; saturates."""
    x, y = np.asarray(a, np.int64), np.asarray(b, np.int64)
    product = x * y
    nudge = np.where(product >= 0, np.int64(1 << 30), np.int64(1 - (1 << 30)))
    total = product + nudge
    # C divides towards zero
    high = np.where(total >= 0, total >> 31, -((-total) >> 31))
    return np.where((x == y) & (x == -(2**31)), np.int64(2**31 - 1), high)


def divide_by_power(x: npt.ArrayLike, exponent: npt.ArrayLike) -> IntArray:
    """``x / 2**exponent`` rounded to nearest, ties away from zero; exponents 0 to 31."""
    v, e = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    rest = v & mask
    threshold = (mask >> 1) + (v < 0)
    return np.asarray((v >> e) + (rest > threshold), np.int64)


def multiply(x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> IntArray:
    """``MultiplyByQuantizedMultiplier`` of int32 numbers; the left shift wraps as C's does in int32."""
    v, m, s = (np.asarray(a, np.int64) for a in (x, multiplier, shift))
    left = (v << np.maximum(s, 0)).astype(np.int32).astype(np.int64)
    return divide_by_power(doubling_high(left, m), np.maximum(-s, 0))


def multiply_wide(x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> IntArray:
    """``MultiplyByQuantizedMultiplier`` of int64 sums (16-bit nets): a 16-bit multiplier, one rounding."""
    v, m, s = (np.asarray(a, np.int64) for a in (x, multiplier, shift))
    reduced = np.where(m < 0x7FFF0000, (m + (1 << 15)) >> 16, np.int64(0x7FFF))
    total = 15 - s
    return np.asarray((v * reduced + (np.int64(1) << (total - 1))) >> total, np.int64)
