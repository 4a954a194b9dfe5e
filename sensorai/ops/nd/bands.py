"""What bands of a spectrum become, as the signal library of TensorFlow Lite Micro has it, to the bit.

Roots, less an estimate of the noise that goes on from call to call, with a gain against loudness, as
logarithms. Numbers are uint32 and wrap; see ``signals`` for what makes the bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.signals import FILE, typed, within

_Wide = npt.NDArray[np.uint64]
#: Numbers of the table of gains: of 0, 1 and 2 by themselves, then four for each further bit.
GAINS = 125
#: Parts of the table of logarithms.
SEGMENTS = 128


@dataclass(frozen=True, slots=True)
class SignalRoot(NdOperator):
    """Square roots of uint64 rounded to nearest, shifted right by as many bits as the second input says.

    Numbers below 2**32 have roots of at most 65535. Bits count modulo 32.
    """

    NAME: ClassVar[str] = "signal_root"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input."""
        typed(at, "uint64", "int32")
        if at.inputs[1].size != 1:
            raise ConfigError(f"layer {at.name}: bits of shape {at.inputs[1].shape} are not one number")
        return (Made("uint32", at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Whole roots."""
        x, bits = np.asarray(arrays[0]), int(np.asarray(arrays[1]).reshape(-1)[0]) & 31
        return (np.array([_root(int(v)) >> bits for v in x.reshape(-1)], np.uint32).reshape(x.shape),)

    def macc(self, at: Applied) -> int:
        """A step for each bit of the root."""
        return 32 * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        to.call(FILE, "sa_nd_signal_root", at.x.size, *map(to.source, at.inputs), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both widths, ends, what rounds up."""
        values = [0, 1, 2, 3, 2**32 - 1, 2**32, 2**32 + 65537, 2**64 - 1, 2**63 + 12345, 10**15 + 7, 65535**2]
        bits = _testing.given("bits", (), "int32")
        yield "signal_root", _testing.one(cls(), (_testing.given("x", (9,), "uint64"), bits))
        yield "signal_root_ends", _testing.one(cls(), (_testing.known("x", values, "uint64"), bits))


def _root(x: int) -> int:
    floor = math.isqrt(x)
    most = 0xFFFF if x < 1 << 32 else 0xFFFFFFFF
    return min(floor + (x - floor * floor > floor), most)


@dataclass(frozen=True, slots=True)
class SignalDenoise(NdOperator):
    """Bands less an estimate of their noise, which follows them slowly; odd bands at another speed.

    Inputs: bands and the estimate, uint32 (n,). Outputs: what is left of the bands, the next estimate. The
    estimate has ``bits`` more places than the bands; factors have ``places``.

    Attributes
    ----------
    factors : tuple of int
        Of the band and of the estimate in even bands, then in odd ones.
    least : int
        Part of a band that is left at least.
    bits, places : int
    clamped : bool
        Whether the estimate follows at once where a band is below it.
    """

    factors: tuple[int, int, int, int]
    least: int
    bits: int
    places: int
    clamped: bool = False

    NAME: ClassVar[str] = "signal_denoise"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Twice the shape of the bands."""
        typed(at, "uint32", "uint32")
        if len(at.x.shape) != 1 or at.inputs[1].shape != at.x.shape:
            raise ConfigError(f"layer {at.name}: bands {at.x.shape}, an estimate {at.inputs[1].shape}")
        within(at, "bits", self.bits, 0, 31)
        within(at, "places", self.places, 0, 63)
        for value in (*self.factors, self.least):
            within(at, "factor", value, 0, 2**31 - 1)
        return Made("uint32", at.x.shape), Made("uint32", at.x.shape)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """One step of the estimate, and the difference."""
        x, noise = (np.asarray(a).astype(np.uint64) for a in arrays)
        even = np.arange(x.size) % 2 == 0
        new, old = (
            np.where(even, np.uint64(self.factors[k]), np.uint64(self.factors[2 + k])) for k in (0, 1)
        )
        places, bits = np.uint64(self.places), np.uint64(self.bits)
        up = _u32(x << bits)
        with np.errstate(over="ignore"):
            noise = _u32((up * new + noise * old) >> places)
        taken = np.minimum(noise, up)
        left = np.maximum((up - taken) >> bits, _u32(x * np.uint64(self.least) >> places))
        return left.astype(np.uint32), (taken if self.clamped else noise).astype(np.uint32)

    def macs(self, at: Applied) -> int:
        """Three for each band."""
        return 3 * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        layer = to.layer(
            {
                "count": at.x.size,
                "factor": "{" + ", ".join(f"{v}U" for v in self.factors) + "}",
                "least": f"{self.least}U",
                "bits": self.bits,
                "places": self.places,
                "clamped": int(self.clamped),
            },
            "sa_nd_denoise_t",
        )
        sources = [to.source(t) for t in at.inputs]
        to.call(FILE, "sa_nd_signal_denoise", layer, *sources, *(to.target(t) for t in at.outputs))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """As files have it, clamped, and factors that wrap."""
        reads = (_testing.given("x", (7,), "uint32"), _testing.given("noise", (7,), "uint32"))
        for name, op in (
            ("", cls((409, 15975, 983, 15401), 819, 10, 14)),
            ("_clamped", cls((409, 15975, 983, 15401), 819, 10, 14, True)),
            ("_wide", cls((2**31 - 1,) * 4, 2**31 - 1, 31, 40)),
        ):
            yield f"signal_denoise{name}", _testing.one(op, reads)


@dataclass(frozen=True, slots=True)
class SignalGain(NdOperator):
    """Bands times a gain that falls with the noise, compressed: x * x / 4 below 2, x - 1 above.

    Inputs: bands and noise, uint32 (n,); table of gains, int16, see ``GAINS``: parabolas between powers of
    two. Ratios have 12 places, results 6.

    Attributes
    ----------
    shift : int
        By which products of band and gain become ratios.
    """

    shift: int

    NAME: ClassVar[str] = "signal_gain"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the bands."""
        typed(at, "uint32", "uint32", "int16")
        x, noise, table = at.inputs
        if len(x.shape) != 1 or noise.shape != x.shape:
            raise ConfigError(f"layer {at.name}: bands {x.shape}, noise {noise.shape}")
        if len(table.shape) != 1 or table.size < GAINS:
            raise ConfigError(f"layer {at.name}: a table of gains of shape {table.shape}", hint=f"{GAINS}")
        within(at, "shift", self.shift, 0, 63)
        return (Made("uint32", x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Gain, ratio, compression."""
        x, noise, table = (np.asarray(a) for a in arrays)
        gain = _gains(noise, table.astype(np.int64)).astype(np.uint32).astype(np.uint64)
        ratio = _u32((x.astype(np.uint64) * gain) >> np.uint64(self.shift))
        small = _u32(ratio * ratio) >> np.uint64(20)
        y = np.where(ratio < 8192, small, _u32((ratio >> np.uint64(6)) - np.uint64(64)))
        return (y.astype(np.uint32),)

    def macs(self, at: Applied) -> int:
        """Four for each band."""
        return 4 * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        sources = [to.source(t) for t in at.inputs]
        to.call(FILE, "sa_nd_signal_gain", at.x.size, self.shift, *sources, to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Noise of few and of many bits, gains over their whole range."""
        rng = np.random.default_rng(8)
        table = _testing.known("table", rng.integers(-32768, 32768, GAINS), "int16")
        many = _testing.known("noise", [0, 1, 2, 3, 4, 1023, 2048, 2**20 + 99, 2**31, 2**32 - 1], "uint32")
        for shift in (0, 6):
            noise = _testing.given("noise", (10,), "uint32")
            x = _testing.given("x", (10,), "uint32")
            yield f"signal_gain_{shift}", _testing.one(cls(shift), (x, noise, table))
            yield f"signal_gain_wide_{shift}", _testing.one(cls(shift), (x, many, table))


def _gains(noise: Array, table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int16 of the parabola of the noise's highest bit."""
    n = noise.astype(np.int64)
    bits = np.array([int(v).bit_length() for v in n.reshape(-1)], np.int64).reshape(n.shape)
    at = np.where(n <= 2, 0, 4 * bits - 6)
    part = np.where(bits < 11, n << np.maximum(11 - bits, 0), n >> np.maximum(bits - 11, 0)) & 0x3FF
    y = ((table[at + 2] * part) >> 5) + (table[at + 1] << 5)
    y = ((y * part + (1 << 14)) >> 15) + table[at]
    return np.where(n <= 2, table[np.minimum(n, 2)], y).astype(np.int16).astype(np.int64)


@dataclass(frozen=True, slots=True)
class SignalLog(NdOperator):
    """Natural logarithms of ``x << bits`` times a scale, rounded, at most 32767; 0 for 0 and 1.

    Attributes
    ----------
    bits, scale : int
    """

    bits: int
    scale: int

    NAME: ClassVar[str] = "signal_log"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input."""
        typed(at, "uint32")
        within(at, "bits", self.bits, 0, 31)
        within(at, "scale", self.scale, 0, 2**31 - 1)
        return (Made("int16", at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Straight lines between logarithms to the base 2, then to the base e."""
        x = (np.asarray(arrays[0]).astype(np.int64) << self.bits) & 0xFFFFFFFF
        whole = np.array([max(int(v).bit_length() - 1, 0) for v in x.reshape(-1)], np.int64).reshape(x.shape)
        rest = x - (np.int64(1) << whole)
        part = np.where(whole < 16, rest << np.maximum(16 - whole, 0), rest >> np.maximum(whole - 16, 0))
        table, k = logarithms(), part >> 9
        k = np.clip(k, 0, SEGMENTS - 1)
        fraction = part + table[k] + (((table[k + 1] - table[k]) * (part - (k << 9))) >> 16)
        base_e = (45426 * ((whole << 16) + fraction) + 32768) >> 16
        with np.errstate(over="ignore"):
            scaled = base_e.astype(np.uint64) * np.uint64(self.scale) + np.uint64(32768)
        y = _u32(scaled) >> np.uint64(16)
        return (np.where(x > 1, np.minimum(y, np.uint64(32767)), np.uint64(0)).astype(np.int16),)

    def macs(self, at: Applied) -> int:
        """Three for each number."""
        return 3 * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        table = to.table("int16_t", f"log{to.index}", logarithms())
        numbers = (at.x.size, self.bits, f"{self.scale}U", table)
        to.call(FILE, "sa_nd_signal_log", *numbers, to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Few and many bits; scales that are held and that wrap."""
        for bits, scale in ((0, 2**31 - 1), (3, 64), (22, 4000), (31, 1)):
            x = _testing.given("x", (9,), "uint32")
            yield f"signal_log_{bits}", _testing.one(cls(bits, scale), (x,))


def logarithms() -> npt.NDArray[np.int64]:
    """What a straight line leaves of the logarithms to the base 2 of 1 to 2, with 16 places."""
    return np.array(
        [math.floor(65536 * (math.log2(1 + k / SEGMENTS) - k / SEGMENTS) + 0.5) for k in range(SEGMENTS + 1)],
        np.int64,
    )


def _u32(x: _Wide) -> _Wide:
    """Lower half."""
    return np.asarray(x & np.uint64(0xFFFFFFFF))
