"""The body of a log: text rows to columns of numbers.

``_strict`` is the definition: a walk over the lines that names the first fault by line and column.
``_fast`` gives the same columns for sound tables through the pandas C parser, or gives up.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError

#: ``number``: every cell must be a finite number. ``text``: cells as they are. ``maybe``: numbers if every
#: cell is one, else the column is left out. ``skip``: not looked at.
Kind = Literal["number", "text", "maybe", "skip"]

#: float64 (n,), object (n,) of str, or the reason why a ``maybe`` column is left out.
Column = npt.NDArray[np.float64] | npt.NDArray[np.object_] | str

EMPTY, TEXT = "is empty", "does not hold numbers throughout"

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Body:
    """Rows of a log.

    ``text`` starts at line ``line`` of ``path``. ``names`` are the columns as the log spells them.
    ``extra`` allows fields beyond the last name (a header that was cut off).
    """

    path: str
    text: str
    line: int
    separator: str
    names: tuple[str, ...]
    extra: bool = False


def parse(body: Body, kinds: Sequence[Kind], *, zero_short_rows: bool = False) -> list[Column | None]:
    """Columns of ``body``, None for those skipped.

    Raises
    ------
    DataError
        With ``path:line:column`` of the first row that does not fit or cell that is not a finite number.
    """
    body = Body(
        body.path,
        re.sub(r"(\n[ \t]*)+\Z", "", body.text),
        body.line,
        body.separator,
        body.names,
        body.extra,
    )
    columns = _fast(body, kinds)
    return _strict(body, kinds, zero_short_rows) if columns is None else columns


def _width(raw: bytes, separator: bytes) -> int | None:
    """Fields per row when every row has as many, else None."""
    data = np.frombuffer(raw, dtype=np.uint8)
    ends = np.append(np.flatnonzero(data == 10), data.size)
    counts = np.diff(np.searchsorted(np.flatnonzero(data == separator[0]), ends), prepend=0)
    return int(counts[0]) + 1 if (counts == counts[0]).all() else None


def _fast(body: Body, kinds: Sequence[Kind]) -> list[Column | None] | None:
    text = body.text
    # what the C parser reads in its own way, or drops without a word
    if '"' in text or "\n\n" in text or text[:1] == "\n" or "\0" in text or not text.strip():
        return None
    if "text" not in kinds:
        text = text.replace(" ", "")
    raw = text.encode("utf-8")
    width = _width(raw, body.separator.encode())
    named = len(body.names)
    if width is None or width < named:
        return None
    wanted: dict[int, str] = {}
    first = text.partition("\n")[0].split(body.separator)
    out: list[Column | None] = [None] * named
    for i, kind in enumerate(kinds):
        cell = first[i].strip()
        if kind == "number" or (kind == "maybe" and _NUMBER.fullmatch(cell)):
            wanted[i] = "float64"
        elif kind == "maybe" and cell:
            out[i] = TEXT
        elif kind != "skip":
            wanted[i] = "str"
    if not body.extra:
        wanted |= dict.fromkeys(range(named, width), "str")
    if not wanted:
        return None
    import pandas as pd

    try:
        frame = pd.read_csv(
            io.BytesIO(raw),
            sep=body.separator,
            header=None,
            names=list(range(width)),
            usecols=list(wanted),
            dtype=wanted,
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            float_precision="round_trip",
            encoding="utf-8",
            low_memory=False,
        )
    except (ValueError, OverflowError):
        return None
    for i, dtype in wanted.items():
        if dtype == "float64":
            values = frame[i].to_numpy(dtype=np.float64)
            if not np.isfinite(values).all():
                return None
            out[i] = values
            continue
        cells = frame[i].to_numpy(dtype=object)
        if i >= named or kinds[i] == "maybe":
            if any(c.strip() for c in set(cells)):
                return None
            if i < named:
                out[i] = EMPTY
        else:
            out[i] = cells
    return out


def _rows(body: Body) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each line that is not blank."""
    if '"' not in body.text:
        for number, line in enumerate(body.text.split("\n"), body.line):
            if line.strip():
                yield number, [cell.strip() for cell in line.split(body.separator)]
        return
    lines = iter(body.text.split("\n"))
    reader = csv.reader((line + "\n" for line in lines), delimiter=body.separator, skipinitialspace=True)
    number = body.line
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or len(row) > 1:
                yield number, [cell.strip() for cell in row]
            number = body.line + reader.line_num
    except csv.Error as error:
        raise DataError(f"the row cannot be read: {error}", where=f"{body.path}:{number}") from None


def _strict(body: Body, kinds: Sequence[Kind], zero_short_rows: bool) -> list[Column | None]:
    named = len(body.names)
    cells: list[list[str]] = [[] for _ in kinds]
    for number, fields in _rows(body):
        while len(fields) > named and not fields[-1]:
            fields.pop()
        where = f"{body.path}:{number}"
        if len(fields) > named and not body.extra:
            raise DataError(f"the row has {len(fields)} fields, the header {named}", where=where)
        missing = named - len(fields)
        if missing > 0 and not zero_short_rows:
            raise DataError(
                f"the row has {len(fields)} fields, the header {named}",
                where=where,
                hint="mend or remove the row (short_rows=zero reads 0, as ST's old tools did)",
            )
        for i, kind in enumerate(kinds):
            cell = fields[i] if i < len(fields) else ("0" if kind in ("number", "maybe") else "")
            if kind == "number":
                _check_number(cell, body.names[i], f"{where}:{i + 1}")
            if kind != "skip":
                cells[i].append(cell)
    return [_finish(column, kind) for column, kind in zip(cells, kinds, strict=True)]


def _check_number(cell: str, name: str, where: str) -> None:
    if not cell:
        raise DataError(f"empty cell in column {name!r}", where=where, hint="mend or remove the row")
    if not _NUMBER.fullmatch(cell):
        shown = cell if len(cell) <= 40 else cell[:37] + "..."
        hint = (
            "write decimals with a point"
            if re.fullmatch(r"-?[0-9]+,[0-9]+", cell)
            else "mend or remove the row"
        )
        raise DataError(f"{shown!r} in column {name!r} is not a number", where=where, hint=hint)
    if not math.isfinite(float(cell)):
        raise DataError(f"{cell!r} in column {name!r} is too large for a number", where=where)


def _finish(column: list[str], kind: Kind) -> Column | None:
    if kind == "skip":
        return None
    if kind == "text":
        return np.array(column, dtype=object)
    if kind == "maybe" and not any(column):
        return EMPTY
    if kind == "maybe" and not all(_NUMBER.fullmatch(c) and math.isfinite(float(c)) for c in column):
        return TEXT
    return np.array([float(c) for c in column], dtype=np.float64)
