"""A search as a page: what is recommended and why, the front, every model that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report import charts
from sensorai.report.page import fill
from sensorai.report.words import NOTHING, percent

#: What the metric is called.
METRICS = {"accuracy": "accuracy", "macro-f1": "macro F1"}
#: What came of a look.
STATES = {
    "judged": "judged",
    "hopeless": "left: far behind one that costs no more",
    "over": "not judged",
    "refused": "not possible",
}


def search_page(found: Mapping[str, Any]) -> str:
    """Page of a search.

    Parameters
    ----------
    found : mapping
        As ``search.json`` has it.
    """
    axes = found["axes"]
    return fill(
        "search.jinja",
        name=found["name"],
        device=found["device"],
        metric=METRICS[found["metric"]],
        axes=[axis["words"] + (f", {axis['unit']}" if axis["unit"] else "") for axis in axes],
        budget=", ".join(
            f"{axis['words']}: {found['budget'][axis['name']]:,} {axis['unit']}".strip()
            for axis in axes
            if axis["name"] in found["budget"]
        ),
        why=found["recommended"]["why"],
        folder=found["recommended"]["folder"],
        drawings=[drawing(found, axis) for axis in axes],
        points=[_row(point, axes) for point in found["points"]],
        looked=[_looked(one, axes) for one in found["looked_at"]],
        trials=found["trials"],
        states=found["states"],
    )


def drawing(found: Mapping[str, Any], axis: Mapping[str, str]) -> str:
    """Value by one cost: models that were looked at, points made in full, the front."""
    name = axis["name"]
    dots = [
        charts.Dot(one["costs"][name], 100 * one["value"], f"trial {one['trial']}, {one['model']}", "seen")
        for one in found["looked_at"]
        if one["state"] == "judged"
    ]
    for one in found["points"]:
        kind = "taken" if one["recommended"] else "front" if one["on_front"] else "made"
        dots.append(
            charts.Dot(one["costs"][name], 100 * one["value"], f"trial {one['trial']}, {one['model']}", kind)
        )
    unit = f", {axis['unit']}" if axis["unit"] else ""
    return charts.tradeoff(
        dots, f"{axis['words']}{unit}", METRICS[found["metric"]], found["budget"].get(name)
    )


def _row(point: Mapping[str, Any], axes: Any) -> dict[str, Any]:
    worst = point["worst_group"]
    return {
        "trial": point["trial"],
        "model": point["model"],
        "folder": point["folder"],
        "accuracy": percent(point["accuracy"]),
        "macro_f1": percent(point["macro_f1"]),
        "error": f"{100 * point['standard_error']:.1f}",
        "decided": percent(point["decided_accuracy"]),
        "worst": NOTHING if worst["name"] is None else f"{worst['name']} {percent(worst['accuracy'])}",
        "costs": [f"{point['costs'][axis['name']]:,}" for axis in axes],
        "recommended": point["recommended"],
        "mark": "recommended"
        if point["recommended"]
        else "front"
        if point["on_front"]
        else "over budget"
        if not point["within_budget"]
        else "behind",
    }


def _looked(one: Mapping[str, Any], axes: Any) -> dict[str, Any]:
    return {
        "trial": one["trial"],
        "model": one["model"],
        "value": percent(one["value"]),
        "state": f"{STATES[one['state']]}{': ' + one['why'] if one['why'] else ''}",
        "costs": [f"{one['costs'][axis['name']]:,}" if one["costs"] else NOTHING for axis in axes],
    }
