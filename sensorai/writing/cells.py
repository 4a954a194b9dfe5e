"""Text cells of CSV.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@``, tab or carriage return for a formula
and may run it, quoted or not. A text cell that would be one is written with an apostrophe before it, as
spreadsheets themselves mark text; a cell that begins with apostrophes and then such a character gets one
more, so that one apostrophe less is always the cell again (``read``). Numbers, also negative ones, stay.
Controls are made visible: a reader takes a file with some for a binary one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sensorai.writing.terminal import without_controls

#: What a log says in a comment where cells are marked.
MARKED = "marked"

_FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


def cell(text: str) -> str:
    """Return ``text`` as a cell that no spreadsheet takes for a formula."""
    text = without_controls(text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


def read(cell: str) -> str:
    """Return the text of a cell that ``cell`` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def any_marked(texts: Iterable[str]) -> bool:
    """Whether one of these cells is written with an apostrophe."""
    return any(cell(text) != text for text in texts)
