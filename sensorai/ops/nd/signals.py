"""Spectra of sound as the signal library of TensorFlow Lite Micro makes them of int16 samples, to the bit.

Samples are weighted by a window, scaled up as far as they fit, transformed (see ``rfft``), and their energies
summed in bands. What the bands become stands in ``bands``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import _testing, affine
from sensorai.ops.nd.base import Made, NdOperator

FILE = "nd/sa_nd_signal.h"


def typed(at: Applied, *dtypes: str) -> None:
    """Raise a ConfigError unless the inputs are of these types, without scales."""
    found = [t.dtype for t in at.inputs]
    if found != list(dtypes) or any(affine.scaled(t) for t in at.inputs):
        raise ConfigError(
            f"layer {at.name}: a step of signals of {', '.join(found)}, or of integers with a scale, is not"
            " supported",
            hint=f"{', '.join(dtypes)} are, without scales",
        )


def within(at: Applied, what: str, value: int, low: int, high: int) -> None:
    """Raise a ConfigError unless a setting lies between two ends."""
    if not low <= value <= high:
        raise ConfigError(f"layer {at.name}: its {what} is {value}", hint=f"{low} to {high}")


@dataclass(frozen=True, slots=True)
class SignalWindow(NdOperator):
    """Samples times the weights of a window: ``x * w >> shift`` held to int16, in rows as long as it.

    Attributes
    ----------
    shift : int
    """

    shift: int

    NAME: ClassVar[str] = "signal_window"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the samples."""
        typed(at, "int16", "int16")
        within(at, "shift", self.shift, 0, 31)
        w = at.inputs[1]
        if len(w.shape) != 1 or not w.size or not at.x.size or at.x.size % w.size:
            raise ConfigError(f"layer {at.name}: {at.x.shape} are no rows of a window of shape {w.shape}")
        return (Made("int16", at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Products."""
        x, w = (np.asarray(a).astype(np.int64) for a in arrays)
        y = (x.reshape(-1, w.size) * w) >> self.shift
        return (np.clip(y, -32768, 32767).astype(np.int16).reshape(at.x.shape),)

    def macs(self, at: Applied) -> int:
        """One for each sample."""
        return at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        x, w = at.inputs
        numbers = (x.size // w.size, w.size, self.shift)
        to.call(FILE, "sa_nd_signal_window", *numbers, *(to.source(t) for t in at.inputs), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Results that are held, and several rows."""
        window = _testing.known("w", [4096, -4096, 32767, -32768, 17, 0], "int16")
        for shift in (0, 12, 31):
            x = _testing.given("x", (2, 1, 6), "int16")
            yield f"signal_window_{shift}", _testing.one(cls(shift), (x, window))


@dataclass(frozen=True, slots=True)
class SignalScale(NdOperator):
    """Samples shifted up as far as their largest magnitude allows, and by how many bits.

    As the framework has it: -32768 has no magnitude in int16, and what comes after it counts anew.
    """

    NAME: ClassVar[str] = "signal_scale"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Samples, and one number."""
        typed(at, "int16")
        return Made("int16", at.x.shape), Made("int32", ())

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Shift by 15 bits less those of the magnitude."""
        x = np.asarray(arrays[0])
        bits = _spare(x.reshape(-1))
        return (x.astype(np.int64) << bits).astype(np.int16), np.asarray(bits, np.int32)

    def macc(self, at: Applied) -> int:
        """A comparison and a shift for each sample."""
        return 2 * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        to.call(FILE, "sa_nd_signal_scale", at.x.size, to.source(at.x), *(to.target(t) for t in at.outputs))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Full range, after which only small ones count; halved ranges come from what is fed."""
        for size in (1, 2, 9):
            yield f"signal_scale_{size}", _testing.one(cls(), (_testing.given("x", (size,), "int16"),))


def _spare(x: Array) -> int:
    """Bits that the largest magnitude leaves free; see ``SignalScale``."""
    ends = np.flatnonzero(x == -32768)
    if not ends.size:
        most = int(np.abs(x.astype(np.int64)).max(initial=0))
    else:
        most = -32768
        for v in x[ends[-1] + 1 :].tolist():
            most = v if v > most else max(most, -v)
    # no bit at all counts as 32 of them, as all do below 0
    return 15 - most.bit_length() if most > 0 else 0


@dataclass(frozen=True, slots=True)
class SignalEnergy(NdOperator):
    """Squared magnitudes of a spectrum from one place up to another; 0 elsewhere.

    Input (2 * n,) pairs of real and imaginary parts, output (n,) uint32.

    Attributes
    ----------
    start, end : int
    """

    start: int
    end: int

    NAME: ClassVar[str] = "signal_energy"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """One number for each pair."""
        typed(at, "int16")
        if len(at.x.shape) != 1 or at.x.size % 2 or not 0 <= self.start <= self.end <= at.x.size // 2:
            raise ConfigError(
                f"layer {at.name}: energies {self.start} to {self.end} of a spectrum of shape {at.x.shape}"
            )
        return (Made("uint32", (at.x.size // 2,)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums of two squares."""
        z = np.asarray(arrays[0]).astype(np.int64).reshape(-1, 2)
        y = np.zeros(len(z), np.int64)
        y[self.start : self.end] = (z * z).sum(axis=1)[self.start : self.end]
        return (y.astype(np.uint32),)

    def macs(self, at: Applied) -> int:
        """Two for each."""
        return 2 * (self.end - self.start)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        numbers = (at.out.size, self.start, self.end)
        to.call(FILE, "sa_nd_signal_energy", *numbers, to.source(at.x), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """All, some, none."""
        for start, end in ((0, 5), (1, 4), (2, 2)):
            x = _testing.given("x", (10,), "int16")
            yield f"signal_energy_{start}{end}", _testing.one(cls(start, end), (x,))


@dataclass(frozen=True, slots=True)
class SignalBands(NdOperator):
    """Energies in bands that overlap: each counts in its band by a weight, in the next one by another.

    Inputs: energies (n,) uint32; weights and those of the next band, int16 (m,); for each band and one more
    before them, int16 constants: where its energies begin, where its weights begin, how many there are.
    Output (bands,) uint64, which wraps.
    """

    NAME: ClassVar[str] = "signal_bands"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """One number for each band."""
        typed(at, "uint32", "int16", "int16", "int16", "int16", "int16")
        x, w, u, *places = at.inputs
        if any(len(t.shape) != 1 for t in at.inputs) or w.shape != u.shape:
            raise ConfigError(f"layer {at.name}: bands of {x.shape} with weights {w.shape} and {u.shape}")
        if len({t.size for t in places}) != 1 or places[0].size < 2:
            raise ConfigError(f"layer {at.name}: its bands begin, weigh and end in different numbers")
        if any(t.data is None for t in places):
            raise ConfigError(f"layer {at.name}: where its bands lie is computed while the net runs")
        first, weight, width = (np.asarray(t.data).astype(np.int64) for t in places)
        wide = width > 0
        inside = (first >= 0) & (first + width <= x.size) & (weight >= 0) & (weight + width <= w.size)
        if not np.all(inside | ~wide):
            raise ConfigError(f"layer {at.name}: band {int(np.argmin(inside | ~wide))} leaves the energies")
        return (Made("uint64", (places[0].size - 1,)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums of products, one band after the other."""
        x, w, u = (np.asarray(a).astype(np.int64) for a in arrays[:3])
        made, carried = [], np.int64(0)
        with np.errstate(over="ignore"):
            for first, weight, width in zip(*(np.asarray(a).tolist() for a in arrays[3:]), strict=True):
                count = max(width, 0)
                part = x[first : first + count]
                made.append(carried + (part * w[weight : weight + count]).sum())
                carried = (part * u[weight : weight + count]).sum()
        return (np.array(made[1:], np.int64).astype(np.uint64),)

    def macs(self, at: Applied) -> int:
        """Two for each energy of each band."""
        width = at.inputs[5].data
        return 0 if width is None else 2 * int(np.maximum(width.astype(np.int64), 0).sum())

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        sources = [to.source(t) for t in at.inputs]
        to.call(FILE, "sa_nd_signal_bands", at.out.size, *sources, to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Bands that touch, an empty one, weights below 0."""
        rng = np.random.default_rng(5)
        weights = [_testing.known(n, rng.integers(-4096, 4097, 12), "int16") for n in ("w", "u")]
        rows = ([1, 2, 5, 0, 7], [0, 1, 4, 0, 10], [1, 3, 6, 0, 2])
        places: list[Tensor] = [
            _testing.known(n, row, "int16") for n, row in zip(("first", "at", "width"), rows, strict=True)
        ]
        x = _testing.given("x", (11,), "uint32")
        yield "signal_bands", _testing.one(cls(), (x, *weights, *places))
