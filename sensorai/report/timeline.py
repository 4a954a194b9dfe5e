"""One recording over time: signals, truth, what each classifier says, what comes out after filtering."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorai.mlc.features import SENSOR_WORDS
from sensorai.recording import Span
from sensorai.report import svg
from sensorai.report.view import Colours, Watched

FloatArray = npt.NDArray[np.float64]

LEFT, RIGHT, WIDTH = 64.0, 36.0, 1000.0
PLOT = WIDTH - LEFT - RIGHT
PANEL, STRIP, MARK = 96.0, 18.0, 5.0
#: Pixel columns of a signal; a longer signal shows minimum and maximum of each column.
COLUMNS = 560
#: Windows that are drawn one by one; more are drawn as ``COLUMNS`` blocks.
WINDOWS = 1680


def timeline(view: Watched, colours: Sequence[Colours], names: Sequence[str]) -> str:
    """Draw one recording.

    Parameters
    ----------
    view : Watched
    colours : sequence of Colours
        Per classifier.
    names : sequence of str
        Name of each classifier.

    Returns
    -------
    str
        SVG.
    """
    recording, ends = view.recording, view.ends_s
    seconds = max(len(recording) / view.rate_hz, float(ends[-1]) if len(ends) else 0.0)
    scale = PLOT / seconds if seconds else 0.0
    parts: list[str] = []
    y = 18.0
    for sensor in view.sensors:
        parts.append(_panel(view, sensor, y, len(recording) / view.rate_hz * scale))
        y += PANEL + 24.0
    for t, name in enumerate(names):
        if len(names) > 1:
            parts.append(svg.text(0, y + 8, svg.fit(name, PLOT, 12), font_weight="bold"))
            y += 14.0
        truth = view.truth[t]
        parts.append(row_name(y, "truth"))
        parts.append(_spans(view, t, y, scale, colours[t]))
        y += STRIP + 3.0
        # logs that no model has looked at have no strips
        for words, results in zip(view.strips, (view.results[t], view.decided[t]), strict=False):
            parts += [row_name(y, words), _strip(view, results, truth, y, scale, colours[t])]
            y += STRIP + MARK + 4.0
        y += 6.0
    parts.append(time_axis(y, seconds, scale))
    return svg.drawing(WIDTH, y + 34.0, f"{recording.name}: signals, truth and results over time", parts)


def row_name(y: float, words: str) -> str:
    """Name to the left of a strip at ``y``."""
    return svg.text(LEFT - 8, y + 13, words, text_anchor="end", fill=svg.theme("soft"))


def _panel(view: Watched, sensor: str, top: float, width: float) -> str:
    """Axes of one sensor in the unit of the log."""
    recording = view.recording
    columns = [(i, c) for i, c in enumerate(recording.channels) if c.sensor == sensor]
    values = recording.samples[:, [i for i, _ in columns]]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if not high > low:
        low, high = low - 1.0, high + 1.0
    up = PANEL / (high - low)
    unit = columns[0][1].unit
    name = SENSOR_WORDS.get(sensor, sensor) + (f", {unit}" if unit else "")
    parts = [svg.text(LEFT, top - 6, name, font_size=11, fill=svg.theme("soft"))]
    for tick in svg.ticks(low, high, 4):
        at = top + PANEL - (tick - low) * up
        parts.append(svg.line(LEFT, at, LEFT + PLOT, at))
        label = f"{tick:g}".replace("-", "\N{MINUS SIGN}")
        parts.append(
            svg.text(LEFT - 8, at + 4, label, text_anchor="end", font_size=10, fill=svg.theme("soft"))
        )
    for k, (_, channel) in enumerate(columns):
        axis = channel.name.rpartition("_")[2]
        colour = svg.theme(f"s{axis}") if axis in ("x", "y", "z") else svg.theme("ink")
        path = _signal(values[:, k], width, lambda v: top + PANEL - (v - low) * up)
        parts.append(svg.el("path", d=path, fill="none", stroke=colour, stroke_width=0.9))
        at = top + 12 + 16 * k
        parts.append(svg.text(LEFT + PLOT + 10, at, axis, fill=colour, font_weight="bold"))
    return "".join(parts)


def _signal(values: FloatArray, width: float, place: Callable[[float], float]) -> str:
    """Path of one signal from ``LEFT``; NaN breaks the line."""
    n = len(values)
    if n == 0:
        return ""
    if n <= 2 * COLUMNS:
        xs = LEFT + (np.arange(n) + 0.5) * (width / n)
        points = np.stack([xs, values], axis=1)
    else:
        edges = np.arange(COLUMNS + 1) * n // COLUMNS
        filled_low = np.where(np.isnan(values), np.inf, values)
        filled_high = np.where(np.isnan(values), -np.inf, values)
        low = np.minimum.reduceat(filled_low, edges[:-1])
        high = np.maximum.reduceat(filled_high, edges[:-1])
        xs = LEFT + (np.arange(COLUMNS) + 0.5) * (width / COLUMNS)
        # down and up in turn, so that the line does not cross each column twice
        pairs = np.stack([low, high], axis=1)
        pairs[1::2] = pairs[1::2, ::-1]
        points = np.stack([np.repeat(xs, 2), pairs.reshape(-1)], axis=1)
    out, pen = [], "M"
    for x, v in points.tolist():
        if not np.isfinite(v):
            pen = "M"
            continue
        out.append(f"{pen}{svg.number(x)} {svg.number(place(v))}")
        pen = "L"
    return "".join(out)


def _spans(view: Watched, tree: int, y: float, scale: float, colours: Colours) -> str:
    """Truth as the log has it, to the sample."""
    parts = [svg.rect(LEFT, y, PLOT, STRIP, fill=svg.theme("line"), fill_opacity="0.45")]
    rate = view.rate_hz
    for span in _merged(view.recording.labels.get(view.columns[tree], ())):
        x, width = LEFT + span.start / rate * scale, (span.stop - span.start) / rate * scale
        words = svg.title(f"{span.label}: {span.start / rate:.1f} to {span.stop / rate:.1f} s")
        colour = colours.of(span.label)
        parts.append(svg.rect(x, y, width, STRIP, words, fill=colour))
        parts.append(_inside(span.label, x, width, y, colour))
    return "".join(parts)


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Spans that follow one another with one label as one."""
    out: list[Span] = []
    for span in spans:
        if out and out[-1].stop == span.start and out[-1].label == span.label:
            out[-1] = Span(out[-1].start, span.stop, span.label)
        else:
            out.append(span)
    return out


def _inside(words: str, x: float, width: float, y: float, colour: str) -> str:
    """Name inside a block where it fits whole."""
    if width < 12 or svg.fit(words, width - 6, 11) != words:
        return ""
    return svg.text(
        x + width / 2,
        y + 13,
        words,
        text_anchor="middle",
        font_size=11,
        fill=svg.ink_on(colour),
        pointer_events="none",
    )


def per_block(windows: int) -> int:
    """Windows that one block of a strip stands for."""
    return 1 if windows <= WINDOWS else -(-windows // COLUMNS)


def _strip(
    view: Watched,
    results: Sequence[str],
    truth: Sequence[str | None],
    y: float,
    scale: float,
    colours: Colours,
) -> str:
    """Results as coloured blocks, wrong windows marked below."""
    ends = view.ends_s
    step = per_block(len(results))
    starts = range(0, len(results), step)
    shown = [_commonest(results[k : k + step]) for k in starts]
    span = step * view.step / view.rate_hz * scale
    origin = LEFT + (float(ends[0]) * scale - span / step if len(ends) else 0.0)
    last = origin + len(results) * span / step
    paths: dict[str, list[str]] = {}
    labels = []
    for a, b, value in svg.blocks(shown):
        name = str(value)
        x, end = origin + a * span, min(origin + b * span, last)
        paths.setdefault(name, []).append(box(x, y, end - x, STRIP))
        labels.append(_inside(name, x, end - x, y, colours.of(name)))
    parts = [
        svg.el("path", svg.title(name), d="".join(boxes), fill=colours.of(name))
        for name, boxes in sorted(paths.items())
    ]
    marks = []
    for k, a in enumerate(starts):
        pairs = list(zip(truth[a : a + step], results[a : a + step], strict=True))
        wrong = sum(t is not None and t != r for t, r in pairs)
        if wrong:
            x = origin + k * span
            marks.append(box(x, y + STRIP + 1, min(max(span, 1.0), last - x), MARK * wrong / len(pairs)))
    if marks:
        parts.append(svg.el("path", svg.title("wrong"), d="".join(marks), fill=svg.theme("bad")))
    return "".join(parts + labels)


def box(x: float, y: float, width: float, height: float) -> str:
    """Path of a box that meets its neighbours without a gap."""
    return f"M{_fine(x)} {_fine(y)}h{_fine(width)}v{_fine(height)}h-{_fine(width)}z"


def _fine(x: float) -> str:
    """Coordinate with two decimals: boxes that must meet without a gap."""
    return f"{x:.2f}"


def _commonest(values: Sequence[str]) -> str:
    return max(sorted(set(values)), key=list(values).count)


def time_axis(y: float, seconds: float, scale: float) -> str:
    """Axis of time at ``y``; ``scale`` is pixels a second."""
    minutes = seconds > 600
    unit = 60.0 if minutes else 1.0
    parts = [svg.line(LEFT, y, LEFT + PLOT, y, stroke=svg.theme("soft"))]
    for tick in svg.ticks(0.0, seconds / unit, 10):
        x = LEFT + tick * unit * scale
        parts.append(svg.line(x, y, x, y + 4, stroke=svg.theme("soft")))
        parts.append(
            svg.text(x, y + 17, f"{tick:g}", text_anchor="middle", font_size=11, fill=svg.theme("soft"))
        )
    parts.append(
        svg.text(LEFT + PLOT + 15, y + 17, "min" if minutes else "s", font_size=11, fill=svg.theme("soft"))
    )
    return "".join(parts)
