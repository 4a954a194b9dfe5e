"""The trees of the core, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.model.forest import Tree
from sensorai.report import about, words
from sensorai.report.blocks import line
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.report.treeplot import draw_tree
from sensorai.report.view import Colours, colours_of


def text(report: Figures) -> Lines:
    """Size of each tree, and its end counters."""
    return [
        line(
            f"{about.tree_name(report, entry).lower() or 'tree'}: "
            f"{words.plural(entry['tree']['nodes'], 'node')}, depth {entry['tree']['depth']}, "
            f"end counters {', '.join(map(str, entry['tree']['end_counters']))}"
        )
        for entry in report["classifiers"]
        if "tree" in entry
    ]


def page(report: Figures, views: Views) -> Page:
    """Drawings; None for models that are no tree of the core."""
    entries = report["classifiers"]
    if not all("tree" in entry for entry in entries):
        return None
    names = [one["name"] for one in report["features"]["each"]]
    return {
        "trees": [
            {
                "name": about.tree_name(report, entry),
                "nodes": entry["tree"]["nodes"],
                "depth": entry["tree"]["depth"],
                "text": entry["tree"]["text"],
                "end_counters": entry["tree"]["end_counters"],
                "filtered": any(entry["tree"]["end_counters"]),
                "drawing": _drawing(entry, names, colours),
            }
            for entry, colours in zip(entries, colours_of(entries), strict=True)
        ]
    }


def _drawing(entry: Mapping[str, Any], features: Sequence[str], colours: Colours) -> str:
    tree = Tree.from_nodes([tuple(row) for row in entry["tree"]["rows"]], entry["tree"]["root"])
    return draw_tree(tree, features, {c["code"]: c["name"] for c in entry["classes"]}, colours)


SECTION = Section("decision", "The decision", page, text)
