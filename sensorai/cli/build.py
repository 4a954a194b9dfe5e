"""``sensorai build``: an ISPU project, or a program made elsewhere, into a register file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Project folder of --target ispu.")],
    program: Annotated[
        Path | None,
        typer.Option(help="ELF or SREC built elsewhere; default: run the Makefile with ST's compiler."),
    ] = None,
) -> None:
    """Turn an ISPU project into the register file that loads it.

    Runs the Makefile where ST's compiler is installed, else takes the program given, and writes JSON,
    UCF and header beside it.
    """
    from sensorai.ispu.build import build

    built = build(folder, program)
    how = f"compiled by {built.compiler}" if built.compiler else f"as it stands in {program}"
    typer.echo(f"code {built.code_bytes} B, data {built.data_bytes} B ({how})")
    for file in built.paths:
        typer.echo(file)
