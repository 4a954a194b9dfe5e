"""What must be read before anything else."""

from __future__ import annotations

from sensorai.report.blocks import line
from sensorai.report.section import Figures, Lines, Page, Section, Views


def text(report: Figures) -> Lines:
    """Say each warning on a line."""
    return [line(f"warning: {one}", "bold red") for one in report.get("warnings") or ()]


def page(report: Figures, views: Views) -> Page:
    """Warnings; None without any."""
    found = list(report.get("warnings") or ())
    return {"warnings": found} if found else None


SECTION = Section("warnings", "", page, text)
