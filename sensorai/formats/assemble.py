"""From the columns of a log to recordings: channels, time, rate, labels, groups, and where to cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats import gravity, timing
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.columns import Roles, assign
from sensorai.formats.header import TIME_UNITS
from sensorai.formats.layout import Layout
from sensorai.formats.options import ReadOptions
from sensorai.formats.table import EMPTY, TEXT, Column, Kind
from sensorai.formats.write import number
from sensorai.recording import SENSORS, Channel, FloatArray, Recording, Span
from sensorai.writing import cells

#: Comments of our own files by their key; other comments are shown as they are.
_FACT = re.compile(r"(rate_hz|subject|session|done|live|marked)\s*[:=]\s*(\S.*)")

#: Columns for a list of kinds: what ``table.parse`` gives for text.
Parse = Callable[[Sequence[Kind]], list[Column | None]]


@dataclass(frozen=True, slots=True)
class Table:
    """A log whose columns are known, before anybody has said what they mean.

    ``first`` holds the cells of the first row, by which a column that is empty is told early; ``line`` is
    the line of that row (0: not a text file).
    """

    path: str
    layout: Layout
    first: Sequence[str]
    line: int
    parse: Parse
    rate_hz: float | None = None
    group: str = ""
    piece: str = ""
    cuts: tuple[int, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Place of the first row."""
        return f"{self.path}:{self.line}" if self.line else self.path


def from_arrays(arrays: Arrays, path: str) -> Table:
    """Make a table of columns that are in memory already."""

    def parse(kinds: Sequence[Kind]) -> list[Column | None]:
        return [
            _as_kind(column, kind, name, path)
            for column, kind, name in zip(arrays.columns, kinds, arrays.names, strict=True)
        ]

    layout = Layout(arrays.names, ",", 0, label_columns=arrays.label_columns, notes=arrays.notes)
    # any cell that is not empty: arrays have no empty columns
    first = ["0"] * len(arrays.names)
    return Table(
        path, layout, first, 0, parse, arrays.rate_hz, arrays.group, arrays.piece, arrays.cuts, arrays.history
    )


def _as_kind(column: Values, kind: Kind, name: str, path: str) -> Column | None:
    if kind == "skip":
        return None
    numeric = column.dtype != np.object_
    if kind in ("text", "key"):
        # a number that is none is an empty cell
        texts = ["" if v != v else number(v) for v in column.tolist()] if numeric else column
        values = np.array([str(one) for one in texts], dtype=object)
        if kind == "key" and not all(one.strip() for one in set(values)):
            raise DataError(f"empty cell in column {name!r}", where=path)
        return values
    if not numeric:
        if kind == "maybe":
            return TEXT if any(str(one).strip() for one in set(column)) else EMPTY
        raise DataError(f"column {name!r} does not hold numbers", where=path)
    values = np.asarray(column, dtype=np.float64)
    if not np.isfinite(values).all():
        if kind == "maybe":
            return TEXT
        row = int(np.argmin(np.isfinite(values)))
        what = "an empty cell" if np.isnan(values[row]) else f"{values[row]:g}, which is no number"
        raise DataError(f"column {name!r} holds {what}", where=f"{path}, row {row + 1}")
    return values


def _kinds(table: Table, roles: Roles) -> list[Kind]:
    """How to read each column; a channel whose first cell is empty may be empty throughout."""
    first = table.first
    kinds: list[Kind] = ["skip"] * len(table.layout.names)
    for i in roles.channels:
        kinds[i] = "number" if i < len(first) and first[i].strip() else "maybe"
    for i in roles.others:
        kinds[i] = "maybe"
    if roles.time is not None:
        kinds[roles.time] = "number" if roles.time_unit else "maybe"
    for column in roles.labels.values():
        kinds[column] = "text"
    for key in (roles.group, roles.recording):
        if key is not None:
            kinds[key] = "key"
    return kinds


def recordings(table: Table, options: ReadOptions, name: str) -> list[Recording]:
    """Cut a table into uninterrupted recordings called after ``name``.

    Raises
    ------
    DataError, ConfigError
        As ``read_log``.
    """
    layout = table.layout
    roles = assign(layout, options, table.path)
    facts = _facts(layout)
    history = (*table.history, *(v for k, v in facts if k == "done"))
    notes = _first_notes(layout, facts, history, roles)
    columns = _columns(table, roles)
    channels, data = _samples(columns, roles, table, notes)
    if not len(data):
        raise DataError("the log has a header but no samples", where=table.where)
    time = _time(columns, roles, table, notes)
    read = cells.read if any(k == cells.MARKED for k, _ in facts) else str
    groups, parts = _texts(columns, roles.group, read), _texts(columns, roles.recording, read)
    cut, jumps = _cuts(len(data), table, (groups, parts), time, options, notes)
    rate = _rate(table, options, time, np.union1d(np.flatnonzero(cut), jumps), notes)
    labels = {read(column): _texts(columns, i, read) for column, i in roles.labels.items()}
    outside = group_of_path(table.path, options) or table.group
    outside = outside or next((v for k, v in facts if k == "subject"), "")
    names = _part_names(name, table, parts)
    out = []
    for start, stop in pairwise([0, *np.flatnonzero(cut).tolist(), len(data)]):
        part, called = names(start)
        out.append(
            Recording(
                data[start:stop],
                channels,
                rate,
                {c: spans(v[start:stop]) for c, v in labels.items() if v is not None},
                group=str(groups[start]) if groups is not None else outside or part,
                name=called,
                source=table.path,
                time_s=None if time is None else time[start:stop],
                history=history,
                own_group=groups is None and not outside,
            )
        )
    notes += _last_notes(channels, out)
    return [replace(r, notes=tuple(notes)) for r in out]


def _first_notes(
    layout: Layout, facts: Sequence[tuple[str, str]], history: Sequence[str], roles: Roles
) -> list[str]:
    """What the head of the log and the columns have to say."""
    comments = (c for c in layout.comments if not _FACT.match(c) and not c.startswith("Format version"))
    return [
        *layout.notes,
        *(f"comment: {c}" for c in comments),
        *(f"session: {v}" for k, v in facts if k == "session"),
        *(f"before: {one}" for one in history),
        *roles.notes,
    ]


def _columns(table: Table, roles: Roles) -> list[Column | None]:
    """Cells of every column that has a role."""
    kinds = _kinds(table, roles)
    columns = table.parse(kinds)
    if any(isinstance(columns[i], str) and columns[i] == TEXT for i in roles.channels):
        # empty at first, then not: let the strict reading name the cell
        strict: list[Kind] = ["number" if i in roles.channels else k for i, k in enumerate(kinds)]
        columns = table.parse(strict)
    return list(columns)


def _cuts(
    count: int,
    table: Table,
    named: Sequence[npt.NDArray[np.object_] | None],
    time: npt.NDArray[np.float64] | None,
    options: ReadOptions,
    notes: list[str],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Where a new recording begins, shape (count,), and jumps of time, cut or not."""
    cut = np.zeros(count, dtype=bool)
    for values in named:
        if values is not None:
            cut[1:] |= values[1:] != values[:-1]
    cut[list(table.cuts)] = True
    jumps = np.array([], dtype=np.intp)
    if time is not None:
        jumps = np.setdiff1d(timing.breaks(time), np.flatnonzero(cut))
        if jumps.size and options.split_at_breaks:
            notes.append(f"{_places(jumps)}; each part is a recording of its own")
            cut[jumps] = True
        elif jumps.size:
            notes.append(f"{_places(jumps)}; read as one recording because told so")
    return cut, jumps


def _part_names(
    name: str, table: Table, parts: npt.NDArray[np.object_] | None
) -> Callable[[int], tuple[str, str]]:
    """A function of the first sample of a part to its name, and to that with a number where it is taken."""
    seen: dict[str, int] = {}

    def named(start: int) -> tuple[str, str]:
        part = name if parts is None else f"{name}/{parts[start]}"
        part = f"{part}/{table.piece}" if table.piece else part
        seen[part] = seen.get(part, 0) + 1
        return part, part if seen[part] == 1 else f"{part}#{seen[part]}"

    return named


def _last_notes(channels: Sequence[Channel], made: Sequence[Recording]) -> list[str]:
    """Units that are missing, and accelerometers that do not show gravity."""
    out = []
    unitless = list(dict.fromkeys(c.sensor for c in channels if c.unit == "" and c.sensor in SENSORS))
    if unitless:
        say = " ".join(f"--unit {s}=..." for s in unitless)
        out.append(f"the log names no unit for {', '.join(unitless)}; say it with {say}")
    doubts = list(dict.fromkeys(d for d in map(gravity.doubt, made) if d))
    return [*out, *doubts[:1]]


def _places(jumps: npt.NDArray[np.intp]) -> str:
    shown = ", ".join(str(i) for i in jumps[:3].tolist()) + (", ..." if jumps.size > 3 else "")
    return f"the time stamps break off in {jumps.size} place(s), before sample {shown}"


def _samples(
    columns: list[Column | None], roles: Roles, table: Table, notes: list[str]
) -> tuple[tuple[Channel, ...], FloatArray]:
    """Channels with numbers in them, shape (n, channels); what is left out is said."""
    kept: list[Channel] = []
    arrays: list[FloatArray] = []
    left: dict[str, list[str]] = {}
    for i, one in sorted({**roles.channels, **roles.others}.items()):
        column = columns[i]
        if isinstance(column, str):
            left.setdefault(column, []).append(table.layout.names[i])
        elif column is not None:
            kept.append(one)
            arrays.append(np.asarray(column, dtype=np.float64))
    for reason, names in left.items():
        notes.append(f"left out, as the column {reason}: {', '.join(names)}")
    if not any(c.sensor in SENSORS for c in kept):
        raise DataError("every sensor column is empty", where=table.where)
    return tuple(kept), np.column_stack(arrays)


def _texts(
    columns: list[Column | None], index: int | None, read: Callable[[str], str] = str
) -> npt.NDArray[np.object_] | None:
    """Return a text column without padding, each cell as ``read`` takes it."""
    if index is None:
        return None
    values = np.asarray(columns[index], dtype=object)
    clean = {v: read(v.strip()) for v in set(values)}
    if any(k != v for k, v in clean.items()):
        values = np.array([clean[v] for v in values], dtype=object)
    return values


def spans(values: npt.NDArray[np.object_]) -> tuple[Span, ...]:
    """Return runs of equal labels; empty cells are unlabelled."""
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return tuple(
        Span(start, stop, str(values[start]))
        for start, stop in pairwise(edges)
        if stop > start and values[start]
    )


def _time(columns: list[Column | None], roles: Roles, table: Table, notes: list[str]) -> FloatArray | None:
    """Time stamps in seconds, when they are numbers and their unit is known."""
    if roles.time is None:
        return None
    name, column = table.layout.names[roles.time], columns[roles.time]
    if isinstance(column, str) or column is None:
        notes.append(f"time column {name!r} {column}; it is not used")
        return None
    values = np.asarray(column, dtype=np.float64)
    if len(values) and float(np.abs(values).max()) > timing.LARGEST:
        notes.append(f"the time column {name!r} holds numbers that are no time; it is not used")
        return None
    unit = roles.time_unit
    if not unit:
        guess = timing.guess_unit(values)
        if guess is None:
            notes.append(
                f"the unit of the time column {name!r} is not clear; not used (--unit time=ms says it)"
            )
            return None
        unit = guess
        notes.append(f"the time column {name!r} names no unit; taken as {unit}")
    if unit not in TIME_UNITS:
        raise ConfigError(
            f"unknown unit {unit!r} of time", where="units", hint=f"units of time: {', '.join(TIME_UNITS)}"
        )
    if values[0] / TIME_UNITS[unit] > timing.EPOCH:
        # float64 has no room for fractions beside that many seconds
        notes.append(f"the time stamps count from {values[0] / TIME_UNITS[unit]:.3f} s")
        values = values - values[0]
    return values / TIME_UNITS[unit]


def _facts(layout: Layout) -> list[tuple[str, str]]:
    """What the comments of our own files say, in order."""
    parts = [part for comment in layout.comments for part in comment.split(" | ")]
    return [(m[1], m[2]) for part in parts if (m := _FACT.fullmatch(part.strip()))]


def _rate(
    table: Table,
    options: ReadOptions,
    time: FloatArray | None,
    borders: npt.NDArray[np.intp],
    notes: list[str],
) -> float | None:
    """Told rate, else the log's own or the one in a comment, else the measured one."""
    rate = table.rate_hz if options.rate_hz is None else options.rate_hz
    if options.rate_hz is None and rate is not None and not 0 < rate < float("inf"):
        raise DataError(
            f"the log gives {rate:g} Hz as its sample rate",
            where=table.path,
            hint="say it with --log-rate HZ",
        )
    if rate is None:
        for text in (v for k, v in _facts(table.layout) if k == "rate_hz"):
            try:
                rate = float(text)
            except ValueError:
                rate = 0.0
            if not 0 < rate < float("inf"):
                raise DataError(
                    f"the comment 'rate_hz: {text}' is no sample rate",
                    where=table.path,
                    hint="as in # rate_hz: 104",
                )
    measured = timing.rate_of(time, borders) if time is not None and len(time) > 1 else None
    if rate is not None and measured is not None and abs(measured / rate - 1) > 0.05:
        notes.append(f"the time stamps say {measured:.4g} Hz, but the rate is given as {rate:.4g} Hz")
    return measured if rate is None else rate


def group_of_path(path: str, options: ReadOptions) -> str:
    """Return the group that the path of a log names, or an empty text."""
    if options.group_path is None:
        return ""
    try:
        found = list(re.finditer(options.group_path, Path(path).as_posix()))
    except re.error as error:
        raise ConfigError(
            f"the group pattern is no regular expression: {error}", where="group_path"
        ) from None
    if not found:
        raise DataError(f"the group pattern {options.group_path!r} does not match the path", where=path)
    match = found[-1]
    return str((match[1] if match.re.groups else match[0]) or "")
