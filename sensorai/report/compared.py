"""Results side by side, as cells of a table and as a page with a picture of worth against current."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.power.table import MARKS
from sensorai.report import svg, words
from sensorai.report.page import fill
from sensorai.report.sections.alarms import per_time

#: A row of `sensorai.comparison.Comparison`.
Row = Mapping[str, Any]
_WIDTH, _LEFT, _TOP, _HEIGHT, _RIGHT = 820.0, 56.0, 26.0, 320.0, 175.0
#: Space between two marks that stand at one height.
_APART = 13.0
#: Drawings tell by these letters how sure a figure is.
LETTERS = {mark: mark[0] for mark in MARKS}


def of(row: Row) -> str:
    """Model and device in words."""
    return f"{family(row)} on {row['device']}"


def family(row: Row) -> str:
    """Model; of a net with its arithmetic, of trees without."""
    name, _, how = str(row["model"]).partition(" (")
    return name if "threshold" in how else str(row["model"])


def worth(row: Row) -> float | None:
    """What a result is worth: accuracy, or of a detector the share of anomalies found."""
    if row["accuracy"] is not None:
        return float(row["accuracy"])
    return row["anomalies_found"] / row["anomalies"] if row["anomalies"] else None


def microamperes(row: Row) -> str:
    """Interval of the current with the letter of its least sure mark, or a question mark with the least."""
    told = row["current"]
    if told["low_ua"] is None or told["high_ua"] is None:
        return "?" if told["at_least_ua"] is None else f"? (over {_three(told['at_least_ua'])})"
    low, high = _three(told["low_ua"]), _three(told["high_ua"])
    numbers = low if low == high else f"{low} to {high}"
    return f"{numbers} {LETTERS[told['marks'][0]]}" if told["marks"] else numbers


def _three(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def flash(row: Row) -> str:
    """Bytes of code and constants, or nodes of trees in registers."""
    took = row["cost"]
    if took["nodes"] is not None:
        return words.plural(took["nodes"], "node")
    return _whole(took["flash"])


def _whole(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:,.0f}"


def ram(row: Row) -> str:
    """Bytes of RAM with the stack."""
    return _whole(row["cost"]["ram"])


def instructions(row: Row) -> str:
    """Instructions of a window with its samples."""
    return _whole(row["cost"]["instructions"])


def found(row: Row) -> str:
    """Anomalies found."""
    if not row["anomalies"]:
        return words.NOTHING
    return f"{row['anomalies_found']} of {row['anomalies']}"


def false_alarms(row: Row) -> str:
    """False alarms by time."""
    if row["false_alarms_per_hour"] is None:
        return words.NOTHING
    return per_time(row["false_alarms_per_hour"])


def share(value: float | None) -> str:
    """Percent without its sign."""
    return words.NOTHING if value is None else f"{100 * value:.1f}"


def worst(row: Row) -> str:
    """The worst group with its share, in percent."""
    if row["worst_group"] is None:
        return words.NOTHING
    name, value = row["worst_group"]
    return f"{100 * value:.0f} ({name})"


def delay(row: Row) -> str:
    """Seconds until an event is answered rightly, or an anomaly alarms; the median."""
    value = row["event_delay_s"] if row["event_delay_s"] is not None else row["delay_median_s"]
    return words.NOTHING if value is None else f"{value:.3g}"


def columns(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Headings and cells of the figures that any row has."""
    all_ = [
        ("accuracy %", [share(row["accuracy"]) for row in rows]),
        ("macro F1 %", [share(row["macro_f1"]) for row in rows]),
        ("worst group %", [worst(row) for row in rows]),
        ("anomalies found", [found(row) for row in rows]),
        ("false alarms", [false_alarms(row) for row in rows]),
        ("delay s", [delay(row) for row in rows]),
        ("flash B", [flash(row) for row in rows]),
        ("RAM B", [ram(row) for row in rows]),
        ("instr.", [instructions(row) for row in rows]),
        ("current \N{MICRO SIGN}A", [microamperes(row) for row in rows]),
    ]
    return [(head, cells) for head, cells in all_ if any(cell != words.NOTHING for cell in cells)]


def sources(rows: Sequence[Row]) -> list[str]:
    """Where flash, RAM and instructions come from, a line for each target."""
    told: dict[str, list[str]] = {}
    for row in rows:
        told.setdefault(row["target"], []).append(row["cost"].get("source") or "not measured")
    return [f"{target}: {'; '.join(dict.fromkeys(said))}" for target, said in told.items()]


def page(rows: Sequence[Row], verdict: str, comparable: bool, failed: Sequence[str], setting: str) -> str:
    """Page of results side by side.

    Parameters
    ----------
    rows : sequence of Row
    verdict : str
        Whether they can be compared, in a line.
    comparable : bool
    failed : sequence of str
        A line for each row that came to nothing.
    setting : str
        What the currents are of, in a line.
    """
    facts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        for part in row["current"]["parts"]:
            for one in part["facts"]:
                facts[one["what"], one["source"]] = one
    return fill(
        "compared.jinja",
        drawing=picture(rows) if comparable else "",
        rows=[(of(row), row["target"], row["result"]) for row in rows],
        columns=columns(rows),
        verdict=verdict,
        comparable=comparable,
        failed=list(failed),
        setting=setting,
        sources=sources(rows),
        currents=[(of(row), row["current"]) for row in rows],
        facts=list(facts.values()),
        marks=[(LETTERS[mark], mark) for mark in MARKS],
    )


# ---------------------------------------------------------------- picture


def picture(rows: Sequence[Row]) -> str:
    """Draw worth against current: a bar from the least to the most; hatched where no figure is published.

    A hatched bar begins at what is known of the current, and has no end.
    """
    shown = [(k, row, value) for k, row in enumerate(rows, 1) if (value := worth(row)) is not None]
    if not shown:
        return ""
    highs = [row["current"]["high_ua"] or row["current"]["at_least_ua"] or 0.0 for _, row, _ in shown]
    most = max(highs) * 1.08 or 1.0
    low = min(value for *_, value in shown)
    bottom = max(0.0, min(low - 0.04, 0.96))
    span = 1.0 - bottom

    def across(current: float) -> float:
        return _LEFT + current / most * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _TOP + (1.0 - value) / span * _HEIGHT

    edge = _WIDTH - _RIGHT
    targets = list(dict.fromkeys(row["target"] for _, row, _ in shown))
    parts = _axes(across, up, bottom, most, edge)
    heights: list[float] = []
    for k, row, value in sorted(shown, key=lambda one: (-one[2], one[0])):
        y = up(value)
        # marks of one height stand under each other
        while any(abs(y - other) < _APART for other in heights):
            y += 1.0
        heights.append(y)
        parts += _mark(k, row, value, y, across, edge, svg.class_colour(targets.index(row["target"])))
    for n, target in enumerate(targets):
        y = _TOP + 12 + 18 * n
        parts.append(svg.rect(edge + 26, y - 5, 14, 10, fill=svg.class_colour(n)))
        parts.append(svg.text(edge + 46, y + 4, target, font_size=11))
    y = _TOP + 12 + 18 * len(targets)
    parts.append(_hatched(edge + 26, y - 5, 14, 10))
    parts.append(svg.rect(edge + 26, y - 5, 14, 10, fill="none", stroke=svg.theme("soft")))
    parts.append(svg.text(edge + 46, y + 4, "no figure published", font_size=11))
    bottom_y = max(_TOP + _HEIGHT, max(heights) + 8)
    words_ = "accuracy against current of each result"
    return svg.drawing(_WIDTH, bottom_y + 44, words_, parts)


def _hatched(x: float, y: float, width: float, height: float) -> str:
    """Slanted lines that fill a rectangle."""
    lines = []
    step = 7.0
    for k in range(1, math.ceil((width + height) / step)):
        # from the lower edge up to the right, cut off at all four sides
        at = k * step
        x1, y1 = (x, y + height - (height - at)) if at < height else (x + at - height, y + height)
        x2, y2 = (x + at, y) if at < width else (x + width, y + at - width)
        lines.append(f"M{svg.number(x1)} {svg.number(y1)}L{svg.number(x2)} {svg.number(y2)}")
    return svg.el("path", d="".join(lines), stroke=svg.theme("soft"), stroke_width=1.5)


def _axes(across: Any, up: Any, bottom: float, most: float, edge: float) -> list[str]:
    """Grid, numbers and names of the axes."""
    soft = {"font_size": 10, "fill": svg.theme("soft")}
    out = [svg.text(0, 12, "accuracy on held-out groups, %", font_size=12)]
    for value in svg.ticks(100 * bottom, 100.0, 6):
        y = up(value / 100)
        out.append(svg.line(_LEFT, y, edge, y))
        out.append(svg.text(_LEFT - 6, y + 4, f"{value:g}", text_anchor="end", **soft))
    for current in svg.ticks(0.0, most, 7):
        x = across(current)
        out.append(svg.line(x, _TOP, x, _TOP + _HEIGHT))
        out.append(svg.text(x, _TOP + _HEIGHT + 15, f"{current:g}", text_anchor="middle", **soft))
    said = "current on average, \N{MICRO SIGN}A: least to most of what is published"
    out.append(svg.text((_LEFT + edge) / 2, _TOP + _HEIGHT + 34, said, text_anchor="middle", font_size=12))
    return out


def _mark(number: int, row: Row, value: float, y: float, across: Any, edge: float, colour: str) -> list[str]:
    """Bar of one result with its number."""
    told = row["current"]
    title = svg.title(f"{of(row)}: {100 * value:.1f} %, {told['words']}")
    if told["low_ua"] is None or told["high_ua"] is None:
        start = across(told["at_least_ua"] or 0.0)
        end = max(edge, start + 12.0)
        bar = {"fill": colour, "fill_opacity": "0.12", "stroke": colour, "stroke_dasharray": "4 2"}
        out = [
            _hatched(start, y - 5, end - start, 10),
            svg.rect(start, y - 5, end - start, 10, title, **bar),
        ]
    else:
        start, end = across(told["low_ua"]), across(told["high_ua"])
        # an interval that is a point can still be seen
        out = [svg.rect(start, y - 5, max(end - start, 4.0), 10, title, fill=colour, rx=2)]
        end = max(end, start + 4.0)
    out.append(svg.text(end + 4, y + 4, str(number), font_size=11, font_weight="bold"))
    return out
