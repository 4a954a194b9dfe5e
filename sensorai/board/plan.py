"""A recording session as a plan: which labels, how long, how often, with which pauses between."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.board.logfile import Who, check_text
from sensorai.errors import ConfigError

_TOP = {"subject": str, "session": str, "seconds": float, "pause": float, "repeat": int, "step": list}
_STEP = {"label": str, "seconds": float, "pause": float, "repeat": int, "say": str}


@dataclass(frozen=True, slots=True)
class Step:
    """One recording: ``pause`` seconds to get ready, then ``seconds`` of ``label``.

    ``say`` tells the person what to do. ``number`` counts the recordings of the same label and length.
    """

    label: str
    seconds: float
    pause: float
    say: str = ""
    number: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A session; steps in order, repeated ones written out."""

    who: Who
    steps: tuple[Step, ...]

    def left(self, done: Iterable[tuple[str, float]]) -> list[Step]:
        """Steps that are not recorded yet.

        Parameters
        ----------
        done : iterable of (label, seconds)
            Whole recordings that there are of this subject and session.
        """
        have = Counter(done)
        left = []
        for step in self.steps:
            if have[step.label, step.seconds] > 0:
                have[step.label, step.seconds] -= 1
            else:
                left.append(step)
        return left


def read_plan(path: Path, who: Who) -> Plan:
    """Read a plan; ``who`` wins over the subject and session that it names.

    ``seconds``, ``pause`` and ``repeat`` at the top hold for every ``[[step]]`` that has none of its own;
    ``repeat`` of a step repeats it at once.

    Raises
    ------
    ConfigError
        The file cannot be read, is no TOML, or a key is unknown, missing or has no meaning.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the plan: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("the plan is no text file (UTF-8)", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the plan is no TOML: {error}", where=str(path)) from None
    top = _checked(content, _TOP, str(path))
    whole = Who(
        who.subject or check_text(top["subject"], "subject") if who.subject or "subject" in top else "",
        who.session or check_text(top["session"], "session") if who.session or "session" in top else "",
    )
    steps: list[Step] = []
    numbers: Counter[tuple[str, float]] = Counter()
    for place, raw in enumerate(top.get("step", []), 1):
        where = f"{path}: step {place}"
        if not isinstance(raw, dict):
            raise ConfigError("a step is no table", where=where, hint="write it as [[step]]")
        one = _checked(raw, _STEP, where)
        label = one.get("label", "")
        if not label:
            raise ConfigError("a step has no label", where=where, hint='as in label = "walking"')
        check_text(label, "label")
        seconds = one.get("seconds", top.get("seconds"))
        if seconds is None:
            raise ConfigError("a step does not say its seconds", where=where, hint="as in seconds = 20")
        if not 0 < seconds < 86400:
            raise ConfigError(f"seconds = {seconds:g} is no length", where=where)
        pause = one.get("pause", top.get("pause", 3.0))
        if not 0 <= pause < 86400:
            raise ConfigError(f"pause = {pause:g} is no length", where=where)
        repeat = one.get("repeat", top.get("repeat", 1))
        if not 1 <= repeat <= 1000:
            raise ConfigError(f"repeat = {repeat} is not 1 to 1000", where=where)
        for _ in range(repeat):
            numbers[label, seconds] += 1
            steps.append(Step(label, seconds, pause, one.get("say", ""), numbers[label, seconds]))
    if not steps:
        raise ConfigError("the plan has no steps", where=str(path), hint="write them as [[step]]")
    return Plan(whole, tuple(steps))


def _checked(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> dict[str, Any]:
    """Values of the right type; whole numbers do for others."""
    out: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"unknown key {key!r}", where=where, hint=f"keys: {', '.join(known)}")
        wanted = known[key]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted or (isinstance(value, float) and not math.isfinite(value)):
            words = {str: "a text", float: "a number", int: "a whole number", list: "a list of [[step]]"}
            raise ConfigError(f"{key} = {value!r} is not {words[wanted]}", where=where)
        out[key] = value
    return out
