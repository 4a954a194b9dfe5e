"""What happened on the way that a reader should know."""

from __future__ import annotations

from sensorai.report.blocks import line
from sensorai.report.section import Figures, Lines, Page, Section, Views


def text(report: Figures) -> Lines:
    """Say each note on a line."""
    return [line(f"note: {note}", "yellow") for note in report.get("notes") or ()]


def page(report: Figures, views: Views) -> Page:
    """Notes; None without any."""
    found = list(report.get("notes") or ())
    return {"notes": found} if found else None


SECTION = Section("notes", "Notes", page, text)
