"""The catalogue of integer features: what each one is, its range, its reference and its C function.

A feature is a quantity (`Quantity`: MEAN, VARIANCE, ...) of a signal (`Signal`: an axis, the norm of three
axes, the differences of either, or the envelope of an axis), written together: ``MEAN``, ``JERK_ENERGY``,
``NORM_PEAKS``, ``NORM_JERK_RMS``, ``ENVELOPE_DOMINANT_BIN``. Input is a window of int16 sensor counts; the
result is an exact whole number that always fits int32. No quantity divides by the length of the window n:
sums are scaled by ``2**k``, k = ceil(log2 n). `Quantity.factor` is what turns the number into the one of the
textbook.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.features import spectrum, statistics
from sensorai.features.integer import INT16_MAX, INT16_MIN, Int64, log2_ceil

#: Longest window in samples: keeps sums of squares below 2**42 and products with n in int32.
MAX_WINDOW = 4096


@dataclass(frozen=True, slots=True)
class IntFeature:
    """One feature of a pipeline.

    Attributes
    ----------
    name : str
        Signal and quantity, as in `names`.
    inputs : tuple of int
        Channel indices: one for an axis, three for NORM, two for CORRELATION.
    threshold : int
        Counts, 0 to 32767, for ZERO_CROSSING, MEAN_CROSSING, PEAKS; else 0.
    band : tuple of int or None
        First and last bin, for quantities of the spectrum (None: all but bin 0).
    """

    name: str
    inputs: tuple[int, ...]
    threshold: int = 0
    band: tuple[int, int] | None = None

    def label(self, channels: Sequence[str] = ()) -> str:
        """Name in tables and C, as in ``MEAN_acc_x`` or ``BAND_ENERGY_0_2_5`` (bins last)."""
        parts = [self.name, *(channels[i] if channels else str(i) for i in self.inputs)]
        parts += [str(self.threshold)] if self.threshold else []
        parts += [str(edge) for edge in self.band or ()]
        return "_".join(parts)


@dataclass(frozen=True, slots=True)
class Signal:
    """What a quantity is computed from.

    Attributes
    ----------
    prefix : str
        First part of feature names.
    inputs : int
        Channels that it takes.
    formula : str
    lost : int
        Samples by which it is shorter than the window.
    step : int
        Samples of the window to one of the signal: a window of n gives ``n // step - lost``.
    quantities : tuple of str
        Those that are taken of it; empty: all.
    """

    prefix: str
    inputs: int
    formula: str
    lost: int = 0
    step: int = 1
    quantities: tuple[str, ...] = ()


#: The signals; all are int16 after saturation.
SIGNALS = (
    Signal("NORM_JERK_", 3, "differences of the norm, saturated to int16", 1),
    Signal("NORM_", 3, "floor(sqrt(x^2 + y^2 + z^2)) of each sample, at most 32767"),
    Signal("JERK_", 1, "x[i+1] - x[i], saturated to int16", 1),
    Signal(
        "ENVELOPE_",
        1,
        "|x[i+1] - x[i]| with the weights 1, 2 ... 8 ... 2, 1 over 64, every eighth, rounded down",
        1,
        statistics.ENVELOPE_STEP,
    ),
    *(
        Signal(prefix, 1, f"the {word} third of the samples", 0, 3, ("MEAN", "STD", "MINIMUM", "MAXIMUM"))
        for prefix, word in (("START_", "first"), ("END_", "last"))
    ),
    Signal("", 1, "the samples of a channel"),
)

Range = tuple[int, int]


class Samples:
    """A signal of many windows, shape (windows, n), and its spectrum, computed when first asked for."""

    def __init__(self, x: Int64) -> None:
        self.x = x

    @cached_property
    def power(self) -> tuple[Int64, Int64]:
        """Return the bins and the scaling of `spectrum.power`."""
        return spectrum.power(self.x)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One catalogue row.

    Attributes
    ----------
    name : str
    formula : str
        In words; n is the number of samples, k = ceil(log2 n), sums run over the window.
    compute : callable
        Reference: (the signals, the feature) -> int64 array of shape (windows,).
    limits : callable
        (n, feature) -> smallest and largest result.
    function : str
        C function in ``runtime/features``.
    needs : tuple of str
        Shared sums of the signal: "SUM", "SQUARES", "LIMITS", and those of the powers of the deviations from
        the mean, "THIRD" and "FOURTH", which are made from all of the others.
    inputs : int
        Signals it takes: 2 for CORRELATION.
    takes : str
        Its parameter: "", "threshold" or "band".
    factor : callable
        n -> multiplier to the textbook quantity in counts.
    shortest : int
        Fewest samples.
    """

    name: str
    formula: str
    compute: Callable[[Sequence[Samples], IntFeature], Int64]
    limits: Callable[[int, IntFeature], Range]
    function: str
    needs: tuple[str, ...] = ()
    inputs: int = 1
    takes: str = ""
    factor: Callable[[int], float] = lambda n: 1.0
    shortest: int = 1


def _ratio(n: int) -> float:
    return 2.0**-statistics.RATIO_BITS


def _root(n: int) -> int:
    """More than the root of n, which neither crest factor nor skewness exceeds, in their units."""
    return (math.isqrt(n) + 1) << statistics.RATIO_BITS


def _scale(n: int) -> float:
    """``2**k / n``: what sums over 2**k miss to be means."""
    return float(2.0 ** log2_ceil(n) / n)


def _band(n: int, feature: IntFeature) -> Range:
    return feature.band or (1, spectrum.spectrum_length(n) // 2)


def _dominant(data: Samples, feature: IntFeature) -> Int64:
    return spectrum.dominant_bin(data.power[0], *_band(data.x.shape[1], feature))


def _ranked(rank: int) -> Callable[[Sequence[Samples], IntFeature], Int64]:
    """Return the reference of the peak of this rank in the spectrum."""

    def compute(signals: Sequence[Samples], feature: IntFeature) -> Int64:
        (data,) = signals
        return spectrum.peak_bin(data.power[0], *_band(data.x.shape[1], feature), rank)

    return compute


def _band_rms(data: Samples, feature: IntFeature) -> Int64:
    return spectrum.band_rms(*data.power, *_band(data.x.shape[1], feature))


def _band_log(data: Samples, feature: IntFeature) -> Int64:
    return spectrum.band_log(*data.power, *_band(data.x.shape[1], feature))


def _band_energy(data: Samples, feature: IntFeature) -> Int64:
    return spectrum.band_energy(*data.power, *_band(data.x.shape[1], feature))


#: The catalogue.
QUANTITIES = (
    Quantity(
        "MEAN",
        "sum of x: n times the mean, exact",
        lambda s, f: statistics.total(s[0].x),
        lambda n, f: (n * INT16_MIN, n * INT16_MAX),
        "sa_scan",
        ("SUM",),
        factor=lambda n: 1.0 / n,
    ),
    Quantity(
        "VARIANCE",
        "(n sum of x^2 - (sum of x)^2) >> 2k: the variance times n^2 / 4^k, rounded down",
        lambda s, f: statistics.variance(s[0].x),
        lambda n, f: (0, 1 << 30),
        "sa_variance",
        ("SUM", "SQUARES"),
        factor=lambda n: _scale(n) ** 2,
    ),
    Quantity(
        "ENERGY",
        "sum of x^2 >> k: the mean square times n / 2^k, rounded down",
        lambda s, f: statistics.energy(s[0].x),
        lambda n, f: (0, 1 << 30),
        "sa_energy",
        ("SQUARES",),
        factor=_scale,
    ),
    Quantity(
        "RMS",
        "floor of the root of (sum of x^2 << 8 >> k): 16 times the RMS times sqrt(n / 2^k)",
        lambda s, f: statistics.rms(s[0].x),
        lambda n, f: (0, 1 << 19),
        "sa_rms",
        ("SQUARES",),
        factor=lambda n: math.sqrt(_scale(n)) / 16.0,
    ),
    Quantity(
        "STD",
        "floor of the root of (n sum of x^2 - (sum of x)^2) << 8 >> 2k: 16 times the standard deviation "
        "times n / 2^k",
        lambda s, f: statistics.std(s[0].x),
        lambda n, f: (0, 1 << 19),
        "sa_std",
        ("SUM", "SQUARES"),
        factor=lambda n: _scale(n) / 16.0,
    ),
    Quantity(
        "MINIMUM",
        "least x",
        lambda s, f: s[0].x.min(axis=1),
        lambda n, f: (INT16_MIN, INT16_MAX),
        "sa_scan",
        ("LIMITS",),
    ),
    Quantity(
        "MAXIMUM",
        "largest x",
        lambda s, f: s[0].x.max(axis=1),
        lambda n, f: (INT16_MIN, INT16_MAX),
        "sa_scan",
        ("LIMITS",),
    ),
    Quantity(
        "PEAK_TO_PEAK",
        "largest x - least x",
        lambda s, f: s[0].x.max(axis=1) - s[0].x.min(axis=1),
        lambda n, f: (0, INT16_MAX - INT16_MIN),
        "sa_scan",
        ("LIMITS",),
    ),
    Quantity(
        "PEAK",
        "largest |n x - sum of x|: n times the largest deviation from the mean, exact",
        lambda s, f: statistics.peak(s[0].x),
        lambda n, f: (0, (n - 1) * (INT16_MAX - INT16_MIN)),
        "sa_peak",
        ("SUM", "LIMITS"),
        factor=lambda n: 1.0 / n,
    ),
    Quantity(
        "CREST_FACTOR",
        "largest deviation from the mean over the standard deviation, times 2^10, rounded down",
        lambda s, f: statistics.crest_factor(s[0].x),
        lambda n, f: (0, _root(n)),
        "sa_crest_factor",
        ("SUM", "SQUARES", "LIMITS"),
        factor=_ratio,
    ),
    Quantity(
        "SKEWNESS",
        "third central moment over the standard deviation cubed, times 2^10, towards zero",
        lambda s, f: statistics.skewness(s[0].x),
        lambda n, f: (-_root(n), _root(n)),
        "sa_skewness",
        ("SUM", "SQUARES", "LIMITS", "THIRD"),
        factor=_ratio,
    ),
    Quantity(
        "KURTOSIS",
        "fourth central moment over the variance squared, times 2^10, rounded down",
        lambda s, f: statistics.kurtosis(s[0].x),
        lambda n, f: (0, n << statistics.RATIO_BITS),
        "sa_kurtosis",
        ("SUM", "SQUARES", "LIMITS", "FOURTH"),
        factor=_ratio,
    ),
    Quantity(
        "ZERO_CROSSING",
        "changes between x > threshold and x < -threshold; what is between changes nothing",
        lambda s, f: statistics.zero_crossings(s[0].x, f.threshold),
        lambda n, f: (0, n - 1),
        "sa_zero_crossings",
        takes="threshold",
    ),
    Quantity(
        "MEAN_CROSSING",
        "the same of x less its exact mean (n x - sum of x against n threshold)",
        lambda s, f: statistics.mean_crossings(s[0].x, f.threshold),
        lambda n, f: (0, n - 1),
        "sa_mean_crossings",
        ("SUM",),
        takes="threshold",
    ),
    Quantity(
        "PEAKS",
        "maxima after a rise of more than threshold and before a fall of more than threshold",
        lambda s, f: statistics.peaks(s[0].x, f.threshold),
        lambda n, f: (0, (n - 1) // 2),
        "sa_peaks",
        takes="threshold",
    ),
    Quantity(
        "TREND",
        "sum of the later half less that of the earlier half; the middle of an odd number is in neither",
        lambda s, f: statistics.trend(s[0].x),
        lambda n, f: (-(n // 2) * (INT16_MAX - INT16_MIN), (n // 2) * (INT16_MAX - INT16_MIN)),
        "sa_trend",
        factor=lambda n: 1.0 / (n // 2),
        shortest=2,
    ),
    Quantity(
        "CORRELATION",
        "Pearson correlation of two channels times 2^15, towards zero; 0 where one is constant",
        lambda s, f: statistics.correlation(s[0].x, s[1].x),
        lambda n, f: (-statistics.CORRELATION_ONE, statistics.CORRELATION_ONE),
        "sa_correlation",
        ("SUM", "SQUARES"),
        inputs=2,
        factor=lambda n: 1.0 / statistics.CORRELATION_ONE,
    ),
    Quantity(
        "DOMINANT_BIN",
        "strongest bin of the integer FFT in the band, the lowest of equals; 0 where all are empty",
        lambda s, f: _dominant(s[0], f),
        lambda n, f: (0, _band(n, f)[1]),
        "sa_dominant_bin",
        ("SUM", "LIMITS"),
        takes="band",
        shortest=spectrum.MIN_SAMPLES,
    ),
    *(
        Quantity(
            f"DOMINANT_BIN_{rank}",
            f"bin of the {word} strongest peak of the spectrum in the band; 0 where there are not so many",
            _ranked(rank),
            lambda n, f: (0, _band(n, f)[1]),
            "sa_peak_bin",
            ("SUM", "LIMITS"),
            takes="band",
            shortest=spectrum.MIN_SAMPLES,
        )
        for rank, word in ((2, "second"), (3, "third"))
    ),
    Quantity(
        "BAND_ENERGY",
        "sum of |X[k] / N|^2 over the bins of the band, one-sided, in squared counts, rounded down",
        lambda s, f: _band_energy(s[0], f),
        lambda n, f: (0, 2**31 - 1),
        "sa_band_energy",
        ("SUM", "LIMITS"),
        takes="band",
        shortest=spectrum.MIN_SAMPLES,
    ),
    Quantity(
        "BAND_RMS",
        "floor of the root of (sum of |X[k] / N|^2 over the bins of the band) << 8: 16 times the RMS of "
        "the band in counts",
        lambda s, f: _band_rms(s[0], f),
        lambda n, f: (0, math.isqrt((2**31 - 1) << 8)),
        "sa_band_rms",
        ("SUM", "LIMITS"),
        takes="band",
        shortest=spectrum.MIN_SAMPLES,
        factor=lambda n: 1 / 16.0,
    ),
    Quantity(
        "BAND_LOG",
        "256 times (8 + log2 of the sum of |X[k] / N|^2 over the bins of the band), rounded down; at least "
        "0, as of an empty band",
        lambda s, f: _band_log(s[0], f),
        lambda n, f: (0, 10240),
        "sa_band_log",
        ("SUM", "LIMITS"),
        takes="band",
        shortest=spectrum.MIN_SAMPLES,
        factor=lambda n: 1 / 256.0,
    ),
)

_DERIVED: dict[str, Callable[[Int64], Int64]] = {
    "": lambda x: x,
    "JERK_": statistics.jerk,
    "ENVELOPE_": statistics.envelope,
    "START_": lambda x: x[:, : x.shape[1] // 3],
    "END_": lambda x: x[:, x.shape[1] - x.shape[1] // 3 :],
}

_ROWS = {
    signal.prefix + quantity.name: (signal, quantity)
    for signal in SIGNALS
    for quantity in QUANTITIES
    if quantity.name in (signal.quantities or (quantity.name,))
    and (quantity.inputs == 1 or not signal.prefix)
}


def names() -> tuple[str, ...]:
    """Names of all features."""
    return tuple(_ROWS)


def row(feature: IntFeature) -> tuple[Signal, Quantity]:
    """Return signal and quantity of a feature.

    Raises
    ------
    ConfigError
        No such name; the hint has the nearest one.
    """
    if feature.name not in _ROWS:
        from difflib import get_close_matches

        near = get_close_matches(feature.name.upper(), _ROWS, n=1)
        raise ConfigError(
            f"no feature is called {feature.name!r}",
            where="features",
            hint=f"did you mean {near[0]}?" if near else "names are " + ", ".join(q.name for q in QUANTITIES),
        )
    return _ROWS[feature.name]


def formula(feature: IntFeature) -> str:
    """How a feature is computed: its quantity, and the signal it is taken of."""
    signal, quantity = row(feature)
    return f"{quantity.formula}; of {signal.formula}" if signal.prefix else quantity.formula


def samples(feature: IntFeature, window: int) -> int:
    """Samples of the feature's signal in a window."""
    signal = row(feature)[0]
    return window // signal.step - signal.lost


def check(feature: IntFeature, window: int, channels: int) -> None:
    """Refuse a feature that has no meaning for this window.

    Raises
    ------
    ConfigError
    """
    signal, quantity = row(feature)
    wanted = max(signal.inputs, quantity.inputs)
    where = f"features: {feature.label()}"
    if len(feature.inputs) != wanted or not all(0 <= i < channels for i in feature.inputs):
        raise ConfigError(f"{feature.name} takes {wanted} of the channels 0 to {channels - 1}", where=where)
    n = samples(feature, window)
    if window > MAX_WINDOW or n < quantity.shortest:
        least = (quantity.shortest + signal.lost) * signal.step
        raise ConfigError(f"{feature.name} needs a window of {least} to {MAX_WINDOW} samples", where=where)
    if not 0 <= feature.threshold <= INT16_MAX or (feature.threshold and quantity.takes != "threshold"):
        raise ConfigError(
            f"threshold {feature.threshold} of {feature.name}: "
            + ("0 to 32767 is possible" if quantity.takes == "threshold" else "it takes none"),
            where=where,
        )
    if quantity.takes != "band":
        if feature.band is not None:
            raise ConfigError(f"{feature.name} takes no band", where=where)
        return
    last = spectrum.spectrum_length(n) // 2
    low, high = _band(n, feature)
    if not 0 <= low <= high <= last:
        raise ConfigError(f"the band {low} to {high} is not within bins 0 to {last}", where=where)


def limits(feature: IntFeature, window: int) -> Range:
    """Smallest and largest value that the feature can take."""
    return row(feature)[1].limits(samples(feature, window), feature)


def factor(feature: IntFeature, window: int) -> float:
    """Multiplier that turns the integer into the textbook quantity in counts."""
    return row(feature)[1].factor(samples(feature, window))


#: Numbers of windows that are looked at at once: their sums and squares take some fifty bytes each.
AT_ONCE = 1 << 21


def table(features: Sequence[IntFeature], windows: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """Compute features of many windows: the reference that every C build must equal.

    Parameters
    ----------
    features : sequence of IntFeature
    windows : int16 array, shape (windows, n, channels)

    Returns
    -------
    int32 array, shape (windows, features)

    Raises
    ------
    ConfigError
        A feature that `check` refuses.
    """
    count, n, channels = windows.shape
    at_once = max(AT_ONCE // max(n * channels, 1), 1)
    if count > at_once:
        return np.concatenate([table(features, windows[k : k + at_once]) for k in range(0, count, at_once)])
    wide = windows.astype(np.int64)
    known: dict[tuple[Signal, tuple[int, ...]], Samples] = {}

    def samples_of(signal: Signal, inputs: tuple[int, ...]) -> Samples:
        if (signal, inputs) not in known:
            x = [wide[:, :, i] for i in inputs]
            one = statistics.norm(*x) if signal.inputs == 3 else x[0]
            known[signal, inputs] = Samples(_DERIVED[signal.prefix.removeprefix("NORM_")](one))
        return known[signal, inputs]

    out = np.zeros((count, len(features)), np.int32)
    for column, feature in enumerate(features):
        check(feature, n, channels)
        signal, quantity = row(feature)
        groups = [feature.inputs] if quantity.inputs == 1 else [(i,) for i in feature.inputs]
        out[:, column] = quantity.compute([samples_of(signal, group) for group in groups], feature)
    return out


def reference(feature: IntFeature, window: npt.NDArray[np.int16]) -> int:
    """Compute one feature of one window, int16 array of shape (n, channels)."""
    return int(table([feature], window[None])[0, 0])
