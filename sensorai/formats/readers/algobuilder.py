"""CSV of AlgoBuilder and its relatives: ``#Format version``, then ``time[ms],gyroX[dps],...,accX[g],...``."""

from __future__ import annotations

import re

from sensorai.formats.layout import Layout, find_header, table_layout
from sensorai.formats.source import Source

NAME = "algobuilder"


def sniff(source: Source) -> bool:
    """Ask for a format version comment and a header that starts with the time."""
    head = find_header(source)
    return (
        head is not None
        and any(c.startswith("Format version") for c in head.comments)
        and re.match(r"time\s*\[ms\]\s*,", source.head[head.index]) is not None
    )


def layout(source: Source) -> Layout:
    """Layout of the table below the comment."""
    return table_layout(source)
