"""What ``generate --update`` does: a blob of another net for a program that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import asked_of

if TYPE_CHECKING:
    from sensorai.codegen.blob import Blob


def say_blob(name: str, blob: Blob) -> None:
    """Say what a blob is."""
    from sensorai.codegen.blob import needs_words

    code = f", code for a core with {needs_words(blob.needs)}" if blob.needs else ""
    typer.echo(
        f"{name}: {len(blob.packed()):,} bytes, version {blob.version}{code}; interface "
        f"{blob.interface.hex()[:16]}, content {blob.content.hex()[:16]}"
    )


def blob_of(
    source: Path,
    folder: Path,
    said: tuple[str | None, list[str], list[str], str | None, str | None],
    version: int,
    out: Path | None,
    json: bool,
) -> None:
    """Write a blob of a model for the project in a folder."""
    from sensorai.files import write_bytes
    from sensorai.nets.description import read_description
    from sensorai.nets.emitting import blob_figures
    from sensorai.nets.model import open_model
    from sensorai.nets.updating import asked_for, blob_for

    project = read_description(folder)
    model = open_model(source, asked_for(project, asked_of(*said)))
    blob = blob_for(project, model, version, str(folder))
    to = out or Path(f"{project.name}.blob")
    write_bytes(to, blob.packed())
    if json:
        printing.print_json({"file": str(to), **blob_figures(blob)})
        return
    say_blob(str(to), blob)
    typer.echo(f"send it: sensorai load PORT {to}")
