"""Recordings as our CSV: a rate comment, a header with units, labels, subject and recording columns.

A log can also be written row by row (``LiveCsv``); such a file reads back whatever byte it ends at.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sensorai.errors import DataError
from sensorai.files import write_with
from sensorai.formats.layout import LIVE
from sensorai.recording import LABEL, Channel, FloatArray, Recording
from sensorai.writing import cells
from sensorai.writing.plainline import one_line

#: Comment of a log with text that a spreadsheet would take for formulas.
MARKED = f"{cells.MARKED}: one apostrophe before a text cell is not part of it"


def write_csv(path: Path, recordings: Sequence[Recording]) -> None:
    """Write recordings to one CSV (compressed when the name ends in ``.gz``), whole or not at all.

    Numbers are the shortest text that reads back as the same value. Reading the file gives recordings
    with the same samples, channels, rate, labels, groups and history.

    Raises
    ------
    DataError
        When there is nothing to write, or the recordings differ in channels, rate or time stamps.
    """
    check_together(recordings)

    def fill(file: BinaryIO) -> None:
        if path.suffix != ".gz":
            _write(file, recordings)
            return
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            _write(packed, recordings)

    write_with(path, fill)


def to_csv(recordings: Sequence[Recording]) -> str:
    """Return the text that ``write_csv`` writes."""
    check_together(recordings)
    out = io.BytesIO()
    _write(out, recordings)
    return out.getvalue().decode("utf-8")


def check_together(recordings: Sequence[Recording]) -> None:
    """Refuse recordings that cannot share a table.

    Raises
    ------
    DataError
        When there are none, or they differ in channels, rate or time stamps.
    """
    if not recordings:
        raise DataError("no recordings to write")
    first = recordings[0]
    for other in recordings[1:]:
        for what, a, b in (
            ("channels", first.channels, other.channels),
            ("rate", first.rate_hz, other.rate_hz),
            ("time stamps", first.time_s is None, other.time_s is None),
        ):
            if a != b:
                raise DataError(
                    f"{first.name} and {other.name} differ in {what}; they cannot share a file",
                    hint="write a folder: one file for each recording",
                )


def label_columns(recordings: Sequence[Recording]) -> list[str]:
    """Return the label columns of all recordings, each once."""
    return list(dict.fromkeys(column for r in recordings for column in r.labels))


def column_names(first: Recording) -> list[str]:
    """Headings of time and channels, units in brackets."""
    time = [] if first.time_s is None else ["time[s]"]
    return time + [_heading(c) for c in first.channels]


def history(recordings: Sequence[Recording]) -> list[str]:
    """What was done to any of the recordings, each once."""
    return list(dict.fromkeys(one for r in recordings for one in r.history))


def label_cells(recording: Recording, column: str) -> list[str]:
    """Label of every sample; empty where there is none."""
    labels = np.full(len(recording), "", dtype=object)
    for span in recording.labels.get(column, ()):
        labels[span.start : span.stop] = span.label
    return [str(one) for one in labels]


def number(value: float) -> str:
    """Shortest text that reads back as the same float64."""
    return repr(float(value)).removesuffix(".0")


def _heading(channel: Channel) -> str:
    return f"{channel.name}[{channel.unit}]" if channel.unit else channel.name


def _write(file: BinaryIO | gzip.GzipFile, recordings: Sequence[Recording]) -> None:
    first = recordings[0]
    columns = label_columns(recordings)
    several = len(recordings) > 1
    out = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    if first.rate_hz:
        out.write(f"# rate_hz: {number(first.rate_hz)}\n")
    for done in history(recordings):
        out.write(f"# done: {one_line(done)}\n")
    if cells.any_marked(_texts(recordings, columns)):
        out.write(f"# {MARKED}\n")
    table = csv.writer(out, lineterminator="\n")
    heads = [*column_names(first), *columns, "subject", *(["recording"] if several else [])]
    table.writerow(map(cells.cell, heads))
    for recording in recordings:
        tail = [cells.cell(one) for one in (recording.group, recording.name)[: 1 + several]]
        table.writerows([*row, *tail] for row in _rows(recording, columns))
    out.flush()
    out.detach()


def _texts(recordings: Sequence[Recording], columns: Sequence[str]) -> set[str]:
    """Every text that becomes a cell."""
    labels = {span.label for r in recordings for column in columns for span in r.labels.get(column, ())}
    return {*columns, *labels, *(one for r in recordings for one in (r.group, r.name))}


def _rows(recording: Recording, columns: Sequence[str], block: int = 1 << 14) -> Iterator[tuple[str, ...]]:
    """Rows as text, made a block at a time."""
    texts = [[cells.cell(one) for one in label_cells(recording, column)] for column in columns]
    for start in range(0, len(recording), block):
        stop = start + block
        block_cells = [[number(v) for v in column] for column in recording.samples[start:stop].T.tolist()]
        if recording.time_s is not None:
            block_cells.insert(0, [number(v) for v in recording.time_s[start:stop].tolist()])
        block_cells += [column[start:stop] for column in texts]
        yield from zip(*block_cells, strict=True)


class LiveCsv:
    """Our CSV written as samples come: the header at once, then rows, each one flushed with its batch.

    A comment marks the file as live: a last row without its line end is then left out when it is read, so
    that a file cut at any byte never gives a wrong number.

    Parameters
    ----------
    file : binary file
        Open for writing; stays open.
    channels : sequence of Channel
    rate_hz : float, optional
        Nominal rate.
    time : bool
        Rows start with a time in seconds.
    labels : sequence of str
        Label columns.
    subject, session : str
        Who, and which sitting; the subject is the group when the log is read.
    facts : mapping
        Further comments, ``name: text``.
    """

    def __init__(
        self,
        file: BinaryIO,
        channels: Sequence[Channel],
        *,
        rate_hz: float | None = None,
        time: bool = False,
        labels: Sequence[str] = (LABEL,),
        subject: str = "",
        session: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self._file = file
        self._width = len(channels)
        self._time = time
        self._labels = tuple(labels)
        told = {
            "rate_hz": number(rate_hz) if rate_hz else "",
            "subject": subject,
            "session": session,
            **(facts or {}),
        }
        lines = [f"# {LIVE} rows are appended as they come, the last one may be cut off", f"# {MARKED}"]
        lines += [f"# {name}: {one_line(text)}" for name, text in told.items() if one_line(text)]
        header = [*(["time[s]"] if time else []), *map(_heading, channels), *map(cells.cell, labels)]
        file.write(("\n".join(lines) + "\n" + self._row(header)).encode("utf-8"))
        file.flush()

    @staticmethod
    def _row(cells: Sequence[str]) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(cells)
        return out.getvalue()

    def write(
        self,
        samples: FloatArray,
        *,
        time_s: FloatArray | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Append rows and flush them.

        Parameters
        ----------
        samples : ndarray, shape (n, channels)
        time_s : ndarray, shape (n,), optional
            Seconds; needed exactly when the file has a time column.
        labels : mapping of label column to label, optional
            The same for all rows; columns left out stay empty.

        Raises
        ------
        DataError
            When shapes do not fit the header.
        """
        if samples.ndim != 2 or samples.shape[1] != self._width or (time_s is not None) != self._time:
            raise DataError(f"rows of shape {samples.shape} do not fit the header of the log")
        # a label is one line of text, so that every row is
        tail = [cells.cell(one_line((labels or {}).get(column, ""))) for column in self._labels]
        heads = [[]] * len(samples) if time_s is None else [[number(t)] for t in time_s.tolist()]
        rows = zip(heads, samples.tolist(), strict=True)
        text = "".join(self._row([*head, *map(number, row), *tail]) for head, row in rows)
        self._file.write(text.encode("utf-8"))
        self._file.flush()
