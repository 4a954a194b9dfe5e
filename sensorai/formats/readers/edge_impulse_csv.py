"""CSV of Edge Impulse: first column ``timestamp`` in ms, then names such as ``accX`` without units."""

from __future__ import annotations

import re
from dataclasses import replace

from sensorai.formats.layout import Layout, find_header, table_layout
from sensorai.formats.source import Source

NAME = "edge-impulse-csv"

_HEADER = re.compile(r"timestamp,([a-zA-Z]+[A-Za-z0-9_]*)(,[a-zA-Z]+[A-Za-z0-9_]*)*\s*")
_MOTION = re.compile(r",(acc|gyr|gyro|mag)[xyzXYZ]\b")


def sniff(source: Source) -> bool:
    """Ask for the header, and for steps of the time that can be ms (4 Hz to 8 kHz)."""
    head = find_header(source)
    if head is None or head.comments:
        return False
    line = source.head[head.index]
    if not _HEADER.fullmatch(line) or not _MOTION.search(line):
        return False
    try:
        first, second = (float(row.split(",")[0]) for row in source.head[head.index + 1 : head.index + 3])
    except ValueError:
        return False
    return 0.125 <= second - first <= 250


def layout(source: Source) -> Layout:
    """Layout with the unit of the time stamps said."""
    found = table_layout(source)
    return replace(found, names=("timestamp[ms]", *found.names[1:]))
