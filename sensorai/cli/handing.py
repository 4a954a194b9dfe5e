"""What ``generate`` makes beside C: a cleaned net for other tools, and what ST makes of its settings."""

from __future__ import annotations

from pathlib import Path

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import asked_of

#: What may be made of a settings file.
FEATURES, CONFIG = "features", "config"

#: Kind, shapes, constants, types of inputs and of outputs, dictionaries, whether in float32.
Said = tuple[str | None, list[str], list[str], str | None, str | None, str | None, bool]


def hand_over_file(source: Path, to: Path, said: Said, json: bool) -> None:
    """Write a cleaned net for other tools, and say how it was checked."""
    from sensorai.nets import inputs
    from sensorai.nets.model import open_model
    from sensorai.nets.port import ports
    from sensorai.nets.quantized_file import hand_over
    from sensorai.nets.widened import widened

    asked = asked_of(*said)
    opened = open_model(source, asked)
    graph, wide = opened.graph, widened(opened, asked)
    given = inputs.spread(ports(graph, graph.inputs))
    back, others = hand_over(graph, to, given, exact=False)
    if json:
        key = "onnxruntime" if to.suffix.lower() != ".tflite" else "frameworks"
        found = {"file": str(to), "layers": len(graph.nodes), "read_back": back, key: others}
        printing.print_json(found | ({} if wide is None else {"float32": wide.figures()}))
        return
    typer.echo(f"{to}: {len(graph.nodes)} layers")
    if wide is not None:
        typer.echo(wide.words())
    typer.echo(back)
    typer.echo(others)


def of_settings(settings: Path, kind: str, out: Path | None, style: str) -> None:
    """Make of ST's settings file what ST's tool makes of it."""
    from sensorai import kinds
    from sensorai.mlc.generate import generate_config, generate_features
    from sensorai.mlc.settings import read_settings

    with kinds.explained("generate", settings, (kinds.Kind.SETTINGS,)):
        if kind == FEATURES:
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
