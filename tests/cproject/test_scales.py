"""Full scales: taken where the sensor has them, refused with what it has, chosen where nothing is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorai.cproject.scales import TYPICAL, check_scales, narrowed
from sensorai.errors import ExperimentError
from sensorai.experiment import Experiment
from sensorai.learn.counts import CountOptions, build
from sensorai.mcu.backend import BACKEND
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from tests import roads


def asked(**scales: float) -> Experiment:
    full: Any = scales
    return Experiment(target="stm32", full_scale=full)


def logs(top: float) -> Dataset:
    """Two classes, the second reaches ``top`` mg."""
    rng = np.random.default_rng(0)
    channels = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
    out = []
    for group in "abcd":
        samples = np.concatenate([rng.normal(0, 50, (104, 3)), rng.uniform(-top, top, (104, 3))])
        spans = (Span(0, 104, "still"), Span(104, 208, "shake"))
        out.append(Recording(samples, channels, 52.0, {LABEL: spans}, group, group, f"{group}.csv"))
    return Dataset(tuple(out))


@pytest.mark.parametrize(("full", "lsb"), [(2, 0.061), (4.0, 0.122), (16, 0.488)])
def test_a_full_scale_on_request_is_the_only_one(full: float, lsb: float) -> None:
    assert check_scales(asked(acc=full), TYPICAL, "it") == []
    scales = narrowed(TYPICAL, asked(acc=full))
    assert scales["acc"] == ((full, lsb),)
    assert scales["gyro"] == TYPICAL["gyro"]
    assert narrowed(TYPICAL, asked()) == TYPICAL


@pytest.mark.parametrize("full", [3, 4.0000001, 1e-9, 32])
def test_a_full_scale_that_the_sensor_lacks_is_refused(full: float) -> None:
    (problem,) = check_scales(asked(acc=full), TYPICAL, "a typical sensor")
    assert problem.message == f"--full-scale acc={full:.10g}: a typical sensor has no such full scale"
    assert problem.hint == "it has 2, 4, 8, 16"


def test_every_wrong_full_scale_is_named_and_so_is_a_sensor_that_is_none() -> None:
    problems = check_scales(asked(acc=3, gyro=250, mag=4), TYPICAL, "it")
    assert [p.message for p in problems] == [
        "--full-scale acc=3: it has no such full scale",
        "--full-scale mag: it has no such sensor",
    ]
    assert problems[1].hint == "sensors: acc, gyro"


def test_the_road_takes_it_from_the_options_to_the_counts() -> None:
    """Asked for 2 g, samples up to 6 g saturate, which is said; not asked, the sensor is set to 8 g."""
    for wanted, lsb, beyond in ((2.0, 0.061, True), (None, 0.244, False)):
        experiment = asked() if wanted is None else asked(acc=wanted)
        made = BACKEND.prepare(logs(6000), experiment)
        counted = build(made.dataset, CountOptions(made.sensors, made.rate_hz, 26, scales=made.scales))
        assert {c.lsb for c in counted.channels} == {lsb}
        assert (counted.saturated > 0.1) == beyond
        assert any("beyond full scale" in note for note in counted.notes) == beyond
        assert (int(counted.x.max()) == 32767) == beyond


@pytest.mark.parametrize("target", ["mlc", "ispu", "stm32"])
def test_every_target_refuses_before_anything_is_read(target: str) -> None:
    with pytest.raises(ExperimentError, match=r"--full-scale acc=5: .* has no such full scale") as refusal:
        roads.made(Dataset(()), target=target, full_scale={"acc": 5})
    assert "16" in refusal.value.hint
