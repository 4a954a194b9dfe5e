"""References of the integer features against exact formulae, at the edges of int16 and of the window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensorai.errors import ConfigError
from sensorai.features import catalogue, spectrum
from sensorai.features.catalogue import IntFeature, check, factor, limits, names, reference, table
from sensorai.features.integer import bit_length, floor_sqrt
from sensorai.features.logarithm import log2
from tests.features.exact import exact
from tests.features.samples import Window, edge_windows, every_feature


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 16, 31, 32, 52, 64, 65])
def test_equals_exact_formulae(n: int) -> None:
    features = every_feature(n)
    windows = np.stack(edge_windows(n))
    got = table(features, windows)
    assert got.dtype == np.int32
    for window, values in zip(windows, got, strict=True):
        rows = window.tolist()
        for feature, value in zip(features, values.tolist(), strict=True):
            assert value == exact(feature, rows), feature
            low, high = limits(feature, n)
            assert low <= value <= high, feature


@pytest.mark.parametrize("n", [1023, 1024, 1025, 4096])
def test_long_windows(n: int) -> None:
    names_of = [
        "VARIANCE",
        "RMS",
        "STD",
        "BAND_RMS",
        "BAND_LOG",
        "MEAN_CROSSING",
        "PEAK",
        "CREST_FACTOR",
        "SKEWNESS",
        "KURTOSIS",
        "JERK_KURTOSIS",
        "ENVELOPE_MEAN",
        "ENVELOPE_KURTOSIS",
        "ENVELOPE_DOMINANT_BIN_2",
        "DOMINANT_BIN_3",
        "CORRELATION",
        "BAND_ENERGY",
        "JERK_DOMINANT_BIN",
        "NORM_MEAN",
    ]
    features = [f for f in every_feature(n) if f.name in names_of and f.inputs[0] == 0]
    for window in [*edge_windows(n)[3:7], edge_windows(n)[-1]]:
        got = table(features, window[None])[0].tolist()
        rows = window.tolist()
        assert got == [exact(feature, rows) for feature in features]
        for feature, value in zip(features, got, strict=True):
            low, high = limits(feature, n)
            assert low <= value <= high, feature


whole_windows = st.integers(3, 20).flatmap(
    lambda n: arrays(
        np.int16,
        (n, 3),
        elements=st.one_of(
            st.integers(-32768, 32767), st.integers(-5, 5), st.sampled_from([-32768, 32767, 0])
        ),
    )
)


@settings(max_examples=60, deadline=None)
@given(window=whole_windows, threshold=st.sampled_from([0, 1, 7, 32767]))
def test_any_window(window: Window, threshold: int) -> None:
    features = every_feature(len(window), threshold)
    rows = window.tolist()
    got = table(features, window[None])[0].tolist()
    assert got == [exact(feature, rows) for feature in features]


def test_textbook() -> None:
    """The factors lead to the quantities of the textbook."""
    window = edge_windows(52)[-4]
    x, y = window[:, 0].astype(float), window[:, 1].astype(float)
    spectrum_of = np.fft.rfft(x - x.mean(), 64) / 64
    wanted = {
        "MEAN": x.mean(),
        "VARIANCE": x.var(),
        "ENERGY": (x * x).mean(),
        "RMS": np.sqrt((x * x).mean()),
        "STD": x.std(),
        "BAND_RMS": np.sqrt((np.abs(spectrum_of[1:]) ** 2).sum()),
        "BAND_ENERGY": (np.abs(spectrum_of[1:]) ** 2).sum(),
        "BAND_LOG": 8 + np.log2((np.abs(spectrum_of[1:]) ** 2).sum()),
        "DOMINANT_BIN": np.abs(spectrum_of).argmax(),
    }
    for name, value in wanted.items():
        feature = IntFeature(name, (0,))
        assert reference(feature, window) * factor(feature, 52) == pytest.approx(value, rel=1e-3)
    pair = IntFeature("CORRELATION", (0, 1))
    assert reference(pair, window) * factor(pair, 52) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)


def test_logarithms_are_within_a_step() -> None:
    numbers = np.array([1, 2, 3, 65535, 65536, 65537, 10**9 + 7, 2**42 - 1, 2**62], np.int64)
    wanted = np.floor(256 * np.log2(numbers.astype(np.float64)) + 1e-9)
    assert np.isin(log2(numbers) - wanted, (-1, 0)).all()
    assert log2(np.zeros(1, np.int64)) == 0


#: Signals of vibration: what a sine, noise, a distribution with a tail, and a pulse in a long rest look like.
SHAPES = {
    "sine": lambda i, rng: 9000 * np.sin(0.37 * i),
    "square": lambda i, rng: 500 * np.sign(np.sin(0.37 * i + 0.1)) + 11000,
    "normal": lambda i, rng: rng.normal(16000, 3000, i.size),
    "small": lambda i, rng: rng.normal(-4, 3, i.size),
    "tail": lambda i, rng: rng.exponential(700, i.size),
    "pulse": lambda i, rng: np.where(i == i.size // 3, 30000, 0) + rng.normal(0, 30, i.size),
    "two": lambda i, rng: i % 2,
}


@pytest.mark.parametrize("n", [32, 104, 1000, 4096])
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_of_the_distribution(n: int, shape: str) -> None:
    """Peak exactly, the ratios within one part in a thousand and one unit of what SciPy finds."""
    from scipy import stats

    window = np.rint(SHAPES[shape](np.arange(n), np.random.default_rng(n))).astype(np.int16)[:, None]
    x = window[:, 0].astype(float)
    peak = np.abs(x - x.mean()).max()
    wanted = {
        "PEAK": (peak, 1e-9),
        "CREST_FACTOR": (peak / x.std(), 2e-3),
        "SKEWNESS": (stats.skew(x), 2e-3),
        "KURTOSIS": (stats.kurtosis(x, fisher=False), 2e-3),
    }
    for name, (value, unit) in wanted.items():
        feature = IntFeature(name, (0,))
        assert reference(feature, window) * factor(feature, n) == pytest.approx(value, rel=1e-3, abs=unit), (
            name
        )
        if name == "SKEWNESS":
            mirrored = np.ascontiguousarray(-window)
            assert reference(feature, mirrored) == -reference(feature, window)


def test_envelope_finds_what_modulates() -> None:
    """Ringing at 0.21 of the rate, struck 100 times in 4096 samples.

    The raw spectrum shows the ringing, that of the envelope the strikes, as SciPy's Hilbert transform does.
    """
    from scipy import signal

    n = 4096
    rng = np.random.default_rng(3)
    strikes = np.zeros(n)
    strikes[(np.arange(100) * n / 100).astype(int)] = 1
    i = np.arange(120)
    ring = np.exp(-i / 15) * np.sin(2 * np.pi * 0.21 * i)
    x = 3000 * np.convolve(strikes, ring)[:n] + rng.normal(0, 150, n) + 16384
    window = np.rint(x).astype(np.int16)[:, None]
    assert abs(reference(IntFeature("DOMINANT_BIN", (0,)), window) / 1024 - 0.21) < 0.03
    bins = [IntFeature(f"ENVELOPE_{name}", (0,)) for name in ("DOMINANT_BIN", "DOMINANT_BIN_2")]
    got = [reference(feature, window) for feature in bins]
    # 512 bins to half of an eighth of the rate: one bin is rate / 4096
    size = np.abs(np.fft.rfft(np.abs(signal.hilbert(x - x.mean()))))
    assert size[2:].argmax() + 2 == got[0] == 100
    assert got[1] == 200
    energy = IntFeature("ENVELOPE_BAND_ENERGY", (0,), band=(99, 101))
    beside = IntFeature("ENVELOPE_BAND_ENERGY", (0,), band=(120, 180))
    assert reference(energy, window) > 10 * reference(beside, window) > 0


def test_peaks_of_the_spectrum() -> None:
    """Three lines, the strongest first; a line beside a band is none of its peaks."""
    i = np.arange(1024)
    lines = ((40, 8000), (200, 4000), (310, 1000))
    x = sum(a * np.sin(2 * np.pi * k * i / 1024) for k, a in lines) - 3000
    window = np.rint(x).astype(np.int16)[:, None]
    names_of = ("DOMINANT_BIN", "DOMINANT_BIN_2", "DOMINANT_BIN_3")
    assert [reference(IntFeature(name, (0,)), window) for name in names_of] == [40, 200, 310]
    above = [reference(IntFeature(name, (0,), band=(100, 400)), window) for name in names_of]
    assert above[:2] == [200, 310]
    assert [reference(IntFeature(name, (0,), band=(7, 7)), window * 0) for name in names_of] == [0, 0, 0]


def test_correlation_of_itself() -> None:
    for window in edge_windows(31):
        constant = len(set(window[:, 0].tolist())) == 1
        assert reference(IntFeature("CORRELATION", (0, 0)), window) == (0 if constant else 32768)
    opposite = np.array([[1, -1], [5, -5], [-32767, 32767]], np.int16)
    assert reference(IntFeature("CORRELATION", (0, 1)), opposite) == -32768


def test_saturation_of_derived_signals() -> None:
    window = np.array([[32767, -32768, -32768], [-32768, -32768, -32768]], np.int16)
    assert reference(IntFeature("JERK_MINIMUM", (0,)), window) == -32768
    assert reference(IntFeature("NORM_MAXIMUM", (0, 1, 2)), window) == 32767
    assert reference(IntFeature("NORM_JERK_MAXIMUM", (0, 1, 2)), window) == 0


def test_thresholds_are_exact() -> None:
    """A crossing needs more than the threshold on both sides; so does a peak."""
    x = np.array([[5], [-5], [5], [-5]], np.int16)
    for name, at in (("ZERO_CROSSING", 3), ("MEAN_CROSSING", 3)):
        assert reference(IntFeature(name, (0,), threshold=4), x) == at
        assert reference(IntFeature(name, (0,), threshold=5), x) == 0
    assert reference(IntFeature("PEAKS", (0,), threshold=9), x) == 1
    assert reference(IntFeature("PEAKS", (0,), threshold=10), x) == 0


@given(st.integers(0, 2**52 - 1), st.integers(0, 2**26 - 1))
def test_root(x: int, r: int) -> None:
    import math

    for v in {x, r * r, max(r * r - 1, 0), r * r + 2 * r}:
        assert floor_sqrt(np.array([v])).tolist() == [math.isqrt(v)]
        assert bit_length(np.array([v])).tolist() == [v.bit_length()]


def test_sine_table_does_not_depend_on_the_machine() -> None:
    """No entry is so near a half that the last bit of a library's sine could turn it."""
    for length in (4, 8, 64, 1024):
        real = 32768 * np.sin(2 * np.pi * np.arange(length // 4 + 1) / length)
        assert np.abs(real - np.floor(real) - 0.5).min() > 1e-3
    assert spectrum.sine_table(1024)[::16].tolist() == spectrum.sine_table(64).tolist()


def test_refusals() -> None:
    for feature, text in (
        (IntFeature("MEEN", (0,)), "did you mean MEAN"),
        (IntFeature("?", (0,)), "no feature is called"),
        (IntFeature("JERK_CORRELATION", (0, 1)), "no feature is called"),
        (IntFeature("MEAN", (3,)), "takes 1 of the channels 0 to 2"),
        (IntFeature("NORM_MEAN", (0, 1)), "takes 3 of the channels"),
        (IntFeature("MEAN", (0,), threshold=1), "it takes none"),
        (IntFeature("PEAKS", (0,), threshold=-1), "0 to 32767 is possible"),
        (IntFeature("PEAKS", (0,), threshold=32768), "0 to 32767 is possible"),
        (IntFeature("MEAN", (0,), band=(1, 2)), "takes no band"),
        (IntFeature("BAND_ENERGY", (0,), band=(3, 2)), "is not within bins 0 to 32"),
        (IntFeature("BAND_ENERGY", (0,), band=(3, 33)), "is not within bins 0 to 32"),
    ):
        with pytest.raises(ConfigError) as caught:
            check(feature, 52, 3)
        assert text in str(caught.value)
    for name, least in (("JERK_MEAN", 2), ("DOMINANT_BIN", 3), ("NORM_JERK_BAND_ENERGY", 4), ("MEAN", 1)):
        inputs = (0, 1, 2) if name.startswith("NORM") else (0,)
        check(IntFeature(name, inputs), least, 3)
        for bad in (least - 1, 4097 + (least > 1)):
            with pytest.raises(ConfigError, match=f"a window of {least} to 4096"):
                check(IntFeature(name, inputs), bad, 3)


def test_names_and_labels() -> None:
    assert len(names()) == len(set(names())) == 119
    assert {q.name for q in catalogue.QUANTITIES} <= set(names())
    assert all(q.formula and q.function for q in catalogue.QUANTITIES)
    label = IntFeature("NORM_BAND_ENERGY", (0, 1, 2), band=(1, 4)).label(["ax", "ay", "az"])
    assert label == "NORM_BAND_ENERGY_ax_ay_az_1_4"
    assert IntFeature("PEAKS", (1,), threshold=9).label() == "PEAKS_1_9"
