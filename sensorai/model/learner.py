"""Learning what is normal on the device: running moments in bounded memory, and tables made of them.

``z`` are inputs on the int16 grid of ``sensorai.model.scaling`` (-511 to 511), d of them, at most 16.

*Moments.* A window adds z to the sums (kept in 1/256: ``MEAN_BITS``) and every product ``z_i z_j``, j <= i,
to the products. When ``FULL`` windows are in them, all are halved, rounded half up like every shift here:
older windows fade, half of their weight every 2048, and nothing grows for ever. At most ``FULL`` windows
count at any time, so a sum stays below ``4096 * 511 * 256 < 2**29`` and a product below
``4096 * 511**2 < 2**30``, for any input, for ever. Without the 8 bits more the roundings of the halvings
would move means, and with means far from 0 the covariances, by more than they may be wrong.

*Freezing* makes a `Gaussians` of one component of them, in whole numbers and without a division but by
shifting and subtracting:

1. covariances times ``(256 n)**2``, exact in 64 bits; a variance below its floor is raised to it. The floor
   is one step of z, or half a step of the feature where that is more: a feature that never moved while
   learning is not infinitely strange when it does;
2. deviations with 16 bits, and with those divided out covariances become correlations in 27 bits
   (``Q``), plus ``RIDGE`` = 1/64 on the diagonal: what cannot be told from so few windows is not believed;
3. the Cholesky factor L and its inverse V, in 27 bits, with products of 64 bits. Pivots are at least the
   ridge, what exact arithmetic guarantees;
4. rows of V over the deviations, each scaled to 16 bits.

Step by step the same in C (``runtime/anomaly/sa_learn.h``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.model.gaussians import YBITS, Gaussians
from sensorai.model.scaling import LIMITS, Scaling

#: Most inputs that can be learnt on the device.
MAX_LEARNT = 16
#: Windows at which the moments are halved.
FULL = 4096
#: Fraction bits of the sums.
MEAN_BITS = 8
#: Windows per input that freezing needs.
LEAST = 4
#: Fraction bits of correlations, of the Cholesky factor and its inverse.
Q = 27
ONE = 1 << Q
#: What is added to every correlation with itself.
RIDGE = ONE >> 6
#: Largest correlation; largest entry of a factor (a row of it is never longer than the root of 1 + 1/64) and
#: of an inverse (8). Sums of 16 products of the last two stay below 2**62.
MOST_CORRELATION = ONE + (ONE >> 10)
MOST_FACTOR, MOST_INVERSE = ONE + (ONE >> 5), 12 * ONE
#: Fraction bits of one over a deviation.
INVERSE_BITS = 30

_Z = LIMITS["int16"][1]
_INT16 = 2**15 - 1
_UINT32 = 2**32 - 1


def triangle(d: int) -> int:
    """Entries of a lower triangle with its diagonal."""
    return d * (d + 1) // 2


@dataclass(frozen=True, slots=True)
class Moments:
    """What was learnt of d inputs.

    Attributes
    ----------
    windows : int
        Learnt in all; stays at 2**32 - 1.
    count : int
        Windows that count now, below 4096.
    sums : tuple of int, (d,)
        256 times the sum of z.
    products : tuple of int, (d (d + 1) / 2,)
        Sums of ``z_i z_j`` in the order (0, 0), (1, 0), (1, 1), (2, 0) ...
    """

    windows: int
    count: int
    sums: tuple[int, ...]
    products: tuple[int, ...]

    def __post_init__(self) -> None:
        d = len(self.sums)
        if not 1 <= d <= MAX_LEARNT or len(self.products) != triangle(d):
            raise DataError(f"these are no moments: {d} sums and {len(self.products)} products")
        square = self.count * _Z**2
        diagonal = {triangle(i + 1) - 1 for i in range(d)}
        good = (
            0 <= self.count < FULL
            and self.count <= self.windows <= _UINT32
            and all(abs(s) <= self.count * _Z << MEAN_BITS for s in self.sums)
            and all((0 if k in diagonal else -square) <= p <= square for k, p in enumerate(self.products))
        )
        if not good:
            raise DataError("these are no moments: a number is beyond what windows can add up to")

    @property
    def features(self) -> int:
        """Number of inputs."""
        return len(self.sums)

    @property
    def enough(self) -> bool:
        """Whether they can be frozen."""
        return self.count >= LEAST * self.features


def empty(d: int) -> Moments:
    """Nothing learnt of d inputs."""
    return Moments(0, 0, (0,) * d, (0,) * triangle(d))


def learn(moments: Moments, z: npt.NDArray[np.integer]) -> Moments:
    """Add windows in order, shape (rows, d).

    Raises
    ------
    DataError
        Another number of inputs, or one beyond 511.
    """
    d = moments.features
    if z.ndim != 2 or z.shape[1] != d:
        raise DataError(f"moments of {d} inputs cannot learn from shape {z.shape}")
    if len(z) and np.abs(z.astype(np.int64)).max() > _Z:
        raise DataError(f"an input is beyond {_Z}")
    wide = z.astype(np.int64)
    row, column = np.tril_indices(d)
    windows, count = moments.windows, moments.count
    sums, products = np.array(moments.sums, np.int64), np.array(moments.products, np.int64)
    done = 0
    while done < len(wide):
        piece = wide[done : done + FULL - count]
        done += len(piece)
        count += len(piece)
        sums += piece.sum(axis=0) << MEAN_BITS
        products += (piece[:, row] * piece[:, column]).sum(axis=0)
        if count == FULL:
            count //= 2
            sums, products = (sums + 1) >> 1, (products + 1) >> 1
    windows = min(windows + len(wide), _UINT32)
    return Moments(windows, count, tuple(sums.tolist()), tuple(products.tolist()))


def floors(scaling: Scaling) -> tuple[int, ...]:
    """Smallest deviation of each input as a power of two: half a step of the feature, at least one of z."""
    return tuple(max(0, -shift - 1) for shift in scaling.shift)


def _root(square: int) -> tuple[int, int]:
    """Root of a number above 0 as 16 bits and the power of two that belongs to it."""
    half = (square.bit_length() - 31) // 2
    return isqrt(square >> 2 * half if half >= 0 else square << -2 * half), half


def _narrow(x: int, bits: int, most: int) -> int:
    """``x >> bits`` rounded half up, within ``[-most, most]``."""
    return max(-most, min((x + (1 << (bits - 1))) >> bits, most))


def covariances(moments: Moments, floor: Sequence[int]) -> list[list[int]]:
    """Return lower rows of the covariances times ``(256 count)**2``, exact; diagonals no less than floors."""
    n, s, p = moments.count, moments.sums, iter(moments.products)
    rows = [
        [((n * next(p)) << 2 * MEAN_BITS) - s[i] * s[j] for j in range(i + 1)]
        for i in range(moments.features)
    ]
    for i, row in enumerate(rows):
        row[i] = max(row[i], (n << (MEAN_BITS + floor[i])) ** 2)
    return rows


def freeze(moments: Moments, floor: Sequence[int]) -> Gaussians:
    """Make detection tables of what was learnt.

    Parameters
    ----------
    moments : Moments
    floor : sequence of int, (d,)
        As `floors` gives them, 0 to 4.

    Raises
    ------
    DataError
        Fewer than 4 windows per input.
    """
    n, d = moments.count, moments.features
    if not moments.enough:
        raise DataError(
            f"{n} windows are too few to freeze {d} inputs", hint=f"at least {LEAST * d} are needed"
        )
    cov = covariances(moments, floor)
    roots = [_root(cov[i][i]) for i in range(d)]
    # one over each deviation; the deviation is root * 2**half / (256 n)
    over = [(n << (INVERSE_BITS + MEAN_BITS - half)) // root for root, half in roots]
    rows = [[_correlation(cov[i][j], roots[i], roots[j]) for j in range(i + 1)] for i in range(d)]
    for i, row in enumerate(rows):
        row[i] += RIDGE
    weight = np.zeros((1, d, d), np.int16)
    shift = np.zeros((1, d), np.uint8)
    for i, row in enumerate(_inverse(rows)):
        scaled = [_narrow(entry * over[j], INVERSE_BITS, 2**31 - 1) for j, entry in enumerate(row)]
        bits = max(abs(entry) for entry in scaled).bit_length()
        # weights are entries * 2**(15 - bits), y is entries * 2**(YBITS - Q)
        shift[0, i] = Q - YBITS + 15 - bits
        weight[0, i, : i + 1] = [_narrow(entry, bits - 15, _INT16) for entry in scaled]
    unit = n << MEAN_BITS
    mean = np.array([[(2 * s + unit) // (2 * unit) for s in moments.sums]], np.int16)
    return Gaussians(mean, weight, shift, np.zeros(1, np.int32))


def _correlation(cov: int, a: tuple[int, int], b: tuple[int, int]) -> int:
    """Covariance over two deviations in ``Q`` bits, towards zero; it can be a little more than one."""
    half, below = a[1] + b[1], a[0] * b[0]
    size = abs(cov) >> half if half >= 0 else abs(cov) << -half
    ratio = min((size << Q) // below, MOST_CORRELATION)
    return -ratio if cov < 0 else ratio


def _inverse(rows: list[list[int]]) -> list[list[int]]:
    """Lower rows of a correlation matrix to those of the inverse of its Cholesky factor."""
    d = len(rows)
    factor = [row.copy() for row in rows]
    over = [0] * d
    for i in range(d):
        for j in range(i + 1):
            rest = (factor[i][j] << Q) - sum(factor[i][k] * factor[j][k] for k in range(j))
            if j < i:
                factor[i][j] = _narrow(_narrow(rest, Q, MOST_FACTOR) * over[j], Q, MOST_FACTOR)
            else:
                over[i] = (1 << 2 * Q) // isqrt(max(rest, RIDGE << Q))
    inverse: list[list[int]] = []
    for i in range(d):
        row = []
        for j in range(i):
            total = sum(factor[i][k] * inverse[k][j] for k in range(j, i))
            row.append(_narrow(-_narrow(total, Q, MOST_INVERSE) * over[i], Q, MOST_INVERSE))
        inverse.append([*row, over[i]])
    return inverse


def to_dict(moments: Moments) -> dict[str, Any]:
    """Return the moments as plain data for JSON."""
    return {
        "windows": moments.windows,
        "count": moments.count,
        "sums": list(moments.sums),
        "products": list(moments.products),
    }


def from_dict(data: Mapping[str, Any]) -> Moments:
    """Read what ``to_dict`` wrote."""

    def whole(value: Any) -> int:
        if type(value) is not int:
            raise DataError(f"these are no moments: {value!r} is no whole number")
        return value

    return Moments(
        whole(data["windows"]),
        whole(data["count"]),
        tuple(whole(v) for v in data["sums"]),
        tuple(whole(v) for v in data["products"]),
    )
