"""``sensorai validate``: accuracy per window and event, and all levels compared bit by bit."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import LABELS, READING, Logs, pairs, takes
from sensorai.cli.simulate import (
    Artifact,
    AsIs,
    ClassCode,
    Device,
    NoResample,
    Style,
    opened_for,
    rate_policy,
)


class On(StrEnum):
    """Where C runs."""

    HOST = "host"
    EMULATOR = "emulator"


@takes(*LABELS, *READING)
def run(
    artifact: Artifact,
    logs: Logs,
    given: dict[str, Any],
    all_groups: Annotated[
        bool, typer.Option("--all", help="Use the groups that the model was trained on as well.")
    ] = False,
    map_: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="LABEL=CLASS",
            help="A label of the logs that the model calls CLASS; - if it is not to be judged (repeat).",
        ),
    ] = [],  # noqa: B006
    class_: ClassCode = [],  # noqa: B006
    on: Annotated[
        list[On] | None,
        typer.Option(
            "--on", help="Where to run the C of a project (repeat; default: host). For ISPU and STM32."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report with plots.")] = None,
    device: Device = None,
    style: Style = "current",
    as_is: AsIs = False,
    no_resample: NoResample = False,
    json: printing.Json = False,
) -> None:
    """Judge a register file or a C project on labelled recordings, and compare all its levels bit by bit.

    Windows right, delay to the first right result, wrong switches an hour, before and after the decision
    filter; of a detector, false alarms and what was found. Logs of 'monitor --record' hold what the sensor
    said: that is compared, too. Exit code 3 when two levels part; the first divergence is named.
    """
    from sensorai.errors import ConfigError, VerifyMismatch
    from sensorai.experiment import Experiment
    from sensorai.files import write_text
    from sensorai.opening import in_registers, validate
    from sensorai.reading import read
    from sensorai.road import Progress

    rate = rate_policy(as_is, no_resample)
    names = pairs(map_, "--map", "walk=walking")
    opened = opened_for("validate", artifact, logs, device, style, class_)
    if on and in_registers(opened):
        raise ConfigError("--on is for C projects: register files are simulated", hint="drop --on")
    detects = bool(opened.states)
    columns = () if detects else tuple(c.column for c in opened.classifiers)
    known = () if detects else tuple(name for c in opened.classifiers for name in c.classes.values())
    with printing.road() as tell:
        dataset = read(Experiment(logs=tuple(map(str, logs)), **given), columns=columns, classes=known)
        made = validate(
            opened,
            dataset,
            on=[one.value for one in on or [On.HOST]],
            rate=rate,
            all_groups=all_groups,
            names=names,
            progress=Progress(tell),
        )
    if html is not None:
        write_text(html, made.page())
    if json:
        printing.print_json(made.report.figures)
    else:
        printing.console().print(made.report)
        if html is not None:
            typer.echo(f"report: {html}")
    if made.divergence is not None:
        raise VerifyMismatch(f"levels part: {made.divergence}", where=str(artifact))
