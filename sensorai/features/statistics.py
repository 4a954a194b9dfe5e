"""References of the features in time: sums, crossings, peaks, correlation, shape of the distribution.

A signal is an int64 array of shape (windows, n) that holds int16 values; n is at most 4096, so every
intermediate stays below 2**55.
"""

from __future__ import annotations

import numpy as np

from sensorai.features.integer import (
    INT16_MAX,
    Int64,
    bit_length,
    floor_sqrt,
    log2_ceil,
    saturate16,
    shift_by,
)

#: Fraction bits of RMS under the root (it has half as many).
RMS_BITS = 8

#: What a correlation of one is.
CORRELATION_ONE = 1 << 15

#: Fraction bits of crest factor, skewness and kurtosis.
RATIO_BITS = 10

#: Bits that the largest deviation from the mean is scaled to before its powers are summed.
DEVIATION_BITS = 14

#: Samples from one value of an envelope to the next.
ENVELOPE_STEP = 8


def norm(x: Int64, y: Int64, z: Int64) -> Int64:
    """Length of the vector of three axes, rounded down, at most 32767; shapes (windows, n)."""
    return saturate16(floor_sqrt(x * x + y * y + z * z))


def jerk(x: Int64) -> Int64:
    """Differences ``x[i + 1] - x[i]``, saturated to int16; shape (windows, n) -> (windows, n - 1)."""
    return saturate16(x[:, 1:] - x[:, :-1])


def envelope(x: Int64) -> Int64:
    """Sizes of the differences of x, smoothed over 15 samples and thinned out to every eighth.

    The differences take out what is slow (gravity, the shaft), their sizes rectify what is left, and two
    running means of 8 in a row, the weights 1, 2 ... 8 ... 2, 1, keep what modulates it. Rounded down; shape
    (windows, n) -> (windows, n // 8 - 1), values 0 to 32767.
    """
    size = np.abs(jerk(x))
    size = np.minimum(size, INT16_MAX)
    count = x.shape[1] // ENVELOPE_STEP - 1
    out = np.zeros((x.shape[0], count), np.int64)
    for i in range(2 * ENVELOPE_STEP - 1):
        out += min(i + 1, 2 * ENVELOPE_STEP - 1 - i) * size[:, i::ENVELOPE_STEP][:, :count]
    return out // ENVELOPE_STEP**2


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


def std(x: Int64) -> Int64:
    """Root of the `spread` over ``4**ceil(log2 n)``, in sixteenths."""
    return floor_sqrt(shift_by(spread(x), np.full(1, RMS_BITS - 2 * log2_ceil(x.shape[1]))))


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


def trend(x: Int64) -> Int64:
    """Sum of the later half less the sum of the earlier half; the middle of an odd number is in neither."""
    half = x.shape[1] // 2
    out: Int64 = x[:, x.shape[1] - half :].sum(axis=1) - x[:, :half].sum(axis=1)
    return out


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


def peak(x: Int64) -> Int64:
    """Largest deviation from the mean times n, exact."""
    n = x.shape[1]
    out: Int64 = np.maximum(n * x.max(axis=1) - total(x), total(x) - n * x.min(axis=1))
    return out


def crest_factor(x: Int64) -> Int64:
    """`peak` over the root of the spread, in 1024ths, rounded down; 0 where the signal is constant.

    Exact up to the 16 bits that the root is kept in.
    """
    root, half = _normal(spread(x))
    above = (peak(x) << np.maximum(-half, 0)) << RATIO_BITS
    out: Int64 = above // np.maximum(root << np.maximum(half, 0), 1)
    return np.where(root == 0, 0, out)


def _deviations(x: Int64) -> tuple[Int64, Int64, Int64, Int64]:
    """Deviations from the mean, scaled to 14 bits, and their squares.

    ``n x - sum of x`` is exact; its size is multiplied by ``2**left`` and rounded to the nearest, halves up.

    Returns
    -------
    sign, size, square : int64 array, shape (windows, n)
        Size at most 2**14; square: ``size**2 / 2**13`` to the nearest, at most 2**15.
    left : int64 array, shape (windows,)
    """
    exact = x.shape[1] * x - total(x)[:, None]
    left = DEVIATION_BITS - bit_length(peak(x))
    half = np.where(left < 0, 1 << np.maximum(-left - 1, 0), 0)
    size = shift_by(np.abs(exact) + half[:, None], left[:, None])
    square = (size * size + (1 << (DEVIATION_BITS - 2))) >> (DEVIATION_BITS - 1)
    return np.sign(exact), size, square, left


def _top(x: Int64, bits: int) -> tuple[Int64, Int64]:
    """The highest bits of a number, so many of them, and the power of two that belongs to them."""
    exponent = bit_length(x) - bits
    return shift_by(x, -exponent), exponent


def _moment(sums: Int64, a: Int64, b: Int64, n: int, exponent: Int64) -> Int64:
    """``sums / (a b n)`` times ``2**exponent``, towards zero, from 31 bits above and 32 below."""
    above, up = _top(np.abs(sums), 31)
    below, down = _top(a * b * n, 32)
    size = shift_by(above, exponent + up - down) // np.maximum(below, 1)
    out: Int64 = np.where(below == 0, 0, np.sign(sums) * size)
    return out


def skewness(x: Int64) -> Int64:
    """Third central moment over the deviation cubed, in 1024ths, towards zero; 0 where x is constant."""
    square = spread(x)
    sign, size, second, left = _deviations(x)
    (high, by), (root, half) = _top(square, 16), _normal(square)
    exponent = DEVIATION_BITS - 1 - 3 * left - by - half + RATIO_BITS
    return _moment((sign * size * second).sum(axis=1), high, root, x.shape[1], exponent)


def kurtosis(x: Int64) -> Int64:
    """Fourth central moment over the variance squared, in 1024ths, rounded down; 0 where x is constant.

    A normal distribution has 3, a sine 1.5.
    """
    _, _, second, left = _deviations(x)
    high, by = _top(spread(x), 16)
    exponent = 2 * (DEVIATION_BITS - 1) - 4 * left - 2 * by + RATIO_BITS
    return _moment((second * second).sum(axis=1), high, high, x.shape[1], exponent)
