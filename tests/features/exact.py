"""Features of one window by the formulae of the catalogue, in Python's whole numbers, one value at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from sensorai.features.catalogue import IntFeature


def clip16(v: int) -> int:
    return max(-32768, min(32767, v))


def crossings(x: list[int], threshold: int) -> int:
    outside = [v > 0 for v in x if abs(v) > threshold]
    return sum(a != b for a, b in itertools.pairwise(outside))


def peaks(x: list[int], threshold: int) -> int:
    """From the next turn to the next: where the signal first is so far from its extreme so far."""
    count, at, rising = 0, 0, False
    while True:
        turn = None
        for i in range(at, len(x)):
            extreme = max(x[at : i + 1]) if rising else min(x[at : i + 1])
            if abs(extreme - x[i]) > threshold:
                turn = i
                break
        if turn is None:
            return count
        count += rising
        at, rising = turn, not rising


def even_shift(v: int) -> tuple[int, int]:
    """Multiply or divide by 4 until the number lies in [2^30, 2^32)."""
    half = 0
    while v >= 1 << 32:
        v, half = v >> 2, half + 1
    while 0 < v < 1 << 30:
        v, half = v << 2, half - 1
    return math.isqrt(v), half


def spread(x: list[int]) -> int:
    return len(x) * sum(v * v for v in x) - sum(x) ** 2


def correlation(x: list[int], y: list[int]) -> int:
    cross = len(x) * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y)
    (rx, hx), (ry, hy) = even_shift(spread(x)), even_shift(spread(y))
    if rx == 0 or ry == 0:
        return 0
    h = hx + hy
    size = abs(cross) >> h if h >= 0 else abs(cross) << -h
    ratio = min(32768, size * 32768 // (rx * ry))
    return ratio if cross > 0 else -ratio


def envelope(x: list[int]) -> list[int]:
    """Two running means of eight values, one on the other, of which every eighth is kept."""
    size = [min(abs(b - a), 32767) for a, b in itertools.pairwise(x)]
    once = [sum(size[i : i + 8]) for i in range(len(size) - 7)]
    twice = [sum(once[i : i + 8]) for i in range(len(once) - 7)]
    return [v // 64 for v in twice[::8]]


def peak(x: list[int]) -> int:
    return max(abs(len(x) * v - sum(x)) for v in x)


def crest_factor(x: list[int]) -> int:
    root, half = even_shift(spread(x))
    return math.floor(Fraction(peak(x) * 1024) / (root * Fraction(2) ** half)) if root else 0


def leading(v: int, bits: int) -> Fraction:
    """The highest bits of a number, the others zero."""
    low = max(v.bit_length() - bits, 0)
    return Fraction(v >> low << low)


def moment(x: list[int], power: int) -> int:
    """Third or fourth moment of the deviations in 14 bits, over spreads in 16 bits."""
    if min(x) == max(x):
        return 0
    left = Fraction(2) ** (14 - peak(x).bit_length())
    sums = 0
    for v in x:
        e = len(x) * v - sum(x)
        size = math.floor(abs(e) * left + Fraction(1, 2) if left < 1 else abs(e) * left)
        square = math.floor(Fraction(size * size, 1 << 13) + Fraction(1, 2))
        sums += square * square if power == 4 else square * (size if e > 0 else -size)
    s = leading(spread(x), 16)
    root, half = even_shift(spread(x))
    below = s * s if power == 4 else s * root * Fraction(2) ** half
    below = below * len(x)
    places = 32 - below.numerator.bit_length() + below.denominator.bit_length() - 1
    below = math.floor(below * Fraction(2) ** places) / Fraction(2) ** places
    unit = Fraction(1 << (26 if power == 4 else 13)) / left**power
    value = math.floor(1024 * leading(abs(sums), 31) * unit / below)
    return value if sums >= 0 else -value


def peak_bin(band: list[int], low: int, rank: int) -> int:
    fenced = [0, *band, 0]
    found = [k for k in range(len(band)) if fenced[k] < fenced[k + 1] >= fenced[k + 2]]
    found.sort(key=lambda k: (-band[k], k))
    return low + found[rank - 1] if rank <= len(found) else 0


def sine(k: int, n: int) -> int:
    return min(32767, round(32768 * math.sin(2 * math.pi * k / n)))


def turn(k: int, n: int) -> tuple[int, int]:
    """Cosine and sine in Q15 as the transform has them, for k up to n / 2."""
    q = n // 4
    if k == 0:
        return 32768, 0
    return (sine(q - k, n), sine(k, n)) if k <= q else (-sine(k - q, n), sine(2 * q - k, n))


def fft(z: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """By recursion: even and odd points, then the butterflies."""
    n = len(z)
    if n == 1:
        return z
    even, odd = fft(z[0::2]), fft(z[1::2])
    low, high = [], []
    for j, ((ar, ai), (br, bi)) in enumerate(zip(even, odd, strict=True)):
        c, s = turn(j, max(n, 4))
        tr, ti = c * br + s * bi, c * bi - s * br
        low.append(((ar * 32768 + tr + 32768) >> 16, (ai * 32768 + ti + 32768) >> 16))
        high.append(((ar * 32768 - tr + 32768) >> 16, (ai * 32768 - ti + 32768) >> 16))
    return low + high


def bins(x: list[int]) -> tuple[list[int], int]:
    x = x[-1024:]
    length = 4
    while length < len(x):
        length *= 2
    mean = math.floor((2 * sum(x) + len(x)) / (2 * len(x)))
    d = [v - mean for v in x]
    top = max(abs(v) for v in d)
    left = 14 - top.bit_length() if top else 0
    d = [v << left if left >= 0 else (v + (1 << (-left - 1))) >> -left for v in d]
    d += [0] * (length - len(d))
    half = length // 2
    z = fft(list(zip(d[0::2], d[1::2], strict=True)))
    out = []
    for k in range(half + 1):
        near = min(k, half - k)
        (ar, ai), (br, bi) = z[near], z[-near % half]
        c, s = turn(near, length)
        sr, si = ar + br, ai - bi
        dr, di = (ar - br + 1) >> 1, (ai + bi + 1) >> 1
        tr, ti = c * di - s * dr, c * dr + s * di
        sign = 1 if k <= half // 2 else -1
        re = (sr * 16384 + sign * tr + 32768) >> 16
        im = (si * 16384 - sign * ti + 32768) >> 16
        out.append(re * re + im * im)
    return out, left


def octaves(number: int) -> int:
    """256 log2 of a whole number above 0: digits of squares, of which 16 bits are kept."""
    digits = bin(number)[2:]
    mantissa, out = digits.ljust(16, "0")[:16], len(digits) - 1
    for _ in range(8):
        square = bin(int(mantissa, 2) ** 2)[2:]
        mantissa, out = square[:16], 2 * out + len(square) - 31
    return out


def exact(feature: IntFeature, window: list[list[int]]) -> int:
    """Value of a feature of a window given as rows of samples."""
    axes = [[row[i] for row in window] for i in feature.inputs]
    name = feature.name
    if name == "CORRELATION":
        return correlation(*axes)
    x = axes[0]
    if name.startswith("NORM_"):
        x = [min(32767, math.isqrt(sum(v * v for v in row))) for row in zip(*axes, strict=True)]
        name = name.removeprefix("NORM_")
    if name.startswith("JERK_"):
        x = [clip16(b - a) for a, b in itertools.pairwise(x)]
        name = name.removeprefix("JERK_")
    third = len(x) // 3
    if name.startswith("START_"):
        x, name = x[:third], name.removeprefix("START_")
    if name.startswith("END_"):
        x, name = x[len(x) - third :], name.removeprefix("END_")
    if name.startswith("ENVELOPE_"):
        x = envelope(x)
        name = name.removeprefix("ENVELOPE_")
    n, k = len(x), math.ceil(math.log2(len(x)))
    if name.startswith(("DOMINANT_BIN", "BAND_")):
        power, left = bins(x)
        low, high = feature.band or (1, len(power) - 1)
        band = power[low : high + 1]
        if name == "DOMINANT_BIN":
            return low + band.index(max(band)) if max(band) else 0
        if name.startswith("DOMINANT_BIN_"):
            return peak_bin(band, low, int(name.removeprefix("DOMINANT_BIN_")))
        if name == "BAND_RMS":
            return math.isqrt(math.floor(256 * sum(band) * 4.0**-left))
        if name == "BAND_LOG":
            return max(octaves(sum(band)) + 256 * (8 - 2 * left), 0) if sum(band) else 0
        return math.floor(sum(band) * 4.0**-left)
    plain: Mapping[str, Callable[[], int]] = {
        "MEAN": lambda: sum(x),
        "VARIANCE": lambda: spread(x) // 4**k,
        "ENERGY": lambda: sum(v * v for v in x) // 2**k,
        "RMS": lambda: math.isqrt(sum(v * v for v in x) * 256 // 2**k),
        "STD": lambda: math.isqrt(spread(x) * 256 // 4**k),
        "MINIMUM": lambda: min(x),
        "MAXIMUM": lambda: max(x),
        "PEAK_TO_PEAK": lambda: max(x) - min(x),
        "PEAK": lambda: peak(x),
        "CREST_FACTOR": lambda: crest_factor(x),
        "SKEWNESS": lambda: moment(x, 3),
        "KURTOSIS": lambda: moment(x, 4),
        "ZERO_CROSSING": lambda: crossings(x, feature.threshold),
        "MEAN_CROSSING": lambda: crossings([n * v - sum(x) for v in x], n * feature.threshold),
        "PEAKS": lambda: peaks(x, feature.threshold),
        "TREND": lambda: sum(x[n - n // 2 :]) - sum(x[: n // 2]),
    }
    return plain[name]()
