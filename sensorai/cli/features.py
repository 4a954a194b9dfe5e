"""``sensorai features``: the feature table of logs under a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import READING, takes


@takes("label", "label_column", *READING)
def run(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT",
            help="Output folder, any MLC register file, or ST's settings file (with its logs).",
        ),
    ],
    given: dict[str, Any],
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
) -> None:
    """Compute the features of a configuration on logs, bit for bit as the core does."""
    from sensorai.errors import ConfigError
    from sensorai.experiment import Experiment
    from sensorai.kinds import Kind, explained, look
    from sensorai.mlc.artifact import open_artifact
    from sensorai.mlc.featuretable import collect, write
    from sensorai.mlc.generate import generate_features
    from sensorai.mlc.settings import read_settings
    from sensorai.reading import read

    if out.suffix not in (".arff", ".csv", ".parquet"):
        raise ConfigError(
            f"cannot tell the format of {out.name}", hint="end the name in .arff, .csv or .parquet"
        )
    kinds = (Kind.MLC, Kind.REGISTERS, Kind.SETTINGS)
    if not logs:
        with explained("features", artifact, kinds):
            if artifact.exists() and look(artifact).kind in kinds[:2]:
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
    with explained("features", artifact, kinds[:2], logs):
        config = open_artifact(artifact).config
    dataset = read(Experiment(logs=tuple(map(str, logs)), **given))
    rows = collect(config, dataset, style=style, rate="as-is" if as_is else "resample")
    write(rows, out)
    typer.echo(f"{out}: {len(rows.labels)} windows, {len(rows.features)} features")
    printing.say_notes(rows.notes)
