"""Reports say first what is wrong with a model, on every road; and nothing of a good one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from tests import roads
from tests.learn.make import dataset

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def noise(people: int = 4, seed: int = 0) -> Dataset:
    """Three classes that nobody could tell apart, one of them in half of the time."""
    rng = np.random.default_rng(seed)
    out = []
    for who in range(people):
        spans, at = [], 0
        for k in range(12):
            label = ("rest", "rest", "walk", "run")[k % 4]
            spans.append(Span(at, at + 104, label))
            at += 104
        x = rng.normal(0, 100, (at, 3)) + np.array([0, 0, 1000])
        out.append(Recording(x, ACC, 52.0, {LABEL: tuple(spans)}, f"p{who}", f"p{who}", f"p{who}.csv"))
    return Dataset(tuple(out))


def report(made: Dataset, model: str, **more: Any) -> Mapping[str, Any]:
    if model == "mlc":
        return roads.made(made, target="mlc", window=52, max_features=3, folds=2, **more).report.figures
    return roads.made(made, target="stm32", model=model, window=52, folds=2, **more).report.figures


@pytest.mark.parametrize("target", ["mlc", "tree", "forest"])
def test_a_model_of_nothing_is_said_first(target: str) -> None:
    found = report(noise(), target)
    first = found["warnings"][0]
    assert "always answering 'rest'" in first or "is never answered" in first or first.startswith("overfit")
    assert any("than always answering 'rest'" in text for text in found["warnings"])


@pytest.mark.parametrize("target", ["mlc", "tree", "forest"])
def test_a_good_model_is_delivered_without_warning(target: str) -> None:
    assert report(dataset("abcdef", count=1040), target)["warnings"] == []


@pytest.mark.parametrize("target", ["mlc", "tree"])
def test_a_tree_without_room_for_a_class_is_said_first(target: str) -> None:
    more: dict[str, Any] = {"max_nodes": 1} if target == "mlc" else {"net": {"leaves": 2}}
    first = report(dataset("abcdef", count=1040), target, **more)["warnings"][0]
    assert "is never answered" in first


@pytest.mark.parametrize(
    ("target", "more", "said"),
    [
        ("mlc", {"end_counters": "6"}, "after the end counters (--end-counters off leaves them out)"),
        ("tree", {"wins": 12}, "after the decision filter (--wins 0 leaves it out)"),
    ],
)
def test_a_filter_that_erases_a_class_is_said_first(target: str, more: dict[str, Any], said: str) -> None:
    """Every class lasts for two seconds, and the filter waits for longer."""
    first = report(dataset("abcdefgh"), target, **more)["warnings"][0]
    assert "is never put out" in first
    assert said in first


def test_a_detector_of_nothing_is_said_first() -> None:
    rng = np.random.default_rng(0)
    out = []
    for i in range(24):
        label = "fault" if i >= 18 else "ok"
        x = rng.normal(0, 100, (832, 3)) + np.array([0, 0, 1000])
        out.append(Recording(x, ACC, 52.0, {LABEL: (Span(0, 832, label),)}, f"g{i}", f"g{i}", f"g{i}.csv"))
    options: dict[str, Any] = {"target": "stm32", "task": "anomaly", "model": "mahalanobis", "window": 52}
    found = roads.made(Dataset(tuple(out)), **options).report.figures
    assert "not shown to tell anomalies from normal" in found["warnings"][0]
