"""What frames say: one small class per message, to bytes and back. All integers are little endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

#: Version of the protocol that this package speaks.
PROTOCOL = 1


class Status(IntEnum):
    """How a request ended."""

    OK = 0
    MISMATCH = 1  #: a register reads other than expected
    TIMEOUT = 2  #: a polled register did not get its value in time
    BUS = 3  #: the bus function of the board reported an error
    MALFORMED = 4  #: the request makes no sense
    UNKNOWN = 5  #: the board does not know this request
    TOO_LONG = 6  #: what was read does not fit a reply


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A message with a sequence number that counts up by one, modulo 65536.

    Attributes
    ----------
    sequence : int
    time_us : int
        Microseconds on the board's clock, modulo 2^32.
    lost : int
        Messages of the same kind missing just before this one; the decoder fills it in.
    """

    sequence: int
    time_us: int
    lost: int = field(default=0, compare=False, kw_only=True)

    def after(self, lost: int) -> Self:
        """The same message, `lost` ones missing before it."""
        return replace(self, lost=lost)


@dataclass(frozen=True, slots=True)
class Data(Sequenced):
    """Samples of all channels at some consecutive instants, as raw counts.

    Attributes
    ----------
    time_us : int
        When the first sample was read.
    channels : int
    values : bytes
        int16, interleaved: all channels of the first sample, of the second, ...
    """

    kind: ClassVar[int] = 0x01
    channels: int
    values: bytes

    @property
    def samples(self) -> NDArray[np.int16]:
        """Counts, shape (samples, channels), dtype int16."""
        return np.frombuffer(self.values, "<i2").astype(np.int16).reshape(-1, self.channels)

    def body(self) -> bytes:
        """Bytes of the body."""
        count = len(self.values) // (2 * self.channels)
        return struct.pack("<HIBB", self.sequence, self.time_us, count, self.channels) + self.values

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        if len(body) < 8:
            return None
        sequence, time_us, count, channels = struct.unpack_from("<HIBB", body)
        values = body[8:]
        if count == 0 or channels == 0 or len(values) != 2 * count * channels:
            return None
        return cls(sequence, time_us, channels, values)


@dataclass(frozen=True, slots=True)
class DescriptionPart:
    """One part of the board's description of itself; texts joined in order are the whole."""

    kind: ClassVar[int] = 0x02
    id: int
    index: int
    total: int
    text: str

    def body(self) -> bytes:
        """Bytes of the body."""
        return bytes((self.id, self.index, self.total)) + self.text.encode("ascii")

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        if len(body) < 3 or not body[1] < body[2] or not body[3:].isascii():
            return None
        return cls(body[0], body[1], body[2], body[3:].decode("ascii"))


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request. `status` stays a plain number: a newer board may know more of them."""

    kind: ClassVar[int] = 0x03
    id: int
    status: int
    payload: bytes = b""

    def body(self) -> bytes:
        """Bytes of the body."""
        return bytes((self.id, self.status)) + self.payload

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        return cls(body[0], body[1], body[2:]) if len(body) >= 2 else None


@dataclass(frozen=True, slots=True)
class Result(Sequenced):
    """Registers that the watcher read.

    Attributes
    ----------
    page : int
        Value that the bank register held while reading; 0 is the user bank.
    address : int
        Of the first register.
    values : bytes
        Of consecutive registers.
    """

    kind: ClassVar[int] = 0x04
    page: int
    address: int
    values: bytes

    def body(self) -> bytes:
        """Bytes of the body."""
        return struct.pack("<HIBB", self.sequence, self.time_us, self.page, self.address) + self.values

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        if len(body) < 9:
            return None
        sequence, time_us, page, address = struct.unpack_from("<HIBB", body)
        return cls(sequence, time_us, page, address, body[8:])


@dataclass(frozen=True, slots=True)
class Describe:
    """Ask for the description. A session begins with it."""

    kind: ClassVar[int] = 0x81
    id: int

    def body(self) -> bytes:
        """Bytes of the body."""
        return bytes((self.id,))

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        return cls(body[0]) if len(body) == 1 else None


@dataclass(frozen=True, slots=True)
class Start(Describe):
    """Begin to send data; sequence numbers of data begin at 0."""

    kind: ClassVar[int] = 0x82


@dataclass(frozen=True, slots=True)
class Stop(Describe):
    """Send what is left of the data and no more."""

    kind: ClassVar[int] = 0x83


@dataclass(frozen=True, slots=True)
class Operations:
    """Register operations (see `sensorai.board.operations`), executed in order up to the first failure."""

    kind: ClassVar[int] = 0x84
    id: int
    operations: bytes

    def body(self) -> bytes:
        """Bytes of the body."""
        return bytes((self.id,)) + self.operations

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        return cls(body[0], body[1:]) if body else None


@dataclass(frozen=True, slots=True)
class Watch:
    """Read result registers from now on; no entries: no longer.

    Attributes
    ----------
    period_ms : int
        Time between two readings, all of which are sent. 0: read after every sample of the data, send when
        it differs from the last one sent.
    bank : int
        Address of the register that selects the page: 01h or 3Fh.
    entries : tuple of (page, address, length)
        At most 4; page 0 is the user bank; length 1 to 16.
    """

    kind: ClassVar[int] = 0x85
    id: int
    period_ms: int
    bank: int
    entries: tuple[tuple[int, int, int], ...]

    def body(self) -> bytes:
        """Bytes of the body."""
        head = struct.pack("<BHB", self.id, self.period_ms, self.bank)
        return head + b"".join(bytes(entry) for entry in self.entries)

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        if len(body) < 4 or len(body) % 3 != 1:
            return None
        entries = tuple((body[at], body[at + 1], body[at + 2]) for at in range(4, len(body), 3))
        request, period_ms, bank = struct.unpack_from("<BHB", body)
        return cls(request, period_ms, bank, entries)


@dataclass(frozen=True, slots=True)
class NetRestart(Describe):
    """Put the net into the state that it starts in."""

    kind: ClassVar[int] = 0x86


@dataclass(frozen=True, slots=True)
class NetWrite:
    """Write bytes of the inputs of a net, which count as one piece of memory."""

    kind: ClassVar[int] = 0x87
    id: int
    offset: int
    values: bytes

    def body(self) -> bytes:
        """Bytes of the body."""
        return struct.pack("<BI", self.id, self.offset) + self.values

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        if len(body) < 5:
            return None
        request, offset = struct.unpack_from("<BI", body)
        return cls(request, offset, body[5:])


@dataclass(frozen=True, slots=True)
class NetRun(Describe):
    """Run a call of the net; the reply holds whether outputs are there (u8), and the cycles it took (u32)."""

    kind: ClassVar[int] = 0x88


@dataclass(frozen=True, slots=True)
class NetRead:
    """Read bytes of the outputs of a net, which count as one piece of memory."""

    kind: ClassVar[int] = 0x89
    id: int
    offset: int
    count: int

    def body(self) -> bytes:
        """Bytes of the body."""
        return struct.pack("<BIB", self.id, self.offset, self.count)

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        return cls(*struct.unpack("<BIB", body)) if len(body) == 6 else None


@dataclass(frozen=True, slots=True)
class NetLoad:
    """Of a net in the board's flash: what it is, and another one, piece by piece (`board.netload`)."""

    kind: ClassVar[int] = 0x8A
    id: int
    request: bytes

    def body(self) -> bytes:
        """Bytes of the body."""
        return bytes((self.id,)) + self.request

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read a body; None when it is none."""
        return cls(body[0], body[1:]) if len(body) > 1 else None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A whole frame of a type that this version does not know."""

    kind: int
    content: bytes

    def body(self) -> bytes:
        """Bytes of the body."""
        return self.content


Message = (
    Data
    | DescriptionPart
    | Reply
    | Result
    | Describe
    | Start
    | Stop
    | Operations
    | Watch
    | NetRestart
    | NetWrite
    | NetRun
    | NetRead
    | NetLoad
    | Unknown
)
_KINDS = (
    *(Data, DescriptionPart, Reply, Result, Describe, Start, Stop, Operations, Watch),
    *(NetRestart, NetWrite, NetRun, NetRead, NetLoad),
)
_BY_KIND = {cls.kind: cls for cls in _KINDS}


def parse(kind: int, body: bytes) -> Message | None:
    """The message of a frame; None when the body contradicts its type."""
    cls = _BY_KIND.get(kind)
    return Unknown(kind, body) if cls is None else cls.parse(body)


class SequenceCounter:
    """Counts what is missing between sequence numbers modulo 65536."""

    def __init__(self) -> None:
        self._next: int | None = None

    def step(self, sequence: int) -> int | None:
        """Messages missing before this one; None when the number went back (half the range and more)."""
        missing = 0 if self._next is None else (sequence - self._next) & 0xFFFF
        self._next = (sequence + 1) & 0xFFFF
        return missing if missing < 0x8000 else None
