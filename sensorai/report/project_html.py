"""The report of a C project as one HTML page: no script, nothing fetched, same input same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import project_figures as figures
from sensorai.report import words
from sensorai.report.charts import learning
from sensorai.report.page import FEW_GROUPS, class_rows, drawn_views, fill, matrices, take_common_notes
from sensorai.report.view import Colours, ProjectView

__all__ = ["ProjectView", "render_project"]


def render_project(report: Mapping[str, Any], views: Sequence[ProjectView]) -> str:
    """Make the HTML report of a C project.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds (``sensorai.train.cproject``).
    views : sequence of ProjectView
        The held-out recordings; the page shows the telling ones.

    Returns
    -------
    str
        A complete page.
    """
    colours = Colours(report["classes"])
    shown = drawn_views(views, [report["name"]], [colours])
    common = take_common_notes(shown)
    rows, sums = figures.layers(report)
    ran = [level for level in report["levels"] if level.get("missing") is None]
    few = len(report["data"]["test_groups"])
    return fill(
        "project.jinja",
        report=report,
        place=figures.place(report),
        stand_in=figures.stand_in(report),
        t=_judged(report, colours),
        compared=min((level["windows"] for level in ran), default=0),
        parted=any(level["first_divergence"] for level in ran),
        levels=figures.levels(report),
        accuracies=figures.accuracies(report),
        costs=figures.costs(report),
        program=figures.program(report),
        layers=rows,
        layer_sums=sums,
        counted=any(layer.get("instructions") is not None for layer in report["layers"]),
        size=figures.size(report),
        sizes=figures.sizes(report),
        fit=figures.fit(report),
        learning_charts=_learning_charts(report["learning"]["curve"]),
        features=[
            {"name": name, "words": figures.feature_words(name)} for name in report["settings"]["features"]
        ],
        few_groups=0 < few < FEW_GROUPS,
        views=shown,
        common_notes=common,
        left_out=len(views) - len(shown),
    )


def _judged(report: Mapping[str, Any], colours: Colours) -> dict[str, Any]:
    """What the page says about answers and decisions on held-out recordings."""
    held_out = report["held_out"]
    by_chance, even_chance = words.chance(held_out["tree"]["confusion"])
    codes = {name: i for i, name in enumerate(report["classes"])}
    return {
        **held_out,
        "optimistic": None,
        "chance": by_chance,
        "even_chance": even_chance,
        "weakest": words.weakest(held_out["decided"]),
        "rows": class_rows(held_out, codes, colours),
        "matrices": matrices(held_out, "Answer of the model", "Decided, after the filter"),
    }


def _learning_charts(curve: Sequence[Mapping[str, Any]]) -> list[str]:
    """Loss and accuracy by epoch."""
    if not curve:
        return []
    stages = [e["stage"] for e in curve]
    at = figures.kept(curve)

    def column(key: str, factor: float) -> list[float | None]:
        return [None if e[key] is None else factor * e[key] for e in curve]

    return [
        learning(stages, column(f"train_{what}", k), column(f"validation_{what}", k), at, label)
        for what, k, label in (("loss", 1.0, "loss, nats"), ("accuracy", 100.0, "accuracy, %"))
    ]
