"""What happened on the way that a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report.about import Figures
from sensorai.report.blocks import line
from sensorai.report.view import View

if TYPE_CHECKING:
    from rich.console import RenderableType

ID, TITLE = "notes", "Notes"


def text(report: Figures) -> list[RenderableType]:
    """Say each note on a line."""
    return [line(f"note: {note}", "yellow") for note in report.get("notes") or ()]


def page(report: Figures, views: Sequence[View]) -> dict[str, Any] | None:
    """Notes; None without any."""
    found = list(report.get("notes") or ())
    return {"notes": found} if found else None
