"""Spectra of real numbers, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, affine, ctext
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.fourier import Transform

FILE = "nd/sa_nd_fft.h"
_SHORT = {"int16": "i16", "int32": "i32", "float32": "f32"}


@dataclass(frozen=True, slots=True)
class Rfft(NdOperator):
    """Spectra along the last axis: ``length / 2 + 1`` pairs of real and imaginary parts, one after the other.

    Rows that are shorter than the transform go on with zeros. Numbers as ``fourier`` says.

    Attributes
    ----------
    length : int
        Of the transform.
    """

    length: int

    NAME: ClassVar[str] = "rfft"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Same type; the last axis holds pairs."""
        _transform(self.length, at, back=False)
        if not 0 < at.x.shape[-1] <= self.length:
            raise ConfigError(f"layer {at.name}: {at.x.shape[-1]} numbers in a transform of {self.length}")
        return (Made(at.x.dtype, (*at.x.shape[:-1], self.length + 2)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Row by row."""
        x = np.asarray(arrays[0])
        rows = x.reshape(-1, x.shape[-1])
        full = np.zeros((len(rows), self.length), x.dtype)
        full[:, : x.shape[-1]] = rows
        with np.errstate(all="ignore"):
            y = _transform(self.length, at, back=False).there(full)
        return (y.reshape(*x.shape[:-1], self.length + 2),)

    def macs(self, at: Applied) -> int:
        """Products of all butterflies."""
        return _products(_transform(self.length, at, back=False), math.prod(at.x.shape[:-1]))

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        _emit(_transform(self.length, at, back=False), at, to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Types, every butterfly, short rows."""
        for dtype in _SHORT:
            for length, shape in ((4, (3,)), (32, (2, 32)), (60, (57,)), (18, (1, 2, 18))):
                yield (
                    f"rfft_{dtype}_{length}",
                    _testing.one(cls(length), (_testing.given("x", shape, dtype),)),
                )


@dataclass(frozen=True, slots=True)
class Irfft(NdOperator):
    """Numbers of spectra along the last axis, ``length`` of ``length / 2 + 1`` pairs.

    float32 is divided by the length, integers by the halves of their butterflies. See ``Rfft``.

    Attributes
    ----------
    length : int
        Of the transform.
    """

    length: int

    NAME: ClassVar[str] = "irfft"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Same type; the last axis holds numbers."""
        _transform(self.length, at, back=True)
        if at.x.shape[-1] != self.length + 2:
            raise ConfigError(
                f"layer {at.name}: {at.x.shape[-1]} numbers are no spectrum of length {self.length}"
            )
        return (Made(at.x.dtype, (*at.x.shape[:-1], self.length)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Row by row."""
        x = np.asarray(arrays[0])
        with np.errstate(all="ignore"):
            y = _transform(self.length, at, back=True).again(x.reshape(-1, self.length // 2 + 1, 2))
        return (y.reshape(*x.shape[:-1], self.length),)

    def macs(self, at: Applied) -> int:
        """Products of all butterflies."""
        return _products(_transform(self.length, at, back=True), math.prod(at.x.shape[:-1]))

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        _emit(_transform(self.length, at, back=True), at, to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Types, every butterfly."""
        for dtype in _SHORT:
            for length, rows in ((4, (1,)), (32, (2,)), (60, ()), (18, (1, 2))):
                x = _testing.given("x", (*rows, length + 2), dtype)
                yield f"irfft_{dtype}_{length}", _testing.one(cls(length), (x,))


def _transform(length: int, at: Applied, *, back: bool) -> Transform:
    """Transform of a layer; a ConfigError where there is no such."""
    if not at.x.shape or affine.scaled(at.x):
        raise ConfigError(f"layer {at.name}: a transform of a single number, or of integers with a scale")
    found = Transform(length, at.x.dtype, back)
    found.check(f"layer {at.name}")
    return found


def _products(of: Transform, rows: int) -> int:
    """Four for each complex product: behind each input of a butterfly but its first, and of each pair."""
    return rows * 4 * (sum(of.half // p * (p - 1) for p in of.radices) + of.half // 2)


def _emit(of: Transform, at: Applied, to: Writer) -> None:
    steps, step = [], 1
    for p in of.radices:
        steps.append(step)
        step *= p
    kind = ctext.plain(of.dtype)
    turns = to.table(kind, f"turns{to.index}", of.turns())
    last = to.table(kind, f"last{to.index}", of.last_turns())
    layer = to.layer(
        {
            "rows": math.prod(at.x.shape[:-1]),
            "given": at.x.shape[-1],
            "half": of.half,
            "stages": len(of.radices),
            "radix": "{" + ", ".join(map(str, of.radices)) + "}",
            "step": "{" + ", ".join(map(str, steps)) + "}",
        },
        "sa_nd_fft_t",
    )
    name = f"sa_nd_{'irfft' if of.back else 'rfft'}_{_SHORT[of.dtype]}"
    to.call(FILE, name, layer, turns, last, to.source(at.x), to.target(at.out))
