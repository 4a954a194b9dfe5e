"""The body of a log: text rows to columns of numbers.

``_strict`` is the definition: a walk over the lines that names the first fault by line and column.
``_fast`` gives the same columns for sound tables through the C parser of pandas, or gives up.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: ``number``: every cell must be a finite number. ``text``: cells as they are. ``key``: text,
#: and no cell is empty. ``maybe``: numbers if every
#: cell is one, else the column is left out. ``skip``: not looked at.
Kind = Literal["number", "text", "key", "maybe", "skip"]

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
    # drop blank lines at the end, but not the last row's trailing separators
    end = body.text.find("\n", len(body.text.rstrip()))
    if end >= 0:
        body = replace(body, text=body.text[:end])
    columns = _fast(body, kinds)
    return _strict(body, kinds, zero_short_rows) if columns is None else columns


def _width(raw: bytes, separator: bytes) -> int | None:
    """Fields per row when every row has as many, else None."""
    data = np.frombuffer(raw, dtype=np.uint8)
    ends = np.append(np.flatnonzero(data == 10), data.size)
    counts = np.diff(np.searchsorted(np.flatnonzero(data == separator[0]), ends), prepend=0)
    return int(counts[0]) + 1 if (counts == counts[0]).all() else None


def _fast(body: Body, kinds: Sequence[Kind]) -> list[Column | None] | None:
    """Columns as pandas reads them; None where the strict walk must look."""
    text = _plain(body, kinds)
    if text is None:
        return None
    raw = text.encode("utf-8")
    width = _width(raw, body.separator.encode())
    named = len(body.names)
    if width is None or width < named:
        return None
    wanted, out = _wanted(body, kinds, text.partition("\n")[0].split(body.separator), width)
    if not wanted:
        return None
    frame = _frame(raw, body.separator, width, wanted)
    if frame is None:
        return None
    for i, number in wanted.items():
        column = _column(frame[i], number, kinds[i] if i < named else "skip")
        if column is None:
            return None
        if i < named:
            out[i] = column
    return out


def _plain(body: Body, kinds: Sequence[Kind]) -> str | None:
    """Text without padding; None where quotes, blank lines or blanks inside cells need the strict walk."""
    text = body.text
    if '"' in text or "\n\n" in text or text[:1] == "\n" or "\0" in text or not text.strip():
        return None
    if " " in text and not {"text", "key"} & set(kinds):
        # padding goes, but "1 2" is no 12
        inner = f"[^{re.escape(body.separator)}\n ]"
        if re.search(f"{inner} +{inner}", text):
            return None
        text = text.replace(" ", "")
    return text


def _wanted(
    body: Body, kinds: Sequence[Kind], first: Sequence[str], width: int
) -> tuple[dict[int, bool], list[Column | None]]:
    """Columns to read, each with whether it holds numbers, and those that are known already.

    None to read where the first row has a fault: the strict walk says which.
    """
    wanted: dict[int, bool] = {}
    out: list[Column | None] = [None] * len(body.names)
    for i, kind in enumerate(kinds):
        cell = first[i].strip()
        if kind == "number" or (kind == "maybe" and _NUMBER.fullmatch(cell)):
            wanted[i] = True
        elif kind == "maybe" and cell:
            out[i] = TEXT
        elif kind != "skip":
            wanted[i] = False
    if not body.extra:
        wanted |= dict.fromkeys(range(len(body.names), width), False)
    # a column of True would read as ones
    if any(number and not _NUMBER.fullmatch(first[i].strip()) for i, number in wanted.items()):
        return {}, out
    return wanted, out


def _frame(raw: bytes, separator: str, width: int, wanted: Mapping[int, bool]) -> pd.DataFrame | None:
    """Read columns; None where a cell is no number."""
    import pandas as pd

    # exact by default since 3.1, where asking for it became deprecated
    exact: Literal["round_trip"] | None = None if _version(pd.__version__) >= (3, 1) else "round_trip"
    try:
        return pd.read_csv(
            io.BytesIO(raw),
            sep=separator,
            header=None,
            names=list(range(width)),
            usecols=list(wanted),
            dtype={i: "float64" if number else "str" for i, number in wanted.items()},
            na_filter=False,
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            encoding="utf-8",
            low_memory=False,
            float_precision=exact,
        )
    except (ValueError, OverflowError):
        return None


def _column(read: pd.Series[Any], number: bool, kind: Kind) -> Column | None:
    """Values of one column; None where the strict walk must look."""
    if number:
        values: npt.NDArray[np.float64] = read.to_numpy(dtype=np.float64)
        return values if np.isfinite(values).all() else None
    texts: npt.NDArray[np.object_] = read.to_numpy(dtype=object)
    if kind not in ("text", "key"):
        # nobody asked for it: it must be empty
        return None if any(cell.strip() for cell in set(texts)) else EMPTY
    if kind == "key" and not all(cell.strip() for cell in set(texts)):
        return None
    return texts


def _version(text: str) -> tuple[int, ...]:
    """First two numbers of a version."""
    return tuple(int(part) for part in text.split(".")[:2])


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
                hint="mend or remove the row, or read missing cells as 0 with --short-rows zero (as ST's "
                "old tools did)",
            )
        for i, kind in enumerate(kinds):
            cell = fields[i] if i < len(fields) else ("0" if kind in ("number", "maybe") else "")
            if kind == "number":
                _check_number(cell, body.names[i], f"{where}:{i + 1}")
            elif kind == "key" and not cell:
                raise DataError(f"empty cell in column {body.names[i]!r}", where=f"{where}:{i + 1}")
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
    if kind in ("text", "key"):
        return np.array(column, dtype=object)
    if kind == "maybe" and not any(column):
        return EMPTY
    if kind == "maybe" and not all(_NUMBER.fullmatch(c) and math.isfinite(float(c)) for c in column):
        return TEXT
    return np.array([float(c) for c in column], dtype=np.float64)
