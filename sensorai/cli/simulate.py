"""``sensorai simulate``: the emitted thing on a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.mlc.artifact import Artifact as Opened
    from sensorai.mlc.config import MlcConfig
    from sensorai.verify.cproject import OpenedProject
    from sensorai.verify.mlc import Run

Artifact = Annotated[
    Path, typer.Argument(metavar="ARTIFACT", help="Output folder, or any MLC register file, ours or ST's.")
]
Device = Annotated[str | None, typer.Option(help="Device, where the register file does not name it.")]
AsIs = Annotated[
    bool,
    typer.Option(
        "--as-is", help="Take samples in order, whatever the log says of its rate, as ST's tools do."
    ),
]
NoResample = Annotated[
    bool,
    typer.Option("--no-resample", help="Refuse a log at another rate than the core's instead of resampling."),
]
Style = Annotated[str, typer.Option(help="Numeric style: current, stedgeai, unico, unico-b, unico-c.")]


def rate_policy(as_is: bool, no_resample: bool) -> str:
    """Turn two flags into one word; a ConfigError when both are given."""
    from sensorai.errors import ConfigError

    if as_is and no_resample:
        raise ConfigError("--as-is and --no-resample contradict each other")
    return "as-is" if as_is else "refuse" if no_resample else "resample"


def open_any(verb: str, artifact: Path, logs: Sequence[Path], device: str | None) -> Opened | OpenedProject:
    """Open what runs on logs; where it is something else, say what."""
    from sensorai.kinds import RUNS, explained
    from sensorai.mlc.artifact import open_artifact
    from sensorai.verify.cproject import open_project, project_target

    with explained(verb, artifact, RUNS, logs):
        if artifact.is_dir() and project_target(artifact) not in (None, "mlc"):
            return open_project(artifact)
        return open_artifact(artifact, device)


def refuse_for_projects(artifact: Path, options: Mapping[str, bool]) -> None:
    """Refuse options, each with whether it was given, that mean nothing for a C project."""
    from sensorai.errors import ConfigError

    given_ = [option for option, there in options.items() if there]
    if given_:
        raise ConfigError(
            f"{' and '.join(given_)}: only for register files, and this is a C project",
            where=str(artifact),
            hint=f"drop {' and '.join(given_)}"
            + (
                "; report.html in the folder is the page of its training, and --json prints this judgement"
                if "--html" in given_
                else ""
            ),
        )


def run(
    artifact: Artifact,
    logs: given.Logs,
    out: Annotated[Path | None, typer.Option(help="Trace: .csv or .parquet by its suffix.")] = None,
    device: Device = None,
    style: Style = "current",
    as_is: AsIs = False,
    no_resample: NoResample = False,
    class_: given.ClassCode = [],  # noqa: B006
    column: given.Column = [],  # noqa: B006
    unit: given.Unit = [],  # noqa: B006
    log_rate: given.LogRate = None,
    log_sensor: given.LogSensor = None,
    mapping: given.Mapping = None,
    header: given.Header = None,
    short_rows: given.ShortRows = "refuse",
    json: printing.Json = False,
) -> None:
    """Run a register file on recordings: features, tree results, registers and interrupts per window.

    Starts from the bytes, never from the model. For accuracy against labels see 'validate'.
    """
    from sensorai.errors import ConfigError
    from sensorai.mlc.artifact import Artifact as Opened
    from sensorai.mlc.classnames import with_names
    from sensorai.mlc.simulate import write_trace
    from sensorai.notes import of_recordings
    from sensorai.verify.mlc import run_all

    rate = rate_policy(as_is, no_resample)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"cannot tell the format of {out.name}", hint="end the name in .csv or .parquet")
    reading = given.Reading(
        column=column,
        unit=unit,
        log_rate=log_rate,
        header=header,
        short_rows=short_rows,
        sensor=log_sensor,
        mapping=mapping,
    )
    opened = open_any("simulate", artifact, logs, device)
    if not isinstance(opened, Opened):
        from sensorai.cli import projects

        unused = {"--device": device is not None, "--style": style != "current", "--class": bool(class_)}
        refuse_for_projects(artifact, unused)
        recordings, _ = projects.at_rate(reading.dataset(logs), opened, rate)
        projects.simulate(opened, recordings, of_recordings(recordings), out, json)
        return
    opened = with_names(opened, given.pairs(class_, "--class", "4=walking"))
    with printing.progress() as say:
        if device is not None:
            printing.say_notes(opened.decoded.notes)
        dataset = reading.dataset(logs)
        say("simulating")
        runs = run_all(opened.config, dataset, style=style, rate=rate)
        if out is not None:
            write_trace({r.recording.name: r.trace for r in runs}, out)
    if json:
        printing.print_json(_as_json(runs))
    else:
        _print(opened.config, runs)
        if out is not None:
            typer.echo(f"trace: {out}")


def _plural(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _counts(run: Run, tree: int) -> Counter[str]:
    return Counter(run.trace.names(tree, run.trace.decided[:, tree]))


def _as_json(runs: list[Run]) -> list[dict[str, object]]:
    return [
        {
            "recording": r.recording.name,
            "windows": len(r.trace),
            "rate_hz": r.trace.rate_hz,
            "trees": [
                {"windows_by_result": dict(_counts(r, t)), "interrupts": int(r.trace.interrupts[:, t].sum())}
                for t in range(len(r.trace.config.trees))
            ],
            "notes": list(r.recording.notes),
        }
        for r in runs
    ]


def _print(config: MlcConfig, runs: list[Run]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sensorai.notes import of_recordings

    table = Table(box=None)
    table.add_column("recording")
    for heading in ("windows", "seconds", "changes"):
        table.add_column(heading, justify="right")
    table.add_column("register: share of windows")
    for r in runs:
        for t in range(len(config.trees)):
            total = max(len(r.trace), 1)
            shares = ", ".join(f"{name} {n / total:.0%}" for name, n in _counts(r, t).most_common())
            table.add_row(
                escape(r.recording.name) if t == 0 else "",
                str(len(r.trace)) if t == 0 else "",
                f"{len(r.recording) / r.trace.rate_hz:.1f}" if t == 0 else "",
                str(int(r.trace.interrupts[:, t].sum())),
                escape(shares or "no whole window"),
            )
    screen = printing.console()
    screen.print(
        f"{config.device}: window of {config.window} samples at {runs[0].trace.rate_hz:g} Hz, "
        f"{_plural(len(config.features), 'feature')}, {_plural(len(config.trees), 'tree')}"
    )
    screen.print(table)
    for note in of_recordings(r.recording for r in runs):
        screen.print(f"note: {note}", markup=False)
