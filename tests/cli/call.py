"""Calling the command line in this process, and folders as bytes."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import typer.main

from sensorai.cli import main

#: Reading all verbs and options is most of a short call; they are the same in every one.
get_command = cache(typer.main.get_command)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


def call(*words: str | Path) -> Outcome:
    """Run ``sensorai WORDS`` as a terminal would: exit code, standard output, standard error.

    Warnings of libraries are what a user would see on the terminal, so they raise here (pytest turns
    them into errors) and show as a traceback.
    """
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with (
        mock.patch.object(sys, "argv", ["sensorai", *map(str, words)]),
        mock.patch.object(typer.main, "get_command", get_command),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), err.getvalue())


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file (bytes) and folder (None) below ``folder`` by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Fail when anything below ``folder`` is made, changed or removed, temporary files included."""
    before = snapshot(folder)
    yield
    after = snapshot(folder)
    assert sorted(after) == sorted(before)
    assert after == before


def refused(result: Outcome, *parts: str) -> str:
    """Assert that ``result`` is one clear message with ``parts`` in it, and exit 2; return the message."""
    assert result.code == 2, (result.code, result.err)
    assert result.out == ""
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[:1], result.err
    assert len(lines[0]) > len("error: ")
    for part in parts:
        assert part in result.err, f"{part!r} is not in:\n{result.err}"
    return result.err
