"""Whole-number helpers of the references: everything exact in int64, one value or many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


def log2_ceil(n: int) -> int:
    """Return the smallest k with ``2**k >= n``."""
    return (n - 1).bit_length()


def saturate16(x: Int64) -> Int64:
    """Clip to the int16 range."""
    out: Int64 = np.clip(x, INT16_MIN, INT16_MAX)
    return out


def shift_by(x: Int64, left: Int64) -> Int64:
    """``x << left`` where ``left`` is positive, else ``x >> -left`` (arithmetic, rounds down)."""
    out: Int64 = (x << np.maximum(left, 0)) >> np.maximum(-left, 0)
    return out


def bit_length(x: Int64) -> Int64:
    """Bits of non-negative numbers, as ``int.bit_length``."""
    rest = x.copy()
    bits = np.zeros_like(rest)
    for step in (32, 16, 8, 4, 2, 1):
        big = rest >> step != 0
        bits += np.where(big, step, 0)
        rest = np.where(big, rest >> step, rest)
    out: Int64 = bits + (rest != 0)
    return out


def floor_sqrt(x: Int64) -> Int64:
    """Largest r with ``r * r <= x``, for ``0 <= x < 2**52`` (where a double holds x exactly)."""
    root = np.sqrt(x.astype(np.float64)).astype(np.int64)
    root -= root * root > x
    root += (root + 1) * (root + 1) <= x
    return root


def divide_round(numerator: Int64, divisor: int) -> Int64:
    """Quotient rounded to the nearest, halves up: ``floor((2 a + d) / (2 d))``."""
    out: Int64 = (2 * numerator + divisor) // (2 * divisor)
    return out
