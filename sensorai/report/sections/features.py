"""The features: their formulas, and what each buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import about
from sensorai.report.blocks import line
from sensorai.report.charts import bars
from sensorai.report.section import Figures, Lines, Page, Section, Views


def _gains(report: Figures) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (report.get("choices") or {}).get("features") or ()
    return found


def text(report: Figures) -> Lines:
    """What each feature buys, where that was measured."""
    gains = [
        f"{row['name']} {100 * row['buys']:+.1f}" if row.get("buys") is not None else row["name"]
        for row in _gains(report)
    ]
    return [line(f"features (points each buys): {', '.join(gains)}")] if gains else []


def page(report: Figures, views: Views) -> Page:
    """Formulas, filters, and a chart of gains."""
    return {
        "features": report["features"]["each"],
        "filters": report["features"].get("filters") or [],
        "unit": "" if about.on_core(report) else ", in counts",
        "chart": _chart(_gains(report)),
    }


def _chart(rows: Sequence[Mapping[str, Any]]) -> str | None:
    gains = [(row["name"], None if row.get("buys") is None else 100.0 * row["buys"]) for row in rows]
    if not any(gain is not None for _, gain in gains):
        return None
    gains.sort(key=lambda g: (g[1] is None, -(g[1] or 0.0)))
    names, values = zip(*gains, strict=True)
    return bars(names, values, "points", "balanced accuracy lost without each feature")


SECTION = Section("features", "Features", page, text)
