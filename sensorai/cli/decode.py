"""``sensorai decode``: a register file as readable text, JSON or tree text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
    """Explain a machine learning core register file, ours or ST's.

    Sensor settings, rate, window, filters, features, trees, meta-classifier, results, and anything
    that cannot be explained, named by address.
    """
    import json

    from sensorai.files import write_text
    from sensorai.mlc import describe
    from sensorai.mlc.artifact import open_artifact

    decoded = open_artifact(file, device).decoded
    if as_ is As.JSON or json_:
        description = describe.as_dict(decoded)
        if out is None:
            print_json(description)
            return
        text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    else:
        text = describe.as_text(decoded) if as_ is As.TEXT else describe.as_tree(decoded)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
