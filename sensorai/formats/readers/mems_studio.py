"""CSV of MEMS Studio: ``acc_x[mg],acc_y[mg],...``, ``acc_l_`` and ``acc_h_`` for low-g and high-g parts."""

from __future__ import annotations

import re

from sensorai.formats.layout import Layout, find_header, table_layout
from sensorai.formats.source import Source

NAME = "mems-studio"

_NAME = re.compile(r"(acc|gyro|mag)(_[lh])?_?[xyzXYZ]\[[^\],]+\]")


def sniff(source: Source) -> bool:
    """Comma-separated, and every name is an axis with a unit."""
    head = find_header(source)
    if head is None or head.board:
        return False
    return all(_NAME.fullmatch(name.strip()) for name in source.head[head.index].rstrip(", ").split(","))


def layout(source: Source) -> Layout:
    """Layout of the table below the comments."""
    return table_layout(source)
