"""What serial consoles leave in a dump of their text: escape sequences, and lines that are no samples."""

from __future__ import annotations

import re

from sensorai.formats.source import decode

#: Colours, cursor moves, window titles, character sets, and control characters but tab and line ends.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-Z\\^-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


def without_escapes(data: bytes) -> bytes:
    """Text without escape sequences and control characters, as UTF-8."""
    return _ESCAPES.sub("", decode(data)).encode("utf-8")


def matches(line: str, pattern: str) -> bool:
    """Whether a whole line, its padding left out, fits a pattern in which ``*`` stands for anything."""
    line = line.strip()
    first, *rest = pattern.strip().split("*")
    if not rest:
        return line == first
    *middle, last = rest
    if not line.startswith(first) or not line.endswith(last) or len(line) < len(first) + len(last):
        return False
    at, end = len(first), len(line) - len(last)
    for piece in middle:
        found = line.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
