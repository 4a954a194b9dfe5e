"""What was tried on the way, and why the winner won."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import about, words
from sensorai.report.blocks import line, table
from sensorai.report.charts import curve
from sensorai.report.section import Figures, Lines, Page, Section, Views

if TYPE_CHECKING:
    from rich.text import Text


def _tried(report: Figures, what: str) -> list[Mapping[str, Any]]:
    """Windows or sensors that were tried, where there was more than one and the search compared them."""
    rows = (report.get("choices") or {}).get(what) or ()
    known = [row for row in rows if row.get("balanced_accuracy") is not None]
    return known if len(known) > 1 else []


def _size(report: Figures) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (report.get("choices") or {}).get("size")
    return found


def sizes(report: Figures) -> list[dict[str, str]]:
    """Sizes that were looked at, the largest first; none where the size was given."""

    def byte(value: int | None) -> str:
        return words.NOTHING if value is None else f"{value:,}"

    return [
        {
            "size": one["size"],
            "flash": byte(one["flash"]),
            "ram": byte(one["ram"]),
            "seed": str(one["seed"]),
            "verdict": one["verdict"],
        }
        for one in (_size(report) or {"tried": ()})["tried"]
    ]


def _seeds(report: Figures) -> list[Mapping[str, Any]]:
    """Seeds that were tried, with what they were worth in the folds."""
    return list((report.get("choices") or {}).get("seeds") or ())


def _spread(rows: Sequence[Mapping[str, Any]]) -> str:
    """How far seeds differ."""
    return f"{100 * statistics.stdev(row['balanced_accuracy'] for row in rows):.1f}"


# ---------------------------------------------------------------- text


def text(report: Figures) -> Lines:
    """Windows, sensors and sizes with what they were worth."""
    out: Lines = []
    if windows := _tried(report, "window"):
        out.append(_line("window", [(words.seconds(row["seconds"]), row) for row in windows]))
    if sensors := _tried(report, "sensors"):
        out.append(_line("sensors", [("+".join(row["sensors"]), row) for row in sensors]))
    if seeds := _seeds(report):
        said = _line("seeds", [(str(row["seed"]), row) for row in seeds])
        said.append(f"; balanced accuracy by folds, deviation {_spread(seeds)}")
        out.append(said)
    if size := _size(report):
        out.append(line(f"size: {size['chosen']} ({size['why']})"))
        if len(rows := sizes(report)) > 1:
            shown = table("size", ("flash", "RAM"), 34, "")
            for one in rows:
                cells = (one["flash"], one["ram"], line(one["verdict"]))
                shown.add_row(line(one["size"]), *cells)
            out.append(shown)
    return out


def _line(what: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Text:
    said = [
        f"{name} {words.percent(row['balanced_accuracy'])}{' (chosen)' if row['chosen'] else ''}"
        for name, row in rows
    ]
    return line(f"{what}: {', '.join(said)}")


# ---------------------------------------------------------------- page


def page(report: Figures, views: Views) -> Page:
    """Charts and tables; None where nothing was tried."""
    charts = [("Window", _window_chart(_tried(report, "window")))]
    validated = []
    for entry in report["classifiers"]:
        name, chosen = about.tree_name(report, entry), entry.get("choices") or {}
        charts += [(f"{name + ': ' if name else ''}{of}", drawn) for of, drawn in _tree_charts(entry, chosen)]
        if chosen.get("cross_validated"):
            validated.append({"tree": name, **chosen["cross_validated"]})
    out = {
        "charts": [(name, drawn) for name, drawn in charts if drawn is not None],
        "sensors": _tried(report, "sensors"),
        "cross_validated": validated,
        "seeds": _seeds(report),
        "seeds_spread": _spread(seeds) if (seeds := _seeds(report)) else None,
        "size": _size(report),
        "sizes": sizes(report),
    }
    return out if any(out.values()) else None


def _window_chart(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if not rows:
        return None
    points = [(f"{row['seconds']:.3g} s", 100.0 * row["balanced_accuracy"]) for row in rows]
    return curve(points, _chosen(rows), "window", "balanced accuracy, %")


def _tree_charts(entry: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Strength of pruning, and end counters."""
    out = []
    pruning, counters = chosen.get("pruning", []), chosen.get("end_counters", [])
    if len(pruning) > 1:
        points = [
            (f"{p['alpha'] if p['alpha'] > 1e-9 else 0:.2g}", _hundred(p["balanced_accuracy"]))
            for p in pruning
        ]
        drawn = curve(points, _chosen(pruning), "pruning strength (alpha)", "balanced accuracy, %")
        out.append(("tree size", drawn))
    if len(counters) > 1:
        final = {n for n in entry["tree"]["end_counters"] if n} or {0}
        marked = next((i for i, row in enumerate(counters) if {row["all_groups"]} == final), None)
        axis = "end counter of all groups"
        for key, k, label, unit in (
            ("right", 100.0, "right windows, %", "%"),
            ("wrong_switches", 1.0, "wrong switches", ""),
        ):
            points = [(str(row["all_groups"]), k * float(row[key])) for row in counters]
            out.append(("meta-classifier", curve(points, marked, axis, label, unit)))
    return out


def _hundred(x: float | None) -> float | None:
    return None if x is None else 100.0 * x


def _chosen(rows: Sequence[Mapping[str, Any]]) -> int | None:
    return next((i for i, row in enumerate(rows) if row.get("chosen")), None)


SECTION = Section("choices", "How it was chosen", page, text)
