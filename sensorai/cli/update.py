"""What ``generate --update`` does: a blob of another net for a program that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import asked_of

if TYPE_CHECKING:
    from sensorai.codegen.blob import Blob
    from sensorai.nets.emitting import Changing

#: Options of programs that change their net.
CHANGING = ("--updatable", "--relocatable", "--slot-bytes", "--any-weights", "--update", "--net-version")


def changing_asked(
    kinds: tuple[bool, bool, bool],
    numbers: tuple[int | None, int | None],
    update: bool,
    where: tuple[str | None, str],
    pipeline: Path | None,
) -> Changing | None:
    """What was said of a net that may be replaced; None where nothing.

    Parameters
    ----------
    kinds : (bool, bool, bool)
        ``--updatable``, ``--relocatable`` and ``--any-weights``.
    numbers : (int or None, int or None)
        ``--net-version`` and ``--slot-bytes``.
    update : bool
        Whether a blob is made for a program that is there.
    where : (str or None, str)
        Target and interface.
    pipeline : Path or None
    """
    from sensorai.errors import ConfigError
    from sensorai.nets.emitting import Changing

    (updatable, code, any_weights), (version, slot_bytes), (target, api) = kinds, numbers, where
    if any_weights and not updatable:
        raise ConfigError("--any-weights is of --updatable programs", hint="drop it, or add that")
    if slot_bytes is not None and not code:
        raise ConfigError("--slot-bytes is of programs for --relocatable nets", hint="drop it, or add that")
    if not (updatable or code):
        if version is not None and not update:
            raise ConfigError("--net-version is of a blob", hint="add --updatable, --relocatable or --update")
        return None
    flag = "--relocatable" if code else "--updatable"
    if updatable and code:
        raise ConfigError("--relocatable brings the numbers with the code", hint="drop --updatable")
    why = {
        "the host loads the memories of an ISPU anyway": target == "ispu",
        "with --pipeline a program is built with its net": pipeline is not None,
        "that of ST's tool holds addresses of weights": api != "native",
    }
    for reason in (text for text, holds in why.items() if holds):
        raise ConfigError(
            f"{flag} is for the native interface on a Cortex-M: {reason}", hint=f"drop {flag}, or that"
        )
    return Changing(version or 1, code, slot_bytes, any_weights)


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
    said: tuple[str | None, list[str], list[str], str | None, str | None, str | None, bool],
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
