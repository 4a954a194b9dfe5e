"""Which class is taken for which, and how groups differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import about
from sensorai.report.about import Figures
from sensorai.report.charts import confusion
from sensorai.report.view import View

if TYPE_CHECKING:
    from rich.console import RenderableType

ID, TITLE = "confusion", "What is taken for what"


def text(report: Figures) -> list[RenderableType]:
    """Nothing: a drawing."""
    return []


def page(report: Figures, views: Sequence[View]) -> dict[str, Any] | None:
    """Matrices before and after filtering; None for detectors, which are judged by their alarms."""
    if about.detector(report):
        return None
    names = [about.capital(name) for name in about.long_strips(report)]
    return {
        "what": "tree" if about.on_core(report) else "model",
        "kind": "" if about.validation(report) else "held-out ",
        "trees": [
            {
                "name": about.tree_name(report, entry),
                "matrices": [
                    (name, confusion(m["classes"], m["columns"], m["confusion"]))
                    for name, m in zip(
                        names, (entry["held_out"]["answer"], entry["held_out"]["decided"]), strict=True
                    )
                ],
                "by_group": entry["held_out"].get("by_group", {}),
            }
            for entry in report["classifiers"]
        ],
    }
