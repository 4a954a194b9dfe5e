"""Drawings of a detector at work: scores and alarms over time, drift, features behind alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.report import svg
from sensorai.report.curves import share_words
from sensorai.report.timeline import LEFT, PLOT, STRIP, WIDTH, box, row_name, time_axis
from sensorai.report.view import Scored
from sensorai.verify.alarms import ANOMALY, NORMAL

Int64 = npt.NDArray[np.int64]

#: Height of the panel of scores.
PANEL = 130.0
#: Pixel columns of a recording; more windows are drawn as the largest score of each column.
COLUMNS = int(PLOT)
#: Windows up to which each has a dot.
DOTS = 150
#: Scores span more than this over their median: the axis is logarithmic.
WIDE = 12.0
#: Recordings in a drift chart: as many as there are colours that a thin line can carry.
DRIFTS = 6


# ---------------------------------------------------------------- over time


def over_time(view: Scored) -> str:
    """Draw one recording: scores with the threshold, what the label says, and the alarms.

    Where there are more windows than ``COLUMNS``, each column shows the largest of its scores, and an
    anomaly or an alarm in any of its windows.
    """
    edges = _edges(view.end)
    seconds = float(edges[-1]) / view.rate_hz if len(edges) else 0.0
    scale = PLOT / seconds if seconds else 0.0
    starts = columns(len(view.scores))
    xs = LEFT + edges / view.rate_hz * scale
    bounds = np.append(xs[starts], xs[-1]) if len(starts) else xs
    highest = np.maximum.reduceat(view.scores, starts) if len(starts) else view.scores
    top = 18.0
    parts, up = _score_axis(view, highest, top)
    parts += _score_line(view, highest, bounds, up)
    y = top + PANEL + 8.0
    for name, values, first in (("truth", view.truth, ANOMALY), ("alarm", view.decided, ANOMALY)):
        parts.append(row_name(y, name))
        parts.append(_strip(_worst(values, starts, first), bounds, y, name))
        y += STRIP + 4.0
    parts.append(time_axis(y + 2.0, seconds, scale))
    return svg.drawing(WIDTH, y + 36.0, f"{view.name}: anomaly score and alarms over time", parts)


def columns(windows: int) -> Int64:
    """First window of each column of a drawing, shape (columns,)."""
    n = min(windows, COLUMNS)
    return np.arange(n, dtype=np.int64) * windows // max(n, 1)


def logarithmic(view: Scored) -> bool:
    """Whether the scores need a logarithmic axis."""
    if not len(view.scores):
        return False
    most = max(int(view.scores.max()), view.threshold)
    return most > WIDE * max(float(np.median(view.scores)), 1.0)


def _edges(end: Int64) -> npt.NDArray[np.float64]:
    """Borders between windows: each is drawn from the end of the one before, shape (windows + 1,)."""
    if not len(end):
        return np.zeros(0)
    step = float(np.median(np.diff(end))) if len(end) > 1 else float(end[0])
    return np.concatenate([[max(float(end[0]) - step, 0.0)], end.astype(np.float64)])


def _score_axis(view: Scored, highest: Int64, top: float) -> tuple[list[str], Callable[[float], float]]:
    """Grid and threshold, and the height of a score."""
    most: float = 1.08 * max([1.0, float(view.threshold), *highest.tolist()])
    log = logarithmic(view)
    if log:
        # a score of 0 has no logarithm: everything up to 1 is drawn at the bottom
        least = math.log10(max(min([view.threshold, *highest.tolist()]), 1.0))
        high = math.log10(most)

        def up(v: float) -> float:
            return top + PANEL - (math.log10(max(v, 1.0)) - least) / (high - least) * PANEL

        powers = range(math.ceil(least), math.floor(high) + 1)
        ticks = [10.0**k for k in powers]
        if len(ticks) < 2:
            ticks = [t for k in range(int(least), int(high) + 1) for t in (10.0**k, 2 * 10.0**k, 5 * 10.0**k)]
            ticks = [t for t in ticks if 10.0**least <= t <= most]
    else:

        def up(v: float) -> float:
            return top + PANEL - v / most * PANEL

        ticks = svg.ticks(0.0, most, 4)
    soft = {"font_size": 10, "fill": svg.theme("soft")}
    parts = [
        svg.text(
            LEFT,
            top - 6,
            "anomaly score, logarithmic" if log else "anomaly score",
            font_size=11,
            fill=svg.theme("soft"),
        )
    ]
    for tick in ticks:
        parts.append(svg.line(LEFT, up(tick), LEFT + PLOT, up(tick)))
        parts.append(svg.text(LEFT - 8, up(tick) + 4, _count(tick), text_anchor="end", **soft))
    y = up(view.threshold)
    parts.append(
        svg.line(LEFT, y, LEFT + PLOT, y, stroke=svg.theme("bad"), stroke_width=1.4, stroke_dasharray="6 4")
    )
    name = f"threshold {view.threshold:,}"
    parts.append(svg.text(LEFT + PLOT, y - 4, name, text_anchor="end", font_size=11, fill=svg.theme("bad")))
    return parts, up


def _count(x: float) -> str:
    """Round number in few characters: ``20k``, ``5M``."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if x >= factor:
            return f"{x / factor:g}{unit}"
    return f"{x:g}"


def _score_line(
    view: Scored,
    highest: Int64,
    bounds: npt.NDArray[np.float64],
    up: Callable[[float], float],
) -> list[str]:
    if not len(highest):
        return []
    path = "".join(
        f"{'L' if k else 'M'}{a:.2f} {svg.number(up(v))}H{b:.2f}"
        for k, ((a, b), v) in enumerate(zip(pairwise(bounds.tolist()), highest.tolist(), strict=True))
    )
    parts = [svg.el("path", d=path, fill="none", stroke=svg.theme("good"), stroke_width=1.3)]
    if len(highest) <= DOTS:
        for (a, b), v in zip(pairwise(bounds.tolist()), highest.tolist(), strict=True):
            above = v > view.threshold
            parts.append(
                svg.el(
                    "circle",
                    svg.title(f"score {v:,}"),
                    cx=(a + b) / 2,
                    cy=up(v),
                    r=2.5,
                    fill=svg.theme("bad" if above else "good"),
                )
            )
    return parts


def _worst(values: Int64, starts: Int64, first: int) -> list[int]:
    """Value of each column: ``first`` where any of its windows has it, else the first other than normal."""
    out = []
    for a, b in pairwise([*starts.tolist(), len(values)]):
        part = values[a:b]
        other = part[part != NORMAL]
        out.append(first if (part == first).any() else int(other[0]) if len(other) else NORMAL)
    return out


def _strip(values: Sequence[int], bounds: npt.NDArray[np.float64], y: float, what: str) -> str:
    """Blocks of normal, anomaly or alarm, and neither."""
    named = {NORMAL: "normal", ANOMALY: "anomaly" if what == "truth" else "alarm"}
    paths: dict[str, list[str]] = {}
    for a, b, value in svg.blocks(values):
        name = named.get(int(str(value)), "unknown" if what == "truth" else "none yet")
        paths.setdefault(name, []).append(box(bounds[a], y, bounds[b] - bounds[a], STRIP))
    colours = {"normal": (svg.theme("good"), "0.35"), "anomaly": (svg.theme("bad"), None)}
    colours["alarm"] = colours["anomaly"]
    out = []
    for name, boxes in sorted(paths.items()):
        fill, opacity = colours.get(name, (svg.theme("idle"), "0.5"))
        out.append(svg.el("path", svg.title(name), d="".join(boxes), fill=fill, fill_opacity=opacity))
    return "".join(out)


# ---------------------------------------------------------------- drift


def most_moved(drift: Sequence[Mapping[str, Any]], most: int = DRIFTS) -> list[Mapping[str, Any]]:
    """Return the recordings whose normal score moved most, those first."""
    return sorted(drift, key=lambda row: -abs(row["change"]))[:most]


def drifts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw how the score of the normal state moves from the start of each recording to its end."""
    width, height, left, top = 520.0, 190.0, 52.0, 26.0
    most: float = 1.08 * max([1.0, *(v for row in rows for v in row["levels"])])

    def up(v: float) -> float:
        return top + height - v / most * height

    parts = [
        svg.text(
            0,
            12,
            "median score of normal windows, share of the threshold",
            font_size=11,
            fill=svg.theme("soft"),
        )
    ]
    for tick in svg.ticks(0.0, most, 5):
        parts.append(svg.line(left, up(tick), width - 10, up(tick)))
        parts.append(
            svg.text(
                left - 6,
                up(tick) + 4,
                share_words(tick),
                text_anchor="end",
                font_size=10,
                fill=svg.theme("soft"),
            )
        )
    parts.append(
        svg.line(left, up(1.0), width - 10, up(1.0), stroke=svg.theme("bad"), stroke_dasharray="6 4")
    )
    parts.append(
        svg.text(width - 12, up(1.0) - 4, "threshold", text_anchor="end", font_size=11, fill=svg.theme("bad"))
    )
    for i, row in enumerate(rows):
        levels = row["levels"]
        step = (width - left - 20) / max(len(levels) - 1, 1)
        at = [(left + 5 + k * step, up(v)) for k, v in enumerate(levels)]
        path = "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in at)
        colour = svg.class_colour(i)
        name = svg.title(row["recording"])
        parts.append(svg.el("path", name, d=path, fill="none", stroke=colour, stroke_width=1.8))
        parts += [
            svg.el("circle", svg.title(share_words(v)), cx=x, cy=y, r=2.5, fill=colour)
            for (x, y), v in zip(at, levels, strict=True)
        ]
    soft = {"font_size": 11, "fill": svg.theme("soft")}
    parts.append(svg.text(left, top + height + 16, "start of the recording", **soft))
    parts.append(svg.text(width - 10, top + height + 16, "its end", text_anchor="end", **soft))
    return svg.drawing(width, top + height + 24, "drift of the normal state", parts)


# ---------------------------------------------------------------- features behind an alarm


def because(parts: Sequence[tuple[str, float]]) -> str:
    """Draw a small bar with its name for each feature behind one alarm."""
    row, room, size = 17.0, 64.0, 11.0
    out, widest = [], 0.0
    for k, (name, share) in enumerate(parts):
        y = k * row
        words = f"{name} {100 * share:.0f} %"
        widest = max(widest, svg.text_width(words, size))
        out.append(svg.rect(0, y + 3, room, row - 6, fill=svg.theme("line"), fill_opacity="0.5"))
        length = room * min(max(share, 0.0), 1.0)
        out.append(svg.rect(0, y + 3, length, row - 6, svg.title(words), fill=svg.theme("bad")))
        out.append(svg.text(room + 8, y + 13, words, font_size=11))
    return svg.drawing(room + 8 + widest, max(len(parts), 1) * row, "features behind the alarm", out)
