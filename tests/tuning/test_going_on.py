"""A search that was stopped goes on as if it had not been; another one is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sensorai.errors import ConfigError, DataError, ExperimentError, ToolMissing, UserError
from sensorai.experiment import Experiment
from sensorai.tuning import Budget, search
from sensorai.tuning import study as studies
from sensorai.tuning.study import FILE
from sensorai.tuning.trial import Job, Outcome
from tests.cli.call import call, refused, unchanged
from tests.cli.logs import write_log
from tests.need import need
from tests.tuning.fakes import look, made_up

TRIALS = 16


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("optuna")
    return write_log(tmp_path_factory.mktemp("logs") / "log.csv", seconds=4.0)


@pytest.fixture(scope="module")
def whole(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nothing stopped."""
    return made_up(log, tmp_path_factory.mktemp("whole") / "out", TRIALS).folder


def texts(folder: Path) -> dict[str, bytes]:
    """What is the same whenever it was made."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (FILE, "sensorai.toml")
    }


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(
    log: Path, whole: Path, tmp_path: Path, repo: Path
) -> None:
    out = tmp_path / "out"
    words = ["-m", "tests.tuning.fakes", str(log), str(out), str(TRIALS), "13"]
    done = subprocess.run(
        [sys.executable, *words], cwd=repo, env={**os.environ, "PYTHONPATH": str(repo)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    # and the last line of the file was not written to its end
    with (out / FILE).open("ab") as file:
        file.write(b'{"op_code": 6, "wor')
    begun: list[Job] = []

    def counted(job: Job) -> Outcome:
        begun.append(job)
        return look(job)

    made_up(log, out, TRIALS, look=counted)
    assert len(begun) == TRIALS - 12
    assert texts(out) == texts(whole)
    figures = json.loads((out / "search.json").read_text())
    assert figures["trials"] == TRIALS
    # what is over the budget is neither judged nor on the front
    assert figures["states"]["over"] > 0
    assert all(point["costs"]["flash"] <= 4096 for point in figures["points"])
    assert len({one["model"] for one in figures["looked_at"]}) == TRIALS


def test_an_outcome_that_was_written_and_not_told_is_kept(log: Path, tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    made_up(log, out, 3)
    lines = (out / FILE).read_bytes().splitlines(keepends=True)
    told = [k for k, line in enumerate(lines) if b'"outcome"' in line]
    (out / FILE).write_bytes(b"".join(lines[: told[2] + 1]))
    assert made_up(log, out, TRIALS).figures["looked_at"] == _figures(whole)["looked_at"]


def _figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "search.json").read_text())
    return found


def test_more_trials_go_on_where_it_was(log: Path, tmp_path: Path, whole: Path) -> None:
    made_up(log, tmp_path / "out", 5)
    again = made_up(log, tmp_path / "out", TRIALS)
    assert again.figures["looked_at"] == _figures(whole)["looked_at"]


def test_other_logs_or_options_are_refused(log: Path, tmp_path: Path, whole: Path) -> None:
    before = (whole / FILE).read_bytes()
    other = write_log(tmp_path / "log.csv", seconds=4.0, scale=1.01)
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("logs: 4 changed", {"log": other}),
        ("--flash is 4096 there and 2048 here", {"budget": Budget(flash=2048)}),
        ("--seed is not given there and 3 here", {"fixed": {"seed": 3}}),
        ("--metric is 'accuracy' there and 'macro-f1' here", {"metric": "macro-f1"}),
    )
    for words, more in cases:
        with pytest.raises(ConfigError, match="is another one") as error:
            made_up(**{"log": log, **more}, out=whole, trials=TRIALS)
        assert words in error.value.message
    assert (whole / FILE).read_bytes() == before


def test_a_folder_of_something_else_and_a_damaged_study(log: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty and no search"):
        made_up(log, tmp_path, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / FILE).write_text("no study\n")
    with pytest.raises(DataError, match="no study of a search"):
        made_up(log, tmp_path, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"identity":{"version":', b'"identity":{"versions":'),
        (b'"outcome":{"number"', b'"outcome":{"nummer"'),
        (b'"state":"judged"', b'"state":"won"'),
        (b'"op_code":8', b'"op_code":null'),
    ],
)
def test_a_study_that_others_changed(old: bytes, new: bytes, log: Path, whole: Path, tmp_path: Path) -> None:
    data = (whole / FILE).read_bytes()
    assert old in data
    (tmp_path / FILE).write_bytes(data.replace(old, new))
    with pytest.raises(DataError, match="the study is damaged"):
        made_up(log, tmp_path, TRIALS)


def test_two_at_once_in_one_folder(log: Path, tmp_path: Path) -> None:
    def second(job: Job) -> Outcome:
        with pytest.raises(UserError, match="a search runs in"):
            made_up(log, tmp_path / "out", 1)
        return look(job)

    made_up(log, tmp_path / "out", 2, look=second)


def test_any_executor_runs_trials(log: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = made_up(log, tmp_path / "out", 6, fixed={"jobs": 2}, executor=pool)
        # it is not ours to shut down
        assert pool.submit(len, "ab").result() == 2
    assert found.figures["trials"] == 6


def test_a_fault_in_a_trial_is_raised(log: Path, tmp_path: Path) -> None:
    class Broken(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            out: Future[Any] = Future()
            out.set_exception(MemoryError("none left"))
            return out

    with pytest.raises(MemoryError):
        made_up(log, tmp_path / "out", 2, executor=Broken())


def test_a_budget_that_nothing_keeps(log: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        made_up(log, tmp_path / "out", 4, budget=Budget(flash=310, ram=900))
    assert error.value.message.startswith("none of 4 models keeps the budget; the nearest, ")
    assert "B of flash, and 310 B are allowed" in error.value.message
    assert "RAM" not in error.value.message
    assert "--trials" in error.value.hint


def test_what_cannot_be_judged_says_why(log: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none of 3 models could be judged: the logs are too short"):
        made_up(log, tmp_path / "out", 3, look=lambda job: Outcome("refused", "the logs are too short"))


def test_all_that_is_wrong_is_said_at_once(log: Path, tmp_path: Path) -> None:
    asked = Experiment(logs=(str(log),), target="mlc", task="anomaly", normal=("rest",))
    with pytest.raises(ExperimentError) as error:
        search(asked, Budget(flash=9), out=tmp_path / "out", trials=0, metric="luck")
    for words in (
        "--flash is for models in C",
        "--task anomaly is not searched",
        "--trials 0",
        "--metric 'luck'",
    ):
        assert words in str(error.value)
    assert not (tmp_path / "out").exists()
    asked = Experiment(logs=(str(log),), target="mlc", on="dask://localhost:8786")
    with ThreadPoolExecutor(1) as pool, pytest.raises(ExperimentError, match="an executor and a cluster"):
        search(asked, out=tmp_path / "out", executor=pool)


def test_the_command_line_refuses_in_one_message(log: Path, tmp_path: Path) -> None:
    with unchanged(tmp_path):
        refused(call("search", log, "--target", "stm32", "--flash", "8q"), "--flash '8q' is no size", "8k")
        refused(call("search", log, "--out", tmp_path / "out"), "--target is missing")
        refused(
            call("search", log, "--target", "stm32", "--model", "box", "--trials", "0"), "box", "--trials 0"
        )


def test_one_group_cannot_be_searched(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", ("rest", "walk"), subjects=("a", "b"), seconds=3.0)
    with pytest.raises(ConfigError, match="too few groups to judge by"):
        made_up(log, tmp_path / "out", 2, fixed={"test_groups": ("b",)})


def test_a_current_that_nobody_published(log: Path, tmp_path: Path) -> None:
    asked = Experiment(logs=(str(log),), target="ispu")
    need("arm-none-eabi-gcc", "unicorn")
    with pytest.raises(ConfigError, match="--current cannot be held on LSM6DSO16IS"):
        search(asked, Budget(current=500.0), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tools_that_are_missing(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Experiment(logs=(str(log),), target="stm32")
    with monkeypatch.context() as m:
        m.setattr("sensorai.cproject.backend.available", lambda name: False)
        with pytest.raises(ToolMissing) as error:
            search(asked, out=tmp_path / "out")
    assert "apt install gcc-arm-none-eabi" in error.value.hint
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ToolMissing, match="optuna") as error:
        studies.library()
    assert error.value.hint == "pip install 'sensorai[search]'"
    assert not (tmp_path / "out").exists()
