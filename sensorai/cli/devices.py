"""``sensorai devices``: the facts, with sources."""

from __future__ import annotations

from typing import Annotated

import typer

from sensorai.cli import out as printing


def run(
    name: Annotated[
        str | None, typer.Argument(help="A device, or a unique prefix.", show_default=False)
    ] = None,
    json: printing.Json = False,
) -> None:
    """List the devices, or everything known of one, each fact with its source and how sure it is."""
    from rich.table import Table

    from sensorai.mlc.devices import device, devices, facts

    screen = printing.console()
    if name is None:
        every = devices()
        if json:
            printing.print_json(
                [
                    {
                        "name": d.name,
                        "generation": d.generation,
                        "sensors": list(d.sensors),
                        "rates_hz": list(d.mlc_rates),
                        "nodes": d.limits.nodes,
                        "trees": d.limits.trees,
                        "results": d.limits.results,
                    }
                    for d in every
                ]
            )
            return
        table = Table(box=None)
        for heading in ("device", "gen", "sensors", "core rates, Hz", "nodes", "trees", "results"):
            table.add_column(heading, justify="right" if heading in ("nodes", "trees", "results") else "left")
        for d in every:
            rates = f"{min(d.mlc_rates):g} to {max(d.mlc_rates):g}"
            limits = d.limits
            table.add_row(
                d.name,
                d.generation,
                " ".join(d.sensors),
                rates,
                *map(str, (limits.nodes, limits.trees, limits.results)),
            )
        screen.print(table)
        screen.print("more: sensorai devices NAME")
        return
    one = device(name)
    rows = facts(one)
    if json:
        keys = ("group", "fact", "value", "mark", "source")
        printing.print_json({"name": one.name, "facts": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    screen.print(f"[bold]{one.name}[/bold], generation {one.generation}")
    group = ""
    for title, fact, value, mark, source in rows:
        if title != group:
            group = title
            screen.print(f"\n[bold]{title}[/bold]  [dim]{source}[/dim]")
        screen.print(f"  {fact:18s} {value}  [dim]({mark})[/dim]", soft_wrap=True)
