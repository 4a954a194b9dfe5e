"""``sensorai devices``: the facts, with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from rich.table import Table

Fact = tuple[str, str, str, str, str]


def run(
    name: Annotated[
        str | None, typer.Argument(help="A device, or a unique prefix.", show_default=False)
    ] = None,
    json: printing.Json = False,
) -> None:
    """List the devices, or everything known of one, each fact with its source and how sure it is."""
    if name is None:
        rows = _rows()
        if json:
            printing.print_json(rows)
        else:
            _print_all(rows)
        return
    called, kind, facts = _find(name)
    if json:
        keys = ("group", "fact", "value", "mark", "source")
        printing.print_json({"name": called, "facts": [dict(zip(keys, row, strict=True)) for row in facts]})
    else:
        _print_one(called, kind, facts)


def _rows() -> dict[str, list[dict[str, Any]]]:
    from sensorai.ispu import devices as ispu
    from sensorai.mcu import devices as mcu
    from sensorai.mlc import devices as mlc

    return {
        "mlc": [
            {
                "name": d.name,
                "generation": d.generation,
                "sensors": list(d.sensors),
                "rates_hz": list(d.mlc_rates),
                "nodes": d.limits.nodes,
                "trees": d.limits.trees,
                "results": d.limits.results,
            }
            for d in mlc.devices()
        ],
        "ispu": [
            {
                "name": d.name,
                "channels": list(d.channels),
                "code_bytes": d.code.size,
                "data_bytes": d.data.size,
            }
            for d in ispu.devices()
        ],
        "stm32": [
            {
                "name": d.name,
                "core": d.cpu.name,
                "clock_hz": d.clock_hz,
                "flash_bytes": d.flash,
                "ram_bytes": d.ram,
            }
            for d in mcu.devices()
        ],
    }


def _find(name: str) -> tuple[str, str, list[Fact]]:
    """Look a device up in every room by its name, a unique prefix, or what it stands for."""
    from sensorai.ispu import devices as ispu
    from sensorai.mcu import devices as mcu
    from sensorai.mlc import devices as mlc
    from sensorai.targets import find

    rooms: tuple[tuple[Any, str], ...] = ((mlc, "mlc"), (ispu, "ispu"), (mcu, "stm32"))
    every = {one.name: (one, room, kind) for room, kind in rooms for one in room.devices()}
    short = {s.casefold(): one.name for one in mcu.devices() for s in one.stands_for}
    called = short.get(name.strip().casefold()) or find(name, every)
    one, room, kind = every[called]
    return one.name, kind, list(room.facts(one))


def _columns(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for heading in headings:
        right = heading in ("nodes", "trees", "results", "code", "data", "flash", "RAM", "MHz")
        table.add_column(heading, justify="right" if right else "left")
    return table


def _kib(size: int | None) -> str:
    return "?" if size is None else f"{size / 1024:g} KiB"


def _print_all(rows: dict[str, list[dict[str, Any]]]) -> None:
    from rich.text import Text

    screen = printing.console()
    table = _columns("device", "gen", "sensors", "core rates, Hz", "nodes", "trees", "results")
    for d in rows["mlc"]:
        rates = f"{min(d['rates_hz']):g} to {max(d['rates_hz']):g}"
        counts = (str(d[key]) for key in ("nodes", "trees", "results"))
        table.add_row(d["name"], d["generation"], " ".join(d["sensors"]), rates, *counts)
    screen.print(Text.assemble(("mlc", "bold"), ": sensors with a machine learning core"))
    screen.print(table)
    table = _columns("device", "channels", "code", "data")
    for d in rows["ispu"]:
        table.add_row(d["name"], " ".join(d["channels"]), _kib(d["code_bytes"]), _kib(d["data_bytes"]))
    screen.print(Text.assemble("\n", ("ispu", "bold"), ": sensors with a programmable core"))
    screen.print(table)
    table = _columns("device", "core", "MHz", "flash", "RAM")
    for d in rows["stm32"]:
        clock = "?" if d["clock_hz"] is None else f"{d['clock_hz'] / 1e6:g}"
        table.add_row(d["name"], d["core"], clock, _kib(d["flash_bytes"]), _kib(d["ram_bytes"]))
    screen.print(Text.assemble("\n", ("stm32", "bold"), ": microcontrollers"))
    screen.print(table)
    screen.print("more: sensorai devices NAME")


def _print_one(name: str, kind: str, facts: list[Fact]) -> None:
    from rich.text import Text

    screen = printing.console()
    screen.print(Text.assemble((name, "bold"), f", --target {kind}"))
    group = ""
    for title, fact, value, mark, source in facts:
        if title != group:
            group = title
            screen.print(Text.assemble("\n", (title, "bold"), "  ", (source, "dim")))
        screen.print(Text.assemble(f"  {fact:18s} {value}  ", (f"({mark})", "dim")), soft_wrap=True)
