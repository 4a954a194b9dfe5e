"""ST's labelled validation text: raw and engineering columns, and ``LABEL_0`` ... with MLC codes."""

from __future__ import annotations

import re
from dataclasses import replace

from sensorai.formats.layout import Layout, find_header, table_layout
from sensorai.formats.source import Source

NAME = "st-labelled"

_LABEL = re.compile(r"LABEL_[0-9]+")


def sniff(source: Source) -> bool:
    """Tab-separated names with at least one LABEL column."""
    head = find_header(source)
    return head is not None and any(
        _LABEL.fullmatch(name.strip()) for name in source.head[head.index].split("\t")
    )


def layout(source: Source) -> Layout:
    """Layout with the LABEL columns marked."""
    found = table_layout(source)
    return replace(found, label_columns=tuple(n for n in found.names if _LABEL.fullmatch(n)))
