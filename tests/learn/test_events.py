"""Windows that events open: the trigger, what is learnt from, and what the report says of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError, ExperimentError
from sensorai.learn import counts, events
from sensorai.learn.counts import CountOptions
from sensorai.learn.events import EventOptions
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Channel, Dataset, Recording, Span
from sensorai.report.sections.events import SECTION
from sensorai.result import Result
from tests import roads
from tests.need import need

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
RATE = 25.0
EVENTS = ("fall",)


def recording(label: str, person: int, number: int) -> Recording:
    """Six seconds: a fall is a knock that leaves the sensor turned, a jump a knock that does not."""
    rng = np.random.default_rng([len(label), person, number])
    x = rng.normal(0, 8, (150, 3)) + np.array([0.0, 0.0, 1000.0])
    at = int(rng.integers(50, 80))
    if label != "sit":
        x[at : at + 3] += [[0, 0, -700.0], [1500, 200, 2500.0 + rng.normal(0, 200)], [300, 0, 600.0]]
    if label == "fall":
        x[at + 2 :] += [900.0, 0, -950.0]
    name = f"{label}_{person}_{number}"
    labels = {"label": (Span(0, 150, label),)}
    return Recording(x, ACC, RATE, labels, f"p{person}", name, f"{name}.csv")


def people(count: int = 4, each: int = 5) -> Dataset:
    every = [(k, p, i) for k in ("fall", "jump", "sit") for p in range(count) for i in range(each)]
    return Dataset(tuple(recording(*one) for one in every))


def asked(**more: Any) -> CountOptions:
    given: dict[str, Any] = {"labels": EVENTS, **more}
    return CountOptions(window=50, classes=("fall", "jump", "sit"), dense=True, event=EventOptions(**given))


def test_windows_lie_around_the_knocks_and_are_named_by_them() -> None:
    found = counts.build(people(1), asked())
    event = found.event
    assert event is not None
    assert (event.signal, event.before, event.after, event.rest) == ("norm", 17, 33, 17)
    lsb = found.channels[0].lsb
    # well below the weakest fall, above what rest is
    assert 1100 < np.sqrt(event.threshold) * lsb < 3000
    # a fall and a jump open one each, and four beside each are only learnt from
    assert np.bincount(found.y[found.answered]).tolist() == [5, 5]
    assert len(found.y) == 50
    for x in found.x[found.answered]:
        assert event.strength(x).argmax() == event.before


def test_what_is_given_is_taken() -> None:
    found = counts.build(people(1), asked(signal="jerk", threshold=1.5, before=9, rest=3))
    event = found.event
    assert event is not None
    assert (event.signal, event.before, event.after, event.rest) == ("jerk", 9, 41, 3)
    assert np.sqrt(event.threshold) * found.channels[0].lsb == pytest.approx(1500, abs=0.5)


def test_the_threshold_knows_nothing_of_other_groups() -> None:
    strong = replace(recording("fall", 9, 0), group="strong")
    data = Dataset((*people(2), replace(strong, samples=strong.samples * 2.2)))
    one, all_of_them = (
        counts.build(data, asked(groups=groups)).event for groups in (("strong",), ("p0", "p1"))
    )
    assert one is not None
    assert all_of_them is not None
    assert one.threshold > 2 * all_of_them.threshold


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"labels": ("tumble",)}, ConfigError, "no log has that label"),
        ({"labels": ("fall", "jump", "sit")}, ConfigError, "every label"),
        ({"before": 50}, ConfigError, "the window has 50 samples"),
        ({"threshold": 15.9}, DataError, "no event opens a window"),
    ],
)
def test_what_is_refused(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        counts.build(people(1, 2), asked(**options))


def test_registers_say_that_they_cannot() -> None:
    with pytest.raises(ExperimentError, match="--event is for --target ispu and stm32"):
        roads.lesson(people(2), target="mlc", task="classify", event=EVENTS)


@pytest.fixture(scope="module")
def made() -> Result:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    return roads.made(people(), target="stm32", task="classify", model="forest", event=EVENTS, window=50)


def test_falls_are_found_and_jumps_do_not_alarm(made: Result) -> None:
    figures = made.report.figures
    said = figures["events"]
    assert (said["found"]["found"], said["found"]["events"]) == (20, 20)
    assert (said["false"]["with_alarm"], said["false"]["recordings"]) == (0, 40)
    assert {row["label"] for row in said["false"]["by_label"]} == {"jump", "sit"}
    assert [level["first_divergence"] for level in figures["proof"]["levels"]] == [None, None]
    pipeline = made.artifact.model
    assert isinstance(pipeline, Pipeline)
    assert pipeline.event is not None
    assert pipeline.wins == 0
    # nothing opens where somebody sits
    assert all(not len(t) for t in made.proof.traces if t.recording.name.startswith("sit"))
    page = SECTION.page(figures, ())
    assert page is not None
    assert page["sentence"].startswith("events found: 20 of 20 (100.0 %)")
    assert len(SECTION.text(figures)) == 2
    assert SECTION.page({}, ()) is None


def test_labels_of_samples() -> None:
    log = replace(recording("sit", 0, 0), labels={"label": (Span(2, 4, "a"), Span(6, 8, "b"))})
    assert events.labels_at(log, "label", np.array([1, 2, 3, 4, 7, 8])) == [None, "a", "a", None, "b", None]
