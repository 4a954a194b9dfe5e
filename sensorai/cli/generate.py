"""``sensorai generate``: what ST's tool makes of its settings file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What to make."""

    FEATURES = "features"
    CONFIG = "config"


def run(
    settings: Annotated[Path, typer.Argument(metavar="SETTINGS.json", help="ST's mlc_settings.json.")],
    kind: Annotated[Kind, typer.Option("--type", help="Feature table (ARFF), or JSON + UCF + headers.")],
    out: Annotated[
        Path | None,
        typer.Option(help="ARFF file, or output folder (default: where the settings say, beside them)."),
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            help="'current', or a style of ST's older tools: for features stedgeai, unico, unico-b, unico-c; "
            "for config 2.3, block, block-9.13, block-9.10, byte, byte-pages, six-byte-nodes."
        ),
    ] = "current",
) -> None:
    """Do what ST's tool does with its settings file: a feature table, or a configuration."""
    from sensorai import kinds
    from sensorai.mlc.generate import generate_config, generate_features
    from sensorai.mlc.settings import read_settings

    with kinds.explained("generate", settings, (kinds.Kind.SETTINGS,)):
        if kind is Kind.FEATURES:
            named = read_settings(settings).arff
            made = generate_features(settings, out or settings.parent / (named or "features.arff"), style)
        else:
            made = generate_config(settings, out or settings.parent, style)
    for file in made.files:
        typer.echo(file)
    for narrowing in made.narrowings:
        for move in narrowing.moved:
            typer.echo(f"note: {move}", err=True)
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)
