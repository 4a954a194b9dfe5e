"""How registers get into a sensor, and how its results are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import about
from sensorai.report.about import Figures
from sensorai.report.view import View

if TYPE_CHECKING:
    from rich.console import RenderableType

ID, TITLE = "reading", "Use it"


def text(report: Figures) -> list[RenderableType]:
    """Nothing: the terminal names the files by itself."""
    return []


def page(report: Figures, views: Sequence[View]) -> dict[str, Any] | None:
    """Registers, and the code of each class; nothing for C, whose project explains itself."""
    if not about.on_core(report):
        return None
    return {
        "validation": about.validation(report),
        "trees": [
            {
                "name": about.tree_name(report, entry),
                "register": entry["register"],
                "codes": sorted((c["code"], c["name"]) for c in entry["classes"]),
            }
            for entry in report["classifiers"]
        ],
    }
