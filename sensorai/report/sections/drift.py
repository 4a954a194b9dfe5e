"""How the score of the normal state moves over each recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report import scores, words
from sensorai.report.section import Figures, Page, Section, Views
from sensorai.report.svg import class_colour
from sensorai.verify.alarms import duration


def page(report: Figures, views: Views) -> Page:
    """Chart and rows of the recordings that moved most; None where drift was not looked at."""
    found = (report.get("alarms") or {}).get("drift")
    if found is None:
        return None
    moved = scores.most_moved(found)
    return {
        "chart": scores.drifts(moved) if moved else None,
        "rows": [_row(row, i) for i, row in enumerate(moved)],
        "left_out": len(found) - len(moved),
    }


def _row(row: Mapping[str, Any], index: int) -> dict[str, Any]:
    change = f"{100 * row['change']:+.1f}".replace("-", "\N{MINUS SIGN}")
    return {
        "recording": row["recording"],
        "colour": class_colour(index),
        "time": duration(row["hours"]),
        "first": words.percent(row["levels"][0]),
        "last": words.percent(row["levels"][-1]),
        "change": f"{change} points",
    }


SECTION = Section("drift", "Drift of the normal state", page)
