"""Inspection finds what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.formats import inspect, mean_rate
from sensorai.recording import Channel, FloatArray, Recording, Span

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def recording(
    samples: FloatArray, time: FloatArray | None = None, unit: str = "mg", name: str = "acc"
) -> Recording:
    channels = tuple(Channel(f"{name}_{a}", unit) for a in "xyz")
    return Recording(samples, channels, 100.0, {"label": (Span(0, 10, "a"), Span(10, 15, "b"))}, time_s=time)


def flat(n: int) -> FloatArray:
    samples = np.zeros((n, 3))
    samples[:, 2] = 1000.0 + np.arange(n) % 3
    return samples


def test_a_clean_recording_has_no_findings() -> None:
    seen = inspect(recording(flat(60), np.arange(60) / 100))
    assert (seen.rows, seen.rate_hz, seen.measured_hz, seen.duration_s) == (60, 100.0, 100.0, 0.6)
    assert (seen.gaps, seen.repeats, seen.backwards, seen.repeated_rows) == ((), 0, 0, 0)
    assert seen.jitter_s == pytest.approx(0, abs=1e-12)
    assert (seen.saturated, seen.notes) == ({}, ())
    assert seen.ranges == {"acc_x": (0, 0), "acc_y": (0, 0), "acc_z": (1000, 1002)}
    assert seen.units == {"acc_x": "mg", "acc_y": "mg", "acc_z": "mg"}
    assert seen.labels == {"label": {"a": 10, "b": 5, "": 45}}
    assert seen.resting_g == pytest.approx(1.001, abs=1e-3)


def test_gaps_repeats_and_time_backwards() -> None:
    time = np.arange(60) / 100
    time[20:] += 0.05
    time[30] = time[29]
    time[40] = time[39] - 0.001
    seen = inspect(recording(flat(60), time))
    assert [index for index, _ in seen.gaps] == [20, 41]
    assert seen.gaps[0][1] == pytest.approx(0.06)
    assert (seen.repeats, seen.backwards) == (1, 1)
    assert any("2 gaps" in n and "0.06 s" in n for n in seen.notes)
    assert "time runs backwards 1 times" in seen.notes


def test_jitter() -> None:
    time = np.cumsum(np.where(np.arange(60) % 2, 0.012, 0.008))
    assert inspect(recording(flat(60), time)).jitter_s == pytest.approx(0.002, rel=0.01)


def test_breaks_do_not_spoil_the_rate() -> None:
    time = np.arange(60) / 100
    time[30:] += 5
    assert mean_rate(recording(flat(60), time)) == 100.0
    assert mean_rate(recording(flat(60))) is None
    assert mean_rate(recording(flat(1), np.zeros(1))) is None
    assert mean_rate(recording(flat(3), np.zeros(3))) is None


@pytest.mark.parametrize(
    ("name", "unit", "top"),
    [
        ("acc", "mg", 0.061 * 32767),
        ("acc", "g", 0.488 * 32767 / 1000),
        ("acc", "m/s2", 0.122 * 32767 / 1000 * 9.80665),
        ("gyro", "dps", 0.07 * 32767),
        ("gyro", "mdps", 4.375 * 32767),
        ("mag", "mG", 1.5 * 32767),
        ("acc", "LSB", 32767),
    ],
)
def test_saturation(name: str, unit: str, top: float) -> None:
    samples = np.zeros((50, 3))
    samples[20:24, 1] = -top
    samples[10, 0] = top * 0.9
    seen = inspect(recording(samples, unit=unit, name=name))
    assert seen.saturated == {f"{name}_y": 4}
    assert f"saturated: {name}_y 4 samples" in seen.notes


def test_one_sample_at_the_top_is_no_saturation() -> None:
    samples = np.zeros((50, 3))
    samples[20, 1] = 0.061 * 32767
    assert inspect(recording(samples)).saturated == {}


def test_frozen_samples() -> None:
    samples = flat(60)
    samples[30:38] = samples[30]
    assert inspect(recording(samples)).repeated_rows == 7


def test_no_rate_no_duration() -> None:
    seen = inspect(Recording(flat(1), ACC, None))
    assert (seen.duration_s, seen.measured_hz, seen.jitter_s, seen.resting_g) == (None, None, None, None)
