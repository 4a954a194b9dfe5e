"""Section 4, syntax: every register file read, written in each syntax and read again.

What counts: operations, device, class names and identifiers survive every syntax; the line kept with
an operation is the one that holds it; and a file written again in its own syntax has the same bytes
where we write the layout of the tool that made it (JSON of the MLC Tool 2.x, UCF from 9.8.9 on).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import DataError
from sensorai.mlc.regfile import labels, parse_register_file, read_register_file
from sensorai.regfile import RegisterFile, Write, to_header, to_json, to_ucf


@dataclass(frozen=True, slots=True)
class Row:
    """One file. ``refused`` is the message for files that hold no registers, else empty."""

    path: str
    syntax: str
    operations: int
    lines: bool
    round_trips: bool
    same_bytes: bool
    refused: str

    @property
    def good(self) -> bool:
        """Read right and kept by every syntax, or refused for a reason."""
        return bool(self.refused) or (self.lines and self.round_trips)


def rows(shared: Path) -> list[Row]:
    """A row for every UCF, JSON and header file of the reference data."""
    data = shared / "data"
    files = sorted(path for suffix in ("ucf", "json", "h") for path in data.rglob(f"*.{suffix}"))
    return [_row(path, str(path.relative_to(data))) for path in files]


def _row(path: Path, name: str) -> Row:
    raw = path.read_bytes()
    syntax = path.suffix[1:]
    try:
        rf = read_register_file(path)
    except DataError as error:
        return Row(name, syntax, 0, False, False, False, error.message)
    newline = "\r\n" if b"\r\n" in raw else "\n"
    again = to_ucf(rf, newline=newline) if syntax == "ucf" else to_json(rf)
    texts = (to_ucf(rf), to_json(rf), to_header(rf, "x"), to_header(rf, "x", plain=True))
    return Row(
        path=name,
        syntax=syntax,
        operations=len(rf.ops),
        lines=_lines_hold(rf, raw.decode("latin-1").splitlines()),
        round_trips=all(_same(rf, parse_register_file(text.encode(), "again")) for text in texts),
        same_bytes=again.encode() == raw,
        refused="",
    )


def _lines_hold(rf: RegisterFile, lines: list[str]) -> bool:
    """Whether every write's register and value stand in the line kept with it, and no two share one."""
    writes = [op for op in rf.ops if isinstance(op, Write)]
    held = all(
        f"{op.register:02x}" in (line := lines[op.line - 1].lower()) and f"{op.value:02x}" in line
        for op in writes
    )
    return held and len({op.line for op in rf.ops}) == len(rf.ops)


def _same(one: RegisterFile, other: RegisterFile) -> bool:
    keys = ("ops", "device", "also", "identifiers")
    return labels(one) == labels(other) and all(getattr(one, key) == getattr(other, key) for key in keys)


def print_table(shared: Path) -> bool:
    """Print what is not perfect, and the sums; True when every register file is read and kept."""
    table = rows(shared)
    for row in table:
        if not row.good:
            print(f"DIFFERENT  {row.path}")
    for syntax in sorted({row.syntax for row in table}):
        read = [row for row in table if row.syntax == syntax and not row.refused]
        print(
            f"{syntax:5} {len(read)} files, {sum(row.operations for row in read)} operations;"
            f" lines right {sum(row.lines for row in read)},"
            f" kept by UCF, JSON and both headers {sum(row.round_trips for row in read)},"
            f" same bytes written again {sum(row.same_bytes for row in read)}"
        )
    for message, count in Counter(row.refused for row in table if row.refused).items():
        print(f"refused {count}: {message}")
    return all(row.good for row in table)
