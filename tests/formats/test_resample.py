"""Resampling: exact where it can be, labels carried, said aloud."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.formats import at_rate, resample
from sensorai.formats.resample import TOLERANCE, resampled, to_rate
from sensorai.recording import Channel, Recording, Span

ACC = tuple(Channel(f"acc_{a}", "g") for a in "xyz")


def wave(n: int, rate: float, hz: float = 1.0) -> Recording:
    t = np.arange(n) / rate
    samples = np.stack([np.sin(2 * np.pi * hz * t), np.full(n, 1.0), 0.01 * t], axis=1)
    labels = {"label": (Span(0, n // 2, "a"), Span(n // 2, n, "b"))}
    return Recording(samples, ACC, rate, labels, group="g", name="n", source="s", time_s=t + 7)


@pytest.mark.parametrize(("have", "want"), [(50.0, 52.0), (100.0, 26.0), (104.39473, 104.0), (30.0, 240.0)])
def test_signals_survive(have: float, want: float) -> None:
    before = wave(int(10 * have), have)
    after = resample(before, want)
    assert after.rate_hz == want
    assert len(after) == pytest.approx(10 * want, abs=1)
    t = np.arange(len(after)) / want
    inner = slice(int(want), -int(want))
    assert np.abs(after.samples[:, 0] - np.sin(2 * np.pi * t))[inner].max() < 5e-3
    # gravity stays, to the very ends, and so does drift but for the ends
    assert np.abs(after.samples[:, 1] - 1).max() < 1e-12
    assert np.abs(after.samples[:, 2] - 0.01 * t)[inner].max() < 1e-5
    assert after.time_s is not None
    assert np.allclose(after.time_s, 7 + t)
    assert after.notes == (f"resampled from {have:.6g} Hz to {want:g} Hz",)
    assert (after.group, after.name, after.source, after.channels) == ("g", "n", "s", ACC)


def test_gravity_that_turns_gets_no_ripple() -> None:
    samples = np.zeros((400, 3))
    samples[200:, 2] = 1.0
    after = resample(Recording(samples, ACC, 50.0), 52.0).samples[:, 2]
    assert np.abs(after[:190]).max() < 1e-15
    assert np.abs(after[230:] - 1).max() < 1e-12


def test_what_the_new_rate_cannot_carry_is_filtered() -> None:
    after = resample(wave(1000, 100.0, 40.0), 26.0)
    assert np.abs(after.samples[26:-26, 0]).max() < 0.02


def test_labels_keep_their_borders() -> None:
    after = resample(wave(100, 50.0), 52.0)
    assert len(after) == 104
    assert after.labels["label"] == (Span(0, 52, "a"), Span(52, 104, "b"))
    down = resample(wave(99, 100.0), 25.0)
    assert len(down) == 25
    assert down.labels["label"] == (Span(0, 12, "a"), Span(12, 25, "b"))


def test_labels_shorter_than_a_new_sample_go() -> None:
    recording = Recording(np.zeros((40, 3)), ACC, 100.0, {"label": (Span(0, 1, "a"), Span(1, 40, "b"))})
    assert resample(recording, 10.0).labels["label"] == (Span(0, 4, "b"),)


def test_same_rate_changes_nothing() -> None:
    recording = wave(10, 50.0)
    assert resample(recording, 50.0) is recording
    assert at_rate(recording, 50.0) is recording


def test_at_rate_only_says_so() -> None:
    before = wave(10, 50.0)
    after = at_rate(before, 52.0)
    assert after.samples is before.samples
    assert (after.rate_hz, after.time_s) == (52.0, None)
    assert after.notes == ("taken as 52 Hz instead of 50 Hz, samples unchanged",)
    unknown = at_rate(Recording(np.zeros((1, 3)), ACC, None), 26.0)
    assert unknown.notes == ("taken as 26 Hz instead of no known rate, samples unchanged",)


def test_refusals() -> None:
    with pytest.raises(DataError, match="rate of the log is not known"):
        resample(Recording(np.zeros((9, 3)), ACC, None), 26.0)
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="must be positive"):
            resample(wave(9, 50.0), bad)
        with pytest.raises(ConfigError, match="must be positive"):
            at_rate(wave(9, 50.0), bad)
    for far in (1e-3, 1e6):
        with pytest.raises(ConfigError, match="the ratio is beyond 1000"):
            resample(wave(9, 50.0), far)


def test_empty_recording() -> None:
    assert len(resample(Recording(np.zeros((0, 3)), ACC, 50.0), 52.0)) == 0


def test_within_tolerance_a_log_is_taken_as_it_is() -> None:
    for have in (50.0, 50.0 * (1 - TOLERANCE) + 1e-9, 50.0 * (1 + TOLERANCE) - 1e-9):
        recording = wave(9, have)
        assert to_rate(recording, 50.0) is recording
        assert to_rate(recording, 50.0, how="refuse") is recording
    off = to_rate(wave(100, 50.0 * (1 + TOLERANCE) + 1e-6), 50.0)
    assert off.rate_hz == 50.0
    assert off.notes[-1].startswith("resampled from 51.5 Hz")
    assert len(off) == 98


def test_refused_and_as_is_and_unknown() -> None:
    recording = wave(100, 26.0)
    with pytest.raises(DataError, match="the log is at 26 Hz, the project runs at 52 Hz") as refusal:
        to_rate(recording, 52.0, how="refuse", what="project")
    assert "drop --no-resample" in str(refusal.value)
    same = to_rate(recording, 52.0, how="as-is")
    assert (same.rate_hz, len(same), same.notes) == (52.0, 100, recording.notes)
    unknown = to_rate(Recording(np.zeros((1, 3)), ACC, None), 26.0)
    assert unknown.rate_hz == 26.0
    assert unknown.notes == ("the log does not say its rate: taken as 26 Hz, the rate of the core",)
    with pytest.raises(ConfigError):
        to_rate(recording, 0.0)


def test_one_note_for_many() -> None:
    assert resampled([50.0, 50.0], 52.0) == "2 recordings resampled from 50 Hz to 52 Hz"
    assert resampled([26.01], 52.0) == "1 recording resampled from 26.01 Hz to 52 Hz"
    assert resampled([25.0, 100.0], 52.0) == "2 recordings resampled from 25 to 100 Hz to 52 Hz"
    assert resampled([104.48, 104.49], 120.0) == "2 recordings resampled from 104.5 Hz to 120 Hz"


def test_a_rate_too_near_to_resample_says_so() -> None:
    before = Recording(np.zeros((50, 3)), tuple(Channel(f"acc_{a}", "g") for a in "xyz"), 104.02)
    after = resample(before, 104.0)
    assert after.rate_hz == 104.0
    assert after.samples is before.samples
    assert after.history == ("taken as 104 Hz instead of 104.02 Hz, samples unchanged: too near to resample",)


@pytest.mark.parametrize(
    ("have", "want"), [(100.0, 25.0), (100.0, 26.0), (50.0, 52.0), (104.0, 26.0), (26.0, 104.0)]
)
def test_a_border_moves_to_the_nearest_new_sample(have: float, want: float) -> None:
    for border in range(1, 60):
        spans = (Span(0, border, "a"), Span(border, 60, "b"))
        after = resample(Recording(np.zeros((60, 3)), ACC, have, {"label": spans}), want)
        ends = [s.stop for s in after.labels["label"]]
        assert ends[-1] == len(after)
        at = border * want / have
        if 0.5 < at < len(after) - 0.5:
            # a border half way goes to the later sample
            assert ends[0] == np.floor(at + 0.5)
