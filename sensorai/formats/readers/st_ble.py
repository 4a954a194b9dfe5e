"""CSV of ST's Bluetooth sensor app.

The header of some versions is cut off inside ``hum[`` and the first row follows on the same line; rows
then have a field (event flags) that the header does not name. Bytes are Latin-1 (the degree sign).
"""

from __future__ import annotations

from dataclasses import replace

from sensorai.formats.layout import Layout, find_header, split_header, table_layout
from sensorai.formats.source import Source

NAME = "st-ble"

_CUT = ",hum["


def _header(source: Source) -> str:
    head = find_header(source)
    return source.head[head.index] if head else ""


def sniff(source: Source) -> bool:
    """Ask for a time column in ms followed by motion and environmental columns of the app."""
    line = _header(source)
    return line.startswith("time[ms],") and "press[" in line and "hum[" in line


def layout(source: Source) -> Layout:
    """Layout with the glued first row split off."""
    found = table_layout(source)
    line = _header(source)
    names, _, tail = line.rpartition(_CUT)
    # a whole header closes the bracket before the next comma
    unit, closed, _ = tail.partition("]")
    if closed and "," not in unit:
        return replace(found, extra=True)
    return replace(
        found,
        names=(*split_header(names, ","), "hum"),
        first_row=tail,
        extra=True,
        notes=(*found.notes, f"the header is cut off after {_CUT[1:]!r}; the first row stands on its line"),
    )
