"""Plans: what they may say, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorai.board.logfile import Who
from sensorai.board.plan import read_plan
from sensorai.errors import ConfigError

PLAN = """
subject = "anna"
seconds = 5
pause = 1
[[step]]
label = "walking"
repeat = 2
[[step]]
label = "sitting"
seconds = 2.5
pause = 0
say = "sit still"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_steps_are_written_out(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, PLAN), Who())
    assert plan.who == Who("anna", "")
    assert [(s.label, s.seconds, s.pause, s.say, s.number) for s in plan.steps] == [
        ("walking", 5.0, 1.0, "", 1),
        ("walking", 5.0, 1.0, "", 2),
        ("sitting", 2.5, 0.0, "sit still", 1),
    ]
    assert read_plan(write(tmp_path, PLAN), Who("bo", "x")).who == Who("bo", "x")


def test_what_is_there_is_skipped(tmp_path: Path) -> None:
    plan = read_plan(write(tmp_path, PLAN), Who())
    assert len(plan.left([])) == 3
    assert [s.label for s in plan.left([("walking", 5.0)])] == ["walking", "sitting"]
    assert [s.label for s in plan.left([("walking", 5.0), ("walking", 5.0), ("walking", 2.0)])] == ["sitting"]
    assert plan.left([("walking", 5.0)] * 2 + [("sitting", 2.5)]) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x = [", ("no TOML",)),
        ("seconds = 3", ("no steps",)),
        ("[[step]]\nseconds = 3", ("step 1", "no label")),
        ('[[step]]\nlabel = "a"', ("step 1", "does not say its seconds")),
        ('[[step]]\nlabel = "a"\nseconds = 0', ("seconds = 0",)),
        ('[[step]]\nlabel = "a"\nseconds = nan', ("seconds = nan",)),
        ('[[step]]\nlabel = "a"\nseconds = "3"', ("seconds = '3'", "a number")),
        ('[[step]]\nlabel = "a"\nseconds = 3\nrepeat = 0', ("repeat = 0",)),
        ('[[step]]\nlabel = "a"\nseconds = 3\nrepeat = true', ("repeat = True",)),
        ('[[step]]\nlabel = "a"\nseconds = 3\npause = -1', ("pause = -1",)),
        ('[[step]]\nlabel = "a,b"\nseconds = 3', ("'a,b'", "commas")),
        ('[[step]]\nlable = "a"\nseconds = 3', ("unknown key 'lable'", "label")),
        ("step = 3", ("step = 3", "[[step]]")),
        ("step = [3]", ("step 1", "no table")),
        ('subject = ""\n[[step]]\nlabel = "a"\nseconds = 3', ("subject",)),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plan(write(tmp_path, text), Who())
    for part in parts:
        assert part in str(caught.value)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the plan"):
        read_plan(tmp_path / "none.toml", Who())
