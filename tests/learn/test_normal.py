"""Normal windows: what a detector in C learns from, and what the report says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.learn.normal import WINDOWS_A_FEATURE, data_of, normal_windows, windows_of
from sensorai.recording import Channel, Dataset, Recording, Span
from sensorai.road import Lesson
from tests import roads

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
RATE = 52.0
SIZES = {"slow": 60.0, "fast": 150.0, "broken": 400.0}


def recording(label: str, number: int, seconds: int = 8, normal_until: float = 1.0) -> Recording:
    """Noise of a size by label; after ``normal_until`` of it the label is ``broken``."""
    rng = np.random.default_rng([len(label), number])
    count = int(seconds * RATE)
    samples = rng.normal(0, SIZES[label], (count, 3)) + np.array([0, 0, 1000])
    edge = int(normal_until * count)
    spans = [Span(0, edge, label)] + ([Span(edge, count, "broken")] if edge < count else [])
    name = f"{label}_{number}"
    return Recording(samples, ACC, RATE, {"label": tuple(spans)}, name, name, f"{name}.csv")


def machine(normal: int = 8, faults: int = 3) -> Dataset:
    runs = [(label, i) for label in ("slow", "fast") for i in range(normal)]
    return Dataset(tuple(recording(*run) for run in [*runs, *(("broken", i) for i in range(faults))]))


def lesson(data: Dataset, **more: Any) -> Lesson:
    options: dict[str, Any] = {"window": 52, "stride": 26, "features": ("STD", "MEAN"), **more}
    return roads.lesson(
        data,
        target="stm32",
        task="anomaly",
        model="mahalanobis",
        normal=("slow", "fast"),
        **options,
    )


def test_only_normal_windows_of_the_part_to_learn_from_are_learnt() -> None:
    one = lesson(machine())
    found = normal_windows(one)
    counted, parts = found.counted, one.share
    # every part is cut alike, those to learn from first
    assert counted.recording.max() == len(parts.recordings.recordings) - 1
    counts = windows_of(parts, counted.recording, counted.y)
    assert sum(sum(pair) for pair in counts.values()) == len(counted.y)
    learnt = (counted.recording < len(parts.learn)) & (counted.y == 0)
    assert counts["learn"] == (learnt.sum(), 0)
    assert counts["calibrate"][1] == 0
    assert counts["test"][1] == (counted.y == 1).sum() > 0
    assert found.values.shape == (counts["learn"][0], len(found.features))
    assert np.array_equal(found.values, catalogue.table(found.features, counted.x[learnt]))
    assert {f.name for f in found.features} == {"STD", "MEAN"}


def test_anomalies_beside_what_is_learnt_are_not_looked_at() -> None:
    """Half of a normal recording breaks: those windows change nothing of what is learnt."""
    data = machine()
    half = Dataset(
        tuple(recording("slow", i, 16, 0.5) if r.name == f"slow_{i}" else r for i, r in enumerate(data))
    )
    loud = Dataset(
        tuple(
            replace(r, samples=np.concatenate([r.samples[: len(r) // 2], 9 * r.samples[len(r) // 2 :]]))
            if r.name.startswith("slow")
            else r
            for r in half
        )
    )
    first, second = (normal_windows(lesson(d, full_scale={"acc": 16})) for d in (half, loud))
    assert np.array_equal(first.values, second.values)
    assert not np.array_equal(first.counted.x, second.counted.x)


def test_too_little_is_refused_with_what_is_needed() -> None:
    with pytest.raises(DataError, match="normal windows are too few to learn 6 features from") as error:
        normal_windows(lesson(machine(2), window=208, stride=208))
    assert f"at least {6 * WINDOWS_A_FEATURE} are needed" in error.value.hint
    longer = Dataset((*machine().recordings, recording("broken", 9, 20)))
    with pytest.raises(DataError, match="as long as a window of 500 samples"):
        normal_windows(lesson(longer, window=500, stride=500))
    with pytest.raises(ConfigError, match="NOTHING"):
        normal_windows(lesson(machine(), features=("NOTHING",)))


def test_what_the_report_says_of_the_parts() -> None:
    one = lesson(machine())
    parts = one.share
    counts = {"learn": (90, 0), "calibrate": (40, 0), "test": (50, 30)}
    said = data_of(parts, RATE, counts)
    for part, (normal, anomalous) in counts.items():
        logs = getattr(parts, part)
        entry = said["parts"][part]
        assert (entry["normal_windows"], entry["anomalous_windows"]) == (normal, anomalous)
        assert (entry["groups"], entry["recordings"]) == (len(parts.groups(part)), len(logs))
        calm = [r for r in logs if not r.name.startswith("broken")]
        assert entry["normal_hours"] == pytest.approx(len(calm) * 8 / 3600)
    assert {r["name"] for r in said["recordings"] if r["test"]} == {r.name for r in parts.test}
    assert said["test_groups"] == list(parts.groups("test"))
    assert len(said["groups"]) == len(said["recordings"]) == 19


def test_without_names_the_stillest_bands_are_taken() -> None:
    """A line that keeps its size within a state is taken, although the states differ most in it."""
    rng = np.random.default_rng(5)
    t = np.arange(512) / RATE
    logs = []
    for label, size in (("slow", 100.0), ("fast", 800.0)):
        for i in range(8):
            noise = rng.normal(0, 12, (512, 3)) * rng.lognormal(0, 0.5)
            swing = size * np.sin(2 * np.pi * 13.0 * t + i)[:, None] * np.array([1.0, 0.0, 0.0])
            name = f"{label}_{i}"
            labels = {"label": (Span(0, 512, label),)}
            logs.append(Recording(noise + swing, ACC, RATE, labels, name, name, f"{name}.csv"))
    found = normal_windows(lesson(Dataset(tuple(logs)), window=128, stride=64, features=()))
    last = found.features[-1]
    assert {f.name for f in found.features[:-1]} == {"BAND_LOG"}
    assert last.name == "NORM_BAND_LOG"
    line = [f for f in found.features[:-1] if f.inputs == (0,) and f.band is not None]
    assert any(f.band[0] <= 13.0 * 128 / RATE <= f.band[1] for f in line if f.band is not None)
    assert sorted(np.unique(found.state)) == [0, 1]
    assert len(found.state) == len(found.values)
