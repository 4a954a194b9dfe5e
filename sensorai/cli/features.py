"""``sensorai features``: the feature table of logs under a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing


def run(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT",
            help="Output folder, any MLC register file, or ST's settings file (with its logs).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Table: .arff, .csv or .parquet by its suffix.")],
    logs: Annotated[
        list[Path] | None,
        typer.Argument(help="Log files, or folders of them.", metavar="LOG...", show_default=False),
    ] = None,
    style: Annotated[
        str, typer.Option(help="Numeric style: current, stedgeai, unico, unico-b, unico-c.")
    ] = "current",
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Take samples in order, whatever the log says of its rate.")
    ] = False,
    label: given.Label = [],  # noqa: B006
    label_column: given.LabelColumn = None,
    column: given.Column = [],  # noqa: B006
    unit: given.Unit = [],  # noqa: B006
    log_rate: given.LogRate = None,
    log_sensor: given.LogSensor = None,
    mapping: given.Mapping = None,
    header: given.Header = None,
    short_rows: given.ShortRows = "refuse",
) -> None:
    """Compute the features of a configuration on logs, bit for bit as the core does."""
    from sensorai.errors import ConfigError
    from sensorai.kinds import Kind, explained, look
    from sensorai.mlc.artifact import open_artifact
    from sensorai.mlc.featuretable import collect, write
    from sensorai.mlc.generate import generate_features
    from sensorai.mlc.settings import read_settings

    if out.suffix not in (".arff", ".csv", ".parquet"):
        raise ConfigError(
            f"cannot tell the format of {out.name}", hint="end the name in .arff, .csv or .parquet"
        )
    takes = (Kind.MLC, Kind.REGISTERS, Kind.SETTINGS)
    if not logs:
        with explained("features", artifact, takes):
            if artifact.exists() and look(artifact).kind in takes[:2]:
                raise ConfigError(
                    "the logs to compute features of are missing",
                    where=str(artifact),
                    hint=f"sensorai features {artifact} LOG... --out {out}",
                )
            read_settings(artifact)
        if out.suffix != ".arff":
            raise ConfigError(
                "a settings file alone gives an ARFF", hint="end the name in .arff, or give logs"
            )
        made = generate_features(artifact, out, style)
        typer.echo("\n".join(str(file) for file in made.files))
        printing.say_notes(made.notes)
        return
    with explained("features", artifact, takes[:2], logs):
        config = open_artifact(artifact).config
    dataset = given.Reading(
        label, label_column, None, None, column, unit, log_rate, header, short_rows, log_sensor, mapping
    ).dataset(logs)
    rows = collect(config, dataset, style=style, rate="as-is" if as_is else "resample")
    write(rows, out)
    typer.echo(f"{out}: {len(rows.labels)} windows, {len(rows.features)} features")
    printing.say_notes(rows.notes)
