"""``sensorai encode``: a description back to a register file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    description: Annotated[Path, typer.Argument(metavar="DESC.json", help="What 'decode --as json' prints.")],
    out: Annotated[Path, typer.Option(help="Register file: .json, .ucf or .h by its suffix.")],
    style: Annotated[
        str | None,
        typer.Option(
            help="Write style of one of ST's tools; default: that of the description, else current."
        ),
    ] = None,
    plain: Annotated[bool, typer.Option(help="A .h without ST's types, for any C99 program.")] = False,
) -> None:
    """Write the register file that a description means; the inverse of 'decode --as json'."""
    from sensorai.errors import ConfigError, UserError
    from sensorai.files import read_json, write_text
    from sensorai.kinds import Kind, explained
    from sensorai.mlc.describe import from_dict
    from sensorai.mlc.encode import encode
    from sensorai.regfile import to_header, to_json, to_ucf
    from sensorai.regfile.headerout import c_identifier

    if out.suffix not in (".json", ".ucf", ".h"):
        raise ConfigError(f"cannot tell the syntax of {out.name}", hint="end the name in .json, .ucf or .h")
    with explained("encode", description, (Kind.DESCRIPTION,)):
        read = read_json(description)
        try:
            config, layout = from_dict(read)
        except UserError as error:
            error.where = f"{description}: {error.where}"
            raise
    registers = encode(config, layout=layout, style=style, name=out.stem)
    if out.suffix == ".json":
        text = to_json(registers)
    elif out.suffix == ".ucf":
        text = to_ucf(registers)
    else:
        text = to_header(registers, c_identifier(out.stem), plain=plain)
    write_text(out, text)
    typer.echo(f"{out}: {len(registers.ops)} register operations for {config.device}")
