"""Recordings as our CSV: a rate comment, a header with units, labels, subject and recording columns."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sensorai.errors import DataError
from sensorai.files import write_bytes
from sensorai.recording import Recording


def write_csv(path: Path, recordings: Sequence[Recording]) -> None:
    """Write recordings to one CSV (compressed when the name ends in ``.gz``), whole or not at all.

    Numbers are the shortest text that reads back as the same value. Reading the file gives recordings
    with the same samples, channels, rate, labels and groups.

    Raises
    ------
    DataError
        When there is nothing to write, or the recordings differ in channels, rate or time stamps.
    """
    data = to_csv(recordings).encode("utf-8")
    if path.suffix == ".gz":
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
            file.write(data)
        data = packed.getvalue()
    write_bytes(path, data)


def to_csv(recordings: Sequence[Recording]) -> str:
    """Return the text that ``write_csv`` writes."""
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
                raise DataError(f"{first.name} and {other.name} differ in {what}; they cannot share a file")
    columns = list(dict.fromkeys(column for r in recordings for column in r.labels))
    several = len(recordings) > 1
    out = io.StringIO()
    if first.rate_hz:
        out.write(f"# rate_hz: {_number(first.rate_hz)}\n")
    table = csv.writer(out, lineterminator="\n")
    header = [] if first.time_s is None else ["time[s]"]
    header += [f"{c.name}[{c.unit}]" if c.unit else c.name for c in first.channels]
    table.writerow([*header, *columns, "subject", *(["recording"] if several else [])])
    for recording in recordings:
        tail = [recording.group, *([recording.name] if several else [])]
        table.writerows([*row, *tail] for row in _rows(recording, columns))
    return out.getvalue()


def _rows(recording: Recording, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    cells = [[_number(v) for v in column] for column in recording.samples.T.tolist()]
    if recording.time_s is not None:
        cells.insert(0, [_number(v) for v in recording.time_s.tolist()])
    for column in columns:
        labels = np.full(len(recording), "", dtype=object)
        for span in recording.labels.get(column, ()):
            labels[span.start : span.stop] = span.label
        cells.append(labels.tolist())
    yield from zip(*cells, strict=True)


def _number(value: float) -> str:
    text = repr(float(value))
    return text.removesuffix(".0")
