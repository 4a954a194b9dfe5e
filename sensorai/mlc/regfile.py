"""Register files: reading any of ST's syntaxes, told apart by content, and writing them.

The syntaxes are UCF text, JSON ``reg_config`` 2.0 and C headers (source: facts, mlc-format section
10, and ST's published headers).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sensorai.errors import DataError
from sensorai.mlc import regheader, regjson, ucf
from sensorai.mlc.regheaderout import to_header
from sensorai.mlc.regjson import to_json
from sensorai.mlc.regtypes import (
    DESCRIPTION,
    TAG_FEATURE,
    TAG_FILTER,
    Delay,
    Identifier,
    Op,
    Output,
    Poll,
    Read,
    RegisterFile,
    Write,
    result_register,
)
from sensorai.mlc.ucf import to_ucf

__all__ = [
    "DESCRIPTION",
    "TAG_FEATURE",
    "TAG_FILTER",
    "Delay",
    "Identifier",
    "Op",
    "Output",
    "Poll",
    "Read",
    "RegisterFile",
    "Write",
    "parse_register_file",
    "read_register_file",
    "result_register",
    "to_header",
    "to_json",
    "to_ucf",
]

#: No register file comes near this many bytes; what is longer is something else.
LARGEST = 16 << 20


def read_register_file(path: str | Path) -> RegisterFile:
    """Read a register file of any syntax.

    Raises
    ------
    DataError
        The file cannot be read or is no register file; ``where`` names the line.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", where=str(path)) from None
    return parse_register_file(data, str(path))


def parse_register_file(data: bytes, source: str) -> RegisterFile:
    """Read the bytes of a register file; ``source`` is its name for messages.

    Raises
    ------
    DataError
        They are no register file, or a damaged one, or one without a single operation.
    """
    if len(data) > LARGEST:
        raise DataError("too long for a register file", where=source, hint=f"the limit is {LARGEST} bytes")
    if b"\0" in data:
        raise DataError("not a text file", where=source, hint="register files are UCF, JSON or C headers")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    rf = _parser(text)(text, source)
    if not rf.ops:
        raise DataError("the file holds no register writes", where=source)
    return rf


def _parser(text: str) -> Callable[[str, str], RegisterFile]:
    """Choose the reader whose syntax the text begins with."""
    begin = text.lstrip()
    if begin.startswith(("{", "[")):
        return regjson.parse
    if begin.startswith(("/", "#", "const", "static", "typedef", "struct", "enum", "extern")):
        return regheader.parse
    return ucf.parse
