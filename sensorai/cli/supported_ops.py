"""``sensorai supported-ops``: which operators of ONNX, TensorFlow Lite and Keras are read, and have C."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorai.cli import out as printing


def run(
    kind: Annotated[
        str | None, typer.Argument(metavar="onnx|tflite|keras", help="One kind of model (default: all).")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/operators.md.")] = False,
    json: printing.Json = False,
) -> None:
    """List the operators of nets made elsewhere that are supported: read, with a reference, with C."""
    from sensorai.errors import ConfigError
    from sensorai.nets import supported
    from sensorai.nets.model import kind_asked

    if markdown and (json or kind):
        raise ConfigError("--markdown is the whole page", hint="drop the rest")
    if kind is not None:
        kind_asked(kind)
    if markdown:
        typer.echo(supported.markdown(), nl=False)
        return
    found = supported.figures(kind)
    if json:
        printing.print_json(found)
        return
    for one, names in found["read"].items():
        typer.echo(f"{one}, {len(names)} operators: {', '.join(names)}")
    without = [o["name"] for o in found["operators"] if not o["c"]]
    typer.echo(f"without C (reference only): {', '.join(without) or 'none'}")
