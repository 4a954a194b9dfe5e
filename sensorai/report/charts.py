"""Small charts: confusion matrix, bars, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sensorai.report import svg


def confusion(rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Draw a confusion matrix: true classes down, results across, counts and shares of each row.

    Parameters
    ----------
    rows, columns : sequences of str
        A cell whose row and column have one name is right. Columns that are no class and never came
        are left out.
    counts : sequence of sequence of int, shape (rows, columns)
    """
    shown = [j for j, c in enumerate(columns) if c in rows or any(row[j] for row in counts)]
    size, cell_w, cell_h = 12.0, 62.0, 36.0
    left = min(max((svg.text_width(r, size) for r in rows), default=0.0), 200.0) + 12.0
    widest = max((svg.text_width(columns[j], size) for j in shown), default=0.0)
    slanted = widest > cell_w - 4
    top = (min(widest, 140.0) * 0.71 + 16.0 if slanted else 18.0) + 18.0
    parts = [svg.text(left, 11, "result \N{RIGHTWARDS ARROW}", fill=svg.theme("soft"), font_size=11)]
    for k, j in enumerate(shown):
        x = left + (k + 0.5) * cell_w
        words = svg.title(columns[j])
        if slanted:
            name = svg.fit(columns[j], 140.0, size)
            turn = f"translate({svg.number(x)} {svg.number(top - 8)}) rotate(-45)"
            parts.append(svg.el("g", words + svg.text(0, 0, name), transform=turn))
        else:
            parts.append(svg.el("g", words + svg.text(x, top - 8, columns[j], text_anchor="middle")))
    for i, (name, row) in enumerate(zip(rows, counts, strict=True)):
        y = top + i * cell_h
        label = svg.text(left - 8, y + cell_h / 2 + 4, svg.fit(name, left - 12.0, size), text_anchor="end")
        parts.append(svg.el("g", svg.title(name) + label))
        total = sum(row)
        for k, j in enumerate(shown):
            share = row[j] / total if total else 0.0
            colour = svg.theme("good" if columns[j] == name else "bad")
            words = svg.title(f"{name} taken for {columns[j]}: {row[j]} of {total}")
            x = left + k * cell_w
            parts.append(
                svg.rect(x + 1, y + 1, cell_w - 2, cell_h - 2, fill=svg.theme("line"), fill_opacity="0.3")
            )
            parts.append(
                svg.rect(
                    x + 1,
                    y + 1,
                    cell_w - 2,
                    cell_h - 2,
                    words,
                    fill=colour,
                    fill_opacity=f"{0.85 * share:.2f}",
                )
            )
            if row[j]:
                # beyond this share the cell is darker (or, on a dark page, brighter) than the ink can bear
                ink = svg.theme("paper") if share > 0.55 else svg.theme("ink")
                middle = {"text_anchor": "middle", "fill": ink, "pointer_events": "none"}
                parts.append(svg.text(x + cell_w / 2, y + 16, str(row[j]), **middle))
                parts.append(svg.text(x + cell_w / 2, y + 29, f"{100 * share:.0f} %", font_size=10, **middle))
    width = left + len(shown) * cell_w + (min(widest, 140.0) * 0.71 if slanted else 8.0)
    return svg.drawing(width, top + len(rows) * cell_h + 4, "confusion matrix: true class by result", parts)


def bars(
    names: Sequence[str], values: Sequence[float | None], unit: str, words: str, signed: bool = True
) -> str:
    """Draw a bar for each name, to the left where the value is negative; None has no bar.

    Parameters
    ----------
    names : sequence of str
    values : sequence of float or None
    unit : str
        Written after each value.
    words : str
        What the chart shows.
    signed : bool
        Whether positive values carry their sign.
    """
    size, row, room = 12.0, 22.0, 320.0
    known = [v for v in values if v is not None and math.isfinite(v)]
    low, high = min([0.0, *known]), max([0.0, *known])
    scale = room / (high - low) if high > low else 0.0
    left = min(max((svg.text_width(n, size) for n in names), default=0.0), 270.0) + 14.0
    # a negative bar carries its value on its left
    zero = left + (72.0 if low < 0 else 0.0) - low * scale
    parts = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y = i * row + 4
        parts.append(
            svg.el(
                "g",
                svg.title(name)
                + svg.text(left - 10, y + 13, svg.fit(name, left - 12, size), text_anchor="end"),
            )
        )
        if value is None or not math.isfinite(value):
            parts.append(svg.text(zero + 6, y + 13, "\N{EM DASH}", fill=svg.theme("soft")))
            continue
        length = abs(value) * scale
        x = zero if value >= 0 else zero - length
        parts.append(svg.rect(x, y, length, row - 6, fill=svg.theme("good" if value >= 0 else "bad"), rx=2))
        label = (f"{value:+.1f} {unit}" if signed else f"{value:.1f} {unit}").replace("-", "\N{MINUS SIGN}")
        if value >= 0:
            parts.append(svg.text(x + length + 6, y + 13, label, font_size=11, fill=svg.theme("soft")))
        else:
            parts.append(
                svg.text(x - 6, y + 13, label, font_size=11, fill=svg.theme("soft"), text_anchor="end")
            )
    height = len(names) * row + 8
    parts.append(svg.line(zero, 0, zero, height, stroke=svg.theme("soft")))
    return svg.drawing(zero + high * scale + 90, height, words, parts)


def curve(
    points: Sequence[tuple[str, float | None]],
    chosen: int | None,
    x_words: str,
    y_words: str,
    unit: str = "%",
) -> str:
    """Draw a few values in order, evenly spaced, with the chosen one marked.

    Parameters
    ----------
    points : sequence of (name on the axis, value or None)
    chosen : int or None
        Index of the marked point.
    x_words, y_words : str
        What the axes are.
    unit : str
        Written after the chosen value.
    """
    width, height, left, top = 380.0, 150.0, 52.0, 26.0
    known = [(i, v) for i, (_, v) in enumerate(points) if v is not None and math.isfinite(v)]
    low, high = (min(v for _, v in known), max(v for _, v in known)) if known else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.5
    low, high = low - margin, high + margin
    step = (width - left - 30) / max(len(points) - 1, 1)

    def at(i: int, v: float) -> tuple[float, float]:
        return left + 10 + i * step, top + height - (v - low) / (high - low) * height

    parts = [svg.text(0, 12, y_words, font_size=11, fill=svg.theme("soft"))]
    for tick in svg.ticks(low, high, 4):
        parts += _level(tick, at(0, tick)[1], left, width - 10)

    def label(v: float) -> str:
        return f"{v:.1f} {unit}" if unit else f"{v:g}"

    path = "".join(
        f"{'L' if k else 'M'}{svg.number(x)} {svg.number(y)}"
        for k, (x, y) in enumerate(at(i, v) for i, v in known)
    )
    parts.append(svg.el("path", d=path, fill="none", stroke=svg.theme("good"), stroke_width=2))
    for i, v in known:
        x, y = at(i, v)
        marked = i == chosen
        words = svg.title(f"{points[i][0]}: {label(v)}")
        fill = svg.theme("good") if marked else svg.theme("paper")
        parts.append(
            svg.el("circle", words, cx=x, cy=y, r=5 if marked else 3, fill=fill, stroke=svg.theme("good"))
        )
        if marked:
            anchor = "start" if i == 0 else "end" if i == len(points) - 1 else "middle"
            parts.append(svg.text(x, y - 10, label(v), text_anchor=anchor, font_size=11, font_weight="bold"))
    every = max(1, -(-len(points) // 8))
    for i, (name, _) in enumerate(points):
        if i % every == 0:
            x = at(i, low)[0]
            parts.append(
                svg.text(
                    x, top + height + 15, name, text_anchor="middle", font_size=10, fill=svg.theme("soft")
                )
            )
    parts.append(_below((left + width) / 2, top + height + 31, x_words))
    return svg.drawing(width, top + height + 38, f"{y_words} by {x_words}", parts)


def _below(x: float, y: float, words: str) -> str:
    """Words of a horizontal axis, with their middle at x."""
    return svg.text(x, y, words, text_anchor="middle", font_size=11, fill=svg.theme("soft"))


def _level(tick: float, y: float, left: float, right: float) -> list[str]:
    """One line of a grid with its value."""
    words = svg.text(left - 6, y + 4, f"{tick:g}", text_anchor="end", font_size=10, fill=svg.theme("soft"))
    return [svg.line(left, y, right, y), words]


def learning(
    stages: Sequence[str],
    training: Sequence[float | None],
    validation: Sequence[float | None],
    kept: int | None,
    y_words: str,
) -> str:
    """Draw a value per epoch, on training and on validation data, with borders between stages.

    Parameters
    ----------
    stages : sequence of str, one per epoch
        Stages follow one another; epochs are counted anew in each.
    training, validation : sequences of float or None, one per epoch
    kept : int or None
        Index of the epoch whose weights were kept.
    y_words : str
        What the values are.
    """
    width, height, left, top = 500.0, 170.0, 52.0, 44.0
    known = [v for v in (*training, *validation) if v is not None and math.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.5
    low, high = low - margin, high + margin
    step = (width - left - 14) / max(len(stages), 1)

    def across(i: float) -> float:
        return left + (i + 0.5) * step

    def up(v: float) -> float:
        return top + height - (v - low) / (high - low) * height

    parts = [svg.text(0, 12, y_words, font_size=11, fill=svg.theme("soft"))]
    kinds = (("training", "soft", training, "5 3"), ("validation", "good", validation, None))
    for k, (name, colour, _, dash) in enumerate(kinds):
        x = width - 190 + 90 * k
        parts.append(
            svg.line(x, 8, x + 18, 8, stroke=svg.theme(colour), stroke_width=2, stroke_dasharray=dash)
        )
        parts.append(svg.text(x + 22, 12, name, font_size=11, fill=svg.theme(colour)))
    for tick in svg.ticks(low, high, 4):
        parts += _level(tick, up(tick), left, width - 10)
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, len(stages)) if n * 12 >= len(stages))
    for a, b, stage in svg.blocks(stages):
        x, room = across(a - 0.5), (b - a) * step
        if a:
            parts.append(
                svg.line(x, top - 16, x, top + height, stroke=svg.theme("soft"), stroke_dasharray="2 3")
            )
        name = svg.fit(str(stage), room - 4, 11)
        words = svg.title(f"{stage}, epochs: {b - a}")
        parts.append(svg.el("g", words + svg.text(x + 4, top - 6, name, font_size=11, font_weight="bold")))
        for i in range(a, b):
            epoch = i - a + 1
            if epoch % every == 0 or (epoch == 1 and every * step > 24 and b - a > 1):
                small = {"text_anchor": "middle", "font_size": 10, "fill": svg.theme("soft")}
                parts.append(svg.text(across(i), top + height + 15, str(epoch), **small))
    for _, colour, values, dash in kinds:
        path = _broken_line([(across(i), None if v is None else up(v)) for i, v in enumerate(values)])
        parts.append(
            svg.el(
                "path", d=path, fill="none", stroke=svg.theme(colour), stroke_width=1.8, stroke_dasharray=dash
            )
        )
    marked = None if kept is None else validation[kept]
    if kept is not None and marked is not None and math.isfinite(marked):
        words = svg.title(f"kept: {marked:.3g}")
        parts.append(svg.el("circle", words, cx=across(kept), cy=up(marked), r=5, fill=svg.theme("good")))
    middle = {"text_anchor": "middle", "font_size": 11, "fill": svg.theme("soft")}
    parts.append(svg.text((left + width) / 2, top + height + 31, "epoch of the stage", **middle))
    return svg.drawing(width, top + height + 38, f"{y_words} by epoch, training and validation", parts)


def _broken_line(points: Sequence[tuple[float, float | None]]) -> str:
    """Path through points; one without a finite height breaks it."""
    out, pen = [], "M"
    for x, y in points:
        if y is None or not math.isfinite(y):
            pen = "M"
            continue
        out.append(f"{pen}{svg.number(x)} {svg.number(y)}")
        pen = "L"
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Dot:
    """A model in ``tradeoff``: what it costs, what it is worth, its name, and how it is drawn.

    Attributes
    ----------
    cost, value : float
        The cost is above 0; the value in percent.
    name : str
    kind : {"seen", "made", "front", "taken"}
        Only looked at; made in full; made and on the front; the one that is recommended.
    """

    cost: float
    value: float
    name: str
    kind: str


#: Radius, fill and line of a dot.
_DOTS = {
    "seen": (2.5, "idle", "idle"),
    "made": (4.0, "paper", "soft"),
    "front": (4.5, "good", "good"),
    "taken": (7.0, "bad", "bad"),
}


def tradeoff(dots: Sequence[Dot], x_words: str, y_words: str, limit: float | None = None) -> str:
    """Draw what models are worth by what they cost, the cost by its logarithm.

    Parameters
    ----------
    dots : sequence of Dot
        At least one.
    x_words, y_words : str
        What the axes are.
    limit : float, optional
        Most that a model may cost: a line.
    """
    width, height, left, top = 460.0, 230.0, 48.0, 26.0
    costs = [math.log10(max(d.cost, 1.0)) for d in dots]
    ends = [*costs, *([] if limit is None else [math.log10(max(limit, 1.0))])]
    first, last = min(ends) - 0.05, max(ends) + 0.05
    # far below what was made in full nothing is to be seen
    floor = min(d.value for d in dots if d.kind != "seen" or len(dots) == 1) - 12
    low = max(min(d.value for d in dots), floor) - 1
    high = min(max(d.value for d in dots) + 1, 100.5)

    def across(cost: float) -> float:
        return left + (math.log10(max(cost, 1.0)) - first) / (last - first) * (width - left - 14)

    def up(value: float) -> float:
        return top + height - (max(value, low) - low) / (high - low) * height

    soft = {"font_size": 10, "fill": svg.theme("soft")}
    parts = [svg.text(0, 12, f"{y_words}, %", font_size=11, fill=svg.theme("soft"))]
    for tick in svg.ticks(low, min(high, 100.0), 5):
        parts += _level(tick, up(tick), left, width - 10)
    for step in (m * 10.0**k for k in range(int(first), int(last) + 1) for m in (1, 2, 5)):
        if first <= math.log10(step) <= last:
            x = across(step)
            parts.append(svg.line(x, top, x, top + height))
            parts.append(svg.text(x, top + height + 15, f"{step:,.0f}", text_anchor="middle", **soft))
    if limit is not None:
        x = across(limit)
        colour = svg.theme("bad")
        parts.append(svg.line(x, top, x, top + height, stroke=colour, stroke_dasharray="4 3"))
        parts.append(
            svg.text(x - 4, top + height - 6, "budget", text_anchor="end", font_size=10, fill=colour)
        )
    stairs = _stairs([(d.cost, d.value) for d in dots if d.kind in ("front", "taken")])
    if stairs:
        path = "".join(
            f"{'L' if k else 'M'}{svg.number(across(c))} {svg.number(up(v))}"
            for k, (c, v) in enumerate(stairs)
        )
        parts.append(svg.el("path", d=path, fill="none", stroke=svg.theme("good"), stroke_width=1.2))
    for dot in sorted(dots, key=lambda d: list(_DOTS).index(d.kind)):
        radius, fill, edge = _DOTS[dot.kind]
        words = svg.title(f"{dot.name}: {dot.value:.1f} %, {dot.cost:,.0f}")
        look = {"r": radius, "fill": svg.theme(fill), "stroke": svg.theme(edge)}
        parts.append(svg.el("circle", words, cx=across(dot.cost), cy=up(dot.value), **look))
    parts.append(_below((left + width) / 2, top + height + 31, x_words))
    return svg.drawing(width, top + height + 38, f"{y_words} by {x_words}", parts)


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The best value that each cost buys, as a line with steps."""
    out: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda p: (p[0], -p[1])):
        if not out or value > out[-1][1]:
            out += [(cost, out[-1][1])] if out else []
            out.append((cost, value))
    return out
