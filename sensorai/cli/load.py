"""``sensorai load``: a register file into the sensor on a board, or a net into its flash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sensorai.cli import out as printing


def run(
    port: Annotated[
        str,
        typer.Argument(
            metavar="PORT", help="Serial port of the board: /dev/ttyACM0, COM3.", show_default=False
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Register file (JSON, UCF, C header), blob of a net, or output folder.",
            show_default=False,
        ),
    ],
    device: Annotated[
        str | None, typer.Option(help="Device, where the file does not name it (a unique prefix will do).")
    ] = None,
    baud: Annotated[int, typer.Option(help="Bits per second on the line.")] = 115200,
    read_back: Annotated[bool, typer.Option(help="Read back what was written and compare.")] = True,
    json: printing.Json = False,
) -> None:
    """Load a register file into the sensor on a board that runs the firmware of sensorai.

    The sensor must be the one that the file is for. What was written is read back where registers allow it:
    page memory of a machine learning core, memories of an ISPU, plain registers. The first difference stops
    with its register and the line of the file (exit code 3).

    A blob of a net (from 'generate --updatable', '--relocatable' or '--update') goes into the board's flash,
    for a program that takes it. Until all of it is there and checked, the net from before stays in use.
    """
    from sensorai.board.files import blob_file, open_register_file
    from sensorai.board.line import Line
    from sensorai.board.load import load
    from sensorai.board.makeplan import make_plan
    from sensorai.board.ports import open_port
    from sensorai.board.session import Session

    blob = blob_file(file)
    if blob is not None:
        _net(port, blob, (device, read_back), baud, json)
        return
    rf = open_register_file(file)
    plan = make_plan(rf, device, read_back=read_back)
    with Line(open_port(port, baud), pace=0.0) as line, _bar() as progress:
        loaded = load(Session(line), plan, rf.source, progress)
    if json:
        printing.print_json({"file": rf.source, "port": port, **printing.plain(loaded)})
        return
    names = " / ".join(loaded.names)
    on = f" on {loaded.board}" if loaded.board else ""
    typer.echo(f"{rf.source}: loaded into {names}{on}, {loaded.operations} operations")
    typer.echo(
        f"{loaded.compared} bytes read back, all equal"
        if read_back
        else "nothing was read back (--no-read-back)"
    )
    printing.say_notes([*loaded.notes, *(f"not read back: {text}" for text in loaded.unread)])
    if loaded.repeated or loaded.damaged:
        printing.say_notes(
            [f"the line is not clean: {loaded.repeated} requests sent again, {loaded.damaged} damaged frames"]
        )


def _net(port: str, file: Path, of_sensors: tuple[str | None, bool], baud: int, json: bool) -> None:
    """Send the blob of a net."""
    from sensorai.board.line import Line
    from sensorai.board.netload import load_net
    from sensorai.board.ports import open_port
    from sensorai.board.session import Session
    from sensorai.codegen.blob import LARGEST, read_blob
    from sensorai.errors import ConfigError, DataError

    device, read_back = of_sensors
    if device is not None or not read_back:
        flag = "--device" if device is not None else "--no-read-back"
        raise ConfigError(f"{flag} is for register files, not for nets", hint=f"drop {flag}")
    if file.stat().st_size > LARGEST:
        raise DataError("the blob is larger than any flash", where=str(file))
    blob = read_blob(file.read_bytes(), str(file))
    with Line(open_port(port, baud), pace=0.0) as line, _bar() as progress:
        loaded = load_net(Session(line), blob, str(file), progress)
    if json:
        printing.print_json({"file": str(file), "port": port, **printing.plain(loaded)})
        return
    what = f"version {loaded.version}, content {loaded.content[:16]}"
    on = f" on {loaded.board}" if loaded.board else ""
    if loaded.same:
        typer.echo(f"{file}: {what}, is in use{on} already")
        return
    before = "the net of the program" if loaded.before is None else f"version {loaded.before}"
    again = f", {loaded.kept:,} had come before" if loaded.kept else ""
    typer.echo(f"{file}: {what}, is in use{on} in place of {before}; {loaded.sent:,} bytes sent{again}")
    if loaded.repeated or loaded.damaged:
        printing.say_notes(
            [f"the line is not clean: {loaded.repeated} requests sent again, {loaded.damaged} damaged frames"]
        )


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    screen = printing.console(stderr=True)
    if not screen.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=screen, transient=True) as bar:
        task = bar.add_task("loading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
