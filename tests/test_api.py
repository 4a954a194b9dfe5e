"""What Python programs and notebooks call: the road in five lines, with the types that it promises."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sensorai as sai
from sensorai.errors import ConfigError, ExperimentError, UserError
from sensorai.experiment import options, toml
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device
from sensorai.ispu.loader import files, load
from sensorai.recording import Recording
from tests.cli.call import snapshot
from tests.cli.logs import write_log
from tests.ispu.make import program
from tests.need import need

#: Tiny options for each target.
TINY: dict[str, dict[str, Any]] = {
    "mlc": {"target": "mlc", "window": 26, "max_features": 3, "end_counters": "off", "folds": 2},
    "ispu": {"target": "ispu", "model": "tree", "net": {"leaves": 4}, "window": 26, "folds": 2},
    "stm32": {
        "target": "stm32",
        "model": "forest",
        "net": {"trees": 2, "leaves": 4},
        "window": 26,
        "folds": 2,
    },
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("api") / "moves.csv", seconds=4)


@pytest.fixture(scope="module")
def logs(path: Path) -> Any:
    return sai.read(path, unit={"acc": "mg"})


@pytest.fixture(scope="module", params=TINY)
def result(request: pytest.FixtureRequest, logs: Any) -> Any:
    if request.param != "mlc":
        need("gcc")
    return sai.train(logs, **TINY[request.param])


# ---------------------------------------------------------------- the package


def test_no_public_name_is_a_room() -> None:
    # importing a room sets an attribute of its name on the package, which would hide the function
    rooms = {module.name for module in pkgutil.iter_modules(sai.__path__)}
    assert not rooms & set(sai.__all__)


def test_importing_costs_nothing_and_every_name_is_there() -> None:
    code = (
        "import sys, sensorai as sai\n"
        "heavy = 'numpy pandas scipy sklearn numba jax rich typer jinja2'.split()\n"
        "assert not [m for m in heavy if m in sys.modules]\n"
        "import sensorai.run\n"
        "print(*(type(getattr(sai, name)).__name__ for name in sai.__all__))\n"
        "assert set(sai.__all__) <= set(dir(sai))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"type", "function", "ABCMeta", "str"}
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = sai.trian


def test_help_is_enough() -> None:
    told = inspect.getdoc(sai.Experiment)
    assert told is not None
    words = " ".join(told.split())
    for name, option in options().items():
        assert f"{name} : " in told
        assert " ".join(option.help.split()) in words
    for thing, parts in {
        sai.read: ("Parameters", "Returns", "Raises", "log_rate"),
        sai.train: ("Parameters", "Returns", "Raises", "progress"),
        sai.open: ("Parameters", "Returns", "Raises"),
        sai.decode: ("Parameters", "Returns", "Raises"),
        sai.Dataset.summary: ("Returns", "rate_hz"),
        sai.Dataset.plot: ("Parameters", "Returns"),
        sai.Model.simulate: ("Parameters", "Returns", "Raises", "time_s"),
        sai.Model.validate: ("Parameters", "Returns", "Raises"),
        sai.Result.simulate: ("Parameters", "Returns", "Raises"),
        sai.Result.validate: ("Parameters", "Returns", "Raises"),
        sai.Result.save: ("Parameters", "Returns", "Raises"),
        sai.Experiment.run: ("Parameters", "Returns", "Raises"),
        sai.Experiment.with_: ("Parameters", "Returns", "Raises"),
    }.items():
        text = inspect.getdoc(thing) or ""
        for part in parts:
            assert part in text, f"{thing}: {part}"


# ---------------------------------------------------------------- logs


def test_reading(path: Path, logs: Any) -> None:
    assert isinstance(logs, sai.Dataset)
    assert len(logs) == 4
    assert all(isinstance(r, Recording) for r in logs)
    assert logs.experiment.unit == (("acc", "mg"),)
    again = sai.read([path], unit={"acc": "mg"})
    assert [r.name for r in again] == [r.name for r in logs]
    assert repr(logs) == "<4 recordings of 4 groups; labels: rest, walk, shake>"


def test_summary(logs: Any) -> None:
    table = logs.summary()
    assert isinstance(table, pd.DataFrame)
    assert list(table.recording) == [r.name for r in logs]
    assert set(table.labels) == {"rest, walk, shake"}
    assert set(table.group) == {"a", "b", "c", "d"}
    assert table.samples.sum() == sum(map(len, logs))
    assert table.seconds.tolist() == [r.duration_s for r in logs]
    assert (table.sensors == "acc").all()


def test_plot(logs: Any, tmp_path: Path) -> None:
    plot = logs.plot(most=2)
    assert plot.html.startswith("<!DOCTYPE html>")
    assert plot.html.count("<svg") == 2
    assert plot._repr_html_().startswith("<iframe")
    assert plot.save(tmp_path / "logs.html").read_text() == plot.html


# ---------------------------------------------------------------- the road


def test_a_result_is_all_that_it_promises(result: Any, logs: Any, tmp_path: Path) -> None:
    assert isinstance(result, sai.Result)
    assert isinstance(result.report, sai.Report)
    assert result.report._repr_html_().startswith("<iframe")
    assert result._repr_html_() == result.report._repr_html_()
    assert result.report.figures["classifiers"][0]["held_out"]["decided"]["accuracy"] > 0.9
    trace = result.simulate(logs)
    assert isinstance(trace, pd.DataFrame)
    assert {"recording", "time_s", "sample"} <= set(trace.columns)
    settings = result.report.figures["settings"]
    rate, window, stride = settings["rate_hz"], settings["window"], settings["stride"]
    # a row per window: each recording at the device's rate holds so many
    counted = trace.groupby("recording", sort=False).size()
    assert list(counted.index) == [r.name for r in logs]
    for r in logs:
        there = round(r.duration_s * rate)
        assert abs(counted[r.name] - ((there - window) // stride + 1)) <= 1
    assert np.allclose(trace["sample"] / rate, trace["time_s"])
    # saved and opened again it does the same
    assert result.save(tmp_path / "out") == tmp_path / "out"
    opened = sai.open(tmp_path / "out")
    assert isinstance(opened, sai.Model)
    pd.testing.assert_frame_equal(opened.simulate(logs), trace)
    told = toml.read(tmp_path / "out" / "sensorai.toml")
    assert (told.target, told.window) == (result.experiment.target, 26)


def test_validation(result: Any, logs: Any) -> None:
    found = result.validate(logs, on=["host"], all_groups=True)
    assert found.divergence is None
    assert found.report.figures["by"] == "validate"
    assert found.report.figures["proof"]["levels"]
    assert found._repr_html_().startswith("<iframe")


def test_paths_do_where_recordings_do(path: Path, logs: Any, tmp_path: Path) -> None:
    by_path = sai.train(path, unit={"acc": "mg"}, **TINY["mlc"])
    asked: dict[str, Any] = {"logs": [path], "unit": {"acc": "mg"}, **TINY["mlc"]}
    by_experiment = sai.Experiment(**asked).run()
    by_logs = sai.train(logs, **TINY["mlc"])
    assert by_path.files == by_experiment.files == by_logs.files
    assert by_path.experiment == by_experiment.experiment == by_logs.experiment
    rows = by_path.simulate(path, unit={"acc": "mg"})
    pd.testing.assert_frame_equal(rows, by_logs.simulate(logs))


def test_a_separate_test_set(logs: Any, tmp_path: Path) -> None:
    other = write_log(tmp_path / "other.csv", subjects=["x", "y"], seconds=4, scale=1.02)
    result = sai.train(logs, test=other, **TINY["mlc"])
    assert result.report.figures["data"]["test_groups"] == ["x", "y"]
    assert result.experiment.test == (str(other),)
    again = sai.train(logs, test=sai.read(other), **TINY["mlc"])
    assert again.files == result.files


def test_decode(result: Any, tmp_path: Path) -> None:
    if result.experiment.target != "mlc":
        with pytest.raises(UserError, match="project"):
            sai.decode(result.save(tmp_path / "out"))
        return
    folder = result.save(tmp_path / "out")
    told = sai.decode(folder / f"{result.artifact.name}.ucf")
    assert "MLC" in str(told) or "machine learning core" in str(told)
    assert told.figures
    assert told._repr_html_().startswith("<pre>")
    assert sai.decode(folder).figures == told.figures


def test_decode_of_an_ispu_program(tmp_path: Path) -> None:
    part = device("LSM6DSO16IS")
    registers = load(program(part), parse_conf("algo 0 enable", part), part)
    (tmp_path / "x.json").write_bytes(files(registers, "x")["x.json"])
    told = sai.decode(tmp_path / "x.json")
    assert "ISPU" in told.text
    assert told.figures


# ---------------------------------------------------------------- quiet, and stopped


def test_nothing_prints(logs: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = sai.train(logs, **TINY["mlc"])
    result.simulate(logs)
    result.validate(logs)
    result.save(tmp_path / "out")
    sai.open(tmp_path / "out").simulate(logs)
    logs.summary()
    logs.plot()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("target", TINY)
def test_progress_rises_to_the_end(target: str, logs: Any) -> None:
    if target != "mlc":
        need("gcc")
    told: list[tuple[str, float]] = []
    sai.train(logs, **TINY[target], progress=lambda words, done: told.append((words, done)))
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares.count(1.0) == 1
    assert len(told) > 5
    assert all(words for words, _ in told)


class _Stop(Exception):
    pass


@pytest.mark.parametrize("after", [0.0, 0.5, 0.75, 0.9])
def test_cancelling_leaves_nothing_behind(
    after: float, logs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)

    def stop(words: str, done: float) -> None:
        if done >= after:
            raise _Stop

    with pytest.raises(_Stop):
        sai.train(logs, **TINY["stm32"], progress=stop)
    assert snapshot(tmp_path) == {"tmp": None}


# ---------------------------------------------------------------- errors


def test_what_is_not_known_is_said_with_what_was_meant(logs: Any, path: Path) -> None:
    with pytest.raises(ExperimentError, match="did you mean target"):
        sai.train(logs, targt="mlc")
    with pytest.raises(ExperimentError, match="did you mean window"):
        sai.train(path, target="mlc", windw=3)
    with pytest.raises(ExperimentError, match="did you mean unit"):
        sai.read(path, units={"acc": "mg"})
    with pytest.raises(ExperimentError, match="did you mean stride") as caught:
        sai.Experiment().with_(stirde=3, seeed=1)
    assert len(caught.value.problems) == 2
    with pytest.raises(ExperimentError, match="did you mean mlc"):
        sai.train(logs, target="mcl")
    with pytest.raises(ExperimentError, match="--target is missing"):
        sai.train(logs)


def test_what_is_no_log_is_said_with_what_is_taken(logs: Any, path: Path) -> None:
    with pytest.raises(ConfigError, match=r"logs are paths, or what sensorai\.read returns, not None"):
        sai.train(None, target="mlc")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"test logs are paths, .* not 3"):
        sai.train(logs, target="mlc", test=3)  # type: ignore[arg-type]
    for given, shown in ((3, "3"), ([path, 3], "a list with 3"), ({"a": path}, "a dict"), (b"a", "a bytes")):
        with pytest.raises(ConfigError, match=f"sensorai.read takes paths, not {shown}"):
            sai.read(given)  # type: ignore[arg-type]
    model = sai.train(logs, **TINY["mlc"]).model
    verbs: tuple[Any, ...] = (model.simulate, model.validate)
    for verb in verbs:
        with pytest.raises(ConfigError, match="not a DataFrame") as caught:
            verb(pd.DataFrame({"acc_x": [1.0]}))
        assert "to_csv" in caught.value.hint
    for verb in (sai.open, sai.decode, *verbs):
        with pytest.raises(ConfigError, match=r"path.*, not 3"):
            verb(3)


def test_options_of_reading_are_checked_at_once(path: Path) -> None:
    with pytest.raises(ExperimentError) as caught:
        sai.read(path, label="x", unit=[("acc", "mg"), ("acc", "g")], seed=4, target="mlc", log_rate=-1)
    said = [p.message for p in caught.value.problems]
    for part in (
        "seed is no option of",
        "target is no option of",
        "--label 'x'",
        "--unit acc=... is given twice",
        "--log-rate -1",
    ):
        assert any(part in message for message in said), (part, said)
    assert len(said) == 5
    with pytest.raises(ExperimentError, match="did you mean label") as caught:
        sai.read(path, lable="x", seed=4, log_rate=-1)
    assert len(caught.value.problems) == 3


def test_names_of_an_experiment_are_said_by_the_class_as_by_train(logs: Any) -> None:
    with pytest.raises(ExperimentError, match="did you mean model"):
        sai.Experiment(modle="x")  # type: ignore[call-arg]
    with pytest.raises(ExperimentError, match="did you mean model") as caught:
        sai.train(logs, modle="x", seed=-1, target="mcl")
    assert len(caught.value.problems) == 3
    assert "target" in inspect.signature(sai.Experiment).parameters


def test_errors_of_opening_say_what_it_is(path: Path, tmp_path: Path, logs: Any) -> None:
    with pytest.raises(UserError, match="a log"):
        sai.open(path)
    with pytest.raises(UserError, match="no such file"):
        sai.read(tmp_path / "nowhere")
    (tmp_path / "mine.txt").write_text("mine")
    result = sai.train(logs, **TINY["mlc"])
    with pytest.raises(ConfigError, match="not empty"):
        result.save(tmp_path)
    with pytest.raises(ExperimentError, match="did you mean unit"):
        result.simulate(path, units={"acc": "mg"})
    with pytest.raises(ConfigError, match="with paths"):
        result.simulate(logs, unit={"acc": "mg"})
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
