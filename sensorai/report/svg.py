"""Drawing in SVG: elements as text, colours that follow the page's theme, axes, text that fits its box.

SVG is written directly: the same input gives the same bytes on every machine, whatever fonts and
libraries it has, and colours are CSS variables, so one drawing serves light and dark pages. Every
variable carries a fallback, so a drawing saved on its own is complete.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

#: Colours of the light theme by CSS variable; ``page.css`` has the dark ones.
THEME = {
    "ink": "#1b2229",
    "soft": "#5b6670",
    "line": "#d9dee3",
    "paper": "#ffffff",
    "idle": "#b4bcc4",
    "good": "#0b6fb8",
    "bad": "#cc4a00",
    "sx": "#b03060",
    "sy": "#2f7d32",
    "sz": "#3a55c4",
}

#: Class colours that the common kinds of colour blindness keep apart: Okabe and Ito's set without
#: black, then the darker tones of Tol's muted set. Beyond these, colours come again; names stand beside.
CLASSES = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#332288",
    "#882255",
    "#44aa99",
    "#999933",
    "#ddcc77",
)

#: Width of a character in ems, on the generous side for common sans-serif fonts: capitals and other wide
#: ones, and the rest. Fonts differ; names end up where they fit in the wider ones.
WIDE, NARROW = 0.7, 0.58


def theme(name: str) -> str:
    """CSS colour ``name`` of ``THEME``, with its light value as the fallback."""
    return f"var(--{name}, {THEME[name]})"


def class_colour(index: int) -> str:
    """Colour of class number ``index``."""
    return CLASSES[index % len(CLASSES)]


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on ``colour`` (``#rrggbb``)."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#000000" if 0.299 * r + 0.587 * g + 0.114 * b > 120 else "#ffffff"


def number(x: float) -> str:
    """Coordinate with at most one decimal."""
    text = f"{x:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def el(tag: str, content: str = "", /, **attributes: object) -> str:
    """One element; ``content`` is markup, ``text_anchor=`` becomes ``text-anchor=``, None is left out."""
    parts = [tag]
    for key, value in attributes.items():
        if value is not None:
            text = number(value) if isinstance(value, float) else str(value)
            parts.append(f'{key.replace("_", "-")}="{escape(text)}"')
    return f"<{' '.join(parts)}>{content}</{tag}>"


def title(words: str) -> str:
    """Words that a browser shows when the pointer rests on the element that holds this."""
    return el("title", escape(words))


def text(x: float, y: float, words: str, /, **attributes: object) -> str:
    """Text with its baseline at ``y``."""
    return el("text", escape(words), x=float(x), y=float(y), **attributes)


def rect(x: float, y: float, width: float, height: float, /, content: str = "", **attributes: object) -> str:
    """Rectangle, perhaps with a ``title`` as content."""
    return el("rect", content, x=float(x), y=float(y), width=float(width), height=float(height), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, /, **attributes: object) -> str:
    """Straight line; the colour of grid lines unless told otherwise."""
    attributes.setdefault("stroke", theme("line"))
    return el("path", "", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", **attributes)


def drawing(width: float, height: float, words: str, parts: Sequence[str]) -> str:
    """Whole drawing; ``words`` tell what it shows to those who cannot see it."""
    return el(
        "svg",
        title(words) + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=float(width),
        height=float(height),
        role="img",
        font_family="system-ui, sans-serif",
        font_size=12,
        fill=theme("ink"),
    )


def text_width(words: str, size: float) -> float:
    """Estimated width of a text in the units of ``size``."""
    return size * sum(
        1.0 if unicodedata.east_asian_width(c) in "WF" else WIDE if c.isupper() or c in "mw%@_" else NARROW
        for c in words
    )


def fit(words: str, width: float, size: float) -> str:
    """``words``, cut with an ellipsis where they are wider than ``width``; empty where not even that fits."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words + "…" if words else ""


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """About ``wanted`` round values within ``[low, high]``; none when the range is empty."""
    if not high > low:
        return []
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * 0.7)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def blocks(values: Sequence[object]) -> Iterator[tuple[int, int, object]]:
    """Neighbouring equal values as (start, stop, value)."""
    start = 0
    for k in range(1, len(values) + 1):
        if k == len(values) or values[k] != values[start]:
            yield start, k, values[start]
            start = k
