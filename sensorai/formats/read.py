"""Reading one log: sniff, parse, and cut into recordings."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats import captured, gravity, timing
from sensorai.formats.columns import Roles, assign, check_options
from sensorai.formats.header import TIME_UNITS
from sensorai.formats.layout import Layout, Reader, find_header, guess_separator, split_header
from sensorai.formats.options import ReadOptions
from sensorai.formats.readers import READERS
from sensorai.formats.source import Source, load
from sensorai.formats.table import TEXT, Body, Column, Kind, parse
from sensorai.recording import SENSORS, Channel, FloatArray, Recording, Span

_RATE = re.compile(r"rate_hz\s*[:=]\s*(\S+)")
#: Comments that are not shown as notes.
_OWN = ("Format version", "rate_hz", captured.MARK, "session:")


def detect(path: str | os.PathLike[str]) -> str:
    """Name of the reader that takes this log.

    Raises
    ------
    DataError
        When the file cannot be a log at all.
    """
    return _reader(load(Path(path))).NAME


def _reader(source: Source) -> Reader:
    return next(reader for reader in READERS if reader.sniff(source))


def stem(path: Path) -> str:
    """File name without ``.gz`` and suffix."""
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def read_log(path: str | os.PathLike[str], options: ReadOptions | None = None) -> list[Recording]:
    """Read a log of any known format.

    Parameters
    ----------
    path : path
        A text table, compressed with gzip or not.
    options : ReadOptions, optional

    Returns
    -------
    list of Recording
        Uninterrupted recordings in the order of the file: a change in the group or recording column starts
        a new one, and so does a break in the time stamps. Labels come from columns only; labels by folder
        or file name are the business of ``read_dataset``.

    Raises
    ------
    DataError
        With the place (``file:line:column``) of whatever does not fit.
    ConfigError
        When the options have no meaning.
    """
    return read_named(Path(path), options or ReadOptions(), None)


def read_named(path: Path, options: ReadOptions, name: str | None) -> list[Recording]:
    """``read_log`` with a name for the recordings other than the file's stem."""
    check_options(options)
    source = load(path)
    layout = _layout(source, options)
    return _recordings(source, layout, options, name or stem(path))


def _layout(source: Source, options: ReadOptions) -> Layout:
    if options.header is None:
        return _reader(source).layout(source)
    names = split_header(options.header, guess_separator(options.header))
    head = find_header(source)
    if head is None or not names:
        raise DataError("nothing to put the header option on", where=source.path)
    line = source.head[head.index]
    return Layout(names, guess_separator(line), 0, first_row=line, comments=head.comments)


def _body(source: Source, layout: Layout, notes: list[str]) -> Body:
    line = layout.header_line
    if line == 0:
        head = find_header(source)
        line = head.index + 1 if head else 1
    text = source.text.split("\n", line)[line] if source.text.count("\n") >= line else ""
    first = line + 1
    if layout.first_row:
        text, first = f"{layout.first_row}\n{text}", line
    text, cut = captured.whole_rows(text, layout.comments)
    if cut:
        notes.append(cut)
    separator = layout.separator
    if separator == " ":
        text = "\n".join("\t".join(row.split()) for row in text.split("\n"))
        separator = "\t"
    if not text.strip():
        raise DataError("the log has a header but no samples", where=f"{source.path}:{line}")
    return Body(source.path, text, first, separator, layout.names, layout.extra)


def _kinds(body: Body, roles: Roles) -> list[Kind]:
    """How to read each column; a channel whose first cell is empty may be empty throughout."""
    first = body.text.lstrip("\n").partition("\n")[0].split(body.separator)
    kinds: list[Kind] = ["skip"] * len(body.names)
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


def _recordings(source: Source, layout: Layout, options: ReadOptions, name: str) -> list[Recording]:
    roles = assign(layout, options, source.path)
    notes = [
        *layout.notes,
        *(f"comment: {c}" for c in layout.comments if not c.startswith(_OWN)),
        *roles.notes,
    ]
    body = _body(source, layout, notes)
    kinds = _kinds(body, roles)
    columns = parse(body, kinds, zero_short_rows=options.short_rows == "zero")
    if any(isinstance(columns[i], str) and columns[i] == TEXT for i in roles.channels):
        # empty at first, then not: let the strict reading name the cell
        strict: list[Kind] = ["number" if i in roles.channels else k for i, k in enumerate(kinds)]
        columns = parse(body, strict, zero_short_rows=options.short_rows == "zero")

    channels, data = _samples(columns, roles, body, notes)
    count = len(data)
    if not count:
        raise DataError("the log has a header but no samples", where=f"{source.path}:{body.line}")
    time = _time(columns, roles, body, notes)
    groups, parts = _texts(columns, roles.group), _texts(columns, roles.recording)
    cut = np.zeros(count, dtype=bool)
    for values in (groups, parts):
        if values is not None:
            cut[1:] |= values[1:] != values[:-1]
    borders = np.flatnonzero(cut)
    jumps = np.array([], dtype=np.intp)
    if time is not None:
        jumps = np.setdiff1d(timing.breaks(time), borders)
        if jumps.size and options.split_at_breaks:
            notes.append(f"{_places(jumps)}; each part is a recording of its own")
            cut[jumps] = True
        elif jumps.size:
            notes.append(f"{_places(jumps)}; read as one recording because told so")
    rate = _rate(layout, options, time, np.union1d(borders, jumps), source.path, notes)

    edges = [0, *np.flatnonzero(cut).tolist(), count]
    labels = {column: _texts(columns, i) for column, i in roles.labels.items()}
    group_of_path = _group_of_path(source.path, options)
    seen: dict[str, int] = {}
    out = []
    for start, stop in pairwise(edges):
        part = name if parts is None else f"{name}/{parts[start]}"
        seen[part] = seen.get(part, 0) + 1
        whole = Recording(
            data[start:stop],
            channels,
            rate,
            {c: spans(v[start:stop]) for c, v in labels.items() if v is not None},
            group=str(groups[start]) if groups is not None else group_of_path or part,
            name=part if seen[part] == 1 else f"{part}#{seen[part]}",
            source=source.path,
            time_s=None if time is None else time[start:stop],
        )
        out.append(whole)
    unitless = list(dict.fromkeys(c.sensor for c in channels if c.unit == "" and c.sensor in SENSORS))
    if unitless:
        say = " ".join(f"--unit {s}=..." for s in unitless)
        notes.append(f"the log names no unit for {', '.join(unitless)}; say it with {say}")
    doubts = list(dict.fromkeys(d for d in map(gravity.doubt, out) if d))
    notes += doubts[:1]
    return [replace(r, notes=tuple(notes)) for r in out]


def _places(jumps: npt.NDArray[np.intp]) -> str:
    shown = ", ".join(str(i) for i in jumps[:3].tolist()) + (", ..." if jumps.size > 3 else "")
    return f"the time stamps break off in {jumps.size} place(s), before sample {shown}"


def _samples(
    columns: list[Column | None], roles: Roles, body: Body, notes: list[str]
) -> tuple[tuple[Channel, ...], FloatArray]:
    """Channels with numbers in them, shape (n, channels); what is left out is said."""
    kept: list[Channel] = []
    arrays: list[FloatArray] = []
    left: dict[str, list[str]] = {}
    for i, one in sorted({**roles.channels, **roles.others}.items()):
        column = columns[i]
        if isinstance(column, str):
            left.setdefault(column, []).append(body.names[i])
        elif column is not None:
            kept.append(one)
            arrays.append(np.asarray(column, dtype=np.float64))
    for reason, names in left.items():
        notes.append(f"left out, as the column {reason}: {', '.join(names)}")
    if not any(c.sensor in SENSORS for c in kept):
        raise DataError("every sensor column is empty", where=f"{body.path}:{body.line}")
    return tuple(kept), np.column_stack(arrays)


def _texts(columns: list[Column | None], index: int | None) -> npt.NDArray[np.object_] | None:
    """Return a text column without padding."""
    if index is None:
        return None
    values = np.asarray(columns[index], dtype=object)
    clean = {v: v.strip() for v in set(values)}
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


def _time(columns: list[Column | None], roles: Roles, body: Body, notes: list[str]) -> FloatArray | None:
    """Time stamps in seconds, when they are numbers and their unit is known."""
    if roles.time is None:
        return None
    name, column = body.names[roles.time], columns[roles.time]
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


def _rate(
    layout: Layout,
    options: ReadOptions,
    time: FloatArray | None,
    borders: npt.NDArray[np.intp],
    path: str,
    notes: list[str],
) -> float | None:
    """Told rate, else the one in a comment, else the measured one."""
    rate = options.rate_hz
    if rate is None:
        for comment in layout.comments:
            if match := _RATE.fullmatch(comment):
                try:
                    rate = float(match[1])
                except ValueError:
                    rate = 0.0
                if not 0 < rate < float("inf"):
                    raise DataError(
                        f"the comment {comment!r} is no sample rate", where=path, hint="as in # rate_hz: 104"
                    )
    measured = timing.rate_of(time, borders) if time is not None and len(time) > 1 else None
    if rate is not None and measured is not None and abs(measured / rate - 1) > 0.05:
        notes.append(f"the time stamps say {measured:.4g} Hz, but the rate is given as {rate:.4g} Hz")
    return measured if rate is None else rate


def _group_of_path(path: str, options: ReadOptions) -> str:
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
