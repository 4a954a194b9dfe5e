"""Integer biquad filters: one second-order section after the other on int16 samples.

A section computes, with ``b`` in Q(13 + shift) and ``a`` in Q14 (all int16)::

    p = round((b0 x[0] + b1 x[-1] + b2 x[-2]) >> shift)      Q13
      - round((a1 y[-1] + a2 y[-2]) >> 1)                    Q14 to Q13
      + rest                                                 the fraction that the last output dropped
    y, rest = p >> 13, p & 8191;  y saturates to int16

``round`` adds half before the shift (halves up). Carrying the rest keeps the mean of the output exact, also
for cut-offs far below the sampling rate. All products are 16 x 16 bits; a section whose sum could leave
int32 for any input is refused. The first output counts from a state of zeros and a rest of one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.features.integer import Int64, saturate16

#: Fraction bits of the sum.
SUM_BITS = 13

#: Fraction bits of the feedback coefficients.
FEEDBACK_BITS = 14

#: Largest shift of the feed-forward sum.
MAX_SHIFT = 15

#: The rest at the start.
FIRST_REST = 1 << (SUM_BITS - 1)

Kind = Literal["lowpass", "highpass", "bandpass", "bandstop"]


def _response(
    b: Sequence[float], a: Sequence[float], angle: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex128]:
    z = np.exp(-1j * angle)
    powers = np.stack([np.ones_like(z), z, z * z])
    out: npt.NDArray[np.complex128] = (np.array(b) @ powers) / (np.array(a) @ powers)
    return out


@dataclass(frozen=True, slots=True)
class Biquad:
    """One section.

    Attributes
    ----------
    b : tuple of int
        b0, b1, b2: int16, in Q(13 + shift).
    a : tuple of int
        a1, a2: int16, in Q14; a0 is one.
    shift : int
        0 to 15.
    """

    b: tuple[int, int, int]
    a: tuple[int, int]
    shift: int

    def __post_init__(self) -> None:
        if not all(-32768 <= c <= 32767 for c in (*self.b, *self.a)) or not 0 <= self.shift <= MAX_SHIFT:
            raise ConfigError("biquad coefficients must be int16 and the shift 0 to 15", where="filter")
        forward = sum(abs(c) for c in self.b) << 15
        feedback = (abs(self.a[0]) + abs(self.a[1])) << 15
        limit = 2**31 - 2**16
        if max(forward, feedback) > limit or (forward >> self.shift) + (feedback >> 1) > limit:
            raise ConfigError(
                "biquad gain too large: the sum would not fit int32 for every input",
                where="filter",
                hint="use sections of lower gain",
            )
        a1, a2 = self.a
        if abs(a2) >= 1 << FEEDBACK_BITS or abs(a1) >= (1 << FEEDBACK_BITS) + a2:
            raise ConfigError(
                "biquad is not stable in 14 fraction bits",
                where="filter",
                hint="a higher cut-off, a wider band or a lower sampling rate",
            )

    def response(self, angle: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
        """Frequency response of the quantised coefficients at ``angle`` radians per sample."""
        b = [c / 2.0 ** (SUM_BITS + self.shift) for c in self.b]
        return _response(b, [1.0, *(c / 2.0**FEEDBACK_BITS for c in self.a)], angle)


@dataclass(frozen=True, slots=True)
class IntFilter:
    """Sections in a row on one channel.

    Attributes
    ----------
    channel : int
        Index of the channel, which the output replaces.
    sections : tuple of Biquad
        At least one.
    """

    channel: int
    sections: tuple[Biquad, ...]

    def __post_init__(self) -> None:
        if self.channel < 0 or not self.sections:
            raise ConfigError("a filter needs a channel from 0 and at least one section", where="filter")


def _round_shift(x: Int64, shift: int) -> Int64:
    out: Int64 = (x + ((1 << shift) >> 1)) >> shift
    return out


def run_section(section: Biquad, x: Int64) -> Int64:
    """Filter signals from the state of zeros, shape (n, signals), int16 values."""
    y = np.zeros_like(x)
    x1 = x2 = y1 = y2 = np.zeros(x.shape[1], np.int64)
    rest = np.full(x.shape[1], FIRST_REST, np.int64)
    (b0, b1, b2), (a1, a2) = section.b, section.a
    for i, now in enumerate(x):
        p = _round_shift(b0 * now + b1 * x1 + b2 * x2, section.shift)
        p = p + _round_shift(-a1 * y1 - a2 * y2, 1) + rest
        rest = p & ((1 << SUM_BITS) - 1)
        y[i] = saturate16(p >> SUM_BITS)
        x1, x2, y1, y2 = now, x1, y[i], y1
    return y


def run_filters(filters: Sequence[IntFilter], samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Filter a recording from its first sample on.

    Parameters
    ----------
    filters : sequence of IntFilter
        Applied in this order; two filters of one channel follow each other.
    samples : int16 array, shape (n, channels)

    Returns
    -------
    int16 array, shape (n, channels)
    """
    wide = samples.astype(np.int64)
    for one in filters:
        if one.channel >= wide.shape[1]:
            raise ConfigError(f"a filter names channel {one.channel} of {wide.shape[1]}", where="filter")
        signal = wide[:, one.channel : one.channel + 1]
        for section in one.sections:
            signal = run_section(section, signal)
        wide[:, one.channel] = signal[:, 0]
    return wide.astype(np.int16)


def quantise(b: Sequence[float], a: Sequence[float]) -> Biquad:
    """Quantise a section ``(b0, b1, b2) / (1, a1, a2)``, with the largest shift that b leaves room for."""
    size = sum(abs(c) for c in b)
    shift = MAX_SHIFT
    while shift > 0 and size * 2.0 ** (SUM_BITS + shift) > 2**15 - 2:
        shift -= 1
    scale = 2.0 ** (SUM_BITS + shift)
    b0, b1, b2 = (round(c * scale) for c in b)
    a1, a2 = (round(c * 2**FEEDBACK_BITS) for c in a)
    return Biquad((b0, b1, b2), (a1, a2), shift)


def butterworth(
    order: int, cutoff: float | tuple[float, float], rate_hz: float, kind: Kind = "lowpass"
) -> tuple[Biquad, ...]:
    """Design a Butterworth filter (SciPy) and quantise it.

    Parameters
    ----------
    order : int
        1 to 8.
    cutoff : float or pair of float
        Hz; a pair for bands.
    rate_hz : float
    kind : {"lowpass", "highpass", "bandpass", "bandstop"}

    Raises
    ------
    ConfigError
        Cut-offs outside 0 to rate / 2, or a filter that 14 fraction bits cannot hold to within 1 dB.
    """
    from scipy import signal

    edges = np.atleast_1d(np.asarray(cutoff, float))
    if not 1 <= order <= 8 or edges.size != (2 if kind in ("bandpass", "bandstop") else 1):
        raise ConfigError(
            "a filter needs an order of 1 to 8 and one cut-off, or two for a band", where="filter"
        )
    if not np.all(np.diff([0.0, *edges, rate_hz / 2]) > 0):
        raise ConfigError(f"cut-offs must lie between 0 and {rate_hz / 2:g} Hz and rise", where="filter")
    sos = np.asarray(
        signal.butter(order, edges if edges.size == 2 else edges[0], kind, fs=rate_hz, output="sos")
    )
    warped = np.tan(np.pi * edges / rate_hz)
    middle = 2 * float(np.arctan(np.sqrt(warped.prod()))) if edges.size == 2 else 0.0
    reference = {"lowpass": 0.0, "bandstop": 0.0, "highpass": np.pi, "bandpass": middle}[kind]
    return _sections(sos, reference)


def resonator(frequency: float, quality: float, rate_hz: float) -> tuple[Biquad, ...]:
    """Design a peak filter of gain one at `frequency` Hz and of width ``frequency / quality`` (SciPy)."""
    from scipy import signal

    if not 0 < frequency < rate_hz / 2 or not quality > 0:
        raise ConfigError(
            f"a peak filter needs a frequency between 0 and {rate_hz / 2:g} Hz and a quality above 0",
            where="filter",
        )
    b, a = signal.iirpeak(frequency, quality, fs=rate_hz)
    return _sections(np.concatenate([b, a])[None, :], 2 * np.pi * frequency / rate_hz)


def _sections(sos: npt.NDArray[np.float64], reference: float) -> tuple[Biquad, ...]:
    """Quantise sections, each with gain one at the angle `reference`, so that no signal loses bits."""
    angle = np.linspace(0, np.pi, 512)
    wanted, got = np.ones(512, complex), np.ones(512, complex)
    sections = []
    for row in sos.tolist():
        gain = abs(_response(row[:3], row[3:], np.array([reference]))[0])
        b = [c / gain for c in row[:3]]
        sections.append(quantise(b, row[4:]))
        wanted *= _response(b, row[3:], angle)
        got *= sections[-1].response(angle)
    passes = np.abs(wanted) > 0.25
    error = 20 * np.log10(np.maximum(np.abs(got[passes]), 1e-9) / np.abs(wanted[passes]))
    if error.size == 0 or np.abs(error).max() > 1.0:
        raise ConfigError(
            "14 fraction bits cannot hold this filter to within 1 dB",
            where="filter",
            hint="a higher cut-off, a wider band, a lower order or a lower sampling rate",
        )
    return tuple(sections)
