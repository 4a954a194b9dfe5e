"""Reference of the integer Fourier transform and of the features taken from it.

The last ``min(n, 1024)`` samples less their mean are scaled by a power of two to 14 bits (block scaling),
padded with zeros to the next power of two N, and transformed by a radix-2 FFT on int16 pairs with Q15
twiddles that halves at every stage. N real samples go through N / 2 complex points.
"""

from __future__ import annotations

import numpy as np

from sensorai.features.integer import Int64, bit_length, divide_round, floor_sqrt, log2_ceil, shift_by
from sensorai.features.logarithm import log_energy
from sensorai.features.statistics import RMS_BITS

#: Longest transform.
MAX_LENGTH = 1024

#: Fewest samples that have a spectrum here.
MIN_SAMPLES = 3

#: Bits of the scaled input.
BLOCK_BITS = 14


def spectrum_length(n: int) -> int:
    """Length N of the transform of n samples; bins are 0 to N / 2, each ``rate / N`` wide."""
    return 1 << log2_ceil(min(n, MAX_LENGTH))


def sine_table(length: int) -> Int64:
    """Return a quarter of a sine in Q15: ``length / 4 + 1`` values from 0 to 32767."""
    angle = 2 * np.pi * np.arange(length // 4 + 1) / length
    out: Int64 = np.minimum(np.rint(32768 * np.sin(angle)), 32767).astype(np.int64)
    return out


def _twiddles(count: int, length: int) -> tuple[Int64, Int64]:
    """Cosine and sine of ``2 pi j / length``, j below `count` (at most half a turn); 1 is exact at j = 0."""
    table = sine_table(length)
    quarter = length // 4
    j = np.arange(count)
    sine = table[np.where(j <= quarter, j, 2 * quarter - j)]
    cosine = np.where(j <= quarter, table[np.maximum(quarter - j, 0)], -table[np.maximum(j - quarter, 0)])
    cosine[0] = 32768
    return cosine, sine


def block_scale(x: Int64) -> tuple[Int64, Int64]:
    """Remove the mean and scale to 14 bits.

    Returns
    -------
    values : int64 array, shape (windows, n)
        ``|values| <= 2**14``.
    left : int64 array, shape (windows,)
        The shift: -2 to 13; right shifts round to the nearest, halves up. 0 for a constant signal.
    """
    centred = x - divide_round(x.sum(axis=1), x.shape[1])[:, None]
    peak = np.abs(centred).max(axis=1)
    left = np.where(peak == 0, 0, BLOCK_BITS - bit_length(peak))
    half = np.where(left < 0, 1 << np.maximum(-left - 1, 0), 0)
    return shift_by(centred + half[:, None], left[:, None]), left


def _bit_reversed(length: int) -> Int64:
    order = np.zeros(1, np.int64)
    while order.size < length:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def transform(re: Int64, im: Int64) -> tuple[Int64, Int64]:
    """Complex FFT over the number of points, last axis, by stages that halve with rounding."""
    points = re.shape[-1]
    order = _bit_reversed(points)
    re, im = re[..., order], im[..., order]
    half = 1
    while half < points:
        c, s = _twiddles(half, max(2 * half, 4))
        shape = (*re.shape[:-1], points // (2 * half), 2, half)
        u, v = re.reshape(shape), im.reshape(shape)
        tr = c * u[..., 1, :] + s * v[..., 1, :]
        ti = c * v[..., 1, :] - s * u[..., 1, :]
        ar = (u[..., 0, :] << 15) + (1 << 15)
        ai = (v[..., 0, :] << 15) + (1 << 15)
        re = np.stack([(ar + tr) >> 16, (ar - tr) >> 16], axis=-2).reshape(re.shape)
        im = np.stack([(ai + ti) >> 16, (ai - ti) >> 16], axis=-2).reshape(im.shape)
        half *= 2
    return re, im


def power(x: Int64) -> tuple[Int64, Int64]:
    """Power of the bins.

    Parameters
    ----------
    x : int64 array, shape (windows, n), n at least 3
        int16 values.

    Returns
    -------
    bins : int64 array, shape (windows, N / 2 + 1)
        ``|X[k] / N|**2`` of the scaled signal, below 2**31.
    left : int64 array, shape (windows,)
        The scaling: the signal was multiplied by ``2**left``.
    """
    length = spectrum_length(x.shape[1])
    values, left = block_scale(x[:, -length:])
    padded = np.zeros((x.shape[0], length), np.int64)
    padded[:, : values.shape[1]] = values
    re, im = transform(padded[:, 0::2], padded[:, 1::2])
    points = length // 2
    k = np.arange(points // 2 + 1)
    other = (points - k) % points
    c, s = _twiddles(k.size, length)
    ar, ai = (re[:, k] + re[:, other]) << 14, (im[:, k] - im[:, other]) << 14
    br, bi = (re[:, k] - re[:, other] + 1) >> 1, (im[:, k] + im[:, other] + 1) >> 1
    tr, ti = c * bi - s * br, c * br + s * bi
    half = 1 << 15
    bins = np.zeros((x.shape[0], points + 1), np.int64)
    bins[:, points - k] = ((ar - tr + half) >> 16) ** 2 + ((ai + ti + half) >> 16) ** 2
    bins[:, k] = ((ar + tr + half) >> 16) ** 2 + ((ai - ti + half) >> 16) ** 2
    return bins, left


def dominant_bin(bins: Int64, low: int, high: int) -> Int64:
    """Strongest bin from `low` to `high`, the lowest of equals; 0 where all of them are empty."""
    band = bins[:, low : high + 1]
    out: Int64 = np.where(band.max(axis=1) == 0, 0, low + band.argmax(axis=1))
    return out


def peak_bin(bins: Int64, low: int, high: int, rank: int) -> Int64:
    """Bin of the peak that is `rank`-th in strength (1: `dominant_bin`); 0 where there are not so many.

    A peak is a bin from `low` to `high` with more power than the one before it and no less than the one after
    it, where these are in the band. Of equally strong peaks the lower comes first.
    """
    band = bins[:, low : high + 1]
    none = np.zeros((band.shape[0], 1), np.int64)
    before, after = np.hstack([none, band[:, :-1]]), np.hstack([band[:, 1:], none])
    power = np.where((band > before) & (band >= after), band, 0)
    if rank > power.shape[1]:
        return none[:, 0]
    at = np.argsort(-power, axis=1, kind="stable")[:, rank - 1]
    out: Int64 = np.where(power[np.arange(at.size), at] == 0, 0, low + at)
    return out


def band_energy(bins: Int64, left: Int64, low: int, high: int) -> Int64:
    """Sum of ``|X[k] / N|**2`` from bin `low` to `high`, in squared counts, rounded down."""
    return shift_by(bins[:, low : high + 1].sum(axis=1), -2 * left)


def band_rms(bins: Int64, left: Int64, low: int, high: int) -> Int64:
    """Root of the sum of ``|X[k] / N|**2`` from bin `low` to `high`, in sixteenths, rounded down."""
    return floor_sqrt(shift_by(bins[:, low : high + 1].sum(axis=1), RMS_BITS - 2 * left))


def band_log(bins: Int64, left: Int64, low: int, high: int) -> Int64:
    """Logarithm of `band_energy`, of the exact sum (`logarithm.log_energy`)."""
    return log_energy(bins[:, low : high + 1].sum(axis=1), left)
