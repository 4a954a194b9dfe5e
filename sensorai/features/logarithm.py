"""Reference of the logarithm of an energy: steps of a 256th of an octave, by squaring, without a table.

Energies of machines differ by orders of magnitude from speed to speed, while a state of a machine moves each
of its lines by a few percent; on a logarithmic scale both are plain differences.
"""

from __future__ import annotations

import numpy as np

from sensorai.features.integer import Int64, bit_length, shift_by

#: Binary digits behind the point of a logarithm.
LOG_BITS = 8
#: Octaves below one squared count from which on a logarithm counts; less is 0.
FLOOR_OCTAVES = 8


def log2(x: Int64) -> Int64:
    """Base-2 logarithm of whole numbers in 256ths, shape (windows,).

    The highest 16 bits count. Their mantissa is squared eight times, truncated to 16 bits each time; each
    square above 2 is a binary digit. So the result is the true one rounded down, or one step less.

    Parameters
    ----------
    x : int64 array, shape (windows,)
        1 to 2**62; 0 gives 0.
    """
    exponent = bit_length(x) - 1
    mantissa = shift_by(x, 15 - exponent)
    out = np.maximum(exponent, 0)
    for _ in range(LOG_BITS):
        mantissa = mantissa * mantissa
        above = mantissa >> 31
        mantissa >>= 15 + above
        out = 2 * out + above
    result: Int64 = np.where(x > 0, out, 0)
    return result


def log_energy(sums: Int64, left: Int64) -> Int64:
    """256 times (8 + log2 of an energy), at least 0, from its sum and the scaling of the signal.

    Parameters
    ----------
    sums : int64 array, shape (windows,)
        Energy of the signal times ``2**(2 * left)``; 0 gives 0.
    left : int64 array, shape (windows,)
    """
    wide = log2(sums) + ((FLOOR_OCTAVES - 2 * left) << LOG_BITS)
    out: Int64 = np.where(sums > 0, np.maximum(wide, 0), 0)
    return out
