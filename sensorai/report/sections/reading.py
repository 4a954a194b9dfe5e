"""How registers get into a sensor, and how its results are read."""

from __future__ import annotations

from sensorai.report import about
from sensorai.report.section import Figures, Page, Section, Views


def page(report: Figures, views: Views) -> Page:
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


SECTION = Section("reading", "Use it", page)
