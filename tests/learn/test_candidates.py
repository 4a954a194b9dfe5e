"""Candidate filters and features."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from sensorai.learn import candidates
from sensorai.mlc import half
from sensorai.mlc.check import check
from sensorai.mlc.config import THRESHOLD_KINDS, DecisionTree, Feature, Filter, SensorSetting, Source
from sensorai.mlc.devices import MlcDevice, devices
from sensorai.model.forest import Tree


def response(coefficients: tuple[int, ...], share: float) -> float:
    """Gain of the band pass at ``share`` of the sample rate: b = 1, 0, -1 over 1, a2, a3, times gain."""
    a2, a3, gain = (half.to_float(c) for c in coefficients)
    z = cmath.exp(-2j * math.pi * share)
    return abs(gain * (1 - z * z) / (1 + a2 * z + a3 * z * z))


@pytest.mark.parametrize("centre", candidates.BANDS)
def test_band_pass(centre: float) -> None:
    coefficients = candidates.band_pass(centre)
    assert len(coefficients) == 3
    # unit gain at the centre but for the rounding to halves
    assert response(coefficients, centre) == pytest.approx(1.0, abs=0.02)
    # nothing of gravity, nothing at half the rate
    assert response(coefficients, 0.0) == 0.0
    assert response(coefficients, 0.5) == pytest.approx(0.0, abs=1e-12)
    # the peak is where it was asked for
    shares = np.linspace(0.001, 0.499, 2000)
    peak = shares[int(np.argmax([response(coefficients, s) for s in shares]))]
    assert peak == pytest.approx(centre, rel=0.05)
    # 3 dB at a width of centre / quality, roughly (the bilinear form bends frequencies)
    assert response(coefficients, centre * 0.45) < 0.75
    assert response(coefficients, centre * 2.2) < 0.75
    # poles inside the unit circle: it settles
    a2, a3, _ = (half.to_float(c) for c in coefficients)
    assert abs(a3) < 1
    assert abs(a2) < 1 + a3


@pytest.mark.parametrize("part", devices(), ids=lambda d: d.name)
def test_every_candidate_fits_its_device(part: MlcDevice) -> None:
    """Each candidate alone makes a configuration that the encoder's check has nothing against."""
    slots = [s for s in ("acc", "gyro") if s in part.sensors]
    filters = candidates.filters(part, slots)
    features = candidates.features(part, slots, filters)
    assert len(set(features)) == len(features)
    levels = candidates.with_levels(part, features, {f.source: 0.1 for f in features})
    assert len(set(levels)) == len(levels)
    assert levels[: len(features)] == features
    rate = 30.0 if 30.0 in part.mlc_rates else next(iter(part.mlc_rates))
    tree = DecisionTree(Tree.from_nodes([(0, 0.0, ~1, ~2)]), (0,) * part.limits.groups)
    settings = {
        "acc": SensorSetting(max(part.acc_rates), max(part.acc_full_scales)),
        **(
            {"gyro": SensorSetting(max(part.gyro_rates), max(part.gyro_full_scales))}
            if len(slots) > 1
            else {}
        ),
    }
    for feature in levels:
        used_filters, used = candidates.compact(filters, [feature])
        inputs = tuple(s for s in ("acc", "gyro") if s == "acc" or s == used[0].source.sensor)
        config = candidates.config(part, 52, rate, inputs, used_filters, used)
        problems = check(
            type(config)(
                config.device,
                52,
                rate,
                inputs,
                used_filters,
                used,
                (tree,),
                {k: v for k, v in settings.items() if k in inputs},
            )
        )
        assert not problems, (feature, problems)
        assert (feature.threshold is not None) == (feature.kind in THRESHOLD_KINDS)


def test_levels_follow_the_signal() -> None:
    part = devices()[0]
    plain = [Feature("MEAN", Source("acc", "X"))]
    with_levels = candidates.with_levels(part, plain, {Source("acc", "X"): 0.5})
    told = sorted({half.to_float(f.threshold) for f in with_levels if f.threshold is not None})
    assert told == [0.0, 0.25]
    # a signal that never changes has one level, not the same one twice
    dead = candidates.with_levels(part, plain, {Source("acc", "X"): 0.0})
    assert len(dead) == len(set(dead)) == 1 + len(candidates.COUNTED)


def test_compact_renumbers_filters() -> None:
    filters = tuple(Filter("HP", "acc", c) for c in ("XYZ", "V", "V2"))
    features = [Feature("MEAN", Source("acc", "V2", 2)), Feature("MEAN", Source("acc", "X"))]
    kept, renumbered = candidates.compact(filters, features)
    assert kept == (filters[2],)
    assert renumbered == (Feature("MEAN", Source("acc", "V2", 0)), features[1])
