"""exp, logistic and tanh of fixed-point numbers as gemmlowp computes them for TensorFlow Lite, to the bit.

Numbers are int32 with 31 minus ``bits`` places. Source: gemmlowp, ``fixedpoint/fixedpoint.h``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.ops.nd.fixed import IntArray, divide_by_power, doubling_high

ONE = 2**31 - 1
_LOW, _HIGH = -(2**31), 2**31 - 1
#: Places of the bits of what is left of the exponent, from a quarter to 16, and exp of minus that.
_STEPS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


def shift_left(x: npt.ArrayLike, by: int) -> IntArray:
    """``x * 2**by``, saturating."""
    return np.asarray(np.clip(np.asarray(x, np.int64) << by, _LOW, _HIGH), np.int64)


def half_sum(a: npt.ArrayLike, b: npt.ArrayLike) -> IntArray:
    """Half of a sum, rounded away from zero."""
    total = np.asarray(a, np.int64) + np.asarray(b, np.int64)
    rounded = total + np.where(total >= 0, 1, -1)
    return np.asarray(np.where(rounded >= 0, rounded >> 1, -((-rounded) >> 1)), np.int64)


def exp_of_negative(a: npt.ArrayLike, bits: int) -> IntArray:
    """Exponentials of numbers not above 0 with ``bits`` integer bits; no integer bits come out."""
    x = np.asarray(a, np.int64)
    places = 31 - bits
    quarter = np.int64(1) << (places - 2)
    inside = (x & (quarter - 1)) - quarter
    result = _exp_of_quarter(shift_left(inside, bits))
    left = inside - x
    for exponent, factor in _STEPS:
        if bits > exponent:
            there = (left & (np.int64(1) << (places + exponent))) != 0
            result = np.where(there, doubling_high(result, factor), result)
    return np.asarray(np.where(x == 0, ONE, result), np.int64)


def _exp_of_quarter(a: IntArray) -> IntArray:
    """Exponentials from -1/4 to 0, by a series about -1/8."""
    start, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubling_high(x, x)
    x3 = doubling_high(x2, x)
    x4 = divide_by_power(doubling_high(x2, x2), 2)
    rest = divide_by_power(doubling_high(x4 + x3, third) + x2, 1)
    return np.asarray(start + doubling_high(start, x + rest), np.int64)


def _halved_reciprocal(half: IntArray) -> IntArray:
    """1 / half for half from 1/2 to 1, with 2 integer bits, in three steps of Newton."""
    x = 1515870810 + doubling_high(half, -1010580540)
    for _ in range(3):
        left = (1 << 29) - doubling_high(half, x)
        x = x + shift_left(doubling_high(x, left), 2)
    return np.asarray(x, np.int64)


def one_over_one_plus(a: npt.ArrayLike) -> IntArray:
    """``1 / (1 + a)`` for a from 0 to 1."""
    return shift_left(_halved_reciprocal(half_sum(a, ONE)), 1)


def logistic(a: npt.ArrayLike, bits: int) -> IntArray:
    """``1 / (1 + exp(-a))``, without integer bits."""
    x = np.asarray(a, np.int64)
    positive = one_over_one_plus(exp_of_negative(-np.abs(x), bits))
    return np.asarray(np.where(x == 0, 1 << 30, np.where(x > 0, positive, ONE - positive)), np.int64)


def tanh(a: npt.ArrayLike, bits: int) -> IntArray:
    """tanh, without integer bits."""
    x = np.asarray(a, np.int64)
    e = exp_of_negative(-np.abs(x), bits + 1)
    t = shift_left(_halved_reciprocal(half_sum(e, ONE)) - (1 << 29), 2)
    return np.asarray(np.where(x == 0, 0, np.where(x < 0, -t, t)), np.int64)
