"""What was compared bit for bit, and where it parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import about, words
from sensorai.report.blocks import line, table
from sensorai.report.section import Figures, Lines, Page, Section, Views


def levels(report: Figures) -> list[dict[str, Any]]:
    """Each level: name, windows, result in words, and whether it could not be compared."""
    out = []
    for level in report["proof"]["levels"]:
        why = level.get("missing")
        result = f"not run: {why}" if why else level["first_divergence"] or "equal in every bit"
        windows = words.NOTHING if why else f"{level['windows']:,}"
        out.append({"name": level["level"], "windows": windows, "result": result, "missing": bool(why)})
    return out


def _ran(report: Figures) -> list[Mapping[str, Any]]:
    return [level for level in report["proof"]["levels"] if not level.get("missing")]


def cards(report: Figures) -> list[tuple[str, str]]:
    """Say in large type whether all is equal."""
    ran = _ran(report)
    if any(level["first_divergence"] for level in ran):
        return [("not equal", "levels part: see the proof below")]
    if any(level["windows"] for level in ran):
        same = (
            f"the registers equal {'all other levels' if about.validation(report) else 'the trained tree'}"
            if about.on_core(report)
            else "the C equals the reference"
        )
        return [("bit for bit", f"{same} in {_extent([level['windows'] for level in ran])}")]
    return [] if about.on_core(report) else [("not run", "no tool was there to run the C: see below")]


def _extent(windows: Sequence[int]) -> str:
    """How much was compared."""
    least, most = min(windows), max(windows)
    count = words.plural(most, "window") if least == most else f"{least:,} to {most:,} windows"
    return count if len(windows) == 1 else f"{count} at each of {len(windows)} levels"


def text(report: Figures) -> Lines:
    """A row for each level."""
    rows = levels(report)
    if not rows:
        return []
    out = table("level", ("windows",), 60, "")
    for row in rows:
        bad = "" if row["result"] == "equal in every bit" else "yellow" if row["missing"] else "bold red"
        out.add_row(line(row["name"]), row["windows"], line(row["result"], bad))
    return [line(f"proof: {report['proof']['what']}:"), out]


def page(report: Figures, views: Views) -> Page:
    """A row for each level."""
    rows = levels(report)
    return {"what": about.capital(report["proof"]["what"]), "levels": rows} if rows else None


SECTION = Section("proof", "Proof", page, text)
