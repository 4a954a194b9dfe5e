"""Register files of any core: reading ST's syntaxes, told apart by content, and writing them.

The syntaxes are UCF text, JSON ``reg_config`` 2.0 and C headers (source: facts, mlc-format section
10, ispu section 3, and ST's published headers). What the registers mean is the matter of the rooms
above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from sensorai.errors import DataError
from sensorai.regfile import header, jsonfile, ucf
from sensorai.regfile.content import (
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
)
from sensorai.regfile.headerout import to_header
from sensorai.regfile.jsonfile import to_json
from sensorai.regfile.ucf import to_ucf

__all__ = [
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
    "to_header",
    "to_json",
    "to_ucf",
]

#: No register file comes near this many bytes; what is longer is something else.
LARGEST = 16 << 20


def read_register_file(path: str | Path, known: Iterable[str] = ()) -> RegisterFile:
    """Read a register file of any syntax.

    Parameters
    ----------
    path : str or Path
    known : iterable of str
        Names of devices, for headers that say their device only in the array's name.

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
    return parse_register_file(data, str(path), known)


def parse_register_file(data: bytes, source: str, known: Iterable[str] = ()) -> RegisterFile:
    """Read the bytes of a register file; ``source`` is its name for messages.

    ``known`` as in ``read_register_file``.

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
    rf = _parser(text, known)(text, source)
    if not rf.ops:
        raise DataError("the file holds no register writes", where=source)
    return rf


def _parser(text: str, known: Iterable[str]) -> Callable[[str, str], RegisterFile]:
    """Choose the reader whose syntax the text begins with."""
    begin = text.lstrip()
    if begin.startswith(("{", "[")):
        return jsonfile.parse
    if begin.startswith(("/", "#", "const", "static", "typedef", "struct", "enum", "extern")):
        return partial(header.parse, known=known)
    return ucf.parse
