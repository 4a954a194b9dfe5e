"""``sensorai convert``: logs of any format into another, resampled and aligned only when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing


def run(
    logs: given.Logs,
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
    label: given.Label = [],  # noqa: B006
    label_column: given.LabelColumn = None,
    group_column: given.GroupColumn = None,
    group_path: given.GroupPath = None,
    column: given.Column = [],  # noqa: B006
    unit: given.Unit = [],  # noqa: B006
    log_rate: given.LogRate = None,
    log_sensor: given.LogSensor = None,
    mapping: given.Mapping = None,
    header: given.Header = None,
    short_rows: given.ShortRows = "refuse",
    json: printing.Json = False,
) -> None:
    """Write logs in another format, with labels, units, rate and groups where the format keeps them.

    Samples stay as they are unless --rate or --align is given; what was done then stands in the file.
    """
    from sensorai.formats import convert, find_logs, format_of, resample
    from sensorai.notes import of_recordings

    format_of(out, to)
    reading = given.Reading(
        label,
        label_column,
        group_column,
        group_path,
        column,
        unit,
        log_rate,
        header,
        short_rows,
        log_sensor,
        mapping,
    )
    with printing.progress():
        dataset = reading.dataset(logs, align=align, align_hz=rate if align else None)
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
