"""Everything that is wrong is said at once: no stage hides what the next would say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorai.errors import ExperimentError
from sensorai.experiment import Experiment, check, toml

#: Options, and how each problem with them begins.
ASKED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "values, and what goes with what": (
        {
            "model": "mlp",
            "precision": "int8",
            "stride": 5,
            "features": ["STD"],
            "learn": "on-device",
            "false_alarms": "1/day",
            "normal": ["x"],
            "seed": -1,
            "test_share": 2,
            "window": 0,
            "target": "mlc",
        },
        [
            "--test-share 2",
            "--seed -1",
            "--window 0",
            "--model mlp does not run",
            "--precision int8 is for --target",
            "--stride is for --target",
            "--normal is for --task",
            "--false-alarms is for --task",
            "--features is for --target",
            "--learn on-device is for --target",
        ],
    ),
    "the device with the rest": (
        {
            "target": "stm32",
            "device": "foo",
            "max_nodes": 5,
            "tree": {"a": "b"},
            "use_code_0": True,
            "task": "anomaly",
            "test_groups": ["03"],
            "split": "time",
        },
        [
            "--max-nodes is for",
            "--tree is for",
            "--use-code-0 is for",
            "--test-groups and --split time",
            "unknown device 'foo'",
        ],
    ),
    "what is no device's": (
        {"target": "stm32", "device": "foo", "full_scale": {"acc": 3}, "sensors": ["mag"]},
        ["unknown device 'foo'", "--full-scale acc=3", "--sensors mag"],
    ),
    "scales and sensors of a core": (
        {"target": "mlc", "full_scale": {"foo": 3}, "sensors": ["mag"], "rate": 3},
        ["the machine learning core", "--full-scale foo=3", "--sensors mag"],
    ),
    "scales and sensors of an ISPU": (
        {"target": "ispu", "full_scale": {"acc": 3}, "sensors": ["mag"], "rate": 3},
        ["--full-scale acc=3", "--sensors mag", "LSM6DSO16IS has no rate"],
    ),
    "no target": (
        {"split": "time", "test_groups": ["a"], "normal": ["a"], "name": "a b"},
        ["--target is missing", "--normal is for --task", "--test-groups and --split", "--name 'a b'"],
    ),
    "a test of its own": (
        {"target": "mlc", "test": ["x"], "test_groups": ["a"]},
        ["--test and --test-groups contradict"],
    ),
    "a test of its own, in time": (
        {"target": "mlc", "test": ["x"], "split": "time"},
        ["--test and --split time contradict"],
    ),
    "words that a backend reads": (
        {"target": "mlc", "end_counters": "many", "rate": 3},
        ["--end-counters 'many'", "the machine learning core"],
    ),
    **{
        f"units and channels of no log, {target}": (
            {
                "target": target,
                "device": "foo",
                "unit": {"acc": "furlong", "nose": "mg", "time": "mg", "gyro_x": "dps"},
                "column": {"acc_w": "a", "acc_x": "b"},
            },
            [
                "unknown device 'foo'",
                "--unit acc=furlong",
                "--unit nose=mg",
                "--unit time=mg",
                "--column acc_w",
            ],
        )
        for target in ("mlc", "ispu", "stm32")
    },
    # what cannot be told: which task, which model, which target was meant
    "a task that is none": ({"target": "mlc", "task": "anomly", "normal": ["a"]}, ["--task 'anomly'"]),
    "a model that is none": (
        {"target": "stm32", "task": "anomaly", "model": "fores", "net": {"trees": 2}},
        ["--model 'fores'"],
    ),
    "a target that is none": ({"target": "mcl", "stride": 3, "device": "foo"}, ["--target 'mcl'"]),
    "a table that is none": (
        {"target": "stm32", "net": {"family": "foo"}, "stride": 0},
        ["--stride 0", "there is no model 'foo'"],
    ),
    "a model that is for another task, with its options": (
        {"target": "stm32", "model": "mlp", "false_alarms": "1/day"},
        ["--false-alarms is for --task", "--false-alarms is for detectors"],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_all_comes_at_once_and_nothing_else(name: str) -> None:
    asked, wanted = ASKED[name]
    said = [p.message for p in check(Experiment().with_(**asked))]
    for part in wanted:
        assert any(part in message for message in said), (part, said)
    assert len(said) == len(wanted), said


def test_what_could_not_be_read_is_read_by_no_rule() -> None:
    asked = Experiment(target="stm32", task="anomaly", model="forest", rate=-1)
    assert [p.message for p in check(asked, unread=("net", "unit"))] == ["--rate -1 is not possible"]
    # a table may name the model
    asked = Experiment(target="stm32", task="anomaly", features=("STD",))
    assert check(asked, unread=("net",)) == []


def test_a_file_says_unknown_keys_and_wrong_values_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('modle = "a"\ntarget = "mcl"\nseed = "x"\n[unit]\nacc = 3\n')
    with pytest.raises(ExperimentError) as caught:
        toml.read(tmp_path / "x.toml")
    said = [p.message for p in caught.value.problems]
    for part in ("'modle'", "--target 'mcl'", "--seed 'x'", "--unit"):
        assert any(part in message for message in said), part
    assert len(said) == 4
