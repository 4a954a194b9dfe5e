"""Reading a text table as a mapping file says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.console import matches
from sensorai.formats.header import TIME_UNITS
from sensorai.formats.layout import guess_separator, split_header
from sensorai.formats.mapping import MappedColumn, TableMapping
from sensorai.formats.source import Source
from sensorai.formats.table import Body, Kind, parse
from sensorai.recording import LABEL

NAME = "mapping"


def read_mapped(source: Source, mapping: TableMapping, *, zero_short_rows: bool = False) -> Arrays:
    """Columns of ``source`` under the names that ``mapping`` gives them.

    Raises
    ------
    DataError
        When a column is not there, or a cell is no number, with its place.
    """
    body, start, left_out = _body(source, mapping)
    names = body.names
    wanted = _wanted(mapping)
    places = {name: _find(one.column, names, name, source, start) for name, (one, _) in wanted.items()}
    kinds: list[Kind] = ["skip"] * len(names)
    for name, place in places.items():
        if kinds[place] not in ("skip", wanted[name][1]):
            raise ConfigError(f"column {names[place]!r} cannot be both numbers and text", where=mapping.path)
        kinds[place] = wanted[name][1]
    columns = parse(body, kinds, zero_short_rows=zero_short_rows)
    out: dict[str, Values] = {}
    for name, (one, kind) in wanted.items():
        values = columns[places[name]]
        if values is None or isinstance(values, str):
            raise DataError(f"column {names[places[name]]!r} cannot be read", where=source.path)
        if name == "time[s]":
            out[name] = np.asarray(values, dtype=np.float64) / TIME_UNITS[one.unit]
        elif kind == "number":
            out[f"{name}[{one.unit}]" if one.unit else name] = _scaled(values, one, name, mapping)
        else:
            out[name] = _named(values, mapping) if name == LABEL else values.astype(object)
    notes = (f"{left_out} lines left out, as skip_rows of the mapping says",) if left_out else ()
    return Arrays(tuple(out), tuple(out.values()), rate_hz=mapping.rate_hz, notes=notes)


def headings(source: Source, mapping: TableMapping) -> tuple[str, ...]:
    """Names of the columns as ``mapping`` finds them; a DataError when there is no row below them."""
    return _body(source, mapping)[0].names


def _body(source: Source, mapping: TableMapping) -> tuple[Body, int, int]:
    """Rows with the names of their columns, the line where they start, and how many lines were left out."""
    lines = source.text.split("\n")
    if mapping.comment:
        # the lines stay, empty, so that places in messages are right
        lines = ["" if line.lstrip().startswith(mapping.comment) else line for line in lines]
    lines, left_out = _without(lines, mapping.skip_rows)
    start = mapping.skip
    while start < len(lines) and not lines[start].strip():
        start += 1
    if start >= len(lines):
        raise DataError(
            f"nothing is left after the {mapping.skip} lines that the mapping skips", where=source.path
        )
    separator = mapping.delimiter or guess_separator(lines[start])
    headings = split_header(lines[start], separator) if mapping.header_rows else ()
    body_start = start + mapping.header_rows
    text = "\n".join(lines[body_start:])
    if not text.strip():
        raise DataError("the log has a header but no samples", where=f"{source.path}:{start + 1}")
    if mapping.decimal == ",":
        text = text.replace(",", ".")
    if separator == " ":
        text = "\n".join("\t".join(row.split()) for row in text.split("\n"))
    cell = "\t" if separator == " " else separator
    first = next(row for row in text.split("\n") if row.strip())
    width = max(len(headings), len(first.rstrip().split(cell)))
    names = tuple(headings) + tuple(f"column {i + 1}" for i in range(len(headings), width))
    return Body(source.path, text, body_start + 1, cell, names), start, left_out


def _wanted(mapping: TableMapping) -> dict[str, tuple[MappedColumn, Kind]]:
    """Columns that the mapping names, by what they become, and how each is read."""
    wanted: dict[str, tuple[MappedColumn, Kind]] = {n: (c, "number") for n, c in mapping.columns.items()}
    if mapping.time:
        wanted["time[s]"] = (mapping.time, "number")
    for name, column in ((LABEL, mapping.label), ("group", mapping.group), ("recording", mapping.recording)):
        if column is not None:
            wanted[name] = (MappedColumn(column), "text" if name == LABEL else "key")
    return wanted


def _scaled(values: Values, one: MappedColumn, name: str, mapping: TableMapping) -> Values:
    numbers = np.asarray(values, dtype=np.float64)
    if one.scale != 1.0 or one.offset:
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = numbers * one.scale + one.offset
    if not np.isfinite(numbers).all():
        raise DataError(f"the scale of {name} makes numbers too large", where=mapping.path)
    return numbers


def _named(values: Values, mapping: TableMapping) -> Values:
    """Labels by the names that the mapping gives them."""
    table = {str(v): mapping.label_names.get(str(v).strip(), str(v).strip()) for v in set(values)}
    return np.array([table[str(v)] for v in values], dtype=object)


def _without(lines: list[str], patterns: Sequence[str]) -> tuple[list[str], int]:
    """Empty the lines that fit a pattern, which keeps the numbers of the others; and count them."""
    if not patterns:
        return lines, 0
    left = [any(matches(line, pattern) for pattern in patterns) for line in lines]
    return ["" if out else line for line, out in zip(lines, left, strict=True)], sum(left)


def _find(column: str | int, names: tuple[str, ...], what: str, source: Source, row: int) -> int:
    """Index of a column by its heading or number."""
    where = f"{source.path}:{row + 1}"
    if isinstance(column, int):
        if column <= len(names):
            return column - 1
        raise DataError(f"the mapping puts {what} in column {column}, the log has {len(names)}", where=where)
    if column in names:
        return names.index(column)
    raise DataError(
        f"the log has no column {column!r} for {what} (it has {', '.join(n or '(unnamed)' for n in names)})",
        where=where,
    )
