"""Printing: JSON for machines, Rich for people, progress only on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def console(stderr: bool = False) -> Console:
    """Return a console no wider than 100 columns (and exactly that where there is no terminal)."""
    from rich.console import Console

    plain = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return Console(stderr=stderr, highlight=False, width=min(plain.width, 100) if plain.is_terminal else 100)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is going on: a spinner on a terminal, silence elsewhere."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status("reading logs") as status:
        yield status.update


@contextmanager
def road() -> Iterator[Callable[[str, float], None]]:
    """Give a function that shows how far the road is: a bar with the time left on a terminal, silence elsewhere."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda words, done: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(24),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("reading logs", total=1.0)
        yield lambda words, done: bar.update(task, description=clean(words), completed=done)


def clean(words: str) -> str:
    """Words without control characters, for a terminal."""
    from sensorai.report.words import printable

    return printable(words)


def say_notes(notes: Sequence[str]) -> None:
    """Print notes beside the output."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples, paths and NaN into what JSON knows."""
    from dataclasses import fields, is_dataclass
    from pathlib import Path

    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    if hasattr(value, "keys"):
        return {str(k): plain(value[k]) for k in value}
    return value
