"""A search with real models: cost as train counts it, points that train makes again, registers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn import ensemble

from sensorai.experiment import Experiment, toml
from sensorai.learn import taught
from sensorai.run import run
from sensorai.tuning import Budget
from sensorai.tuning.trial import Job, look
from tests.cli.call import call
from tests.cli.logs import write_log
from tests.need import need


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("logs") / "log.csv", seconds=4.0)


@pytest.fixture
def _fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are ranked by a small forest: whatever it is worth, it is the same each time."""
    whole = ensemble.ExtraTreesClassifier
    monkeypatch.setattr(ensemble, "ExtraTreesClassifier", lambda count, **how: whole(4, **how))


@pytest.mark.usefixtures("_fewer")
def test_every_point_is_what_train_makes(log: Path, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "gcc", "unicorn", "optuna")
    out = tmp_path / "out"
    words = (
        "--target",
        "stm32",
        "--model",
        "tree",
        "--window",
        "26",
        "--trials",
        "1",
        "--flash",
        "4k",
        "--wins",
        "0",
    )
    result = call("search", log, *words, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert "recommended: tree" in result.out
    figures = json.loads((out / "search.json").read_text())
    (point,) = figures["points"]
    assert point["recommended"]
    assert point["on_front"]
    place = out / point["folder"]
    report = json.loads((place / "report.json").read_text())
    cost = report["cost"]["library"]
    assert point["costs"] == {
        "flash": cost["flash"],
        "ram": cost["ram"] + cost["stack"],
        "instructions": cost["instructions_most"],
    }
    held = report["classifiers"][0]["held_out"]
    assert point["accuracy"] == held["answer"]["accuracy"]
    assert point["decided_accuracy"] == held["decided"]["accuracy"]
    # what was looked at costs as much, but for the decision filter
    (looked,) = figures["looked_at"]
    assert abs(looked["costs"]["flash"] - cost["flash"]) < 150
    made = run(toml.read(place / toml.FILE))
    for folder in (place, out / "recommended"):
        assert made.experiment == toml.read(folder / toml.FILE)
        assert {name: (folder / name).read_bytes() for name in made.files} == dict(made.files)
        assert (folder / "report.html").read_text() == made.page()
    page = (out / "search.html").read_text()
    assert point["model"] in page
    assert "<svg" in page


@pytest.mark.usefixtures("_fewer")
def test_registers_are_looked_at(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # whatever the forest that teaches is worth
    monkeypatch.setattr(taught, "TREES", 5)
    monkeypatch.setattr(taught, "POINTS", 300)
    asked = Experiment(
        logs=(str(log),),
        target="mlc",
        device="LSM6DSOX",
        window=26,
        sensors=("acc",),
        max_features=1,
        max_nodes=7,
    )
    found = look(Job(asked, "log", Budget(current=2000.0), "macro-f1"))
    assert (found.state, len(found.values)) == ("judged", 3)
    assert 1 <= found.costs["nodes"] <= 7
    assert found.value > 0.6
    # a sensor and its core, by what is published
    assert 10 < found.costs["current"] < 1000
    assert look(Job(asked, "log", Budget(current=1.0), "macro-f1")).state == "over"
    # what the logs do not bear is an outcome, not an end
    assert look(Job(asked.with_(window=255), "log", Budget(), "accuracy")).state == "refused"
