"""References of the features in time: sums, crossings, peaks, correlation.

A signal is an int64 array of shape (windows, n) that holds int16 values; n is at most 4096, so every
intermediate stays below 2**55.
"""

from __future__ import annotations

import numpy as np

from sensorai.features.integer import Int64, bit_length, floor_sqrt, log2_ceil, saturate16, shift_by

#: Fraction bits of RMS under the root (it has half as many).
RMS_BITS = 8

#: What a correlation of one is.
CORRELATION_ONE = 1 << 15


def norm(x: Int64, y: Int64, z: Int64) -> Int64:
    """Length of the vector of three axes, rounded down, at most 32767; shapes (windows, n)."""
    return saturate16(floor_sqrt(x * x + y * y + z * z))


def jerk(x: Int64) -> Int64:
    """Differences ``x[i + 1] - x[i]``, saturated to int16; shape (windows, n) -> (windows, n - 1)."""
    return saturate16(x[:, 1:] - x[:, :-1])


def total(x: Int64) -> Int64:
    """Sum of x."""
    out: Int64 = x.sum(axis=1)
    return out


def squares(x: Int64) -> Int64:
    """Sum of the squares of x."""
    out: Int64 = (x * x).sum(axis=1)
    return out


def spread(x: Int64) -> Int64:
    """``n sum(x**2) - sum(x)**2``: n squared times the variance, exact and never negative."""
    out: Int64 = x.shape[1] * squares(x) - total(x) ** 2
    return out


def energy(x: Int64) -> Int64:
    """Sum of squares over ``2**ceil(log2 n)``."""
    return squares(x) >> log2_ceil(x.shape[1])


def variance(x: Int64) -> Int64:
    """`spread` over ``4**ceil(log2 n)``."""
    return spread(x) >> (2 * log2_ceil(x.shape[1]))


def rms(x: Int64) -> Int64:
    """Root of the sum of squares over ``2**ceil(log2 n)``, in sixteenths."""
    return floor_sqrt((squares(x) << RMS_BITS) >> log2_ceil(x.shape[1]))


def crossings(x: Int64, threshold: Int64) -> Int64:
    """How often x goes from above the band ``[-threshold, threshold]`` to below it, or back.

    Samples within the band change nothing, so noise smaller than the threshold is not counted.

    Parameters
    ----------
    x : int64 array, shape (windows, n)
    threshold : int64 array, shape (windows,) or (1,)
        0 or more.
    """
    side = np.zeros(x.shape[0], np.int64)
    count = np.zeros(x.shape[0], np.int64)
    for value in x.T:
        now = np.where(value > threshold, 1, np.where(value < -threshold, -1, side))
        count += now * side < 0
        side = now
    return count


def zero_crossings(x: Int64, threshold: int) -> Int64:
    """`crossings` of x."""
    return crossings(x, np.array([threshold], np.int64))


def mean_crossings(x: Int64, threshold: int) -> Int64:
    """`crossings` of x less its mean, without a division: all is multiplied by n."""
    n = x.shape[1]
    return crossings(n * x - total(x)[:, None], np.array([n * threshold], np.int64))


def peaks(x: Int64, threshold: int) -> Int64:
    """Maxima that stand out: a rise of more than the threshold, then a fall of more than it.

    The rise is taken from the lowest value since the last peak, the fall from the highest since the rise.
    """
    extreme = x[:, 0].copy()
    rising = np.zeros(x.shape[0], bool)
    count = np.zeros(x.shape[0], np.int64)
    for value in x.T:
        further = np.where(rising, value > extreme, value < extreme)
        turned = np.where(rising, extreme - value, value - extreme) > threshold
        count += turned & rising
        rising ^= turned
        extreme = np.where(further | turned, value, extreme)
    return count


def _normal(square: Int64) -> tuple[Int64, Int64]:
    """Root of a spread as a 16-bit number and the power of two that belongs to it.

    The spread is brought into ``[2**30, 2**32)`` by an even shift; half of the shift is the exponent.
    """
    half = (bit_length(square) - 31) // 2  # of 31 and 32 bits: none
    return floor_sqrt(shift_by(square, -2 * half)), half


def correlation(x: Int64, y: Int64) -> Int64:
    """Pearson correlation in units of ``2**-15``, towards zero; 0 where a signal is constant.

    Exact up to the 16 bits that the roots of the two spreads are kept in; x with itself gives 32768.
    """
    n = x.shape[1]
    cross = n * (x * y).sum(axis=1) - total(x) * total(y)
    (root_x, half_x), (root_y, half_y) = _normal(spread(x)), _normal(spread(y))
    size = shift_by(np.abs(cross), -(half_x + half_y))
    below = root_x * root_y
    ratio = np.minimum((size << 15) // np.maximum(below, 1), CORRELATION_ONE)
    out: Int64 = np.where(below == 0, 0, np.sign(cross) * ratio)
    return out
