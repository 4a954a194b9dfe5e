"""What must be read before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report.about import Figures
from sensorai.report.blocks import line
from sensorai.report.view import View

if TYPE_CHECKING:
    from rich.console import RenderableType

ID, TITLE = "warnings", ""


def text(report: Figures) -> list[RenderableType]:
    """Say each warning on a line."""
    return [line(f"warning: {one}", "bold red") for one in report.get("warnings") or ()]


def page(report: Figures, views: Sequence[View]) -> dict[str, Any] | None:
    """Warnings; None without any."""
    found = list(report.get("warnings") or ())
    return {"warnings": found} if found else None
