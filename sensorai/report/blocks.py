"""What texts for the terminal are made of: lines and tables, never wider than ``WIDTH``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensorai.report import words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

#: Columns used at most.
WIDTH = 100
#: Columns for a name; a longer one is folded.
NAME = 28


def line(words_: str, style: str = "") -> Text:
    """Line whose words are no markup and hold no control characters."""
    from rich.text import Text

    return Text(words.printable(words_), style=style)


def table(first: str, columns: Sequence[str], wide: int = NAME, last: str | None = None) -> Table:
    """Table without lines: names of at most ``wide`` columns, figures, and perhaps a column of words."""
    from rich.table import Table

    out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    out.add_column(first, max_width=wide, overflow="fold")
    for column in columns:
        out.add_column(column, justify="right", no_wrap=True)
    if last is not None:
        out.add_column(last, overflow="fold")
    return out
