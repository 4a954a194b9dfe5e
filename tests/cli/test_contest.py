"""All that applies, learnt from logs on one split and put side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sensorai import contest
from sensorai.contest import Contest, Entry, entries, hold
from sensorai.errors import ConfigError, DataError, Problem, TargetError, VerifyMismatch
from sensorai.experiment import Experiment
from sensorai.learn import classifier
from sensorai.learn.families import registers
from sensorai.learn.folds import folds
from sensorai.report import Report, compared
from tests.cli.call import call, refused, snapshot
from tests.cli.logs import write_log
from tests.need import need

# ---------------------------------------------------------------- which rows


def test_by_default_all_that_applies() -> None:
    names = {one.name for one in entries()}
    assert names == {
        "mlc_lsm6dsv16x_tree",
        *(f"ispu_lsm6dso16is_{model}" for model in ("tree", "forest", "mlp", "cnn")),
        *(f"stm32_stm32l476rg_{model}" for model in ("tree", "forest", "mlp", "cnn")),
    }
    detectors = {one.model for one in entries(task="anomaly")}
    assert {"box", "gmm", "autoencoder"} <= detectors
    assert "tree" not in detectors


def test_targets_models_and_devices_narrow_it() -> None:
    assert {one.target for one in entries(("mlc", "stm32"))} == {"mlc", "stm32"}
    assert [one.target for one in entries(models=("tree",))] == ["mlc", "ispu", "stm32"]
    # a family that a target has not is no row
    assert [one.target for one in entries(("mlc", "ispu"), ("mlp",))] == ["ispu"]
    found = entries(models=("tree",), devices=("lsm6dsox", "stm32u5", "cortex-m4"))
    assert found == [
        Entry("mlc", "LSM6DSOX", "tree"),
        Entry("stm32", "STM32U575ZI", "tree"),
        Entry("stm32", "cortex-m4", "tree"),
    ]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--targets", "mlc,esp32"), ("there is no target 'esp32'",)),
        (("--models", "mlp,tre"), ("no model 'tre'", "did you mean tree?")),
        (("--models", "gmm"), ("no model 'gmm' can do the task classify",)),
        (("--targets", "mlc", "--models", "cnn"), ("none of these targets (mlc) has a model cnn",)),
        (
            ("--device", "esp32"),
            ("no target (mlc, ispu, stm32) has one device 'esp32'", "LSM6DSOX", "cortex-m4"),
        ),
        (("--device", "stm32l"), ("has one device 'stm32l'", "it could be STM32L053R8")),
        (("--power-mode", "low"), ("there is no --power-mode 'low'", "known: high-performance")),
        (("--imu", "bmi270"), ("unknown sensor 'bmi270'",)),
        (("--folds", "1"), ("folds",)),
        (("--folds", "0"), ("--folds 0: nothing would judge",)),
        (("--jobs", "2", "--on", "dask://localhost:1"), ("--jobs and --on contradict each other",)),
    ],
)
def test_what_is_asked_wrongly(words: tuple[str, ...], parts: tuple[str, ...], log: Path) -> None:
    refused(call("compare", log, *words), *parts)


def test_logs_and_results_do_not_go_together(log: Path, trained: Path) -> None:
    refused(call("compare", log, trained), "is a log", "a result", "they do not go side by side")
    refused(
        call("compare", trained, trained, "--models", "tree", "--seed", "3"), "--seed, --models", "drop it"
    )


def test_a_file_that_is_not_there(log: Path) -> None:
    refused(call("compare", log, "nowhere.csv"), "nowhere.csv")
    refused(call("compare", "nowhere.csv"), "no such file", "nowhere.csv")


# ---------------------------------------------------------------- one split for all rows


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Folds of every row, as its family asks for them, in place of learning."""
    found: list[Any] = []

    def deal(*asked: Any) -> Any:
        found.append((folds(*asked), asked[0].dataset.recordings[0].rate_hz))
        raise DataError("enough")

    monkeypatch.setattr(classifier, "folds", deal)
    monkeypatch.setattr(registers, "folds", deal)
    monkeypatch.setattr(classifier.ClassifierFamily, "fit", lambda *_: pytest.fail("learnt"))
    return found


def test_every_row_is_judged_on_the_same_groups(dealt: list[Any], tmp_path: Path) -> None:
    # people with more or less of each class, at a rate that no target has: all resample differently
    for n, who in enumerate("abcdefg"):
        write_log(
            tmp_path / f"{who}.csv", ("rest", "walk"), subjects=(who,), seconds=3.0 + 0.37 * n, rate=57.0
        )
    base = Experiment(logs=(str(tmp_path),), window=26, seed=5)
    asked = [*entries(), Entry("mlc", "LIS2DUX12", "tree"), Entry("mlc", "LSM6DSOX", "tree")]
    with pytest.raises(DataError, match="enough"):
        hold(base, asked)
    assert len(dealt) == len(asked)
    assert len({rate for _, rate in dealt}) >= 3
    assert len({found for found, _ in dealt}) == 1
    assert len(dealt[0][0]) == contest.FOLDS
    # without one number of folds for all, families have their own
    dealt.clear()
    monkey = base.with_(folds=3)
    with pytest.raises(DataError, match="enough"):
        hold(monkey, asked[:2])
    assert [len(found) for found, _ in dealt] == [3, 3]


# ---------------------------------------------------------------- from logs to a table and a page


def test_logs_side_by_side(trained: Path, log: Path, tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc")
    out, page = tmp_path / "out", tmp_path / "page.html"
    words = ("--targets", "stm32,mlc", "--models", "tree", "--device", "stm32l4", "--device", "lis2dux12")
    result = call("compare", log, *words, "--window", "60", "--sensors", "gyro,acc", "--json")
    # no gyroscope in the log: every row fails, the first reason is told
    refused(result, "gyro")
    narrowed = (
        "--device",
        "stm32l4",
        "--models",
        "tree",
        "--window",
        "26",
        "--imu",
        "lsm6dsox",
        "--folds",
        "2",
    )
    result = call("compare", log, *narrowed, "--out", out, "--html", page)
    assert (result.code, result.err) == (0, "")
    assert "stm32 tree" in result.out
    assert "flash and RAM compiled, instructions emulated" in result.out
    assert "beside a microcontroller LSM6DSOX" in result.out.replace("\n", " ").replace("  ", " ")
    assert "comparable: judged on the same" in result.out
    folder = out / "stm32_stm32l476rg_tree"
    figures = json.loads((folder / "report.json").read_text())
    mine = json.loads((trained / "report.json").read_text())
    # another run, another target, learnt by train: the same groups in the same folds
    assert figures["data"]["folds"] == mine["data"]["folds"]
    # what was kept is a result like any other, with its current
    beside = call("compare", trained, folder, "--imu", "LSM6DSOX", "--json")
    told = json.loads(beside.out)
    assert told["comparable"]
    first, second = told["results"]
    assert first["current"]["low_ua"] == pytest.approx(170 + 3.1)
    assert second["current"]["low_ua"] > 170
    library = figures["cost"]["library"]
    assert second["cost"]["ram"] == library["ram"] + library["stack"]
    per_sample = library["instructions_sample"] * figures["settings"]["stride"]
    assert second["cost"]["instructions"] == pytest.approx(library["instructions_mean"] + per_sample)
    assert "173 to 1" in call("compare", trained, folder).out
    text = page.read_text()
    assert "<svg" in text
    assert "published figure" in text
    assert "ST DS10198" in text


@dataclass
class Made:
    """What `run` would return."""

    report: Report

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "report.json").write_text("{}")


@pytest.fixture
def made(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows from one report, in place of learning: a tree works, a forest has no room, a net parts."""
    figures = json.loads((trained / "report.json").read_text())

    def learnt(experiment: Experiment, *_: Any, progress: Any = None, **__: Any) -> Made:
        if progress is not None:
            progress("learning", 0.5)
        if experiment.model == "forest":
            raise TargetError([Problem("no room", hint="a smaller one"), Problem("too slow")])
        if experiment.model == "mlp":
            raise VerifyMismatch("what was emitted is not what was meant")
        cost = {"library": None, "program": None} if experiment.target != "mlc" else figures["cost"]
        if experiment.target == "stm32":
            library = {"core": "cortex-m4", "flash": 960, "ram": 748, "stack": 100, "cycles": 9000.0}
            counts: dict[str, Any] = {
                "instructions_mean": 1e3,
                "instructions_most": 1100,
                "instructions_sample": 100.0,
            }
            counts |= {"seconds": None, "joules": None}
            cost = {"library": {**library, **counts}}
        settings = {**figures["settings"], "stride": 26}
        head = {"target": experiment.target, "device": experiment.device}
        return Made(Report.of({**figures, **head, "cost": cost, "settings": settings}))

    monkeypatch.setattr(contest, "run", learnt)


@pytest.mark.usefixtures("made")
def test_a_row_that_fails_says_why_in_a_line(log: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = call("compare", log, "--models", "tree,forest,mlp", "--device", "lsm6dsox", "--html", page)
    assert (result.code, result.err) == (0, "")
    result = call("compare", log, "--models", "tree,forest,mlp", "--html", page)
    assert result.code == 0, result.err
    lines = [line for line in result.out.splitlines() if line.startswith("not learnt: ")]
    assert len(lines) == 4
    assert lines[0] == "not learnt: forest on LSM6DSO16IS (ispu): no room (a smaller one)"
    assert "not what was meant" in lines[1]
    assert lines[0] in page.read_text()
    told = json.loads(call("compare", log, "--models", "tree,forest", "--json").out)
    assert [one["target"] for one in told["results"]] == ["mlc", "ispu", "stm32"]
    assert [(one["target"], one["model"]) for one in told["failed"]] == [
        ("ispu", "forest"),
        ("stm32", "forest"),
    ]
    assert told["comparable"]
    # unknown stays unknown
    assert told["results"][1]["current"]["low_ua"] is None
    assert told["results"][1]["current"]["marks"][0] == "unknown"


@pytest.mark.usefixtures("made")
def test_what_is_in_the_way_is_found_before_anything_is_learnt(log: Path, tmp_path: Path) -> None:
    taken = tmp_path / "out" / "stm32_stm32l476rg_tree"
    taken.mkdir(parents=True)
    (taken / "mine.txt").write_text("mine")
    before = snapshot(tmp_path)
    refused(call("compare", log, "--models", "tree", "--out", tmp_path / "out"), "not empty")
    assert snapshot(tmp_path) == before


@pytest.mark.usefixtures("made")
def test_how_far_it_is(log: Path) -> None:
    told: list[tuple[str, float]] = []
    found = hold(
        Experiment(logs=(str(log),)),
        entries(models=("tree",)),
        progress=lambda words, done: told.append((words, done)),
    )
    assert isinstance(found, Contest)
    assert [words for words, _ in told] == [
        "1 of 3, tree on LSM6DSV16X: learning",
        "2 of 3, tree on LSM6DSO16IS: learning",
        "3 of 3, tree on STM32L476RG: learning",
    ]
    assert [done for _, done in told] == pytest.approx([0.5 / 3, 1.5 / 3, 2.5 / 3])
    # the sensor beside a microcontroller is that of the other rows
    assert found.sensor == "LSM6DSV16X"


@pytest.mark.usefixtures("made")
def test_the_picture_tells_intervals_from_what_nobody_published(log: Path) -> None:
    found = hold(Experiment(logs=(str(log),)), entries(models=("tree",)))
    drawn = compared.picture(found.comparison.rows)
    assert drawn.count("stroke-dasharray") == 1
    assert "no figure published" in drawn
    assert "LSM6DSV16X: " in drawn
    # one height for the same accuracy, drawn beneath each other
    heads = dict(compared.columns(found.comparison.rows))
    assert len(set(heads["accuracy %"])) == 1
    assert heads["current \N{MICRO SIGN}A"][1].startswith("?")
    only = [row for row in found.comparison.rows if row["target"] == "mlc"]
    assert compared.picture(only).count("stroke-dasharray") == 0
    assert compared.picture([]) == ""


def test_a_contest_needs_logs() -> None:
    with pytest.raises(ConfigError, match="no logs were given"):
        hold(Experiment(), entries(models=("tree",)))
