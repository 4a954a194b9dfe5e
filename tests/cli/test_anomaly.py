"""``train --task anomaly`` from the command line, on all three targets, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.call import call, refused, snapshot, unchanged
from tests.cli.logs import write_log
from tests.need import need

QUICK = ("--window", "26", "--task", "anomaly", "--normal", "rest", "--normal", "walk")
FAULTS = ("--window", "26", "--task", "anomaly", "--normal", "rest", "--normal", "walk")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two normal states, and shaking as the fault; eight subjects."""
    path = tmp_path_factory.mktemp("machine") / "log.csv"
    write_log(path, subjects=tuple("abcdefgh"), seconds=12.0)
    return path


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("mlc", ()),
        ("stm32", ("--stride", "13")),
        ("ispu", ("--model", "mahalanobis", "--learn", "on-device")),
    ],
)
def test_detectors(machine: Path, tmp_path: Path, target: str, more: tuple[str, ...]) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    out = tmp_path / "out"
    result = call("train", machine, "--target", target, *QUICK, *more, "--out", out)
    assert (result.code, result.err) == (0, ""), result.err
    said = " ".join(result.out.split())
    assert "false alarm" in said
    assert "shake" in said
    report = json.loads((out / "report.json").read_text())
    assert report["task"] == "anomaly"
    assert report["alarms"]["detection"]["by_label"][0]["label"] == "shake"
    assert report["alarms"]["detection"]["found"] > 0
    assert "<html" in (out / "report.html").read_text()
    index = json.loads((out / "model.sai").read_text())
    assert sorted(index["files"]) == sorted(snapshot(out))
    # what was written runs again
    again = call("validate", out, machine)
    assert again.code == 0, again.err
    assert "equal in every bit" in again.out
    # a detector knows labels, not its own two states
    refused(
        call("validate", out, machine, "--map", "walk=normal"), "has no class 'normal'", "rest, walk, anom"
    )
    assert call("validate", out, machine, "--map", "walk=anomaly").code == 0


@pytest.mark.parametrize("target", ["mlc", "stm32"])
def test_classifiers_of_known_faults(machine: Path, tmp_path: Path, target: str) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    out = tmp_path / "out"
    result = call("train", machine, "--target", target, *FAULTS, "--model", "tree", "--out", out)
    assert (result.code, result.err) == (0, ""), result.err
    assert "alarms (decisions for another class than rest, walk)" in " ".join(result.out.split())
    report = json.loads((out / "report.json").read_text())
    assert report["alarms"]["detection"]["by_label"][0]["found"] > 0
    assert "An alarm is a decision for another class than rest, walk." in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--target", "ispu", "--normal", "rest"), ("--normal is for --task anomaly",)),
        (("--target", "ispu", "--model", "gmm"), ("--model gmm is for --task anomaly",)),
        (("--target", "mlc", "--false-alarms", "1/day"), ("--false-alarms is for --task anomaly",)),
        (("--target", "mlc", *QUICK, "--model", "gmm"), ("does not run on mlc", "box")),
        (("--target", "ispu", *QUICK, "--model", "box"), ("does not run on ispu", "mahalanobis")),
        (("--target", "mlc", *QUICK, "--learn", "on-device"), ("--learn on-device is for",)),
        (("--target", "stm32", *QUICK, "--model", "gmm", "--learn", "on-device"), ("not for gmm",)),
        (
            ("--target", "stm32", *QUICK, "--model", "tree", "--false-alarms", "1/day"),
            ("--false-alarms is for detectors that learn from normal logs, not for tree",),
        ),
        (("--target", "stm32", *QUICK, "--false-alarms", "often"), ("'often' is no rate", "1/day")),
        (("--target", "stm32", *QUICK, "--false-alarms", "1/day"), ("cannot be claimed", "held out")),
        (("--target", "mlc", *QUICK, "--false-alarms", "1/day"), ("cannot be claimed", "held out")),
        (("--target", "stm32", "--task", "anomaly"), ("which labels are the normal state", "rest, walk")),
        (("--target", "stm32", "--task", "anomaly", "--normal", "sleep"), ("--normal 'sleep'", "rest")),
        (("--target", "stm32", *QUICK, "--normal-unseen", "sleep"), ("--normal-unseen 'sleep'",)),
        (("--target", "stm32", *QUICK, "--precision", "binary"), ("--precision is for nets, not for gmm",)),
        (("--target", "stm32", *QUICK, "--features", " , "), ("--features names none",)),
        (("--target", "stm32", *QUICK, "--features", "STDD"), ("'STDD'", "did you mean STD?")),
        (("--target", "mlc", *QUICK, "--features", "STD"), ("--features is for --target ispu and stm32",)),
        (("--target", "stm32", "--features", "STD"), ("--features is for --task anomaly",)),
        (("--target", "mlc", *QUICK, "--tree", "a=label"), ("--tree is for --task classify",)),
        (("--target", "stm32", *QUICK, "--normal", "shake", "--model", "tree"), ("needs logs of faults",)),
        (("--target", "stm32", "--window", "300", *QUICK[2:]), ("too few",)),
    ],
)
def test_refusals(machine: Path, tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    with unchanged(tmp_path):
        refused(call("train", machine, *words, "--out", tmp_path / "out"), *parts)
