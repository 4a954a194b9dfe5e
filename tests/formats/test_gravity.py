"""Where the check of gravity begins to doubt, to the last sample."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.formats import gravity
from sensorai.recording import Channel, Recording


def still(norm: float, unit: str, rows: int = 50) -> Recording:
    channels = tuple(Channel(f"acc_{a}", unit) for a in "xyz")
    return Recording(np.tile([0.0, 0.0, norm], (rows, 1)), channels, 50.0, name="log")


@pytest.mark.parametrize(("unit", "one"), [("g", 1.0), ("mg", 1000.0), ("m/s2", 9.80665)])
@pytest.mark.parametrize(("share", "doubted"), [(0.79, True), (0.81, False), (1.24, False), (1.26, True)])
def test_limits(unit: str, one: float, share: float, doubted: bool) -> None:
    assert bool(gravity.doubt(still(share * one, unit))) == doubted
    assert (gravity.looks_like(share * one) == unit) != doubted


@pytest.mark.parametrize(
    ("norm", "unit"), [(0.8, ""), (1.25, ""), (1.0, "g"), (9.8, "m/s2"), (990.0, "mg"), (3.0, "")]
)
def test_what_a_norm_looks_like(norm: float, unit: str) -> None:
    assert gravity.looks_like(norm) == unit


@pytest.mark.parametrize(("scatter", "rests"), [(0.029, True), (0.031, False)])
def test_rest_is_three_parts_in_a_hundred(scatter: float, rests: bool) -> None:
    x = np.zeros((50, 3))
    x[:, 2] = 1.0 + scatter * np.where(np.arange(50) % 2, 1, -1)
    x[::25, 2] = 1.0  # 24 of 25 swing to both sides
    norm = gravity.resting_norm(x)
    expected = float(x[:25, 2].std() / np.linalg.norm(x[:25].mean(axis=0)))
    assert (norm is not None) == (expected < 0.03) == rests


@pytest.mark.parametrize(("rows", "known"), [(24, False), (25, True)])
def test_rest_takes_25_samples(rows: int, known: bool) -> None:
    assert (gravity.resting_norm(still(1.0, "g", rows).samples) is not None) == known


def test_the_quietest_block_counts() -> None:
    x = np.random.default_rng(0).normal(0, 3, (100, 3))
    x[50:75] = [0, 0, 1.1]
    assert gravity.resting_norm(x) == pytest.approx(1.1)
