"""``sensorai compare``: results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensorai.comparison import Comparison

#: Columns of the names of figures, and of a result.
_NAMES, _LEAST = 26, 16
#: More groups than this are counted: --json names them.
_NAMED = 8


def run(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...", help="Folders of results, or their report.json.", show_default=False
        ),
    ],
    json: printing.Json = False,
) -> None:
    """Show results side by side: what each is, what it is worth on held-out groups, what it takes.

    Says whether they can be compared: figures on other people, logs or classes cannot.
    """
    from sensorai.comparison import beside

    found = beside(results)
    if json:
        printing.print_json(
            {"comparable": not found.differ, "why_not": list(found.differ), "results": list(found.rows)}
        )
    else:
        _print(found)


def _print(found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    screen = printing.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", max_width=_NAMES, overflow="fold")
    for row in found.rows:
        table.add_column(Text(row["result"]), min_width=_LEAST, overflow="fold")
    for name, cells in lines(found.rows):
        table.add_row(Text(name), *map(Text, cells))
    screen.print(table)
    screen.print(Text(found.words, style="bold red" if found.differ else ""), soft_wrap=True)


def lines(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Figures of the results, a line for each; those that no result has are left out."""
    from sensorai.report import about, words
    from sensorai.report.sections.alarms import per_time
    from sensorai.verify.alarms import duration

    def false(row: dict[str, Any]) -> str:
        if row["false_alarms_per_hour"] is None:
            return words.NOTHING
        rate = per_time(row["false_alarms_per_hour"])
        return f"{row['false_alarms']:,} in {duration(row['normal_hours'])}, {rate}"

    def caught(row: dict[str, Any]) -> str:
        if not row["anomalies"]:
            return words.NOTHING
        return about.part(row["anomalies_found"], row["anomalies"])

    def groups(names: list[str]) -> str:
        return f"{len(names)} groups" if len(names) > _NAMED else ", ".join(names) or words.NOTHING

    trained = all(row["by"] == "train" for row in rows)
    where = "held-out groups" if trained else "groups judged"
    out = [(key, [str(row[key]) for row in rows]) for key in ("target", "device", "task", "model")]
    out += [
        ("rate", [f"{row['rate_hz']:g} Hz" for row in rows]),
        ("window", [f"{row['window']} samples ({words.seconds(row['window_s'])})" for row in rows]),
        (where, [groups(row["groups"]) for row in rows]),
        ("windows judged", [f"{row['windows']:,}" for row in rows]),
        ("balanced accuracy", [words.percent(row["balanced_accuracy"]) for row in rows]),
    ]
    for name in dict.fromkeys(name for row in rows for name in row["recall"]):
        out.append((f"recall {name}", [words.percent(row["recall"].get(name)) for row in rows]))
    out += [
        ("false alarms", list(map(false, rows))),
        ("anomalies found", list(map(caught, rows))),
        ("median time to the alarm", [words.seconds(row["delay_median_s"]) for row in rows]),
    ]
    takes = [{one["what"]: f"{one['value']} ({one['source']})" for one in row["memory"]} for row in rows]
    for name in dict.fromkeys(name for one in takes for name in one):
        out.append((name, [one.get(name, words.NOTHING) for one in takes]))
    return [(name, cells) for name, cells in out if any(cell != words.NOTHING for cell in cells)]
