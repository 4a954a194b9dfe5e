"""The page ``docs/power.md``, made from the table of currents.

``python -m sensorai.power.doc`` writes it to standard output; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sensorai.power.table import ANY, MARKS, Row, rows

_GROUPS = (
    ("Sensors", ("acc", "acc+gyro", "off")),
    ("What a core in the sensor adds", ("mlc", "ispu")),
    ("Microcontrollers", ("run", "sleep", "wake", "clock", "bus")),
    ("Whole published examples", ("total",)),
)


def markdown() -> str:
    """Text of the page; the same table gives the same text."""
    known = rows()
    lines = [
        "# Published currents",
        "",
        f"{len(known)} figures. This page is made from `sensorai/power/power.toml` and from the files of the "
        "microcontrollers (`python -m sensorai.power.doc`). `compare` makes its intervals of them. Nothing "
        "here was measured by this project; typical values are not guaranteed ones.",
        "",
        "Marks: *confirmed* = measured by others under rules; *documented* = printed by the maker or the "
        "source named; *inferred* = follows from another figure that is printed; *from memory* = known "
        "second-hand alone, to be looked up before it is relied on; *unknown* = looked for, and not found.",
    ]
    for title, blocks in _GROUPS:
        lines += ["", f"## {title}", "", *_table([row for row in known if row.block in blocks])]
    return "\n".join([*lines, "", *_how()]) + "\n"


def _table(found: list[Row]) -> Iterator[str]:
    head = ("device", "block", "mode", "rate, Hz", "figure", "supply, V", "mark", "source")
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in found:
        cells = (
            "any" if ANY in row.devices else ", ".join(row.devices),
            row.block,
            row.mode + (f" ({row.note})" if row.note else ""),
            "" if row.rate_hz is None else f"{row.rate_hz:g}",
            row.figure,
            "" if row.supply_v is None else f"{row.supply_v:g}",
            row.mark,
            row.source,
        )
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _how() -> Iterator[str]:
    yield from (
        "## How an interval is made",
        "",
        "- **MLC**: the sensor in its mode at the rate (between the published rates around it), plus what "
        "the core adds: at least what ST's smallest example draws, at most the published limit for each "
        "tree, or ST's most hungry example in proportion to the rate, whichever is more.",
        "- **ISPU**: unknown. The sensor alone is the least.",
        "- **Microcontroller**: a sensor (its own core off), sleep, waking, reading samples, computing. "
        "Least: one wake-up a window, samples from the FIFO over SPI. Most: one wake-up a sample, I2C, the "
        "core waiting at its highest clock. Cycles are between the counted instructions and the estimate of "
        "cycles.",
        "- Sensors are in high-performance mode, where emitted files leave them, unless another is named.",
        f"- The mark shown is that of the least sure figure: {', '.join(MARKS[:-1])}.",
    )


if __name__ == "__main__":
    sys.stdout.write(markdown())
