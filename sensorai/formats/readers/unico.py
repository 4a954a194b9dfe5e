"""Text of Unico and Unicleo: optional board line, tab-separated padded names such as ``A_X [mg]``."""

from __future__ import annotations

import re

from sensorai.formats.layout import Layout, find_header, table_layout
from sensorai.formats.source import Source

NAME = "unico"

_NAME = re.compile(r"[AGM]_[XYZ] \[\w+\]|Timestamp \[us\]|T \[\w+\]")


def sniff(source: Source) -> bool:
    """Every name is one of the tool's own."""
    head = find_header(source)
    if head is None:
        return False
    names = [name.strip() for name in source.head[head.index].split("\t")]
    while names and not names[-1]:
        names.pop()
    return bool(names) and all(_NAME.fullmatch(name) for name in names)


def layout(source: Source) -> Layout:
    """Layout of the table below the board line."""
    return table_layout(source)
