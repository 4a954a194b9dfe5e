"""``sensorai build``: an ISPU project to the register files that load it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorai.cli import out as printing


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Project that 'train' or 'generate --target ispu' wrote.", show_default=False
        ),
    ],
    program: Annotated[
        Path | None, typer.Option(help="Linked program (ELF or SREC) to pack, instead of running make.")
    ] = None,
    json: printing.Json = False,
) -> None:
    """Build an ISPU project with ST's compiler and pack it with conf.txt into JSON, UCF and headers.

    Needs ST's ISPU-Toolchain on PATH, or a program that was linked elsewhere. Sizes are checked against
    the memories of the core before anything is written.
    """
    from sensorai.ispu.build import build
    from sensorai.ispu.project import INDEX
    from sensorai.kinds import Kind, explained

    # a net by itself is packed, too, where it is for an ISPU
    takes = (Kind.ISPU, Kind.NET_PROJECT) if (folder / INDEX).is_file() else (Kind.ISPU,)
    with explained("build", folder, takes):
        built = build(folder, program)
    app = built.app
    if json:
        printing.print_json(
            {
                "device": app.device.name,
                "files": [str(path) for path in built.paths],
                "code_bytes": built.code_bytes,
                "code_room": app.device.code.size,
                "data_bytes": built.data_bytes,
                "data_room": app.device.data.size,
                "stack_reserve": app.stack,
                "compiler": built.compiler,
                "operations": len(built.registers.ops),
            }
        )
        return
    typer.echo(f"code and constants: {built.code_bytes} of {app.device.code.size} bytes")
    typer.echo(
        f"variables: {built.data_bytes} of {app.device.data.size} bytes, {app.stack} kept for the stack"
    )
    for path in built.paths:
        typer.echo(
            f"{path}: {len(built.registers.ops)} register operations for {' and '.join(app.device.names)}"
        )
