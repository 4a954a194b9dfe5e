"""Lines of numbers, as sketches for data forwarders and ST's loggers print them.

One sample a line, cells separated by comma, semicolon, tab or blanks, with or without a line of names in
front. Whole blocks are checked by one regular expression and passed on as the text they are; only what does
not fit is looked at line by line. Lines have no checksum: a digit that the line turned into another one
cannot be told from a sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sensorai.formats.header import split_unit

#: A number that any reader of logs takes: not so long that it would be no finite number.
NUMBER = r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
#: Longest line; what has no line end for so long is no text.
LONGEST = 4096
#: Most cells that a line may have.
WIDEST = 64

_NUMBER = re.compile(NUMBER)
_NAME = re.compile(r"[A-Za-z_µ°][\w .:/°µ²^-]*(?:\s*[\[(][^\[\]()]{0,20}[\])])?")
#: Separators in the order in which they are tried; a blank means any run of blanks.
_SEPARATORS = (",", ";", "\t", " ")


@dataclass(frozen=True, slots=True)
class Shape:
    """What every line of a stream looks like."""

    separator: str
    width: int


def cells(line: str, separator: str) -> list[str]:
    """Cells of a line without padding; one empty cell at the end (a trailing separator) is dropped."""
    found = line.split() if separator == " " else [cell.strip() for cell in line.split(separator)]
    if len(found) > 1 and not found[-1]:
        found.pop()
    return found


def numbers(line: str, separator: str) -> list[str] | None:
    """The cells of a line of numbers; None when it is none."""
    found = cells(line, separator)
    return found if found and all(_NUMBER.fullmatch(cell) for cell in found) else None


def shape_of(line: str) -> Shape | None:
    """Separator and width of a line of numbers; None when it is none."""
    text = line.strip()
    if len(text) > LONGEST:
        return None
    for separator in _SEPARATORS:
        if separator in text or separator == " ":
            found = numbers(text, separator)
            return Shape(separator, len(found)) if found and len(found) <= WIDEST else None
    return None


def names_of(line: str, shape: Shape) -> tuple[str, ...] | None:
    """Column names, when the line is a header for lines of this shape: a name for every cell, each once."""
    text = line.strip().lstrip("#% ")
    found = cells(text, shape.separator)
    if shape.separator == " " and len(found) != shape.width:
        # 'A_X [mg]' is one name
        found = re.sub(r"\s+(?=[\[(])", "", text).split()
    bare = [split_unit(name)[0] for name in found]
    if len(found) != shape.width or len(set(bare)) != len(bare):
        return None
    return tuple(found) if all(_NAME.fullmatch(name) for name in found) else None


class LineReader:
    """Bytes in as they come, rows out.

    Parameters
    ----------
    shape : Shape

    Attributes
    ----------
    good, damaged : int
        Lines that are samples, and lines that are not; a header that comes again is neither.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.good = self.damaged = 0
        self._rest = b""
        self._skipping = False
        separator = r"[ \t]+" if shape.separator == " " else rf"[ \t]*{re.escape(shape.separator)}[ \t]*"
        row = rf"[ \t]*{NUMBER}(?:{separator}{NUMBER}){{{shape.width - 1}}}[ \t]*\r?\n"
        self._block = re.compile(rf"(?:{row})+".encode())
        self._plain = shape.separator == ","

    def feed(self, data: bytes) -> list[list[str]]:
        """Take bytes; give runs of rows as text, cells joined by commas.

        Between two runs at least one line was damaged. An empty first run means that the damage stands
        before the first row, an empty last one that it stands behind the last.
        """
        if self._skipping:
            # the rest of a line that was too long
            _, end, data = data.partition(b"\n")
            if not end:
                return [[]]
            self._skipping = False
        whole, end, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        runs = self._runs(whole + end) if end else [[]]
        if len(rest) > LONGEST:
            self._rest, self._skipping = b"", True
            self.damaged += 1
            runs.append([])
        return runs

    def _runs(self, block: bytes) -> list[list[str]]:
        if self._block.fullmatch(block):
            rows = block.decode("ascii").replace("\r", "").split("\n")
            rows.pop()
            if not self._plain or b" " in block or b"\t" in block:
                rows = [",".join(cells(row, self.shape.separator)) for row in rows]
            self.good += len(rows)
            return [rows]
        runs: list[list[str]] = [[]]
        for line in block.decode("latin-1").split("\n")[:-1]:
            if not line.strip():
                continue
            found = numbers(line, self.shape.separator) if len(line) <= LONGEST else None
            if found is not None and len(found) == self.shape.width:
                runs[-1].append(",".join(found))
                self.good += 1
            elif names_of(line, self.shape) is None:
                self.damaged += 1
                runs.append([])
        return runs
