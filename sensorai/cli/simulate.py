"""``sensorai simulate``: the emitted thing on a recording."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import READING, Logs, pairs, takes

if TYPE_CHECKING:
    from sensorai.road import Opened, Trace

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
ClassCode = Annotated[
    list[str],
    typer.Option(
        "--class",
        metavar="CODE=NAME",
        help="Name of a result code that the register file does not name, as in 4=walking; 2:4=walking for "
        "tree 2 (repeat).",
    ),
]


def rate_policy(as_is: bool, no_resample: bool) -> str:
    """Turn two flags into one word; a ConfigError when both are given."""
    from sensorai.errors import ConfigError

    if as_is and no_resample:
        raise ConfigError("--as-is and --no-resample contradict each other")
    return "as-is" if as_is else "refuse" if no_resample else "resample"


def opened_for(
    verb: str, artifact: Path, logs: list[Path], device: str | None, style: str, class_: list[str]
) -> Opened:
    """Open what runs on logs; where it is something else, say what."""
    from sensorai.kinds import RUNS, explained
    from sensorai.opening import open_result

    names = pairs(class_, "--class", "4=walking")
    with explained(verb, artifact, RUNS, logs):
        return open_result(artifact, device=device, style=style, names=names)


@takes(*READING)
def run(
    artifact: Artifact,
    logs: Logs,
    given: dict[str, Any],
    out: Annotated[Path | None, typer.Option(help="Trace: .csv or .parquet by its suffix.")] = None,
    device: Device = None,
    style: Style = "current",
    as_is: AsIs = False,
    no_resample: NoResample = False,
    class_: ClassCode = [],  # noqa: B006
    json: printing.Json = False,
) -> None:
    """Run a register file or a C project on recordings: features, results and changes per window.

    Starts from the bytes, never from the model. For accuracy against labels see 'validate'.
    """
    from sensorai.errors import ConfigError
    from sensorai.experiment import Experiment
    from sensorai.opening import simulate
    from sensorai.reading import read

    rate = rate_policy(as_is, no_resample)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"cannot tell the format of {out.name}", hint="end the name in .csv or .parquet")
    opened = opened_for("simulate", artifact, logs, device, style, class_)
    printing.say_notes(opened.notes)
    with printing.progress() as say:
        dataset = read(Experiment(logs=tuple(map(str, logs)), **given))
        say("simulating")
        traces = simulate(opened, dataset, rate=rate)
        if out is not None:
            _write(traces, out)
    if json:
        printing.print_json([_plain(opened, t) for t in traces])
        return
    _print(opened, traces)
    if out is not None:
        typer.echo(f"trace: {out}")


def _write(traces: list[Trace], out: Path) -> None:
    import pandas as pd

    from sensorai.files import write_table

    frames = [t.frame().assign(recording=t.recording.name) for t in traces]
    whole = pd.concat(frames, ignore_index=True)
    write_table(whole[["recording", *(c for c in whole.columns if c != "recording")]], out)


def _plain(opened: Opened, trace: Trace) -> dict[str, Any]:
    return {
        "recording": trace.recording.name,
        "windows": len(trace),
        "rate_hz": opened.rate_hz,
        "classifiers": [
            {
                "name": c.name,
                "windows_by_result": dict(Counter(decided)),
                "changes": changes,
            }
            for c, decided, changes in zip(opened.classifiers, trace.decided, trace.changes, strict=True)
        ],
        "notes": list(trace.recording.notes),
    }


def _print(opened: Opened, traces: list[Trace]) -> None:
    from rich.table import Table

    from sensorai.notes import of_recordings
    from sensorai.opening import in_registers

    table = Table(box=None)
    table.add_column("recording")
    for heading in ("windows", "seconds", "changes"):
        table.add_column(heading, justify="right")
    table.add_column(f"{traces[0].strips[1]}: share of windows")
    for t in traces:
        for k, decided in enumerate(t.decided):
            total = max(len(t), 1)
            shares = ", ".join(f"{name} {n / total:.0%}" for name, n in Counter(decided).most_common())
            table.add_row(
                t.recording.name if k == 0 else "",
                str(len(t)) if k == 0 else "",
                f"{t.recording.duration_s:.1f}" if k == 0 else "",
                str(t.changes[k]),
                shares or "no whole window",
            )
    screen = printing.console()
    what = "the registers" if in_registers(opened) else "the emitted C on this machine"
    screen.print(
        f"{opened.artifact.name} for {opened.artifact.device}: {what}, window of {traces[0].window} samples "
        f"at {opened.rate_hz:g} Hz"
    )
    screen.print(table)
    for note in of_recordings(t.recording for t in traces):
        screen.print(f"note: {note}")
