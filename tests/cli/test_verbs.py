"""The verbs as a whole: help, start-up, exit codes, Ctrl-C, paths with odd names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.call import call, refused, unchanged
from tests.cli.conftest import QUICK
from tests.cli.logs import write_log

VERBS = (
    *(
        "train",
        "search",
        "simulate",
        "validate",
        "compare",
        "decode",
        "encode",
        "generate",
        "features",
        "inspect",
        "devices",
    ),
    "doctor",
)
HEAVY = ("numpy", "pandas", "sklearn", "numba", "scipy", "jax", "matplotlib", "pyarrow", "jinja2", "optuna")


def python(repo: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a Python of its own, as a user's shell would."""
    environment = {**os.environ, "PYTHONPATH": str(repo), **more}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_verbs_are_all(repo: Path) -> None:
    result = call("--help")
    assert result.code == 0
    for verb in VERBS:
        assert f" {verb} " in result.out


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(verb: str, flag: str) -> None:
    result = call(verb, flag)
    assert (result.code, result.err) == (0, "")
    assert f"Usage: sensorai {verb}" in result.out


def test_the_program_is_called_the_same_however_it_was_started(repo: Path) -> None:
    for words in (["-m", "sensorai"], ["-m", "sensorai.cli"]):
        assert "Usage: sensorai train" in python(repo, *words, "train", "--help").stdout
        assert "sensorai train --help" in python(repo, *words, "train", "--colour").stderr


def test_nothing_said_is_help() -> None:
    assert call() == call("--help")


def test_version() -> None:
    assert call("--version").out.startswith("sensorai 0.")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["nonsense"]])
def test_start_is_light(words: list[str], repo: Path) -> None:
    code = (
        "import sys, sensorai.cli\n"
        f"sys.argv = ['sensorai', *{words!r}]\n"
        "try: sensorai.cli.main()\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = python(repo, "-c", code)
    assert result.stdout.splitlines()[-1] == "LOADED []", result.stderr


def test_as_a_program(repo: Path, log: Path, tmp_path: Path) -> None:
    result = python(repo, "-m", "sensorai", "inspect", str(log))
    assert (result.returncode, result.stderr) == (0, "")
    assert "52" in result.stdout
    with unchanged(tmp_path):
        out = str(tmp_path / "out")
        result = python(
            repo, "-m", "sensorai", "train", str(log), "--target", "mlc", "--window", "0", "--out", out
        )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --window 0 is less than 1")
    result = python(repo, "-m", "sensorai", "decode", str(tmp_path / "gone.ucf"))
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_a_closed_pipe_is_no_fault(repo: Path) -> None:
    command = f'"{sys.executable}" -m sensorai devices LSM6DSOX | head -n 1'
    environment = {**os.environ, "PYTHONPATH": str(repo)}
    result = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_ctrl_c_while_reading(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(path: Path) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "read_bytes", stop)
    result = call("train", log, "--target", "mlc", "--out", tmp_path / "out")
    assert (result.code, result.out) == (130, "")
    assert result.err.strip() == "interrupted; nothing was half-written"
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_writing(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, count = Path.write_bytes, 0

    def stop(path: Path, data: bytes) -> int:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", stop)
    with unchanged(tmp_path):
        result = call(
            "train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK
        )
    assert count == 4
    assert result.code == 130
    assert "nothing was half-written" in result.err


@pytest.mark.parametrize(
    "words",
    [("simulate", "--out", "t.csv"), ("features", "--out", "t.arff"), ("validate", "--html", "t.html")],
)
def test_ctrl_c_while_writing_one_file(
    words: tuple[str, str, str], log: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, target: Path) -> None:
        raise KeyboardInterrupt

    verb, option, name = words
    (tmp_path / name).write_text("old")
    monkeypatch.setattr(Path, "replace", stop)
    with unchanged(tmp_path):
        assert call(verb, trained, log, option, tmp_path / name).code == 130


def test_odd_names(tmp_path: Path) -> None:
    """Brackets are no markup, blanks and umlauts no trouble."""
    log = write_log(tmp_path / "Läufe [1]" / "a [/b] [red].csv", names={"rest": "[sit]", "walk": "[/bold]"})
    assert call("inspect", log).code == 0
    out = tmp_path / "out [/x]"
    result = call("train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", out, *QUICK)
    assert result.code == 0, result.err
    assert "[/bold]" in result.out
    assert f"sensorai simulate {out}" in result.out
    for verb in ("simulate", "validate"):
        result = call(verb, out, log)
        assert result.code == 0, result.err
        assert "[/bold]" in result.out
    one = write_log(tmp_path / "one" / "x [/y].csv", subjects=["[/z]"], names={"rest": "[/sit]"})
    result = call("inspect", one)
    assert result.code == 0
    assert "x [/y]" in result.out
    assert "[/sit]" in result.out


@pytest.mark.parametrize(
    "words",
    [
        ("inspect",),
        ("simulate",),
        ("validate",),
        ("compare",),
        ("devices",),
        ("doctor",),
        ("devices", "LSM6DSOX"),
        ("train",),
    ],
)
def test_json(words: tuple[str, ...], log: Path, trained: Path, tmp_path: Path) -> None:
    given: dict[str, list[str | Path]] = {
        "inspect": [log],
        "simulate": [trained, log],
        "validate": [trained, log],
        "compare": [trained, trained],
        "train": [log, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK],
    }
    result = call(*words, *given.get(words[0], []), "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)


def test_quiet(log: Path, tmp_path: Path) -> None:
    words = ("--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK)
    result = call("train", log, *words, "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_one_device_in_another_letter_case() -> None:
    assert call("devices", "lsm6dsox").out == call("devices", "LSM6DSOX").out
    refused(call("devices", "LSM6DSO"), "not unique")
