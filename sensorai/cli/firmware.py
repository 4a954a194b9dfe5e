"""``sensorai firmware``: the sources of the board's side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
) -> None:
    """Write the firmware sources for your board: C99 that capture, load and monitor talk to.

    README.md there says what to fill in. Files of the same names are replaced, others left alone.
    """
    from sensorai.board.firmware import project
    from sensorai.files import write_folder

    files = project()
    write_folder(out, files)
    typer.echo(f"{out}: {len(files)} files; begin with {out / 'README.md'} and {out / 'main_nucleo.c'}")
