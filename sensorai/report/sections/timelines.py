"""Recordings over time: signals, truth, what each classifier says, what comes out after filtering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorai.report import about
from sensorai.report.section import Figures, Page, Section, Views
from sensorai.report.timeline import per_block, timeline
from sensorai.report.view import Colours, Watched, choose, colours_of, right


def page(report: Figures, views: Views) -> Page:
    """Drawings of the telling recordings; None without recordings."""
    watched = [view for view in views if isinstance(view, Watched)]
    if not watched:
        return None
    entries, colours = report["classifiers"], colours_of(report["classifiers"])
    shown = _drawn(watched, [entry["name"] for entry in entries], colours)
    settings = report["settings"]
    return {
        "legends": [
            (
                about.tree_name(report, entry),
                [{"name": name, "colour": of.of(name)} for name in of.classes],
            )
            for entry, of in zip(entries, colours, strict=True)
        ],
        "seen": about.capital(about.seen(report)),
        "stride": settings["stride"] if settings["stride"] < settings["window"] else None,
        "common_notes": _take_common_notes(shown),
        "views": shown,
        "left_out": len(watched) - len(shown),
    }


def _drawn(
    views: Sequence[Watched], names: Sequence[str], colours: Sequence[Colours]
) -> list[dict[str, Any]]:
    """Draw the telling ones of these recordings, the worst first."""
    out = []
    for view in choose(views):
        hits, total = right(view)
        out.append(
            {
                "name": view.recording.name,
                "group": view.recording.group,
                "right": hits,
                "total": total,
                "per_block": per_block(len(view.ends_s)),
                "drawing": timeline(view, colours, names),
                "notes": list(view.notes),
            }
        )
    return out


def _take_common_notes(shown: Sequence[dict[str, Any]]) -> list[str]:
    """Take the notes that every recording has out of theirs: said once is enough."""
    if len(shown) < 2:
        return []
    common = [note for note in shown[0]["notes"] if all(note in v["notes"] for v in shown)]
    for v in shown:
        v["notes"] = [note for note in v["notes"] if note not in common]
    return common


SECTION = Section("timelines", "Over time", page)
