"""The report of a detector of anomalies for the terminal, never wider than ``WIDTH``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sensorai.report import anomaly_figures as figures
from sensorai.report.project_text import cost_lines, level_lines, plain_table
from sensorai.report.text import WIDTH, text_line

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Columns for a label; a longer one is folded.
LABEL = 30
#: Features named behind the alarms.
NAMED = 3


def summary_anomaly(report: Mapping[str, Any]) -> RenderableType:
    """Say what came of a training for anomalies, in C or on the machine learning core.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds (``sensorai.train.anomaly``).

    Returns
    -------
    rich renderable
        Text without colour on anything but a terminal.
    """
    from rich.console import Group
    from rich.constrain import Constrain

    parts: list[RenderableType] = [
        text_line(f"{report['name']}: detector of anomalies {figures.place(report)}", "bold"),
        text_line(figures.headline(report)),
        *(text_line(f"{name}: {', '.join(labels)}") for name, labels in figures.states(report)),
        text_line(""),
        *map(text_line, figures.threshold(report)),
        text_line(""),
        text_line("on recordings that training did not see:", "bold"),
        text_line(figures.false_alarms(report)),
        *_normal(report),
        text_line(figures.detection(report)),
        *_faults(report),
        *_areas(report),
        *_blamed(report),
    ]
    if report.get("levels"):
        parts += [text_line(""), *level_lines(report)]
    if match := figures.compared(report):
        parts += [text_line(""), text_line(match)]
    if "cost" in report:
        parts += [text_line(""), *cost_lines(report)]
    parts += [text_line(f"note: {note}", "yellow") for note in report["notes"]]
    return Constrain(Group(*parts), WIDTH)


def _normal(report: Mapping[str, Any]) -> list[RenderableType]:
    rows = figures.normal_rows(report)
    if not rows:
        return []
    table = plain_table("normal state", ("alarms", "in", "rate", "at most", "windows in alarm"), LABEL)
    for row in rows:
        cells = (row[key] for key in ("events", "time", "rate", "most", "windows"))
        table.add_row(text_line(row["label"] + row["unseen"]), *cells)
    return [table, text_line("")]


def _faults(report: Mapping[str, Any]) -> list[RenderableType]:
    rows = figures.fault_rows(report)
    if not rows:
        return [text_line("")]
    table = plain_table("anomaly", ("found", "", "95 %", "median", "worst", "windows"), LABEL)
    for row in rows:
        cells = (row[key] for key in ("found", "share", "between", "median", "worst", "windows_share"))
        table.add_row(text_line(row["label"]), *cells)
    return [table, text_line("")]


def _areas(report: Mapping[str, Any]) -> list[RenderableType]:
    if rows := figures.areas(report):
        return [text_line("AUC of windows: " + ", ".join(f"{name} {area}" for name, area in rows))]
    return [text_line(figures.no_curve(report))]


def _blamed(report: Mapping[str, Any]) -> list[RenderableType]:
    alarms = report["anomaly"]["alarms"]
    if not (named := figures.blamed(alarms)):
        return []
    said = ", ".join(f"{feature} {100 * share:.0f} %" for feature, share in named[:NAMED])
    return [text_line(f"behind the {len(alarms):,} alarms, on average: {said}")]
