"""Long work shows how far it is: a bar with the time left on a terminal, nothing elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensorai.experiment import Experiment
from sensorai.learn import teacher
from sensorai.road import Progress
from sensorai.run import run
from tests.cli.call import call
from tests.cli.conftest import QUICK
from tests.need import need


def on_a_terminal(*words: str | Path, cwd: Path, repo: Path, module: bool = True) -> tuple[int, str, str]:
    """Run ``sensorai WORDS`` with a terminal of 100 columns for its errors: exit code, output, terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(repo), "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, *(("-m", "sensorai") if module else ()), *map(str, words)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as made:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # what Linux says of a terminal that nobody holds any more
                break
            if not piece:
                break
            seen += piece
        assert made.stdout is not None
        out = made.stdout.read()
    os.close(ours)
    return made.returncode, out, seen.decode()


def test_a_bar_with_the_time_left(repo: Path, log: Path, tmp_path: Path) -> None:
    words = ("train", log, "--target", "mlc", "--device", "LSM6DSOX", *QUICK)
    code, out, shown = on_a_terminal(*words, cwd=tmp_path, repo=repo)
    assert code == 0, shown
    # escapes are obeyed, not shown
    assert not set("␛␍") & set(shown)
    frames = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", f).strip() for f in re.split(r"\x1b\[2K|\r", shown)]
    assert {frame[0] for frame in frames if frame} <= set("━╸╺")
    assert max(map(len, frames)) <= 100
    # nothing of the bar in what may go into a file
    assert "\x1b" not in out
    assert "━" not in out
    assert "━" in shown
    assert re.search(r"\d:\d\d", shown)
    assert "reading logs" in shown
    # a bar is drawn ten times a second: quick steps may not be seen
    assert re.search("choosing features|fitting the tree|emitting|comparing with", shown)
    # the bar is taken away at the end: the cursor is shown again and the last line is erased
    assert shown.rstrip("\r\n").endswith(("\x1b[2K", "\x1b[?25h"))


def test_without_a_terminal_nothing_is_shown(log: Path, tmp_path: Path) -> None:
    words = ("--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK)
    result = call("train", log, *words)
    assert (result.code, result.err) == (0, "")
    assert "━" not in result.out


def test_parts_of_a_step() -> None:
    told: list[tuple[str, float]] = []
    say = Progress(lambda words, done: told.append((words, round(done, 6))))
    say.step("learning", 0.5)
    say("two nets")
    for k in range(2):
        part = say.part(k / 2, (k + 1) / 2)
        part(f"net {k}")
        inner = part.part(0.5, 1.0, words=False)
        inner("not told")
        inner.within(0.5)
    assert told == [
        ("learning", 0.0),
        ("two nets", 0.0),
        ("net 0", 0.0),
        ("net 0", 0.125),
        ("net 0", 0.1875),
        ("net 1", 0.25),
        ("net 1", 0.375),
        ("net 1", 0.4375),
    ]


def test_nets_say_every_epoch(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "jax")
    monkeypatch.setattr(teacher, "TREES", 3)
    told: list[tuple[str, float]] = []
    net = {"sizes": [3], "features": 2, "epochs": 6, "tune_epochs": 4}
    asked = Experiment(target="stm32", logs=(str(log),), window=26, stride=26, net=net)
    run(asked, progress=lambda words, done: told.append((words, done)))
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    learning = {done for words, done in told if words.startswith(("learning", "features", "float", "int8"))}
    # epochs of the float net and of the integer net, and again on random windows
    assert len(learning) >= 2 * (6 + 4) - 4


def test_the_tree_of_registers_moves_the_bar(log: Path) -> None:
    told: list[float] = []
    asked = Experiment(target="mlc", device="LSM6DSOX", logs=(str(log),), max_features=1, sensors=("acc",))
    run(asked, progress=lambda words, done: told.append(done))
    assert told == sorted(told)
    # windows tried, features chosen, what each buys
    assert len({done for done in told if 0.15 < done < 0.75}) >= 6


def test_long_words_leave_the_bar_where_it_is(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(
        "from sensorai.cli.out import clean_streams, progress, road\n"
        "with clean_streams():\n"
        "    with road() as tell:\n"
        "        tell('features: ' + 'A_LONG_NAME, ' * 30 + '\\x1b[31m', 0.5)\n"
        "    with progress() as say:\n"
        "        say('simulating')\n"
    )
    code, _, shown = on_a_terminal(tmp_path / "long.py", cwd=tmp_path, repo=repo, module=False)
    assert code == 0, shown
    frames = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", f).strip() for f in re.split(r"\x1b\[2K|\r", shown)]
    (long,) = {f for f in frames if "A_LONG_NAME" in f}
    assert long.startswith("━")
    assert long.endswith("…")
    assert len(long) <= 100
    assert "\x1b[31m" not in shown
    assert any(f.endswith("simulating") for f in frames)
    assert "␛" not in shown
