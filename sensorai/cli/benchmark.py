"""``sensorai benchmark``: one net over many devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import (
    AllocateInputs,
    AllocateOutputs,
    Freeze,
    InputTypes,
    MemoryPool,
    ModelFile,
    ModelType,
    Optimize,
    OutputTypes,
    Shapes,
    asked_of,
)

if TYPE_CHECKING:
    from sensorai.nets.benchmarking import Row


def run(
    model: ModelFile,
    devices: Annotated[
        str,
        typer.Option(metavar="all|NAME,NAME", help="Devices, or cores such as cortex-m4, between commas."),
    ] = "all",
    out: Annotated[
        Path | None, typer.Option(help="Folder for benchmark.html, benchmark.svg and benchmark.json.")
    ] = None,
    type_: ModelType = None,
    shape: Shapes = [],  # noqa: B006
    freeze: Freeze = [],  # noqa: B006
    input_data_type: InputTypes = None,
    output_data_type: OutputTypes = None,
    allocate_inputs: AllocateInputs = None,
    allocate_outputs: AllocateOutputs = None,
    optimize: Optimize = "balanced",
    memory_pool: MemoryPool = None,
    json: printing.Json = False,
) -> None:
    """Compare devices for a net: memory, instructions of a call, time and energy.

    The net is built for each core and run there in an emulator: instructions are counted. Time and energy are
    estimates, from a model of cycles that is named and from the facts of the device.
    """
    from sensorai.files import write_folder
    from sensorai.nets import benchmarking
    from sensorai.nets.model import open_model
    from sensorai.report.farm import farm_page, picture
    from sensorai.writing import jsontext

    targets = benchmarking.asked(devices)
    opened = open_model(model, asked_of(type_, shape, freeze, input_data_type, output_data_type))
    with printing.progress() as say:
        how = benchmarking.Settings(allocate_inputs, allocate_outputs, optimize, memory_pool)
        rows = benchmarking.benchmark(opened, targets, say, how)
    found = {"file": model.name, "sha256": opened.sha256, "devices": [row.figures() for row in rows]}
    if out is not None:
        drawing = picture(model.name, rows)
        files = {"benchmark.html": farm_page(model.name, rows), "benchmark.json": jsontext.document(found)}
        files |= {"benchmark.svg": drawing} if drawing else {}
        write_folder(out, {name: text.encode() for name, text in files.items()})
    if json:
        printing.print_json(found)
        return
    _print(rows)
    if out is not None:
        typer.echo(f"{out / 'benchmark.html'}")


def _print(rows: list[Row]) -> None:
    from rich.table import Table

    from sensorai.nets.counting import cycle_model
    from sensorai.report.words import NOTHING, short

    screen = printing.console()
    table = Table(box=None)
    for heading in ("device", "core"):
        table.add_column(heading, no_wrap=True)
    for heading in ("fits", "flash", "RAM", "instructions", "time", "energy"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        one = row.counted
        table.add_row(
            row.at.device,
            f"{row.at.core}{'*' if row.stand_in else ''}",
            {True: "yes", False: "no", None: NOTHING}[row.fits],
            f"{row.flash:,}",
            f"{row.ram:,}",
            NOTHING if one is None else f"{one.call.instructions:,}",
            short(row.seconds, "s"),
            short(row.joules, "J"),
        )
    screen.print(table)
    screen.print("instructions: counted on the core, emulated; RAM with stack; time and energy: estimates")
    for core in dict.fromkeys(row.at.core for row in rows if not row.stand_in):
        said = cycle_model(core) or "nobody publishes its cycles: no time"
        screen.print(f"  {core}: {said}", soft_wrap=True)
    if any(row.stand_in for row in rows):
        screen.print("  * a core that stands in for the ISPU, of which nobody publishes cycles")
    for why in dict.fromkeys(f"{row.at.core}: not counted: {row.why}" for row in rows if row.why):
        screen.print(f"  {why}", soft_wrap=True)
