"""``sensorai monitor``: what a sensor's core decides, live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.cli import out as printing
from sensorai.cli.capture import Baud
from sensorai.cli.simulate import Device

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from sensorai.board.tally import Tally, Watch


def run(
    port: Annotated[str, typer.Argument(metavar="PORT", help="Serial port: /dev/ttyACM0, COM3 ...")],
    config: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Register file that the sensor runs (MLC or ISPU), or an output folder of ours.",
        ),
    ],
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep raw data with a results column here, for 'validate'."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="N", help="Length; without it until Ctrl-C.")
    ] = None,
    label: Annotated[str, typer.Option(help="What is going on, for the log.")] = "",
    subject: Annotated[str, typer.Option(help="Whose data, for the log.")] = "",
    device: Device = None,
    baud: Baud = 115200,
    json: printing.Json = False,
) -> None:
    """Show what the core of a sensor decides: classes by name, counts, time in state.

    The sensor runs the register file already (see 'load'); the board reads its result registers. With
    --record, 'sensorai validate FILE DIR' compares what the sensor said with the simulator.
    """
    from sensorai.board.logfile import Who, check_text
    from sensorai.board.monitor import MonitorWanted, monitor
    from sensorai.board.tally import Watch
    from sensorai.cli import live
    from sensorai.errors import ConfigError, SensoraiError

    if seconds is not None and not 0 < seconds < float("inf"):
        raise ConfigError(f"--seconds {seconds:g} is no length")
    for what, text in (("label", label), ("subject", subject)):
        if text:
            check_text(text, what)
    wanted = MonitorWanted(port, config, record, seconds, baud, label, Who(subject), device)
    watch = Watch()
    error: SensoraiError | None = None
    with live.stopping() as stop, live.results(_picture, quiet=json) as view:
        try:
            monitor(wanted, view, stop, watch)
        except SensoraiError as caught:
            error = caught
    if json:
        printing.print_json({**watch.as_dict(), "error": str(error) if error else None})
    elif watch.readings:
        printing.console().print(_picture(watch))
        if watch.recording is not None:
            typer.echo(f"{watch.log}: {live.one_line(watch.recording)}")
            typer.echo(f"compare with: sensorai validate {config} {record}")
    if error is not None:
        raise error
    if watch.ended == "stopped" and seconds is not None:
        raise typer.Exit(130)


def _picture(watch: Watch) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for heading in ("result", "now", "class", "code"):
        table.add_column(heading)
    for heading in ("entered", "seconds", "share"):
        table.add_column(heading, justify="right")
    for tally in watch.tallies:
        _rows(table, tally)
    parts: list[RenderableType] = [table]
    faults = f"{watch.seconds:.0f} s, {watch.readings} readings"
    if watch.lost or watch.damaged:
        faults += f", {watch.lost} lost, {watch.damaged} damaged frames"
    parts.append(Text(faults))
    if watch.silent_s > 3:
        parts.append(Text(f"nothing has come for {watch.silent_s:.0f} s", style="bold red"))
    return Group(*parts)


def _rows(table: Table, tally: Tally) -> None:
    from rich.text import Text

    total = sum(tally.seconds.values()) or 1.0
    now = "-" if tally.code is None else tally.register.word(tally.code)
    codes = sorted({*tally.register.labels, *tally.entered})
    for place, code in enumerate(codes):
        table.add_row(
            Text(tally.register.title if place == 0 else ""),
            Text(now if place == 0 else ""),
            Text(tally.register.word(code)),
            str(code),
            str(tally.entered.get(code, 0)),
            f"{tally.seconds.get(code, 0.0):.1f}",
            f"{tally.seconds.get(code, 0.0) / total:.0%}",
        )
