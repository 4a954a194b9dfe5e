"""What a reader finds in the head of a log: where the table starts and what its columns are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw, Source

_NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: Start of the comment by which a log says that its rows were appended as they came.
LIVE = "live:"

_SEPARATORS = "\t;,|"


@dataclass(frozen=True, slots=True)
class Layout:
    """The table of a log.

    Attributes
    ----------
    names : tuple of str
        Columns as the log spells them, units and all.
    separator : str
        One character; a blank means any run of blanks.
    header_line : int
        Line number (from 1) of the header; 0 when the header came from outside.
    first_row : str
        A first row that stands on the header's own line.
    extra : bool
        Rows have fields the header does not name.
    comments : tuple of str
        Comment lines before the header, without their mark.
    label_columns : tuple of str
        Columns the format reserves for labels.
    notes : tuple of str
        What was out of the ordinary.
    headless : bool
        The names come from the header option.
    """

    names: tuple[str, ...]
    separator: str
    header_line: int
    first_row: str = ""
    extra: bool = False
    comments: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    headless: bool = False

    @property
    def live(self) -> bool:
        """Whether the log was written row by row, so that it may end anywhere."""
        return any(comment.startswith(LIVE) for comment in self.comments)


class Reader(Protocol):
    """A format that is a text table: a module with these members, listed in ``readers.TABLES``."""

    #: Name shown to the user.
    NAME: str

    def sniff(self, source: Source) -> bool:
        """Whether the head of the log is of this format."""

    def layout(self, source: Source) -> Layout:
        """Find the table; DataError when the log is of this format but broken."""


class TextReader(Protocol):
    """A format that is text, but no table of one sample a row; listed in ``readers.TEXTS``."""

    #: Name shown to the user.
    NAME: str

    def sniff(self, source: Source) -> bool:
        """Whether the head of the log is of this format."""

    def arrays(self, source: Source, options: ReadOptions) -> list[Arrays]:
        """Read the log, one or more entries per sensor; DataError when it is of this format but broken."""


class FileReader(Protocol):
    """A format that is no text table: binary, JSON, or a folder; listed in ``readers.FILES``."""

    #: Name shown to the user.
    NAME: str

    def sniff(self, raw: Raw) -> bool:
        """Whether the log is of this format."""

    def arrays(self, raw: Raw, options: ReadOptions) -> list[Arrays]:
        """Read the log, one or more entries per sensor; DataError when it is of this format but broken."""

    def label(self, path: Path) -> str:
        """Label that the format gives to a whole log outside its samples; empty when it gives none."""


@dataclass(frozen=True, slots=True)
class Head:
    """Lines before the table: where the header is, and the comments above it."""

    index: int
    comments: tuple[str, ...]
    board: str = ""


def find_header(source: Source) -> Head | None:
    """First line that is neither blank, nor a comment, nor a board line; None when there is none.

    A board line names hardware, as in ``STEVAL-MKI197V1 (LSM6DSOX)``.
    """
    comments: list[str] = []
    board = ""
    for index, line in enumerate(source.head):
        text = line.strip()
        if text.startswith(("#", "%")):
            comments.append(text.lstrip("#% ").rstrip(" ,;\t"))
        elif not board and re.fullmatch(r"STEVAL-\S+(\s*\([^)]*\))?", text):
            board = text
        elif text:
            return Head(index, tuple(c for c in comments if c), board)
    return None


def guess_separator(line: str) -> str:
    """Return the separator of a header line: the commonest of tab, ``;``, ``,``, ``|``, else blanks."""
    best = max(_SEPARATORS, key=line.count)
    if best in line:
        return best
    return " " if re.search(r"\S\s+[^\s\[(]", line.strip()) else ","


def split_header(line: str, separator: str) -> tuple[str, ...]:
    """Column names without padding and quotes; empty names at the end (trailing separators) are dropped."""
    if separator == " ":
        line = re.sub(r"\s+(?=[\[(])", "", line.strip())
        names = line.split()
    else:
        names = [name.strip().strip('"').strip() for name in line.split(separator)]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def is_number(text: str) -> bool:
    """Whether a cell looks like a number, decimal commas included."""
    return _NUMBER.fullmatch(text.strip()) is not None


def table_layout(source: Source) -> Layout:
    """Layout of an ordinary table: optional comments and board line, a header, rows below it."""
    head = find_header(source)
    if head is None:
        raise DataError("the log has no table, only comments", where=source.path)
    line = source.head[head.index]
    separator = guess_separator(line)
    names = split_header(line, separator)
    if not names:
        raise DataError("the header names no columns", where=f"{source.path}:{head.index + 1}")
    notes = (f"board: {head.board}",) if head.board else ()
    return Layout(names, separator, head.index + 1, comments=head.comments, notes=notes)
