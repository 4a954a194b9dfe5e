"""``sensorai knowledge``: what a device has learnt, and the way of it into other devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.model.knowledge import Knowledge, Learnt
    from sensorai.model.pipeline import Pipeline

#: Longest file that is read: the longest blob as spaced hexadecimal text, with room.
_LARGEST = 1 << 16


def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Bytes that NAME_save made, as they are or in hexadecimal; or a project folder, for what it "
            "starts with.",
            show_default=False,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Project it must belong to; gives names and units."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="F", help="Write it as a C array (.h), to start devices with, or as bytes (.bin)."
        ),
    ] = None,
    json: printing.Json = False,
) -> None:
    """Show what a device has learnt: mean and deviation of each feature, correlations, number of windows.

    The bytes are checked: their CRC, that the numbers are possible, and with --model that they belong to that
    project. Features are textbook quantities in counts.
    """
    from sensorai.kinds import Kind, explained
    from sensorai.model import knowledge as saved

    folder = model or (file if file.is_dir() else None)
    projects = (Kind.ISPU, Kind.CORTEX)
    with explained("knowledge", folder or file, projects if model else (Kind.KNOWLEDGE, *projects)):
        pipeline = None if folder is None else _learner(folder)
    with explained("knowledge", file, (Kind.KNOWLEDGE, *projects)):
        known = saved.start(_learner(file)) if file.is_dir() else saved.unpack(_read(file), str(file))
    if pipeline is not None:
        saved.check_model(known, pipeline, str(file))
    if out is not None:
        _write(out, known, pipeline)
    learnt = saved.inspect(known, pipeline)
    related = saved.correlations(known.moments)
    if json:
        shown = _report(known, learnt, related)
        printing.print_json({**shown, "out": None if out is None else str(out)})
        return
    _print(known, learnt, related)
    if out is not None:
        typer.echo(f"{out}: {len(saved.pack(known))} bytes of knowledge")


def _learner(folder: Path) -> Pipeline:
    from sensorai.cproject.opened import open_project
    from sensorai.errors import DataError

    pipeline = open_project(folder).pipeline
    if pipeline.learn is None:
        raise DataError(
            "this project does not learn on the device",
            where=str(folder),
            hint="train with --learn on-device",
        )
    return pipeline


def _read(path: Path) -> bytes:
    """Bytes of a file; hexadecimal text (``53 41``, ``0x53, 0x41``) is turned into what it means."""
    from sensorai.errors import DataError
    from sensorai.model.knowledge import MAGIC

    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    if len(data) > _LARGEST:
        raise DataError("this is no saved knowledge: it is too long", where=str(path))
    if data.startswith(MAGIC):
        return data
    try:
        return bytes.fromhex(
            "".join(w.removeprefix("0x") for w in data.decode("ascii").replace(",", " ").split())
        )
    except ValueError:
        return data


def _write(path: Path, known: Knowledge, pipeline: Pipeline | None) -> None:
    from sensorai.codegen.learner import knowledge_header
    from sensorai.errors import ConfigError
    from sensorai.files import write_bytes, write_text
    from sensorai.model.knowledge import pack
    from sensorai.writing.clang import identifier

    if path.suffix == ".bin":
        write_bytes(path, pack(known))
    elif path.suffix == ".h":
        name = identifier(path.stem, "--out")
        write_text(path, knowledge_header(known, name, "" if pipeline is None else pipeline.name))
    else:
        raise ConfigError(f"cannot write {path.name}", where="--out", hint="the name ends in .h or .bin")


def _report(known: Knowledge, learnt: tuple[Learnt, ...], related: list[list[float]]) -> dict[str, Any]:
    return {
        "model": f"{known.model:08X}",
        "windows": known.moments.windows,
        "windows_counting": known.moments.count,
        "frozen": known.frozen,
        "inputs": printing.plain(learnt),
        "correlations": related,
    }


def _print(known: Knowledge, learnt: tuple[Learnt, ...], related: list[list[float]]) -> None:
    from rich.table import Table

    moments = known.moments
    screen = printing.console()
    screen.print(
        f"{moments.windows} windows learnt, {moments.count} of them count; windows are judged by "
        + ("what was frozen on the device" if known.frozen else "what the training gave"),
    )
    table = Table(box=None)
    for heading in ("input", "mean", "deviation", "judged mean", "judged deviation"):
        table.add_column(heading, justify="left" if heading == "input" else "right", no_wrap=True)
    for one in learnt:
        values = (one.mean, one.deviation, one.table_mean, one.table_deviation)
        table.add_row(one.name, *("-" if v != v else f"{v:.4g}" for v in values))
    screen.print(table)
    d = len(learnt)
    pairs = sorted(
        ((related[i][j], i, j) for i in range(d) for j in range(i) if abs(related[i][j]) >= 0.5),
        key=lambda pair: (-abs(pair[0]), pair[1:]),
    )
    for r, i, j in pairs[:8]:
        screen.print(f"  {learnt[j].name} and {learnt[i].name}: correlation {r:.2f}")
    screen.print(f"model {known.model:08X}")
