"""Fourier transforms of real numbers as kissfft computes them, to the bit: int16, int32 and float32.

Pairs of neighbours are taken as complex numbers, transformed by butterflies of 4, 2, 3 and 5 in this order,
and taken apart. Integers have 15 or 31 places; every butterfly of p divides by p beforehand, so that nothing
leaves the type but by its own rounding. Products are rounded to nearest, ties upwards; sums wrap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array

#: Largest length of a transform.
LONGEST = 1 << 16
#: Butterflies that there are, in the order in which a length is divided by them.
RADICES = (4, 2, 3, 5)

#: Numbers of a transform while it runs: int64 that hold wrapped integers, or float32.
Numbers = npt.NDArray[Any]


class Arithmetic:
    """How numbers of a type are added and multiplied."""

    def add(self, a: Numbers, b: Numbers) -> Numbers:
        """Sum."""
        raise NotImplementedError

    def sub(self, a: Numbers, b: Numbers) -> Numbers:
        """Difference."""
        raise NotImplementedError

    def crossed(self, a: Numbers, b: Numbers, c: Numbers, d: Numbers, sign: int) -> Numbers:
        """``a * b + sign * c * d``, rounded once where it is rounded."""
        raise NotImplementedError

    def times(self, a: Numbers, b: Numbers) -> Numbers:
        """Product."""
        raise NotImplementedError

    def part(self, a: Numbers, p: int) -> Numbers:
        """One of ``p`` parts; real numbers are not divided."""
        raise NotImplementedError

    def half(self, a: Numbers, b: Numbers, sign: int) -> Numbers:
        """``(a + sign * b) / 2``."""
        raise NotImplementedError

    def negative(self, a: Numbers) -> Numbers:
        """Minus ``a``."""
        return self.sub(np.zeros_like(a), a)

    def turn(self, phase: float) -> tuple[float, float]:
        """Cosine and sine of an angle."""
        raise NotImplementedError


class _Fixed(Arithmetic):
    def __init__(self, places: int) -> None:
        self.places, self.kind = places, np.int16 if places == 15 else np.int32
        self.most = (1 << places) - 1

    def keep(self, x: Numbers) -> Numbers:
        """Wrap to the type."""
        return x.astype(self.kind).astype(np.int64)

    def _rounded(self, x: Numbers) -> Numbers:
        return self.keep((x + (1 << (self.places - 1))) >> self.places)

    def add(self, a: Numbers, b: Numbers) -> Numbers:
        return self.keep(a + b)

    def sub(self, a: Numbers, b: Numbers) -> Numbers:
        return self.keep(a - b)

    def crossed(self, a: Numbers, b: Numbers, c: Numbers, d: Numbers, sign: int) -> Numbers:
        return self._rounded(a * b + sign * (c * d))

    def times(self, a: Numbers, b: Numbers) -> Numbers:
        return self._rounded(a * b)

    def part(self, a: Numbers, p: int) -> Numbers:
        return self._rounded(a * (self.most // p))

    def half(self, a: Numbers, b: Numbers, sign: int) -> Numbers:
        # sums of 16 bits are halved in 32, sums of 32 bits where they wrapped
        both = (a + sign * b).astype(np.int32).astype(np.int64)
        return self.keep(both >> 1)

    def turn(self, phase: float) -> tuple[float, float]:
        return math.floor(0.5 + self.most * math.cos(phase)), math.floor(0.5 + self.most * math.sin(phase))


class _Real(Arithmetic):
    def add(self, a: Numbers, b: Numbers) -> Numbers:
        return np.asarray(a + b)

    def sub(self, a: Numbers, b: Numbers) -> Numbers:
        return np.asarray(a - b)

    def crossed(self, a: Numbers, b: Numbers, c: Numbers, d: Numbers, sign: int) -> Numbers:
        return np.asarray(a * b + c * d if sign > 0 else a * b - c * d)

    def times(self, a: Numbers, b: Numbers) -> Numbers:
        return np.asarray(a * b)

    def part(self, a: Numbers, p: int) -> Numbers:
        return a

    def half(self, a: Numbers, b: Numbers, sign: int) -> Numbers:
        return np.asarray((a + b if sign > 0 else a - b) * np.float32(0.5))

    def negative(self, a: Numbers) -> Numbers:
        return np.asarray(-a)

    def turn(self, phase: float) -> tuple[float, float]:
        return math.cos(phase), math.sin(phase)


#: By the type of a tensor.
ARITHMETIC = {"int16": _Fixed(15), "int32": _Fixed(31), "float32": _Real()}


@dataclass(frozen=True, slots=True)
class Complex:
    """Real and imaginary parts, alike in shape."""

    r: Numbers
    i: Numbers


@dataclass(frozen=True)
class Transform:
    """Transform of a length, there or back.

    Attributes
    ----------
    length : int
        Real numbers; even.
    dtype : str
        Of ``ARITHMETIC``.
    back : bool
        Whether it makes numbers of a spectrum.
    """

    length: int
    dtype: str
    back: bool = False

    def check(self, where: str) -> None:
        """Raise a ConfigError where the type or the length is not supported."""
        if self.dtype not in ARITHMETIC:
            raise ConfigError(f"{where}: a transform of {self.dtype} is not supported")
        if not 4 <= self.length <= LONGEST or self.length % 2 or not self.radices:
            raise ConfigError(
                f"{where}: a transform of length {self.length} is not supported",
                hint=f"even, 4 to {LONGEST}, and a product of 2, 3 and 5",
            )

    @property
    def half(self) -> int:
        """Complex numbers."""
        return self.length // 2

    @property
    def radices(self) -> tuple[int, ...]:
        """Butterflies from the outermost on; empty where other primes are left."""
        rest, found = self.half, []
        for p in RADICES:
            while rest % p == 0:
                found.append(p)
                rest //= p
        return tuple(found) if rest == 1 else ()

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """Place in the input of each number that the innermost butterflies take."""
        places, step = np.zeros(1, np.int64), 1
        for p in self.radices:
            places = (places[:, None] + step * np.arange(p)).reshape(-1)
            step *= p
        return places

    def turns(self) -> Numbers:
        """Cosine and sine of each angle of the butterflies, (half, 2)."""
        sign = 2 if self.back else -2
        return self._table([sign * math.pi * k / self.half for k in range(self.half)])

    def last_turns(self) -> Numbers:
        """Those of the step that takes pairs apart or puts them together, (half // 2, 2)."""
        sign = 1 if self.back else -1
        count = self.half // 2
        return self._table([sign * (math.pi * ((k + 1) / self.half + 0.5)) for k in range(count)])

    def _table(self, phases: Sequence[float]) -> Numbers:
        kind = np.float32 if self.dtype == "float32" else np.int64
        return np.array([ARITHMETIC[self.dtype].turn(p) for p in phases], kind).reshape(-1, 2)

    def there(self, x: Array) -> Array:
        """Spectra of rows of ``length`` numbers: (rows, half + 1, 2)."""
        a, v = ARITHMETIC[self.dtype], _wide(x)
        z = self._butterflies(Complex(v[:, 0::2], v[:, 1::2]))
        made = np.zeros((len(x), self.half + 1, 2), v.dtype)
        r, i = a.part(z.r[:, 0], 2), a.part(z.i[:, 0], 2)
        made[:, 0, 0], made[:, self.half, 0] = a.add(r, i), a.sub(r, i)
        k = np.arange(1, self.half // 2 + 1)
        f, turned = self._pair(z.r[:, k], z.i[:, k], z.r[:, self.half - k], z.i[:, self.half - k])
        made[:, k, 0], made[:, k, 1] = a.half(f.r, turned.r, 1), a.half(f.i, turned.i, 1)
        made[:, self.half - k, 0] = a.half(f.r, turned.r, -1)
        made[:, self.half - k, 1] = a.half(turned.i, f.i, -1)
        return made.astype(x.dtype)

    def again(self, x: Array) -> Array:
        """Numbers of spectra (rows, half + 1, 2): (rows, length)."""
        a, v = ARITHMETIC[self.dtype], _wide(x)
        r, i = np.zeros((len(x), self.half), v.dtype), np.zeros((len(x), self.half), v.dtype)
        first, last = v[:, 0, 0], v[:, self.half, 0]
        r[:, 0], i[:, 0] = a.part(a.add(first, last), 2), a.part(a.sub(first, last), 2)
        k = np.arange(1, self.half // 2 + 1)
        others = self.half - k
        f, turned = self._pair(v[:, k, 0], v[:, k, 1], v[:, others, 0], v[:, others, 1])
        r[:, k], i[:, k] = a.add(f.r, turned.r), a.add(f.i, turned.i)
        r[:, others] = a.sub(f.r, turned.r)
        i[:, others] = a.negative(a.sub(f.i, turned.i))
        z = self._butterflies(Complex(r, i))
        y = np.stack([z.r, z.i], axis=2).reshape(len(x), self.length)
        return (y / np.float32(self.length) if self.dtype == "float32" else y).astype(x.dtype)

    def _pair(self, r: Numbers, i: Numbers, s: Numbers, j: Numbers) -> tuple[Complex, Complex]:
        """Sum of numbers and the conjugates of those across, and their difference, turned."""
        a, w = ARITHMETIC[self.dtype], self.last_turns()
        r, i, s, j = a.part(r, 2), a.part(i, 2), a.part(s, 2), a.part(a.negative(j), 2)
        both = Complex(a.add(r, s), a.add(i, j))
        apart = Complex(a.sub(r, s), a.sub(i, j))
        return both, self._turned(apart, w[:, 0], w[:, 1])

    def _turned(self, z: Complex, c: Numbers, s: Numbers) -> Complex:
        a = ARITHMETIC[self.dtype]
        return Complex(a.crossed(z.r, c, z.i, s, -1), a.crossed(z.r, s, z.i, c, 1))

    def _butterflies(self, z: Complex) -> Complex:
        """Transform of rows of complex numbers."""
        a, w, rows, m = ARITHMETIC[self.dtype], self.turns(), len(z.r), 1
        butterflies = {2: self._two, 3: self._three, 4: self._four, 5: self._five}
        r, i = z.r[:, self.order], z.i[:, self.order]
        for p in reversed(self.radices):
            shape = (rows, self.half // (m * p), p, m)
            parts = [
                Complex(a.part(r.reshape(shape)[:, :, q], p), a.part(i.reshape(shape)[:, :, q], p))
                for q in range(p)
            ]
            step = self.half // (m * p) * np.arange(m)
            parts[1:] = [self._turned(parts[q], w[q * step, 0], w[q * step, 1]) for q in range(1, p)]
            made = butterflies[p](parts, w[self.half // p], w[2 * (self.half // p) % self.half])
            r = np.stack([one.r for one in made], axis=2).reshape(rows, self.half)
            i = np.stack([one.i for one in made], axis=2).reshape(rows, self.half)
            m *= p
        return Complex(r, i)

    def _two(self, v: list[Complex], _a: Numbers, _b: Numbers) -> list[Complex]:
        return [self._add(v[0], v[1]), self._sub(v[0], v[1])]

    def _three(self, v: list[Complex], turn: Numbers, _b: Numbers) -> list[Complex]:
        a = ARITHMETIC[self.dtype]
        both, apart = self._add(v[1], v[2]), self._sub(v[1], v[2])
        zero = np.zeros_like(both.r)
        r, i = a.sub(v[0].r, a.half(both.r, zero, 1)), a.sub(v[0].i, a.half(both.i, zero, 1))
        side = Complex(a.times(apart.r, turn[1]), a.times(apart.i, turn[1]))
        return [
            self._add(v[0], both),
            Complex(a.sub(r, side.i), a.add(i, side.r)),
            Complex(a.add(r, side.i), a.sub(i, side.r)),
        ]

    def _four(self, v: list[Complex], _a: Numbers, _b: Numbers) -> list[Complex]:
        a = ARITHMETIC[self.dtype]
        even, odd = self._add(v[0], v[2]), self._sub(v[0], v[2])
        both, apart = self._add(v[1], v[3]), self._sub(v[1], v[3])
        one = Complex(a.add(odd.r, apart.i), a.sub(odd.i, apart.r))
        three = Complex(a.sub(odd.r, apart.i), a.add(odd.i, apart.r))
        if self.back:
            one, three = three, one
        return [self._add(even, both), one, self._sub(even, both), three]

    def _five(self, v: list[Complex], ya: Numbers, yb: Numbers) -> list[Complex]:
        a = ARITHMETIC[self.dtype]
        s7, s10 = self._add(v[1], v[4]), self._sub(v[1], v[4])
        s8, s9 = self._add(v[2], v[3]), self._sub(v[2], v[3])

        def near(c: Numbers, d: Numbers) -> Complex:
            return Complex(
                a.add(a.add(v[0].r, a.times(s7.r, c)), a.times(s8.r, d)),
                a.add(a.add(v[0].i, a.times(s7.i, c)), a.times(s8.i, d)),
            )

        s5, s11 = near(ya[0], yb[0]), near(yb[0], ya[0])
        s6 = Complex(
            a.add(a.times(s10.i, ya[1]), a.times(s9.i, yb[1])),
            a.sub(a.negative(a.times(s10.r, ya[1])), a.times(s9.r, yb[1])),
        )
        s12 = Complex(
            a.add(a.negative(a.times(s10.i, yb[1])), a.times(s9.i, ya[1])),
            a.sub(a.times(s10.r, yb[1]), a.times(s9.r, ya[1])),
        )
        total = self._add(v[0], self._add(s7, s8))
        return [total, self._sub(s5, s6), self._add(s11, s12), self._sub(s11, s12), self._add(s5, s6)]

    def _add(self, x: Complex, y: Complex) -> Complex:
        a = ARITHMETIC[self.dtype]
        return Complex(a.add(x.r, y.r), a.add(x.i, y.i))

    def _sub(self, x: Complex, y: Complex) -> Complex:
        a = ARITHMETIC[self.dtype]
        return Complex(a.sub(x.r, y.r), a.sub(x.i, y.i))


def _wide(x: Array) -> Numbers:
    return x if x.dtype == np.float32 else x.astype(np.int64)
