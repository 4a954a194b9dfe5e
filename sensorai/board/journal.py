"""The journal of a folder of logs: a line of JSON for each recording, so that a session can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensorai.board.logfile import Who
from sensorai.errors import UserError
from sensorai.writing import jsontext

#: Name of the journal.
JOURNAL = "capture.jsonl"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One log: a line of the journal."""

    file: str
    label: str
    subject: str
    session: str
    state: str
    seconds: float
    asked_s: float | None
    samples: int
    rate_hz: float | None
    lost: int
    gaps: int
    damaged: int
    labels: Mapping[str, int]
    board: str
    started: str


def note_down(out: Path, done: Recorded) -> None:
    """Append a recording to the journal of a folder; a UserError when it cannot be written."""
    try:
        with (out / JOURNAL).open("ab+") as file:
            # a line that was cut off must not swallow this one
            file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
            begin = b"" if file.read() in (b"", b"\n") else b"\n"
            file.write(begin + jsontext.document(asdict(done), indent=None).encode())
    except OSError as error:
        raise UserError(f"cannot write {out / JOURNAL}: {error.strerror}", where=str(out)) from None


def whole(out: Path, who: Who) -> Iterator[tuple[str, float]]:
    """Label and length of the whole recordings of a subject and session that are still there."""
    for entry in read_journal(out):
        if (
            entry.get("state") == "complete"
            and (entry.get("subject"), entry.get("session")) == (who.subject, who.session)
            and isinstance(entry.get("file"), str)
            and (out / entry["file"]).is_file()
        ):
            asked = entry.get("asked_s")
            yield str(entry.get("label")), float(asked) if isinstance(asked, int | float) else 0.0


def read_journal(out: Path) -> Sequence[Mapping[str, Any]]:
    """Lines of the journal in a folder; those that were cut off are left out."""
    try:
        text = (out / JOURNAL).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    entries = []
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                entries.append(entry)
    return entries
