"""``sensorai firmware``: the sources of the board's side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    net: Annotated[
        Path | None,
        typer.Option(
            metavar="PROJECT",
            help="Project that 'generate' made: firmware that runs it, for 'validate --on board'.",
        ),
    ] = None,
) -> None:
    """Write the firmware sources for your board: C99 that capture, load and monitor talk to.

    README.md there says what to fill in. Files of the same names are replaced, others left alone.

    With --net the board runs that net instead: inputs come over the line, calls are timed by the core's cycle
    counter.
    """
    from sensorai.board.firmware import project
    from sensorai.files import write_folder

    if net is None:
        files, begin = project(), "main_nucleo.c"
    else:
        from sensorai.board.netfirmware import net_project
        from sensorai.nets.description import read_description

        files, begin = net_project(read_description(net)), "main_net.c"
    write_folder(out, files)
    typer.echo(f"{out}: {len(files)} files; begin with {out / 'README.md'} and {out / begin}")
