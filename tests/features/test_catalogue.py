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
from tests.features.exact import exact
from tests.features.samples import Window, edge_windows, every_feature


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 31, 52, 64, 65])
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
        "MEAN_CROSSING",
        "CORRELATION",
        "BAND_ENERGY",
        "JERK_DOMINANT_BIN",
        "NORM_MEAN",
    ]
    features = [f for f in every_feature(n) if f.name in names_of and f.inputs[0] == 0]
    for window in edge_windows(n)[3:6]:
        got = table(features, window[None])[0].tolist()
        rows = window.tolist()
        assert got == [exact(feature, rows) for feature in features]


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
    window = edge_windows(52)[-2]
    x, y = window[:, 0].astype(float), window[:, 1].astype(float)
    spectrum_of = np.fft.rfft(x - x.mean(), 64) / 64
    wanted = {
        "MEAN": x.mean(),
        "VARIANCE": x.var(),
        "ENERGY": (x * x).mean(),
        "RMS": np.sqrt((x * x).mean()),
        "BAND_ENERGY": (np.abs(spectrum_of[1:]) ** 2).sum(),
        "DOMINANT_BIN": np.abs(spectrum_of).argmax(),
    }
    for name, value in wanted.items():
        feature = IntFeature(name, (0,))
        assert reference(feature, window) * factor(feature, 52) == pytest.approx(value, rel=1e-3)
    pair = IntFeature("CORRELATION", (0, 1))
    assert reference(pair, window) * factor(pair, 52) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-4)


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
    assert len(names()) == len(set(names())) == 49
    assert {q.name for q in catalogue.QUANTITIES} <= set(names())
    assert all(q.formula and q.function for q in catalogue.QUANTITIES)
    label = IntFeature("NORM_BAND_ENERGY", (0, 1, 2), band=(1, 4)).label(["ax", "ay", "az"])
    assert label == "NORM_BAND_ENERGY_ax_ay_az_1_4"
    assert IntFeature("PEAKS", (1,), threshold=9).label() == "PEAKS_1_9"
