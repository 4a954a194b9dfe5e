"""Results side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sensorai as sai
from tests.cli.call import call, refused

Change = Callable[[dict[str, Any]], None]


def changed(trained: Path, folder: Path, change: Change) -> Path:
    """A result like ``trained`` but for what ``change`` does to its report."""
    shutil.copytree(trained, folder)
    report = json.loads((folder / "report.json").read_text())
    change(report)
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def nothing(report: dict[str, Any]) -> None:
    """Leave it as it is."""


def elsewhere(report: dict[str, Any]) -> None:
    """Another target at another rate, in C."""
    report["target"], report["device"] = "stm32", "cortex-m4"
    report["cost"] = {"library": {"core": "cortex-m4", "flash": 960, "ram": 748, "stack": 100}}
    report["cost"]["library"]["instructions_mean"] = None
    report["sources"] |= {"memory": "compiled", "run": "emulated"}
    for one in report["data"]["recordings"]:
        one["seconds"] *= 1.01


def test_side_by_side(trained: Path, tmp_path: Path) -> None:
    other = changed(trained, tmp_path / "other", elsewhere)
    result = call("compare", trained, other)
    assert (result.code, result.err) == (0, "")
    lines = {line[:26].strip(): line[26:] for line in result.out.splitlines()}
    assert lines["target"].split() == ["mlc", "stm32"]
    figures = json.loads((trained / "report.json").read_text())
    share = figures["classifiers"][0]["held_out"]["decided"]["balanced_accuracy"]
    assert lines["balanced accuracy"].split() == [f"{100 * share:.1f}", "%"] * 2
    judged = sorted(name for fold in figures["data"]["folds"] for name in fold)
    assert judged
    assert ", ".join(judged) in lines["held-out groups"]
    assert "counted in" in result.out
    assert "960 B (compiled)" in result.out
    assert "100 B (emulated)" in result.out
    assert {"recall rest", "recall walk", "window", "rate"} <= set(lines)
    assert result.out.splitlines()[-1].startswith("comparable: ")


def groups(report: dict[str, Any]) -> None:
    report["data"]["folds"][0] = ["zoe"]


def kept(report: dict[str, Any]) -> None:
    """A test of what is delivered is no estimate by folds."""
    recordings = report["data"]["recordings"]
    report["data"]["test_groups"] = [recordings[0]["group"]]
    for one in recordings:
        one["test"] = one["group"] == recordings[0]["group"]


def classes(report: dict[str, Any]) -> None:
    report["classifiers"][0]["classes"][0]["name"] = "swim"


def task(report: dict[str, Any]) -> None:
    report["task"] = "anomaly"


def logs(report: dict[str, Any]) -> None:
    for one in report["data"]["recordings"]:
        one["name"] += "_again"


def longer(report: dict[str, Any]) -> None:
    for one in report["data"]["recordings"]:
        one["seconds"] *= 2


def untested(report: dict[str, Any]) -> None:
    report["data"]["folds"] = []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (groups, "held-out groups differ"),
        (kept, "held-out groups differ"),
        (classes, "classes differ"),
        (task, "tasks differ"),
        (logs, "recordings of the test differ"),
        (longer, "recordings of the test differ"),
        (untested, "nothing was held out for"),
    ],
)
def test_what_cannot_be_compared_is_said(change: Change, why: str, trained: Path, tmp_path: Path) -> None:
    other = changed(trained, tmp_path / "other", change)
    [said] = [
        line for line in call("compare", trained, trained, other).out.splitlines() if "COMPARABLE" in line
    ]
    assert said.startswith("NOT COMPARABLE: ")
    assert why in said
    assert "other" in said
    told = json.loads(call("compare", trained, other, "--json").out)
    assert told["comparable"] is False
    assert why in told["why_not"][0]
    assert len(told["results"]) == 2
    table = sai.compare(trained, other)
    assert not table["comparable"].any()
    assert why in table["why_not"].iloc[0]


def test_figures_of_what_was_learnt_are_no_match(trained: Path, log: Path, tmp_path: Path) -> None:
    judged = tmp_path / "judged.json"
    judged.write_text(call("validate", trained, log, "--all", "--json").out)
    said = call("compare", judged, judged).out
    assert "judged.json is judged on groups that it was trained on" in said
    assert "groups judged" in said


def test_alarms_side_by_side(trained: Path, tmp_path: Path) -> None:
    def alarms(report: dict[str, Any]) -> None:
        report["task"] = "anomaly"
        report["alarms"] = {
            "normal": ["rest"],
            "unseen": [],
            "faults": ["shake"],
            "false_alarms": {"events": 6, "hours": 0.5, "per_hour": 12.0},
            "detection": {"found": 10, "anomalies": 12, "delay_median_s": 3.0},
        }

    one, two = (changed(trained, tmp_path / name, alarms) for name in ("one", "two"))
    said = call("compare", one, two).out
    assert "6 in 30" in said
    assert "12" in said
    assert "10 of 12" in said
    assert "3 s" in said
    assert "balanced accuracy" not in said
    assert "recall" not in said

    def harder(report: dict[str, Any]) -> None:
        report["alarms"]["faults"] = ["crack"]

    assert "classes differ" in call("compare", one, changed(one, tmp_path / "three", harder)).out


def test_a_table_in_python(trained: Path, tmp_path: Path) -> None:
    table = sai.compare(trained, str(trained / "report.json"))
    assert list(table.index) == [str(trained), str(trained / "report.json")]
    assert table["comparable"].all()
    assert set(table["target"]) == {"mlc"}
    assert table["recall rest"].between(0, 1).all()


def test_what_is_no_result_is_refused(trained: Path, log: Path, tmp_path: Path) -> None:
    refused(call("compare", trained, log), "is a log and", "do not go side by side")
    refused(call("compare", trained, tmp_path / "none"), "no such file or folder", "none")
    refused(call("compare", trained), "one result alone")
    bare = changed(trained, tmp_path / "bare", nothing)
    (bare / "report.json").unlink()
    refused(call("compare", trained, bare), "has no report.json", "bare")

    def damage(report: dict[str, Any]) -> None:
        report["classifiers"][0].pop("held_out")

    refused(
        call("compare", trained, changed(trained, tmp_path / "bad", damage)), "this report is damaged", "bad"
    )
