"""Pictures of the memory of a net: RAM over time, each tensor a block, and flash by layer."""

from __future__ import annotations

from sensorai.nets.memory import Block, Memory
from sensorai.report import svg

LEFT, RIGHT, TOP, WIDTH, HEIGHT = 72.0, 12.0, 16.0, 1000.0, 320.0
PLOT = WIDTH - LEFT - RIGHT
#: Height of a layer's row, and layers beyond which only the largest have one.
ROW, ROWS = 18.0, 60


def over_time(view: Memory) -> str:
    """Draw the arena: layers from left to right, bytes from below, a block for what is held.

    Blocks that overlap are results that run over what is no longer read.

    Returns
    -------
    str
        SVG.
    """
    count = len(view.layers)
    column = PLOT / max(count, 1)
    scale = HEIGHT / max(view.peak, 1)
    foot = TOP + HEIGHT
    parts = []
    for value in svg.ticks(0, view.peak, 6):
        y = foot - value * scale
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y))
        words = f"{int(value):,}"
        parts.append(svg.text(LEFT - 6, y + 4, words, text_anchor="end", fill=svg.theme("soft")))
    parts += [_block(one, k, count, column, scale, foot) for k, one in enumerate(view.blocks)]
    every = max(1, round(28 / column))
    for k in range(0, count, every):
        x = LEFT + (k + 0.5) * column
        parts.append(svg.text(x, foot + 16, str(k), text_anchor="middle", fill=svg.theme("soft")))
    parts.append(svg.text(LEFT, foot + 34, "layer", fill=svg.theme("soft")))
    parts.append(svg.text(0, TOP - 4, f"bytes, {view.peak:,} at most", fill=svg.theme("soft")))
    words = f"working memory over time: {count} layers, {view.peak:,} bytes"
    return svg.drawing(WIDTH, foot + 42, words, parts)


def _block(one: Block, number: int, count: int, column: float, scale: float, foot: float) -> str:
    first, last = max(one.first, 0), min(one.last, count - 1)
    x, width = LEFT + first * column, max(1, last - first + 1) * column
    y, height = foot - (one.offset + one.size) * scale, one.size * scale
    scratch = one.names[0].startswith("scratch ")
    colour = svg.THEME["idle"] if scratch else svg.class_colour(number)
    box = svg.rect(
        x,
        y,
        width,
        height,
        svg.title(one.words),
        fill=colour,
        fill_opacity="0.6",
        stroke=svg.theme("ink"),
        stroke_width="0.5",
    )
    words = svg.fit(one.names[0], width - 4, 10) if height >= 12 else ""
    return box + (svg.text(x + 2, y + 10, words, font_size=10, pointer_events="none") if words else "")


def flash(view: Memory) -> str:
    """Draw the bytes of the tables of each layer, those with most where there are many.

    Returns
    -------
    str
        SVG.
    """
    rows = [(size, k) for k, size in enumerate(view.flash) if size]
    if len(rows) > ROWS:
        # the largest, in the order of the layers
        rows = sorted(sorted(rows, reverse=True)[:ROWS], key=lambda row: row[1])
    most = max((size for size, _ in rows), default=1)
    label = 300.0
    parts = []
    for at, (size, k) in enumerate(rows):
        y = TOP + at * ROW
        name, operator = view.layers[k]
        words = svg.fit(f"{k} {operator} {name}", label - 8, 12)
        parts.append(svg.text(0, y + 12, words))
        length = size / most * (WIDTH - label - 90)
        said = svg.title(f"{name}: {size:,} bytes")
        parts.append(svg.rect(label, y + 2, length, ROW - 5, said, fill=svg.theme("good")))
        parts.append(svg.text(label + length + 6, y + 12, f"{size:,}", fill=svg.theme("soft")))
    words = f"flash by layer: {sum(view.flash):,} bytes of tables"
    parts.append(svg.text(0, 10, words, fill=svg.theme("soft"), font_size=10))
    return svg.drawing(WIDTH, TOP + len(rows) * ROW + 8, words, parts)
