"""Which class is taken for which, and how groups differ."""

from __future__ import annotations

from sensorai.report import about
from sensorai.report.charts import confusion
from sensorai.report.section import Figures, Page, Section, Views


def page(report: Figures, views: Views) -> Page:
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


SECTION = Section("confusion", "What is taken for what", page)
