"""The proof runs every level that there are tools for; sections of a report are put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sensorai.cproject.trace import counts_of
from sensorai.experiment import Experiment
from sensorai.mcu.backend import BACKEND
from sensorai.recording import Channel, Recording
from sensorai.road import Artifact, Checked, Level, Progress, Trace
from sensorai.verify.prove import prove
from sensorai.verify.shape import merged
from tests.need import need
from tests.verify.pipelines import forest, samples


class Target:
    """A target of levels by hand."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self.made, self.asked = levels, [object()]

    def levels(self, artifact: Artifact, on: Sequence[str] | None = None) -> list[Level]:
        self.asked.append(on)
        return list(self.made)


def test_every_level_is_asked_once_and_in_order() -> None:
    seen: list[str] = []
    told: list[tuple[str, float]] = []

    def level(name: str, divergence: str | None = None) -> Level:
        def check(traces: Sequence[Trace]) -> Checked:
            seen.append(name)
            return Checked(5, divergence)

        return Level(name, check)

    target: Any = Target([level("here", "window 2"), Level("there", None, "not installed"), level("last")])
    say = Progress(lambda words, done: told.append((words, done)))
    say.step("proving", 1.0)
    artifact = Artifact("toy", "none", None, {})
    proof = prove(target, artifact, (), say, [level("learner's own")], on=["host"])
    # a level that differs does not keep the others from being compared
    assert seen == ["learner's own", "here", "last"]
    assert target.asked[1:] == [["host"]]
    assert [level.name for level, _ in proof.levels] == ["learner's own", "here", "there", "last"]
    assert proof.levels[2][1] is None
    assert proof.divergence == "here: window 2"
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert "comparing with last" in [words for words, _ in told]


def test_a_byte_that_is_changed_is_found() -> None:
    """The proof looks at what was emitted, not at what was meant."""
    need("gcc")
    pipeline = forest(filtered=False, wins=0)
    counts = samples(1)
    values = counts * [c.lsb for c in pipeline.channels]
    channels = tuple(Channel(c.name, c.unit) for c in pipeline.channels)
    log = Recording(values, channels, pipeline.rate_hz, name="log")
    assert (counts_of(log, pipeline) == counts).all()
    artifact = BACKEND.emit(pipeline, Experiment(target="stm32"), pipeline.name)
    traces = BACKEND.trace(artifact, [log])
    assert prove(BACKEND, artifact, traces, Progress(), on=["host"]).divergence is None
    source = artifact.files["demo.c"]
    assert source.count(b"input[1] <= 200000") == 1
    other = {**artifact.files, "demo.c": source.replace(b"input[1] <= 200000", b"input[1] >= 200000")}
    changed = Artifact(artifact.name, artifact.device, pipeline, other)
    proof = prove(BACKEND, changed, traces, Progress(), on=["host"])
    assert proof.divergence is not None
    assert proof.divergence.startswith("this machine, with sanitizers: log: ")


# ---------------------------------------------------------------- sections put together


def test_later_parts_win_key_by_key() -> None:
    first = {"settings": {"rate_hz": 52.0, "seed": None}, "notes": ["a"], "cost": None}
    second = {"settings": {"seed": 3}, "notes": ["b"], "cost": {"flash": 1}}
    assert merged(first, second) == {
        "settings": {"rate_hz": 52.0, "seed": 3},
        "notes": ["b"],
        "cost": {"flash": 1},
    }
    # what it is made of stays as it was
    assert first == {"settings": {"rate_hz": 52.0, "seed": None}, "notes": ["a"], "cost": None}
    assert merged() == {}
    assert merged({"cost": {"flash": 1}}, {"cost": None}) == {"cost": None}


def test_classifiers_are_put_together_entry_by_entry() -> None:
    judged = {"classifiers": [{"name": "a", "held_out": 1}, {"name": "b", "held_out": 2}]}
    trees = {"classifiers": [{"register": "MLC1_SRC"}, {"register": "MLC2_SRC", "held_out": 3}]}
    assert merged(judged, trees)["classifiers"] == [
        {"name": "a", "held_out": 1, "register": "MLC1_SRC"},
        {"name": "b", "held_out": 3, "register": "MLC2_SRC"},
    ]
    assert merged({"classifiers": []}, trees)["classifiers"] == trees["classifiers"]
    with pytest.raises(ValueError, match=r"longer|shorter"):
        merged(judged, {"classifiers": [{"register": "MLC1_SRC"}]})
