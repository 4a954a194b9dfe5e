"""What passes along the road: progress, traces, proofs; every target says all that is wrong at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import ExperimentError
from sensorai.experiment import Experiment, tables
from sensorai.recording import LABEL, Dataset, Recording, Span
from sensorai.road import Checked, Level, Progress, Proof, Trace
from sensorai.run import run

# ---------------------------------------------------------------- progress


def heard() -> tuple[list[tuple[str, float]], Progress]:
    said: list[tuple[str, float]] = []
    return said, Progress(lambda words, done: said.append((words, done)))


def test_progress_is_of_the_whole_road() -> None:
    said, say = heard()
    say.step("reading", 0.1)
    say.step("learning", 0.7)
    say("a tree")
    say.within(0.5)
    say.step("proving", 1.0)
    say.within(1.0)
    assert [words for words, _ in said] == ["reading", "learning", "a tree", "a tree", "proving", "proving"]
    assert [done for _, done in said] == pytest.approx([0.0, 0.1, 0.1, 0.4, 0.7, 1.0])


@given(st.lists(st.floats(-2, 2), max_size=9))
def test_progress_stays_within_its_step(shares: list[float]) -> None:
    said, say = heard()
    say.step("one", 0.25)
    say.step("two", 0.5)
    for share in shares:
        say.within(share)
    assert all(0.25 <= done <= 0.5 for _, done in said[1:])


def test_what_is_told_may_stop_the_road() -> None:
    class Enough(Exception):
        pass

    def stop(words: str, done: float) -> None:
        if done >= 0.1:
            raise Enough(words)

    with pytest.raises(Enough, match="sharing out"):
        run(Experiment(target="stm32"), _labelled(), progress=stop)
    Progress().step("nobody listens", 1.0)


def _labelled() -> Dataset:
    from tests.learn.make import dataset

    return dataset("abcd")


# ---------------------------------------------------------------- traces and proofs


def trace(ends: Sequence[int], spans: Sequence[Span] = (), window: int = 10) -> Trace:
    recording = Recording(np.zeros((max([*ends, 0]), 0)), (), 10.0, {LABEL: tuple(spans)}, "g", "log")
    names = ["a"] * len(ends)
    return Trace(
        recording,
        window,
        window,
        np.array(ends, np.int64),
        (names,),
        (names,),
        (),
        ("answer", "decided"),
        None,
        pd.DataFrame,
        (0,),
    )


def test_truth_is_the_label_that_a_window_lies_in() -> None:
    spans = (Span(0, 20, "a"), Span(20, 35, "b"), Span(40, 50, "a"))
    one = trace([10, 20, 30, 40, 50], spans)
    assert one.truth(LABEL) == ["a", "a", "b", None, "a"]
    assert one.truth("other") == [None] * 5
    assert trace([15, 20, 25], spans).truth(LABEL) == ["a", "a", None]
    assert len(one) == 5


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        # windows of 10 end at 10, 15, 20, 25, 30
        ([(0, 30, "a")], ["a", "a", "a", "a", "a"]),
        ([(0, 15, "a"), (15, 30, "b")], ["a", "a", None, "b", "b"]),
        ([(0, 14, "a"), (16, 30, "b")], ["a", None, None, None, "b"]),
        ([(5, 20, "a")], [None, "a", "a", None, None]),
        ([(6, 29, "a")], [None, None, "a", "a", None]),
        ([(20, 30, "a")], [None, None, None, None, "a"]),
        ([], [None] * 5),
    ],
)
def test_truth_of_windows_that_overlap(spans: list[tuple[int, int, str]], expected: list[str | None]) -> None:
    assert trace(range(10, 31, 5), [Span(*s) for s in spans]).truth(LABEL) == expected


def test_the_first_difference_of_a_proof_has_its_level() -> None:
    ran = (Level("here", lambda traces: Checked(0)), Checked(7, cost="cost"))
    absent = (Level("there", None, "gcc is not installed"), None)
    wrong = (Level("emulated", lambda traces: Checked(0)), Checked(3, "log: window 3"))
    later = (Level("later", lambda traces: Checked(0)), Checked(1, "log: window 1"))
    good = Proof((), (ran, absent))
    assert good.divergence is None
    assert good.cost() == "cost"
    assert Proof((), (absent,)).cost() is None
    bad = Proof((), (ran, absent, wrong, later))
    assert bad.divergence == "emulated: log: window 3"
    assert bad.figures() == [
        {"level": "here", "windows": 7, "first_divergence": None},
        {"level": "there", "missing": "gcc is not installed"},
        {"level": "emulated", "windows": 3, "first_divergence": "log: window 3"},
        {"level": "later", "windows": 1, "first_divergence": "log: window 1"},
    ]


# ---------------------------------------------------------------- what contradicts a device


def problems(target: str, **options: Any) -> list[str]:
    experiment = Experiment(target=target, **options)
    return [p.message for p in tables.load(experiment.target_facts.place).check(experiment)]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "mlc": (
        {
            "window": 256,
            "tree": {f"t{k}": f"c{k}" for k in range(9)},
            "max_nodes": 8,
            "max_features": 99,
            "rate": 51.0,
            "end_counters": "1,2",
            "full_scale": {"acc": 3, "gyro": 3},
        },
        [
            "--window 256 is outside 1 to 255 samples",
            "9 trees do not fit",
            "--max-nodes 8 is outside 9 to",
            "--max-features 99 is outside 1 to",
            "no rate of 51 Hz",
            "2 end counters for 4 result groups",
            "--full-scale acc=3",
            "--full-scale gyro=3",
        ],
    ),
    "ispu": (
        {"rate": 51.0, "full_scale": {"acc": 3, "gyro": 3, "mag": 1}},
        ["--full-scale acc=3", "--full-scale gyro=3", "--full-scale mag", "no rate of 51 Hz"],
    ),
    "stm32": (
        {"full_scale": {"acc": 3, "gyro": 3, "mag": 1}},
        ["--full-scale acc=3", "--full-scale gyro=3", "--full-scale mag"],
    ),
}


@pytest.mark.parametrize("target", WRONG)
def test_a_target_names_everything_that_it_lacks(target: str) -> None:
    options, expected = WRONG[target]
    found = problems(target, **options)
    assert len(found) == len(expected)
    for message, part in zip(found, expected, strict=True):
        assert part in message
    # and the road says them all, before it reads a log
    with pytest.raises(ExperimentError) as refusal:
        run(Experiment(target=target, logs=("nowhere.csv",), **options))
    assert [p.message for p in refusal.value.problems] == found
    assert refusal.value.message.count("\n  also: ") == len(found) - 1
    assert all(p.hint for p in refusal.value.problems)


@pytest.mark.parametrize("target", WRONG)
def test_what_a_device_has_is_no_problem(target: str) -> None:
    assert problems(target) == []
    assert problems(target, full_scale={"acc": 4, "gyro": 500}) == []
    more: dict[str, Any] = {"rate": 104.0} if target == "ispu" else {"rate": 120.0}
    assert problems(target, **more) == []


@pytest.mark.parametrize("target", WRONG)
def test_of_an_unknown_device_no_more_is_said_than_is_known(target: str) -> None:
    options, whole = WRONG[target]
    first, *rest = problems(target, device="nothing-like-it", **options)
    assert "nothing-like-it" in first
    # the sensor beside a microcontroller is not the device's
    assert len(rest) == (len(whole) if target == "stm32" else 0)
