"""Flags, ``sensorai.toml`` and Python mean the same: the same bytes, on every target and for every task."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sensorai as sai
from sensorai.experiment import Experiment, tables, toml
from tests.cli.call import call, snapshot
from tests.cli.logs import write_log
from tests.need import need

#: What a label may be: spaces, both quotes, an equals sign would end the name.
ODD = "shake \"it\" 'all' #1"
GLOBS = {
    "rest": ["rest*"],
    "walk": ["walk*"],
    ODD: ["shake one.csv", "shake two.csv", "shake c*", "shake d*"],
}
COMMON: dict[str, Any] = {
    "label": GLOBS,
    "unit": {"acc": "mg"},
    "test_groups": ["b"],
    "seed": 3,
    "window": 26,
    "full_scale": {"acc": 4},
    "name": "moves",
}
REGISTERS: dict[str, Any] = {"max_features": 4, "end_counters": "2", "max_nodes": 30}
CODE: dict[str, Any] = {"stride": 26, "wins": 1}
ANOMALY: dict[str, Any] = {"task": "anomaly", "normal": ["rest", "walk"]}

ASKED: dict[tuple[str, str], dict[str, Any]] = {
    ("mlc", "classify"): {"device": "LSM6DSOX", **REGISTERS},
    ("mlc", "anomaly"): {**ANOMALY, **REGISTERS},
    ("ispu", "classify"): {"model": "tree", "net": {"leaves": 4}, **CODE},
    ("ispu", "anomaly"): {"model": "mahalanobis", "features": ["STD", "MEAN"], **ANOMALY, **CODE},
    ("stm32", "classify"): {"model": "forest", "net": {"trees": 2, "leaves": 4}, **CODE},
    ("stm32", "anomaly"): {"device": "stm32l4", "model": "tree", "net": {"leaves": 4}, **ANOMALY, **CODE},
}

#: What is made from the file in a process of its own, where sets have another order: every target and task.
APART = {("mlc", "classify"), ("ispu", "classify"), ("stm32", "anomaly")}


def test_all_targets_and_tasks_are_asked() -> None:
    assert set(ASKED) == {(target, task) for target in tables.TARGETS for task in tables.TASKS}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs that do not say their class, in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("three") / "my logs"
    for kind in ("rest", "walk", "shake"):
        for place, subject in enumerate("abcd"):
            number = ("one", "two", "c", "d")[place]
            scale = 1 + place / 50
            path = write_log(
                folder / f"{kind} {number}.csv", [kind], subjects=[subject], seconds=4, scale=scale
            )
            lines = path.read_text().splitlines()
            # the label is the experiment's to say
            rows = [line.replace(",label", "").replace(f",{kind},", ",") for line in lines]
            path.write_text("\n".join(rows) + "\n")
    return folder


def flags(asked: dict[str, Any], folder: Path) -> list[str]:
    """Options as a user types them."""
    words: list[str] = []
    for name, value in asked.items():
        flag = "--" + name.replace("_", "-")
        if name == "net":
            path = folder / "net.toml"
            path.write_text("".join(f"{key} = {number}\n" for key, number in value.items()))
            words += [flag, str(path)]
        elif isinstance(value, dict):
            many = [(k, one) for k, v in value.items() for one in (v if isinstance(v, list) else [v])]
            words += [word for key, one in many for word in (flag, f"{key}={one}")]
        elif name in ("test_groups", "features"):
            words += [flag, ",".join(value)]
        elif isinstance(value, list):
            words += [word for one in value for word in (flag, one)]
        else:
            words += [flag, str(value)]
    return words


@pytest.mark.parametrize(("target", "task"), ASKED, ids=lambda word: word)
def test_flags_toml_and_python_give_the_same_bytes(
    target: str, task: str, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target != "mlc":
        need("gcc")
    asked = {"target": target, **COMMON, **ASKED[target, task]}
    # results lie side by side: sensorai.toml names the logs from its own folder
    by_flags, by_toml, by_python = (logs.parent / f"{target} {task} {way}" for way in "ftp")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    relative = os.path.relpath(logs, Path.cwd())
    done = call("train", relative, *flags(asked, tmp_path), "--out", by_flags, "--quiet")
    assert (done.code, done.err) == (0, ""), done.err
    assert done.out == ""

    monkeypatch.chdir(tmp_path)
    words = ("train", by_flags / "sensorai.toml", "--out", by_toml, "-q")
    if (target, task) in APART:
        apart = subprocess.run(
            [sys.executable, "-m", "sensorai", *words],
            cwd=logs,
            env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(Path(sai.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert apart.returncode == 0, apart.stderr
    else:
        monkeypatch.chdir(logs)
        again = call(*words)
        assert again.code == 0, again.err

    sai.train(sai.read(logs, label=GLOBS, unit={"acc": "mg"}), **asked).save(by_python)

    first = snapshot(by_flags)
    assert {"model.sai", "report.json", "report.html", "sensorai.toml"} <= set(first)
    assert snapshot(by_toml) == first
    assert snapshot(by_python) == first
    # what was asked for is what the file says, of logs that are found from anywhere
    told = toml.read(by_flags / "sensorai.toml")
    assert told == Experiment(logs=(str(logs),), **asked)


def test_a_result_is_made_again_in_place(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    asked = {"target": "mlc", **COMMON, **ASKED["mlc", "classify"]}
    Experiment(logs=(str(logs),), **asked).run().save(out)
    before = snapshot(out)
    monkeypatch.chdir(tmp_path)
    assert call("train", "out/sensorai.toml", "--quiet").code == 0
    assert snapshot(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
