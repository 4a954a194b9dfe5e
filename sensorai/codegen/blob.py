"""Nets as blobs: what a program may replace in flash without new firmware; ``runtime/update`` reads them.

All integers are little endian. A header, an entry for each input and output, then what the net is made of.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sensorai.errors import DataError

MAGIC = b"SNET"
FORMAT = 1
#: Bytes of the header without its entries, and of an entry.
HEADER, PORT = 96, 16
#: Bytes that what follows the entries is aligned to, and the blob itself has to be.
ALIGN = 16
#: Bytes of a blob at most: no flash of ours is larger.
LARGEST = 1 << 26

_HEAD = struct.Struct("<4sHHIIIIIIIIIHH32s16s")
_CRC_AT = 12
_PORT = struct.Struct("<BBHIfi")

#: Types of inputs and outputs by their numbers in an entry.
TYPES = (
    *("float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("bool", "int4", "uint4", "int2", "uint2"),
)
#: What code may need of a core, by bits.
NEEDS = ("Thumb", "Thumb-2", "DSP instructions", "an FPU", "MVE", "Armv8-M", "an FPU of double precision")


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output.

    Attributes
    ----------
    dtype : str
    size : int
        Numbers.
    scale, zero : float, int
        Value = (number - zero) * scale; 0 where there is no scale.
    """

    dtype: str
    size: int
    scale: float = 0.0
    zero: int = 0


@dataclass(frozen=True, slots=True)
class Blob:
    """A net that can be sent.

    Attributes
    ----------
    interface : bytes
        SHA-256 of what a program must know to take it.
    version : int
        A number of the net, which its maker counts up.
    inputs, outputs : tuple of Port
    payload : bytes
        Numbers, and code before them where there is some.
    tables : int
        Where numbers begin in the payload.
    needs : int
        Of a core, bits of ``NEEDS``; 0 without code.
    context, stack : int
        Bytes of working memory of the caller, and of stack (0: not known).
    init, run : int
        Where functions begin in the payload; -1 without code.
    """

    interface: bytes
    version: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    payload: bytes
    tables: int = 0
    needs: int = 0
    context: int = 0
    stack: int = 0
    init: int = -1
    run: int = -1

    @property
    def content(self) -> bytes:
        """First half of the SHA-256 of the payload: which net this is."""
        return hashlib.sha256(self.payload).digest()[:16]

    def packed(self) -> bytes:
        """The whole blob."""
        entries = b"".join(_entry(one) for one in (*self.inputs, *self.outputs))
        start = -(-(HEADER + len(entries)) // ALIGN) * ALIGN
        head = _HEAD.pack(
            *(MAGIC, FORMAT, start, start + len(self.payload), 0, self.version, self.needs),
            *(start + self.tables, self.context, self.stack),
            *(0 if at < 0 else start + at for at in (self.init, self.run)),
            *(len(self.inputs), len(self.outputs), self.interface, self.content),
        )
        whole = (head + entries).ljust(start, b"\0") + self.payload
        crc = zlib.crc32(whole[_CRC_AT + 4 :], zlib.crc32(whole[:_CRC_AT]))
        return whole[:_CRC_AT] + struct.pack("<I", crc) + whole[_CRC_AT + 4 :]


def _entry(port: Port) -> bytes:
    kind = TYPES.index(port.dtype)
    return _PORT.pack(kind, 0, 0, port.size, port.scale, port.zero)


def is_blob(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head[:4] == MAGIC


def read_blob(data: bytes, where: str) -> Blob:
    """Take a blob apart.

    Raises
    ------
    DataError
        It is none, or damaged.
    """
    if len(data) < HEADER or not is_blob(data):
        raise DataError("this is no blob of a net", where=where)
    head = _HEAD.unpack_from(data)
    _, form, start, size, crc, version, needs, tables, context, stack, init, run = head[:12]
    ins, outs, interface, content = head[12:]
    if form != FORMAT:
        raise DataError(f"the blob has format {form}, known is {FORMAT}", where=where, hint="make it again")
    made = zlib.crc32(data[_CRC_AT + 4 :], zlib.crc32(data[:_CRC_AT]))
    ends = start >= HEADER + PORT * (ins + outs) and start <= min(tables, len(data))
    places = all(one == 0 or start <= one < len(data) for one in (init, run))
    if size != len(data) or made != crc or not ends or not places:
        raise DataError("the blob is damaged", where=where, hint="make it again")
    found = [_PORT.unpack_from(data, HEADER + PORT * k) for k in range(ins + outs)]
    if any(one[0] >= len(TYPES) for one in found):
        raise DataError("the blob has a type of numbers that is not known", where=where)
    ports = [Port(TYPES[kind], count, scale, zero) for kind, _, _, count, scale, zero in found]
    payload = data[start:]
    if hashlib.sha256(payload).digest()[:16] != content:
        raise DataError("the blob is damaged", where=where, hint="make it again")
    at = [one - start if one else -1 for one in (init, run)]
    return Blob(
        *(interface, version, tuple(ports[:ins]), tuple(ports[ins:]), payload, tables - start, needs),
        *(context, stack, *at),
    )


def needs_words(needs: int) -> str:
    """What code needs of a core, in words."""
    return ", ".join(word for k, word in enumerate(NEEDS) if needs >> k & 1)


def digest(parts: Sequence[bytes]) -> bytes:
    """SHA-256 of pieces, each with its length before it."""
    made = hashlib.sha256()
    for one in parts:
        made.update(struct.pack("<Q", len(one)))
        made.update(one)
    return made.digest()
