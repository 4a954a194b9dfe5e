"""A log that grows while it is recorded, and is whole whenever the recording ends, however it ends.

Rows are gathered and handed to the system whole, several times a second. The rate stands in a comment of
fixed width, which is put right when more is known. Until the first rows there is only a hidden file.
"""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import ConfigError, UserError
from sensorai.formats.layout import LIVE

#: Seconds that rows wait at most before they are handed to the system.
FLUSH_S = 0.25
#: Seconds after which the system is asked to put them on the disk.
SYNC_S = 5.0
_RATE_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Who:
    """Whose data: written into every row, so that training never splits a person."""

    subject: str = ""
    session: str = ""


def slug(text: str) -> str:
    """``text`` as a part of a file name: letters, digits, minus, dot and underscore."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "log"


def free_name(folder: Path, stem: str) -> Path:
    """Return the first of ``STEM_001.csv``, ``STEM_002.csv`` ... that is not there in any format."""
    taken = {path.name.partition(".")[0] for path in folder.glob(f"{glob_escape(stem)}_*")}
    taken |= {path.name[1:].partition(".")[0] for path in folder.glob(f".{glob_escape(stem)}_*")}
    number = 1
    while f"{stem}_{number:03d}" in taken:
        number += 1
    return folder / f"{stem}_{number:03d}.csv"


def glob_escape(text: str) -> str:
    """Escape what a glob would take for a pattern."""
    return re.sub(r"([\[\]*?])", r"[\1]", text)


def check_text(text: str, what: str) -> str:
    """Refuse names that a cell of a log cannot hold."""
    if not text.strip() or re.search(r'[\x00-\x1f",]', text) or text != text.strip():
        raise ConfigError(
            f"{what} {text!r} cannot stand in a log",
            where=what,
            hint="no commas, quotes, line ends, nor blanks at its ends",
        )
    return text


class NotWritten(UserError):
    """A log cannot be written any further: the disk is full or gone."""


class LogFile:
    """One log in the making.

    Parameters
    ----------
    path : Path
        ``.csv``; must not exist.
    columns : sequence of str
        Columns of the rows that will come.
    who : Who
    comments : sequence of str
        Further comment lines.

    Raises
    ------
    UserError
        When the file cannot be made.
    NotWritten
        Later, when it cannot be written: the message says how many samples are in it.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        who: Who,
        comments: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.samples = 0
        self.part = 1
        self._group = who.subject or path.name.partition(".")[0]
        self._rate = ""
        self._pending: list[str] = []
        self._waiting = 0
        self._flushed = self._synced = time.monotonic()
        self._hidden = path.with_name(f".{path.name}.part")
        self._size = 0
        self._shown = False
        head = [
            f"# {LIVE} rows are appended as they come, the last one may be cut off",
            *(f"# {comment}" for comment in comments),
        ]
        if who.session:
            head.append(f"# session: {who.session}")
        out = io.StringIO()
        out.write("\n".join([*head, "# rate_hz: "]))
        self._rate_at = len(out.getvalue().encode())
        out.write(" " * _RATE_WIDTH + "\n")
        group = "subject" if who.subject else "group"
        csv.writer(out, lineterminator="\n").writerow([*columns, "label", group, "recording"])
        self._header = out.getvalue().encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}", where=str(path)) from None

    def write(self, rows: Sequence[str], label: str = "", *, gap: bool = False) -> None:
        """Take rows; ``gap`` begins a new part, which no window of the readers reaches across."""
        if gap and self.samples + self._waiting:
            self.part += 1
        if rows:
            tail = f",{label},{self._group},{self.part}\n"
            self._pending.append(tail.join(rows) + tail)
            self._waiting += len(rows)
        if time.monotonic() - self._flushed > FLUSH_S:
            self.flush()

    def set_rate(self, rate_hz: float | None) -> None:
        """Say the rate; it replaces the one that stands in the file."""
        text = "" if rate_hz is None else f"{rate_hz:.6g}"
        if text == self._rate or len(text) > _RATE_WIDTH:
            return
        self._rate = text
        if self._size:
            self._put(text.ljust(_RATE_WIDTH).encode(), self._rate_at)

    def flush(self) -> None:
        """Hand what waits to the system, whole rows only.

        Raises
        ------
        NotWritten
            The disk is full or gone: whole rows up to there stay in the file.
        """
        self._flushed = time.monotonic()
        if not self._waiting:
            return
        data = "".join(self._pending).encode()
        if not self._size:
            # the rate may be known by now
            at = self._rate_at
            head = self._header
            data = head[:at] + self._rate.ljust(_RATE_WIDTH).encode() + head[at + _RATE_WIDTH :] + data
        count, self._waiting = self._waiting, 0
        self._pending.clear()
        self._append(data, count)
        if not self._shown:
            self._show()
        if self._flushed - self._synced > SYNC_S:
            self._synced = self._flushed
            os.fsync(self._file)

    def _append(self, data: bytes, count: int) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, data[done:], self._size + done)
        except OSError as error:
            # what is there up to the last whole row stays
            kept = data[:done].rfind(b"\n") + 1
            rows = max(data[:kept].count(b"\n") - (0 if self._size else self._header.count(b"\n")), 0)
            if rows or self._size:
                os.ftruncate(self._file, self._size + kept)
                self._size += kept
            self.samples += rows
            if rows and not self._shown:
                self._show()
            raise self._full(error, count - rows) from None
        self._size += len(data)
        self.samples += count

    def _put(self, data: bytes, at: int) -> None:
        try:
            os.pwrite(self._file, data, at)
        except OSError as error:
            raise self._full(error, 0) from None

    def _full(self, error: OSError, lost: int) -> NotWritten:
        kept = f"{self.samples} samples are in the file" if self.samples else "no sample could be written"
        return NotWritten(
            f"cannot write {self.path}: {error.strerror}; {kept}, {lost} received ones are lost",
            where=str(self.path),
            hint="make room and capture again: the file can be used as it is" if self.samples else "",
        )

    def _show(self) -> None:
        """Give the file its name; never over another one."""
        try:
            os.link(self._hidden, self.path)
            os.unlink(self._hidden)
        except FileExistsError:
            raise NotWritten(f"{self.path} exists already", where=str(self.path)) from None
        except OSError:
            # a file system without links
            os.replace(self._hidden, self.path)
        self._shown = True

    def close(self) -> bool:
        """Write what waits and close; return whether there is a file (none without samples)."""
        try:
            self.flush()
            if self._shown:
                os.fsync(self._file)
        finally:
            os.close(self._file)
            if not self._shown:
                self._hidden.unlink(missing_ok=True)
        return self._shown
