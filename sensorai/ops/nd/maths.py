"""Functions of float32 numbers, bit for bit as ``runtime/nd/sa_nd_math.h`` computes them.

Libraries of C give different last bits for exp and its kin, so none is used: additions, products and
quotients of IEEE 754 in a fixed order have one result on every machine. ``tests/nd/test_maths.py`` measures
the errors: below 2 units in the last place (tanh, sigmoid: below 4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

F = np.float32


def _hex(text: str) -> np.float32:
    return F(float.fromhex(text))


def quiet(function: Any) -> Any:
    """Without warnings for what IEEE 754 defines: infinities and NaN."""

    def wrapped(x: npt.ArrayLike) -> Float32:
        with np.errstate(all="ignore"):
            return np.asarray(function(np.asarray(x, F)), F)

    wrapped.__doc__ = function.__doc__
    return wrapped


def _scale(x: Float32, n: npt.NDArray[np.int32]) -> Float32:
    half = np.trunc(n / 2).astype(np.int32)
    first = ((half + 127).astype(np.uint32) << np.uint32(23)).view(F)
    second = ((n - half + 127).astype(np.uint32) << np.uint32(23)).view(F)
    return np.asarray(x * first * second, F)


def _exp_parts(x: Float32) -> tuple[npt.NDArray[np.int32], Float32]:
    """``e**x = (1 + p) * 2**n``: n, and p."""
    k = x * _hex("0x1.715476p+0")
    n = np.trunc(np.where(k < 0, k - F(0.5), k + F(0.5))).astype(np.int32)
    k = n.astype(F)
    r = x - k * _hex("0x1.62ep-1")
    r = r - k * _hex("0x1.0bfbe8p-15")
    p = np.full_like(r, _hex("0x1.a0ce0ep-13"))
    for c in ("0x1.6c87aep-10", "0x1.11110ap-7", "0x1.555546p-5", "0x1.555556p-3", "0x1p-1"):
        p = p * r + _hex(c)
    return n, np.asarray(p * (r * r) + r, F)


@quiet
def exp(x: Float32) -> Float32:
    """e**x."""
    inside = np.where((x > F(88.72284)) | (x < F(-103.97208)) | np.isnan(x), F(0), x)
    n, p = _exp_parts(inside)
    y = _scale(np.atleast_1d(p + F(1)), np.atleast_1d(n)).reshape(np.shape(x))
    y = np.where(x > F(88.72284), F(np.inf), np.where(x < F(-103.97208), F(0), y))
    return np.where(np.isnan(x), x, y)


@quiet
def log(x: Float32) -> Float32:
    """Natural logarithm."""
    shape = np.shape(x)
    v = np.atleast_1d(x)
    usual = np.where((v > 0) & np.isfinite(v), v, F(1))
    small = usual < _hex("0x1p-126")
    bits = np.where(small, usual * _hex("0x1p25"), usual).astype(F).view(np.uint32)
    bits = bits + np.uint32(0x3F800000 - 0x3F3504F3)
    e = np.where(small, -25, 0) + (bits >> np.uint32(23)).astype(np.int32) - 127
    m = ((bits & np.uint32(0x007FFFFF)) + np.uint32(0x3F3504F3)).view(F) - F(1)
    s = m / (F(2) + m)
    z = s * s
    w = _hex("0x1.23a1e6p-2") * z + _hex("0x1.999c26p-2")
    w = w * z + _hex("0x1.555554p-1")
    w = w * z
    k = e.astype(F)
    z = F(0.5) * m * m
    y = k * _hex("0x1.62e3p-1") + (m - (z - (s * (z + w) + k * _hex("0x1.2fefa2p-17"))))
    y = np.where(v == 0, F(-np.inf), np.where(v < 0, F(np.nan), y))
    return np.where(np.isnan(v) | (v == F(np.inf)), v, y).reshape(shape)


@quiet
def tanh(x: Float32) -> Float32:
    """Hyperbolic tangent."""
    a = np.where(x < 0, -x, x)
    z = a * a
    p = np.full_like(z, _hex("-0x1.75e1d4p-8"))
    for c in ("0x1.52269cp-6", "-0x1.b83c5ap-5", "0x1.110726p-3", "-0x1.555532p-2"):
        p = p * z + _hex(c)
    near = p * z * a + a
    far = F(1) - F(2) / (exp(F(2) * a) + F(1))
    y = np.where(a < F(0.625), near, np.where(a > F(9.1), F(1), far))
    return np.where(np.isnan(x), x, np.where(x < 0, -y, y))


@quiet
def sigmoid(x: Float32) -> Float32:
    """1 / (1 + e**-x)."""
    e = exp(x)
    return np.asarray(np.where(x >= 0, F(1) / (F(1) + exp(-x)), e / (F(1) + e)))


@quiet
def sqrt(x: Float32) -> Float32:
    """Square root, rounded as IEEE 754 says."""
    return np.asarray(np.sqrt(x), F)


@quiet
def expm1(x: Float32) -> Float32:
    """e**x - 1."""
    inside = np.where((x > F(88.72284)) | (x < F(-17.5)) | np.isnan(x), F(0), x)
    n, p = _exp_parts(inside)
    # 2**127 is the largest power that is a number
    half = ((np.minimum(n, 127) + 127).astype(np.uint32) << np.uint32(23)).view(F)
    near = half * p + (half - F(1))
    y = np.where(n == 0, p, np.where(n == 128, (F(2) * p + F(2)) * half, near))
    y = np.where(x > F(88.72284), F(np.inf), np.where(x < F(-17.5), F(-1), y))
    return np.where(np.isnan(x) | (x == 0), x, y)


@quiet
def log1p(x: Float32) -> Float32:
    """Logarithm of 1 + x."""
    u = F(1) + x
    y = log(u) + (x - (u - F(1))) / u
    y = np.where(u == 0, F(-np.inf), np.where(u == 1, x, y))
    return np.where(np.isnan(x) | (x == F(np.inf)), x, np.where(x < -1, F(np.nan), y))


@quiet
def erf(x: Float32) -> Float32:
    """Error function."""
    a = np.where(x < 0, -x, x)
    inside = np.where(a > F(4), F(4), a)
    z = inside * inside
    p = np.full_like(z, _hex("0x1.4ae4c6p-14"))
    for c in ("-0x1.a485e8p-11", "0x1.5419f4p-8", "-0x1.b7fbb4p-6", "0x1.ce2d2p-4", "-0x1.81273ep-2"):
        p = p * z + _hex(c)
    p = p * z + _hex("0x1.06eba8p-3")
    near = p * inside + inside
    u = F(1) / (F(1) + F(0.5) * inside)
    q = np.full_like(u, _hex("-0x1.e3f784p-5"))
    for c in ("-0x1.4e87d8p-5", "0x1.88c856p-2", "0x1.d482d4p-4", "0x1.4df30ep-2", "0x1.1919d8p-2"):
        q = q * u + _hex(c)
    q = q * u + _hex("0x1.195570p-11")
    far = F(1) - exp(-z) * q
    y = np.where(a < F(1), near, np.where(a >= F(4), F(1), far))
    return np.where(np.isnan(x), x, np.where(x < 0, -y, y))


def _log2_wide(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Binary logarithm of positive float32 numbers, to 2**-38 of its size."""
    m, e = np.frexp(x)
    low = m < 0.70710678118654752
    m = np.where(low, m * 2.0, m)
    k = np.where(low, e - 1, e).astype(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = np.full_like(s, 1.0 / 15.0)
    for n in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        p = p * z + 1.0 / n
    return np.asarray(k + s * p * 2.8853900817779268)


def _exp2_wide(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """2**t for t from -160 to 129."""
    n = np.trunc(np.where(t < 0, t - 0.5, t + 0.5))
    r = (t - n) * 0.69314718055994531
    p = np.full_like(r, 1.0)
    for k in (10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0):
        p = p * (r * (1.0 / k)) + 1.0
    return np.asarray(p * np.ldexp(1.0, n.astype(np.int32)))


def power(x: npt.ArrayLike, y: npt.ArrayLike) -> Float32:
    """``x**y`` as C99 says, by way of float64."""
    a, b = np.broadcast_arrays(np.asarray(x, F), np.asarray(y, F))
    with np.errstate(all="ignore"):
        whole = (np.floor(b) == b) & np.isfinite(b)
        odd = whole & (np.abs(b) < F(2**24)) & (np.floor(b / F(2)) * F(2) != b)
        size = np.abs(a)
        usual = (size > 0) & np.isfinite(size) & np.isfinite(b)
        t = np.where(usual, b, F(0)).astype(np.float64) * _log2_wide(
            np.where(usual, size, F(1)).astype(np.float64)
        )
        big = _exp2_wide(np.clip(t, -160.0, 129.0)).astype(F)
        zero, inf, one = F(0), F(np.inf), F(1)
        small_base = (size < one) != (b < 0)
        far = np.where(size == one, one, np.where(small_base, zero, inf))
        edge = np.where(np.isinf(b), far, np.where((size == 0) != (b < 0), zero, inf))
        made = np.where(usual, big, edge)
        made = np.where((a < 0) & np.isfinite(a) & np.isfinite(b) & ~whole, F(np.nan), made)
        made = np.where(np.signbit(a) & odd, -made, made)
        made = np.where(np.isnan(a) | np.isnan(b), F(np.nan), made)
        return np.asarray(np.where((b == 0) | (a == one), one, made), F)
