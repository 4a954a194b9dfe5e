"""One net over many devices, as a page with a picture of latency against flash."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sensorai.nets.benchmarking import Row
from sensorai.nets.counting import cycle_model
from sensorai.report import svg
from sensorai.report.page import fill
from sensorai.report.words import NOTHING, short

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT = 800.0, 380.0, 74.0, 34.0, 150.0
#: Times a second is divided into, for the axis.
_TIMES = [(10.0**k, short(10.0**k * 1.0000001, "s")) for k in range(-6, 5)]


def farm_page(name: str, rows: Sequence[Row]) -> str:
    """Page of a benchmark.

    Parameters
    ----------
    name : str
        Of the model's file.
    rows : sequence of Row
    """
    cores = list(dict.fromkeys(row.at.core for row in rows if not row.stand_in))
    return fill(
        "farm.jinja",
        name=name,
        drawing=picture(name, rows),
        rows=[_cells(row) for row in rows],
        models=[f"{core}: {cycle_model(core) or 'nobody publishes its cycles'}" for core in cores],
        stand_in=any(row.stand_in for row in rows),
        missing=list(dict.fromkeys(f"{row.at.core}: {row.why}" for row in rows if row.why)),
    )


def _cells(row: Row) -> dict[str, str]:
    one = row.counted
    return {
        "device": row.at.device,
        "core": f"{row.at.core}{' (stands in)' if row.stand_in else ''}",
        "flash": _of(row.flash, row.at.flash),
        "ram": _of(row.ram, row.at.ram),
        "fits": {True: "yes", False: "no", None: NOTHING}[row.fits],
        "instructions": NOTHING if one is None else f"{one.call.instructions:,}",
        "time": short(row.seconds, "s"),
        "energy": short(row.joules, "J"),
    }


def _of(used: int, size: int | None) -> str:
    return f"{used:,}" if size is None else f"{used:,} of {size:,}"


def picture(name: str, rows: Sequence[Row]) -> str:
    """Draw latency against the flash of each device, both by powers; full where the net fits.

    Devices of unknown flash or time are not drawn. Every point is an estimate.
    """
    shown = [row for row in rows if row.seconds and row.at.flash]
    if not shown:
        return ""
    times = [row.seconds or 1.0 for row in shown]
    flashes = [row.at.flash or 1 for row in shown]
    low, high = _ends(times)
    first, last = math.floor(math.log2(min(flashes)) - 0.5), math.ceil(math.log2(max(flashes)) + 0.5)

    def across(flash: float) -> float:
        return _LEFT + (math.log2(flash) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def up(seconds: float) -> float:
        return _TOP + (high - math.log10(seconds)) / (high - low) * _HEIGHT

    soft = {"font_size": 10, "fill": svg.theme("soft")}
    parts = [
        svg.text(0, 12, f"{name}: time of a call, estimated, by the flash of the device", font_size=12),
    ]
    for seconds, words in _TIMES:
        if low <= math.log10(seconds) <= high + 1e-9:
            parts.append(svg.line(_LEFT, up(seconds), _WIDTH - _RIGHT, up(seconds)))
            parts.append(svg.text(_LEFT - 6, up(seconds) + 4, words, text_anchor="end", **soft))
    for power in range(first, last + 1):
        x = across(2.0**power)
        parts.append(svg.line(x, _TOP, x, _TOP + _HEIGHT))
        words = f"{2**power // 1024:,} KiB" if power >= 10 else f"{2**power} B"
        if power % 2 == 0:
            parts.append(svg.text(x, _TOP + _HEIGHT + 15, words, text_anchor="middle", **soft))
    cores = list(dict.fromkeys(row.at.core for row in shown))
    taken: list[tuple[float, float]] = []
    for row in sorted(shown, key=lambda one: (one.seconds or 0.0, one.at.device)):
        colour = svg.class_colour(cores.index(row.at.core))
        x, y = across(row.at.flash or 1), up(row.seconds or 1.0)
        words = svg.title(f"{row.at.device} ({row.at.core}): {short(row.seconds, 's')}, estimated")
        fill_ = colour if row.fits else svg.theme("paper")
        parts.append(svg.el("circle", words, cx=x, cy=y, r=5, fill=fill_, stroke=colour, stroke_width=2))
        # a name is drawn where there is room for it
        if all(abs(y - b) > 11 or abs(x - a) > 96 for a, b in taken):
            parts.append(svg.text(x + 8, y + 4, row.at.device, font_size=10))
            taken.append((x, y))
    for k, core in enumerate(cores):
        y = _TOP + 12 + 18 * k
        parts.append(svg.el("circle", cx=_WIDTH - _RIGHT + 16, cy=y, r=5, fill=svg.class_colour(k)))
        parts.append(svg.text(_WIDTH - _RIGHT + 26, y + 4, core, font_size=11))
    y = _TOP + 18 + 18 * len(cores)
    ring = {"fill": svg.theme("paper"), "stroke": svg.theme("ink")}
    parts.append(svg.el("circle", cx=_WIDTH - _RIGHT + 16, cy=y, r=5, **ring))
    parts.append(svg.text(_WIDTH - _RIGHT + 26, y + 4, "does not fit", font_size=11))
    return svg.drawing(_WIDTH, _TOP + _HEIGHT + 28, f"latency of {name} by flash of devices", parts)


def _ends(times: Sequence[float]) -> tuple[float, float]:
    """Powers of ten round the times."""
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return float(low), float(high if high > low else low + 1)
