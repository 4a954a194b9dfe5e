"""Printing: JSON for machines, Rich for people, progress only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOBase, TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sensorai.writing import jsontext
from sensorai.writing.terminal import shown

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
#: The same for verbs whose help has panels.
PanelJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.", rich_help_panel="Output")]
PanelQuiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", rich_help_panel="Output")
]


def console(stderr: bool = False) -> Console:
    """Return a console no wider than 100 columns (and exactly that where there is no terminal).

    Text is no markup on it, and what a terminal would obey is made visible; colours come by ``style`` and
    ``Text``.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Screen(Console):
        """Shows text as ``terminal.shown`` has it, whatever it comes in."""

        def render(self, *args: Any, **kwargs: Any) -> Iterator[Segment]:
            """Render, and clean all that is no control of Rich's own."""
            for one in super().render(*args, **kwargs):
                yield one if one.control else Segment(shown(one.text), one.style)

    # Rich's own escapes must reach the terminal, also where a bar of its own stands in the stream's place
    stream: TextIO = sys.stderr if stderr else sys.stdout
    while hasattr(stream, "rich_proxied_file"):
        stream = stream.rich_proxied_file
    plain = Console(file=stream)
    wide = min(plain.width, 100) if plain.is_terminal else 100
    return Screen(file=stream, highlight=False, markup=False, emoji=False, width=wide)


class CleanStream(TextIOBase):
    """A stream that shows what a terminal would obey; ``main`` puts it in the place of stdout and stderr.

    Rich finds the stream behind it by its own name for that: its escapes are wanted, and ``console`` cleans
    the text between them.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write text, visibly."""
        self.rich_proxied_file.write(shown(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self.rich_proxied_file.flush()

    def fileno(self) -> int:
        """File number of the stream."""
        return self.rich_proxied_file.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.rich_proxied_file.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return self.rich_proxied_file.encoding


@contextmanager
def clean_streams() -> Iterator[None]:
    """Let nothing from outside reach the terminal unwritten, whatever prints it."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, TextIOWrapper):
            # a terminal of another encoding must not end in a traceback
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = CleanStream(before[0]), CleanStream(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(jsontext.document(value))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is going on: a spinner on a terminal, silence elsewhere."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    from rich.text import Text

    with screen.status("reading logs") as status:
        # words would be markup there
        yield lambda words: status.update(Text(words))


@contextmanager
def road() -> Iterator[Callable[[str, float], None]]:
    """Give a function that shows how far the road is: a bar with the time left on a terminal."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda words, done: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    # long words must not push the bar away
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        BarColumn(24, table_column=Column(min_width=24, no_wrap=True)),
        TimeRemainingColumn(
            compact=True, elapsed_when_finished=True, table_column=Column(min_width=7, no_wrap=True)
        ),
        TextColumn("{task.description}", markup=False, table_column=rest),
    )
    with Progress(*columns, console=screen, transient=True, expand=True) as bar:
        task = bar.add_task("reading logs", total=1.0)
        yield lambda words, done: bar.update(task, description=words, completed=done)


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
