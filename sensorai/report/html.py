"""The report as one HTML page: no script, nothing fetched, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.mlc.config import MlcConfig
from sensorai.report import words
from sensorai.report.charts import bars, curve
from sensorai.report.page import FEW_GROUPS, class_rows, drawn_views, fill, matrices, take_common_notes
from sensorai.report.treeplot import draw_tree
from sensorai.report.view import Colours, View, colours_of


def render(report: Mapping[str, Any], views: Sequence[View], config: MlcConfig) -> str:
    """Make the HTML report.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds (``sensorai.train.deliver``), or the report of a validation
        (``sensorai.verify.report``), which has ``levels`` and no choices.
    views : sequence of View
        The recordings judged; the page shows the telling ones.
    config : MlcConfig
        As read back from the emitted file.

    Returns
    -------
    str
        A complete page.
    """
    colours = colours_of(report["trees"])
    shown = drawn_views(views, [entry["name"] for entry in report["trees"]], colours)
    common = take_common_notes(shown)
    return fill(
        "page.jinja",
        report=report,
        trees=[
            _tree(entry, t, config, c, report["settings"]["features"])
            for t, (entry, c) in enumerate(zip(report["trees"], colours, strict=True))
        ],
        few_groups=len(report["data"]["test_groups"]) < FEW_GROUPS,
        features=_features(report, config),
        feature_chart=_feature_chart(report["choices"]["features"]),
        filters=[words.describe_filter(config, f) for f in config.filters],
        window_chart=_window_chart(report["choices"]["window"]),
        views=shown,
        common_notes=common,
        left_out=len(views) - len(shown),
    )


def _tree(
    entry: Mapping[str, Any], t: int, config: MlcConfig, colours: Colours, features: Sequence[str]
) -> dict[str, Any]:
    """Everything the page says about one tree."""
    held_out, chosen = entry["held_out"], entry["choices"]
    dt = config.trees[t]
    by_chance, even_chance = words.chance(held_out["tree"]["confusion"])
    codes = {c["name"]: c["code"] for c in entry["classes"]}
    pruning = chosen.get("pruning", [])
    counters = chosen.get("end_counters", [])
    final = {n for n in entry["end_counters"] if n}
    marked = [i for i, row in enumerate(counters) if {row["all_groups"]} == (final or {0})]
    return {
        "entry": entry,
        "register": words.register_name(config, t),
        "tree": held_out["tree"],
        "decided": held_out["decided"],
        "tree_events": held_out["tree_events"],
        "decided_events": held_out["decided_events"],
        "by_group": held_out.get("by_group", {}),
        "optimistic": chosen.get("random_windows_optimistic"),
        "cross_validated": chosen.get("cross_validated"),
        "filtered": bool(final),
        "chance": by_chance,
        "even_chance": even_chance,
        "weakest": words.weakest(held_out["decided"]),
        "rows": class_rows(held_out, codes, colours),
        "matrices": matrices(held_out, "Tree", "Register, after the meta-classifier"),
        "drawing": draw_tree(dt.tree, features, dt.labels, colours),
        "pruning_chart": curve(
            [
                (f"{p['alpha'] if p['alpha'] > 1e-9 else 0:.2g}", _hundred(p["balanced_accuracy"]))
                for p in pruning
            ],
            _chosen(pruning),
            "pruning strength (alpha)",
            "balanced accuracy, %",
        )
        if len(pruning) > 1
        else None,
        "counter_charts": [
            curve(
                [(str(row["all_groups"]), _hundred(row["right"])) for row in counters],
                marked[0] if marked else None,
                "end counter of all groups",
                "right windows, %",
            ),
            curve(
                [(str(row["all_groups"]), float(row["wrong_switches"])) for row in counters],
                marked[0] if marked else None,
                "end counter of all groups",
                "wrong switches",
                "",
            ),
        ]
        if len(counters) > 1
        else [],
    }


def _hundred(x: float | None) -> float | None:
    return None if x is None else 100.0 * x


def _chosen(rows: Sequence[Mapping[str, Any]]) -> int | None:
    return next((i for i, row in enumerate(rows) if row.get("chosen")), None)


def _features(report: Mapping[str, Any], config: MlcConfig) -> list[dict[str, Any]]:
    """Names, words and gains of the features, in file order."""
    buys = {row["name"]: row for row in report["choices"]["features"]}
    return [
        {"name": name, "words": words.describe_feature(config, feature), "gain": buys.get(name)}
        for name, feature in zip(report["settings"]["features"], config.features, strict=True)
    ]


def _feature_chart(rows: Sequence[Mapping[str, Any]]) -> str | None:
    gains = [(row["name"], _hundred(row.get("buys"))) for row in rows]
    if not any(g is not None for _, g in gains):
        return None
    gains.sort(key=lambda g: (g[1] is None, -(g[1] or 0.0)))
    names, values = zip(*gains, strict=True)
    return bars(names, values, "points", "balanced accuracy lost without each feature")


def _window_chart(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if len(rows) < 2:
        return None
    points = [(f"{row['seconds']:.3g} s", _hundred(row.get("balanced_accuracy"))) for row in rows]
    return curve(points, _chosen(rows), "window", "balanced accuracy, %")
