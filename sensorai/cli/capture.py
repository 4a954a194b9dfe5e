"""``sensorai capture``: labelled logs from a board."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import takes

if TYPE_CHECKING:
    from sensorai.board.capture import Summary
    from sensorai.board.journal import Recorded

Port = Annotated[
    str | None,
    typer.Argument(
        metavar="PORT", help="Serial port: /dev/ttyACM0, COM3 ... Without it, the ports are listed."
    ),
]
Baud = Annotated[int, typer.Option(metavar="BAUD", help="Bits per second.")]


class Format(StrEnum):
    """What a log becomes."""

    CSV = "csv"
    PARQUET = "parquet"


@takes("unit")
def run(
    given: dict[str, Any],
    port: Port = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the logs.")] = None,
    label: Annotated[str, typer.Option(help="What is recorded.")] = "",
    labels: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="Labels that keys (1, 2 ..., first letters) choose meanwhile."),
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(metavar="N", help="Length; without it until Ctrl-C.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="HZ", help="Rate that is expected; the rate is measured and compared."),
    ] = None,
    baud: Baud = 115200,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN.toml", help="Session to record: labels, seconds, pauses, repeats. Resumable."
        ),
    ] = None,
    subject: Annotated[str, typer.Option(help="Whose data: never split between training and test.")] = "",
    session: Annotated[str, typer.Option(help="Name of the session, kept in the logs.")] = "",
    channels: Annotated[
        str,
        typer.Option(
            metavar="NAME,...", help="Columns of text lines without a header, as in acc_x,acc_y,acc_z."
        ),
    ] = "",
    format_: Annotated[Format, typer.Option("--format", help="What complete logs become.")] = Format.CSV,
    json: printing.Json = False,
) -> None:
    """Record labelled logs from a board on a serial port.

    Two wire formats are told apart by themselves: text lines of numbers at a constant rate, and the frames
    of sensorai's firmware. The log is written as samples come; whatever ends the recording, what was
    received is in it. Where samples are missing a new part begins, which no window reaches across.
    """
    from sensorai.board.capture import Summary, Wanted, capture
    from sensorai.board.logfile import Who
    from sensorai.board.plan import read_plan
    from sensorai.cli import live
    from sensorai.errors import ConfigError, SensoraiError

    if port is None:
        _list_ports(json)
        return
    if out is None:
        raise ConfigError("no folder for the logs is given", hint="as in --out logs")
    who = Who(subject, session)
    wanted = Wanted(
        port,
        out,
        seconds,
        label,
        _names(labels),
        rate,
        baud,
        read_plan(plan, who) if plan is not None else None,
        who,
        _names(channels),
        dict(given.get("unit", ())),
        format_ is Format.PARQUET,
    )
    summary = Summary()
    error: SensoraiError | None = None
    with live.stopping() as stop, live.view(quiet=json) as view:
        try:
            capture(wanted, view, stop, summary)
        except SensoraiError as caught:
            error = caught
    if json:
        printing.print_json({**summary.as_dict(), "error": str(error) if error else None})
    else:
        _print(wanted.out, summary)
    if error is not None:
        raise error
    if summary.ended == "stopped" and (seconds is not None or plan is not None):
        raise typer.Exit(130)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _list_ports(json: bool) -> None:
    from sensorai.board.ports import ports

    found = ports()
    if json:
        printing.print_json([printing.plain(port) for port in found])
        return
    for port in found:
        typer.echo("  ".join(filter(None, (port.name, port.description, port.usb))))
    if not found:
        typer.echo("no serial port found: is the board plugged in?")


def _print(folder: Path, summary: Summary) -> None:
    for log in summary.logs:
        typer.echo(f"{folder / log.file}: {_account(log)}")
    for note in summary.notes[summary.said :]:
        typer.echo(f"note: {note}")
    if summary.ended == "complete":
        typer.echo(f"complete: {summary.skipped + len(summary.logs)} recordings in {folder}")


def _account(log: Recorded) -> str:
    rate = f" at {log.rate_hz:.5g} Hz" if log.rate_hz else ""
    text = f"{log.samples} samples in {log.seconds:.1f} s{rate}"
    if log.gaps:
        text += f", {log.lost} lost in {log.gaps} gap{'s' if log.gaps > 1 else ''}"
    else:
        text += ", none lost"
    if log.damaged:
        text += f", {log.damaged} damaged"
    if len(log.labels) > 1:
        text += " (" + ", ".join(f"{name or 'no label'} {count}" for name, count in log.labels.items()) + ")"
    return text
