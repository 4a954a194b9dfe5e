"""Sine and its kin of float32 numbers, bit for bit as ``runtime/nd/sa_nd_trig.h`` computes them.

Sine, cosine and tangent reduce by pi / 2 and go by way of float64: errors below 1 unit in the last place for
all numbers. The others stay in float32; ``tests/nd/test_maths.py`` measures them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.ops.nd import maths
from sensorai.ops.nd.maths import Float32

F = np.float32
Wide = npt.NDArray[np.float64]

#: Words of 2 / pi from each of its first bytes on.
TWO_OVER_PI = (
    "000000a2 0000a2f9 00a2f983 a2f9836e f9836e4e 836e4e44 6e4e4415 4e441529 "
    "441529fc 1529fc27 29fc2757 fc2757d1 2757d1f5 57d1f534 d1f534dd f534ddc0 "
    "34ddc0db ddc0db62 c0db6295 db629599 6295993c 95993c43 993c4390 3c439041"
)
_WORDS = np.array([int(w, 16) for w in TWO_OVER_PI.split()], np.uint64)

#: Numbers below this are reduced with two parts of pi / 2.
_NEAR = F(100000.0)


def _hex(text: str) -> float:
    return float.fromhex(text)


def _reduced(a: Float32) -> tuple[Wide, npt.NDArray[np.int64]]:
    """What is left of finite numbers not below 0, and how many times pi / 2 was taken off, modulo 4."""
    x = a.astype(np.float64)
    near = np.where(a < _NEAR, x, 0.0)
    n = np.trunc(near * _hex("0x1.45f306dc9c883p-1") + 0.5)
    r = (near - n * _hex("0x1.921fb5p+0")) - n * _hex("0x1.110b4611a6263p-26")
    bits = np.where(a < _NEAR, F(1), a).astype(F).view(np.uint32).astype(np.uint64)
    place = ((bits >> np.uint64(26)) & np.uint64(15)).astype(np.int64)
    low = np.uint64(0xFFFFFFFF)
    m = ((bits & np.uint64(0x7FFFFF)) | np.uint64(0x800000)) << ((bits >> np.uint64(23)) & np.uint64(7))
    first = (m * _WORDS[place]) & low
    total = ((m * _WORDS[place + 8]) >> np.uint64(32)) | (first << np.uint64(32))
    total = total + m * _WORDS[place + 4]
    turns = (total + np.uint64(1 << 61)) >> np.uint64(62)
    left = (total - (turns << np.uint64(62))).view(np.int64).astype(np.float64) * _hex(
        "0x1.921fb54442d18p-62"
    )
    return np.where(a < _NEAR, r, left), np.where(a < _NEAR, n.astype(np.int64), turns.astype(np.int64)) & 3


def _sine(r: Wide) -> Wide:
    z = r * r
    p = z * _hex("0x1.6dbe15083fadbp-19") + _hex("-0x1.a013a7e453a68p-13")
    p = (p * z + _hex("0x1.11110def97690p-7")) * z + _hex("-0x1.555555545e555p-3")
    return np.asarray(p * z * r + r)


def _cosine(r: Wide) -> Wide:
    z = r * r
    p = z * _hex("-0x1.2474d9b9040c7p-22") + _hex("0x1.a01298cccad73p-16")
    p = (p * z + _hex("-0x1.6c16bae607fcep-10")) * z + _hex("0x1.555555514fb93p-5")
    p = p * z + _hex("-0x1.fffffffffe69bp-2")
    return np.asarray(p * z + 1.0)


def _turned(x: npt.ArrayLike, kind: str) -> Float32:
    v = np.atleast_1d(np.asarray(x, F))
    with np.errstate(all="ignore"):
        size = np.where(np.isfinite(v), np.abs(v), F(0))
        r, n = _reduced(size)
        s, c = _sine(r), _cosine(r)
        if kind == "cos":
            y = np.where(n & 1, s, c)
            y = np.where((n == 1) | (n == 2), -y, y)
        elif kind == "sin":
            y = np.where(n & 1, c, s)
            y = np.where((n >= 2) != (v < 0), -y, y)
        else:
            y = np.where(n & 1, -c / s, s / c)
            y = np.where(v < 0, -y, y)
        made = y.astype(F)
        made = np.where((v == 0) & (kind != "cos"), v, made)
        return np.asarray(np.where(np.isfinite(v), made, F(np.nan)), F).reshape(np.shape(x))


def sin(x: npt.ArrayLike) -> Float32:
    """Sine."""
    return _turned(x, "sin")


def cos(x: npt.ArrayLike) -> Float32:
    """Cosine."""
    return _turned(x, "cos")


def tan(x: npt.ArrayLike) -> Float32:
    """Tangent."""
    return _turned(x, "tan")


def _poly(z: Float32, *texts: str) -> Float32:
    p = np.full_like(z, F(_hex(texts[0])))
    for text in texts[1:]:
        p = p * z + F(_hex(text))
    return np.asarray(p, F)


def _signed(y: Any, x: Float32) -> Float32:
    return np.asarray(np.where(np.isnan(x), x, np.copysign(np.asarray(y, F), x)), F)


@maths.quiet
def atan(x: Float32) -> Float32:
    """Inverse tangent."""
    a = np.abs(x)
    over = a > F(2.41421356)
    middle = ~over & (a > F(0.41421356))
    t = np.where(over, F(-1) / a, np.where(middle, (a - F(1)) / (a + F(1)), a))
    start = np.where(over, F(1.57079637), np.where(middle, F(0.785398185), F(0)))
    z = t * t
    p = _poly(z, "0x1.9e6016p-5", "-0x1.6172fap-4", "0x1.c582d8p-4", "-0x1.248a5p-3", "0x1.99997cp-3")
    p = p * z + F(_hex("-0x1.555556p-2"))
    return _signed(start + (p * z * t + t), x)


def _asin(a: Float32) -> Float32:
    """Inverse sine of 0 to 1/2."""
    z = a * a
    p = _poly(
        z, "0x1.15f6dp-5", "0x1.16878p-6", "0x1.fe156cp-6", "0x1.6d55b8p-5", "0x1.333448p-4", "0x1.555554p-3"
    )
    return np.asarray(p * z * a + a, F)


@maths.quiet
def asin(x: Float32) -> Float32:
    """Inverse sine."""
    a = np.abs(x)
    root = np.sqrt((F(1) - a) * F(0.5))
    y = np.where(a <= F(0.5), _asin(a), F(1.57079637) - F(2) * _asin(root))
    return np.asarray(np.where(a > F(1), F(np.nan), _signed(y, x)), F)


@maths.quiet
def acos(x: Float32) -> Float32:
    """Inverse cosine."""
    a = np.abs(x)
    root = F(2) * _asin(np.sqrt((F(1) - a) * F(0.5)))
    middle = F(1.57079637) - _signed(_asin(a), x)
    y = np.where(a <= F(0.5), middle, np.where(x < 0, F(3.14159274) - root, root))
    return np.asarray(np.where(np.isnan(x), x, np.where(a > F(1), F(np.nan), y)), F)


@maths.quiet
def sinh(x: Float32) -> Float32:
    """Hyperbolic sine."""
    a = np.abs(x)
    e = maths.expm1(a)
    half = maths.exp(F(0.5) * a)
    y = np.where(a > F(88), F(0.5) * half * half, F(0.5) * (e + e / (e + F(1))))
    return _signed(y, x)


@maths.quiet
def cosh(x: Float32) -> Float32:
    """Hyperbolic cosine."""
    a = np.abs(x)
    e, half = maths.exp(a), maths.exp(F(0.5) * a)
    y = np.where(a > F(88), F(0.5) * half * half, F(0.5) * e + F(0.5) / e)
    return np.asarray(np.where(np.isnan(x), x, y), F)


@maths.quiet
def asinh(x: Float32) -> Float32:
    """Inverse hyperbolic sine."""
    a = np.abs(x)
    far = maths.log(a) + F(0.693147182)
    near = maths.log1p(a + a * a / (F(1) + np.sqrt(a * a + F(1))))
    return _signed(np.where(a > F(4096), far, near), x)


@maths.quiet
def acosh(x: Float32) -> Float32:
    """Inverse hyperbolic cosine."""
    t = x - F(1)
    far = maths.log(x) + F(0.693147182)
    near = maths.log1p(t + np.sqrt(F(2) * t + t * t))
    y = np.where(x > F(4096), far, near)
    return np.asarray(np.where(np.isnan(x), x, np.where(x < F(1), F(np.nan), y)), F)


@maths.quiet
def atanh(x: Float32) -> Float32:
    """Inverse hyperbolic tangent."""
    a = np.abs(x)
    y = F(0.5) * maths.log1p(F(2) * a / (F(1) - a))
    return np.asarray(np.where(a > F(1), F(np.nan), _signed(y, x)), F)
