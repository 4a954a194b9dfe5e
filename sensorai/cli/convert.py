"""``sensorai convert``: logs of any format into another, resampled and aligned only when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import LABELS, READING, Logs, takes


@takes(*LABELS, *READING)
def run(
    logs: Logs,
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="File, or new folder for one file per recording.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="csv|parquet|mems-studio|edge-impulse", help="Format (default: by the suffix of --out)."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Resample to this rate with a polyphase filter.")
    ] = None,
    align: Annotated[
        bool,
        typer.Option(
            "--align",
            help="Put all sensors (or those of --log-sensor) on one even grid by their time stamps.",
        ),
    ] = False,
    json: printing.Json = False,
) -> None:
    """Write logs in another format, with labels, units, rate and groups where the format keeps them.

    Samples stay as they are unless --rate or --align is given; what was done then stands in the file.
    """
    from sensorai.experiment import Experiment
    from sensorai.formats import convert, find_logs, format_of, resample
    from sensorai.notes import of_recordings
    from sensorai.reading import options_of, read

    format_of(out, to)
    asked = Experiment(logs=tuple(map(str, logs)), **given)
    with printing.progress():
        dataset = read(asked, options_of(asked, align=align, align_hz=rate if align else None))
        recordings = list(dataset)
        if rate is not None:
            recordings = [resample(recording, rate) for recording in recordings]
        done = convert(recordings, out, to, find_logs(logs))
    notes = [*of_recordings(recordings), *done.notes]
    samples = sum(map(len, recordings))
    if json:
        printing.print_json(
            {
                "files": [str(file) for file in done.files],
                "recordings": len(recordings),
                "samples": samples,
                "notes": notes,
            }
        )
        return
    files = f", {len(done.files)} files" if len(done.files) > 1 else ""
    typer.echo(f"{out}: {len(recordings)} recordings, {samples} samples{files}")
    printing.say_notes(notes[:20])
    if len(notes) > 20:
        printing.say_notes([f"and {len(notes) - 20} further ones: --json shows all"])
