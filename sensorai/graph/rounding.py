"""The one rounding rule of integer nets: half goes up, towards plus infinity.

Generated C does the same with an arithmetic right shift, so reference and machine agree bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)


def shift_round(acc: npt.ArrayLike, shift: npt.ArrayLike) -> IntArray:
    """``floor(acc / 2**shift + 1/2)`` in integers; a negative shift multiplies.

    Parameters
    ----------
    acc : int array
        Within int32, so nothing overflows here.
    shift : int array, broadcast against ``acc``
        -31 to 31.

    Returns
    -------
    ndarray of int64
    """
    a, s = np.asarray(acc, np.int64), np.asarray(shift, np.int64)
    right, left = np.maximum(s, 0), np.maximum(-s, 0)
    half = (np.int64(1) << right) >> 1
    return np.asarray(((a << left) + half) >> right, np.int64)


def multiply_round(acc: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> IntArray:
    """``floor(acc * multiplier / 2**shift + 1/2)`` for nets that do not scale by powers of two.

    Parameters
    ----------
    acc : int array, within int32
    multiplier : int array, 2**30 <= m < 2**31
    shift : int array, 31 to 62
    """
    a, m, s = (np.asarray(v, np.int64) for v in (acc, multiplier, shift))
    return np.asarray((a * m + (np.int64(1) << (s - 1))) >> s, np.int64)


def multiplier_of(scale: float) -> tuple[int, int]:
    """Return ``(multiplier, shift)`` with ``multiplier / 2**shift`` nearest to ``scale``.

    ``scale`` must lie in [2**-32, 1): smaller ones would need a shift above 62.
    """
    if not 2.0**-32 <= scale < 1.0:
        raise ValueError(f"a requantisation scale of {scale:g} is outside [2**-32, 1)")
    mantissa, exponent = np.frexp(scale)
    m, s = int(np.floor(mantissa * 2.0**31 + 0.5)), 31 - int(exponent)
    if m == 1 << 31:
        m, s = m >> 1, s - 1
    return (m, s) if s >= 31 else (INT32_MAX, 31)


def saturate(value: Any, low: int, high: int) -> IntArray:
    """Clamp integers to ``[low, high]``."""
    return np.asarray(np.clip(np.asarray(value, np.int64), low, high), np.int64)
