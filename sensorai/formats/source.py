"""A log file as text: decompressed, decoded, line ends unified; what cannot be a log is refused here."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import DataError

#: How far into a file the header is looked for.
HEAD = 1 << 16

_FOREIGN = (
    (r"\s*[{\[]", "JSON, not a table of samples", "logs are text tables with a header; convert it first"),
    (r"\s*@relation", "an ARFF feature table, not a log of samples", "give the logs it was made from"),
    (r"(--[^\n]*\n|\s)*Ac\s+[0-9A-Fa-f]{2}\s", "a register file (UCF), not a log", "decode it instead"),
    (r"\s*(/\*|//|#include)", "source code, not a log", "give a text table with a header"),
    (r"\s*<", "XML or HTML, not a log", "give a text table with a header"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one log.

    ``text`` has newline line ends only; ``head`` holds its first lines without line ends.
    """

    path: str
    text: str
    head: tuple[str, ...]


def decode(data: bytes) -> str:
    """Decode UTF-8 (with or without mark), UTF-16 with mark, else Latin-1, which never fails."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            return data.decode("latin-1")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def from_bytes(data: bytes, path: str) -> Source:
    """Make a Source of a file's content.

    Raises
    ------
    DataError
        When the content is empty, compressed but damaged, binary, or some other kind of file.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"the compressed file is damaged: {error}", where=path) from None
    text = decode(data)
    if not text.strip():
        raise DataError("the file is empty", where=path)
    head = text[:HEAD]
    # text holds no control characters but tab and line ends
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f]", head) or (path.lower().endswith(".dat") and not head.isascii()):
        what = "raw HSDatalog data" if path.lower().endswith(".dat") else "a binary file"
        raise DataError(
            f"{what}, not text",
            where=path,
            hint="convert it to CSV or text first (for HSDatalog folders: with ST's HSDatalog tools)",
        )
    for pattern, what, hint in _FOREIGN:
        if re.match(pattern, head, re.IGNORECASE):
            raise DataError(f"this is {what}", where=path, hint=hint)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text[:HEAD].split("\n")
    if len(text) > HEAD and len(lines) == 1:
        raise DataError(f"the first line is longer than {HEAD} characters: not a table", where=path)
    # the last line of a long file is cut at HEAD
    return Source(path, text, tuple(lines[:-1] if len(text) > HEAD else lines))


def load(path: Path) -> Source:
    """Read a file, compressed with gzip or not."""
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise DataError("this is a folder, not a log", where=str(path)) from None
    except OSError as error:
        raise DataError(f"cannot read the log: {error.strerror}", where=str(path)) from None
    return from_bytes(data, str(path))
