"""ROC and detection-error curves with their bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

from sensorai.report import svg

#: Side of the square of a curve, and room to its left, below and above.
SIDE, MARGIN, BELOW, ABOVE = 300.0, 48.0, 44.0, 24.0
#: Shares that the axes of a detection-error chart may name.
SHARES = (0.00001, 0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


def roc(curve: Mapping[str, Any], works_at: tuple[float, float] | None) -> str:
    """Draw detection by false-alarm rate of windows, with its band.

    Parameters
    ----------
    curve : mapping
        ``false`` (rising), ``found``, ``low`` and ``high``, shares.
    works_at : (false, found) or None
        Where the chosen threshold is on held-out windows.
    """

    def across(x: float) -> float:
        return MARGIN + x * SIDE

    def up(y: float) -> float:
        return ABOVE + (1.0 - y) * SIDE

    shares = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    chance = svg.line(across(0), up(0), across(1), up(1), stroke=svg.theme("soft"), stroke_dasharray="3 4")
    words = svg.text(
        across(0.97), up(0.9), "dashed: chance", text_anchor="end", font_size=10, fill=svg.theme("soft")
    )
    drawn = _curve(curve["false"], curve["found"], curve["low"], curve["high"], across, up)
    return _square(
        [chance, words, *drawn, *_point(works_at, across, up)],
        (shares, shares),
        (across, up),
        "anomalous windows above the threshold",
        "normal windows above the threshold",
        "ROC curve",
    )


def det(curve: Mapping[str, Any], works_at: tuple[float, float] | None) -> str:
    """Draw misses by false alarms of windows on normal-deviate axes, with the band.

    Shares of 0 and 1 have no place on such axes: the curve starts at the first false alarm, and what is
    beyond an axis is drawn on its edge.
    """
    first_alarm = next((k for k, share in enumerate(curve["false"]) if share > 0), 0)
    x = curve["false"][first_alarm:]
    misses = {key: [1.0 - v for v in curve[key][first_alarm:]] for key in ("found", "low", "high")}
    # one less a share that was rounded is not quite 0
    least = min([1e-2, *x, *(v for v in misses["found"] if v > 1e-9)])
    first = max((s for s in SHARES if s <= least * (1 + 1e-9)), default=SHARES[0])
    shares = tuple(s for s in SHARES if s >= first)
    normal = NormalDist()
    low, high = normal.inv_cdf(first), normal.inv_cdf(shares[-1])

    def along(share: float) -> float:
        at = normal.inv_cdf(min(max(share, first), shares[-1]))
        return (at - low) / (high - low)

    def across(share: float) -> float:
        return MARGIN + along(share) * SIDE

    def up(share: float) -> float:
        return ABOVE + (1.0 - along(share)) * SIDE

    chance = svg.line(
        across(first),
        up(shares[-1]),
        across(shares[-1]),
        up(first),
        stroke=svg.theme("soft"),
        stroke_dasharray="3 4",
    )
    point = None if works_at is None else (works_at[0], 1.0 - works_at[1])
    drawn = _curve(x, misses["found"], misses["low"], misses["high"], across, up)
    return _square(
        [chance, *drawn, *_point(point, across, up)],
        (shares, shares),
        (across, up),
        "anomalous windows missed",
        "normal windows above the threshold",
        "detection-error curve",
    )


def _curve(
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> list[str]:
    """Band and line."""

    def points(values: Sequence[float]) -> list[str]:
        return [
            f"{svg.number(across(float(a)))} {svg.number(up(float(b)))}"
            for a, b in zip(x, values, strict=True)
        ]

    if not len(x):
        return []
    around = "M" + "L".join([*points(high), *reversed(points(low))]) + "Z"
    return [
        svg.el(
            "path",
            svg.title("95 % band"),
            d=around,
            fill=svg.theme("good"),
            fill_opacity="0.18",
            stroke="none",
        ),
        svg.el(
            "path",
            d="M" + "L".join(points(y)),
            fill="none",
            stroke=svg.theme("good"),
            stroke_width=2,
            stroke_linejoin="round",
        ),
    ]


def _point(
    at: tuple[float, float] | None, across: Callable[[float], float], up: Callable[[float], float]
) -> list[str]:
    if at is None:
        return []
    words = svg.title(f"the threshold: {share_words(at[0])} across, {share_words(at[1])} up")
    x, y = across(at[0]), up(at[1])
    return [svg.el("circle", words, cx=x, cy=y, r=5, fill=svg.theme("bad"), stroke=svg.theme("paper"))]


def _square(
    parts: Sequence[str],
    shares: tuple[Sequence[float], Sequence[float]],
    place: tuple[Callable[[float], float], Callable[[float], float]],
    y_words: str,
    x_words: str,
    words: str,
) -> str:
    """Axes of shares around a curve."""
    across, up = place
    soft = {"font_size": 10, "fill": svg.theme("soft")}
    out = [svg.text(0, 12, y_words, font_size=11, fill=svg.theme("soft"))]
    free = 0.0
    for share in shares[0]:
        x, name = across(share), share_words(share)
        half = svg.text_width(name, 10) / 2
        out.append(svg.line(x, ABOVE, x, ABOVE + SIDE))
        if x - half >= free:
            out.append(svg.text(x, ABOVE + SIDE + 14, name, text_anchor="middle", **soft))
            free = x + half
    for share in shares[1]:
        y = up(share)
        out.append(svg.line(MARGIN, y, MARGIN + SIDE, y))
        out.append(svg.text(MARGIN - 6, y + 4, share_words(share), text_anchor="end", **soft))
    out.append(
        svg.text(
            MARGIN + SIDE / 2,
            ABOVE + SIDE + 32,
            x_words,
            text_anchor="middle",
            font_size=11,
            fill=svg.theme("soft"),
        )
    )
    return svg.drawing(
        MARGIN + SIDE + 22, ABOVE + SIDE + BELOW, f"{words}: {y_words} by {x_words}", [*out, *parts]
    )


def share_words(x: float) -> str:
    """Share with three digits: ``0.1 %``."""
    return f"{100 * x:.3g} %"
