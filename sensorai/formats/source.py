"""A log as bytes, and as text: decompressed, decoded, line ends unified; what cannot be a log is refused."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from gzip import GzipFile
from pathlib import Path

from sensorai.errors import DataError

#: How far into a file the header is looked for.
HEAD = 1 << 16

#: Largest log, compressed or not: a small damaged or malicious file must not fill the memory.
LARGEST = 1 << 30

_FOREIGN = (
    (
        r"\s*[{\[]",
        "JSON, not a table of samples",
        "of JSON files only the acquisitions of Edge Impulse and the folders of HSDatalog are logs",
    ),
    (r"\s*@relation", "an ARFF feature table, not a log of samples", "give the logs it was made from"),
    (r"(--[^\n]*\n|\s)*Ac\s+[0-9A-Fa-f]{2}\s", "a register file (UCF), not a log", "decode it instead"),
    (r"\s*(/\*|//|#include)", "source code, not a log", "give a text table with a header"),
    (r"\s*<", "XML or HTML, not a log", "give a text table with a header"),
)


@dataclass(frozen=True)
class Raw:
    """A log before anybody knows its format: a file, or a folder that is one log.

    ``given`` holds the bytes of a log that is in memory already.
    """

    path: Path
    given: bytes | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """The path as messages show it."""
        return str(self.path)

    @cached_property
    def folder(self) -> bool:
        """Whether this is a folder."""
        return self.given is None and self.path.is_dir()

    @cached_property
    def data(self) -> bytes:
        """Whole content, decompressed; empty for a folder.

        Raises
        ------
        DataError
            When the file cannot be read, is too large, or compressed but damaged.
        """
        if self.folder:
            return b""
        if self.given is not None:
            return unpack(self.given, self.where)
        try:
            if self.path.stat().st_size > LARGEST:
                raise DataError(_TOO_LARGE, where=self.where, hint="cut it into several files")
            return unpack(self.path.read_bytes(), self.where)
        except OSError as error:
            raise DataError(f"cannot read the log: {error.strerror}", where=self.where) from None

    @cached_property
    def source(self) -> Source:
        """The log as text; a DataError when it is none."""
        if self.folder:
            raise DataError("this is a folder, not a log", where=self.where)
        return from_bytes(self.data, self.where)


_TOO_LARGE = f"the log is larger than {LARGEST >> 30} GiB"


def unpack(data: bytes, path: str) -> bytes:
    """Decompress gzip; other content comes back as it is. A DataError when it is damaged or too large."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with GzipFile(fileobj=io.BytesIO(data)) as file:
            out = file.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"the compressed file is damaged: {error}", where=path) from None
    if len(out) > LARGEST:
        raise DataError(_TOO_LARGE + " when decompressed", where=path)
    return out


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
    except UnicodeDecodeError as error:
        # a file cut inside its last character is still UTF-8
        if error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8-sig")
        return data.decode("latin-1")


def from_bytes(data: bytes, path: str) -> Source:
    """Make a Source of a file's content.

    Raises
    ------
    DataError
        When the content is empty, compressed but damaged, binary, or some other kind of file.
    """
    data = unpack(data, path)
    text = decode(data)
    if not text.strip():
        raise DataError("the file is empty", where=path)
    head = text[:HEAD]
    # text holds no control characters but tab and line ends
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f]", head) or (path.lower().endswith(".dat") and not head.isascii()):
        what = "raw HSDatalog data" if path.lower().endswith(".dat") else "a binary file"
        if "\x1b" in head and "\0" not in head:
            raise DataError(
                "the text holds escape codes of a terminal",
                where=path,
                hint="a mapping with strip_escapes = true takes them out (--mapping, docs/formats.md)",
            )
        raise DataError(
            f"{what}, not text",
            where=path,
            hint="give the whole HSDatalog folder, with its DeviceConfig.json or device_config.json"
            if what.startswith("raw")
            else "convert it to CSV or text first",
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
