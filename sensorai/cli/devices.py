"""``sensorai devices``: the facts, with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.targets import Devices, Fact


def run(
    name: Annotated[
        str | None, typer.Argument(help="A device, or a unique prefix.", show_default=False)
    ] = None,
    json: printing.Json = False,
) -> None:
    """List the devices, or everything known of one, each fact with its source and how sure it is."""
    if name is None:
        targets = _targets()
        if json:
            printing.print_json({kind: [one.figures for one in of.each] for kind, of in targets.items()})
        else:
            _print_all(targets)
        return
    called, kind, facts = _find(name)
    if json:
        keys = ("group", "fact", "value", "mark", "source")
        printing.print_json({"name": called, "facts": [dict(zip(keys, row, strict=True)) for row in facts]})
    else:
        _print_one(called, kind, facts)


def _targets() -> dict[str, Devices]:
    """Devices of every target, by its name."""
    from sensorai.experiment import tables

    return {name: tables.load(facts.place).devices() for name, facts in tables.TARGETS.items()}


def _find(name: str) -> tuple[str, str, list[Fact]]:
    """Look a device up on every target by its name, a unique prefix, or what it stands for."""
    from sensorai.targets import find

    every = {
        str(one.figures["name"]): (one, kind) for kind, known in _targets().items() for one in known.each
    }
    short = {s.casefold(): called for called, (one, _) in every.items() for s in one.stands_for}
    called = short.get(name.strip().casefold()) or find(name, every)
    one, kind = every[called]
    return called, kind, list(one.facts())


def _print_all(targets: dict[str, Devices]) -> None:
    from rich.table import Table
    from rich.text import Text

    screen = printing.console()
    for place, (name, known) in enumerate(targets.items()):
        table = Table(box=None)
        for heading in known.columns:
            table.add_column(heading, justify="right" if heading in known.numbers else "left")
        for one in known.each:
            table.add_row(*one.cells)
        screen.print(Text.assemble("\n" if place else "", (name, "bold"), f": {known.words}"))
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
