"""``sensorai decode``: a register file as readable text, JSON or tree text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.cli.out import print_json


class As(StrEnum):
    """What to print."""

    TEXT = "text"
    JSON = "json"
    TREE = "tree"


def run(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Register file (JSON, UCF, C header) or output folder.")
    ],
    as_: Annotated[
        As, typer.Option("--as", help="Readable text, JSON for 'encode', or tree text.")
    ] = As.TEXT,
    device: Annotated[
        str | None, typer.Option(help="Device, where the file does not name it (a unique prefix will do).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to a file instead of the terminal.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="The same as --as json.")] = False,
) -> None:
    """Explain a register file, ours or ST's: of the machine learning core or of an ISPU program.

    Sensor settings, rate, window, filters, features, trees, meta-classifier, results, and anything
    that cannot be explained, named by address. Of an ISPU program: what lies in its memories, settings,
    algorithms and outputs.
    """
    import json

    from sensorai.errors import ConfigError
    from sensorai.files import write_text
    from sensorai.ispu import unload
    from sensorai.kinds import Kind, explained
    from sensorai.mlc import describe
    from sensorai.mlc.artifact import open_artifact

    as_json = json_ or as_ is As.JSON
    shown: dict[str, Any] | str
    with explained("decode", file, (Kind.REGISTERS, Kind.MLC, Kind.PROGRAM, Kind.ISPU)):
        program = unload.open_program(file, device)
        opened = program or open_artifact(file, device).decoded
    if isinstance(opened, unload.Unloaded):
        if as_ is As.TREE and not as_json:
            raise ConfigError("an ISPU program has no trees to show", hint="use --as text or --as json")
        shown = unload.as_dict(opened) if as_json else unload.as_text(opened)
    else:
        explain = describe.as_tree if as_ is As.TREE else describe.as_text
        shown = describe.as_dict(opened) if as_json else explain(opened)
    if isinstance(shown, dict) and out is None:
        print_json(shown)
        return
    text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
