"""The report of a C project for the terminal, never wider than ``WIDTH``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import project_figures as figures
from sensorai.report import words
from sensorai.report.text import NAME, WIDTH, headline, judgement_table, text_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def summary_project(report: Mapping[str, Any]) -> RenderableType:
    """Say what came of a training for C.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds (``sensorai.train.cproject``).

    Returns
    -------
    rich renderable
        Text without colour on anything but a terminal.
    """
    from rich.console import Group
    from rich.constrain import Constrain

    settings, data, held_out = report["settings"], report["data"], report["held_out"]
    inputs = words.plural(len(settings["features"]), "feature") if settings["features"] else "raw windows"
    classes = [{"name": name, "code": i} for i, name in enumerate(report["classes"])]
    parts: list[RenderableType] = [
        text_line(f"{report['name']} in C for {figures.place(report)}", "bold"),
        text_line(
            f"{settings['model']} ({settings['precision']}), {inputs}, {settings['window']} samples "
            f"a window ({words.seconds(settings['window_s'])}), every {settings['stride']}, "
            f"at {settings['rate_hz']:g} Hz"
        ),
        text_line(f"held out: {', '.join(data['test_groups']) or 'nothing'}"),
        judgement_table(held_out, classes, "answer", "decided"),
        *map(text_line, headline(held_out, "answer", "decided")),
        text_line(""),
        _accuracy_table(report),
        text_line(""),
        *level_lines(report),
        text_line(""),
        *cost_lines(report),
    ]
    if chosen := figures.size(report):
        parts += [text_line(""), text_line(chosen)]
        if len(rows := figures.sizes(report)) > 1:
            parts.append(_size_table(rows))
    if report["layers"]:
        parts += [text_line(""), _layer_table(report)]
    verdict = figures.fit(report)
    if verdict is not None:
        style = "" if report["learning"]["verdict"]["fit"] == "good" else "yellow"
        parts += [text_line(""), text_line(f"{verdict}: {report['learning']['verdict']['why']}", style)]
    parts += [text_line(f"note: {note}", "yellow") for note in report["notes"]]
    return Constrain(Group(*parts), WIDTH)


def plain_table(first: str, columns: Sequence[str], wide: int = NAME) -> Table:
    """Table without lines: names of at most ``wide`` columns, then figures."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first, max_width=wide, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _accuracy_table(report: Mapping[str, Any]) -> Table:
    table = plain_table("accuracy of the model by window", ("training", "validation", "test, held out"), 40)
    for row in figures.accuracies(report):
        table.add_row(text_line(row["name"]), *map(words.percent, row["shares"]))
    return table


def level_lines(report: Mapping[str, Any]) -> list[RenderableType]:
    """Where the C ran and what came of it."""
    return [
        text_line(
            f"C on {level['name']}: {level['result']}"
            if level["missing"]
            else f"C on {level['name']}: {level['windows']} windows compared, {level['result']}",
            "yellow" if level["missing"] else "",
        )
        for level in figures.levels(report)
    ]


def cost_lines(report: Mapping[str, Any]) -> list[RenderableType]:
    """Tables of what the C costs."""
    out: list[RenderableType] = []
    if rows := figures.program(report):
        out += [_cost_table("whole program", rows), text_line("")]
    if rows := figures.costs(report):
        return [*out, text_line(f"model by itself on {report['cost']['core']}"), _cost_table("cost", rows)]
    return [*out, text_line("instructions, flash, RAM and stack of the model by itself: not measured")]


def _cost_table(name: str, rows: Sequence[figures.Figure]) -> Table:
    table = plain_table(name, ("",), 46)
    table.add_column("source", overflow="fold")
    for row in rows:
        table.add_row(row.name, row.value, text_line(row.source))
    return table


def _size_table(rows: Sequence[Mapping[str, str]]) -> Table:
    table = plain_table("size", ("flash", "RAM", "validation"), 34)
    table.add_column("", overflow="fold")
    for row in rows:
        table.add_row(
            text_line(row["size"]), row["flash"], row["ram"], row["validation"], text_line(row["verdict"])
        )
    return table


def _layer_table(report: Mapping[str, Any]) -> Table:
    table = plain_table("layer", ("MACs", "weights, B", "activations, B", "instructions"))
    rows, sums = figures.layers(report)
    for row in [*rows, {**sums, "activations": ""}] if len(rows) > 1 else rows:
        cells = (row[key] for key in ("macs", "weights", "activations", "instructions"))
        table.add_row(text_line(row["name"]), *cells)
    return table
