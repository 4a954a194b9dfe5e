"""Register operations as bytes: what a board executes in order, up to the first failure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from sensorai.board.messages import Reply, Status


@dataclass(frozen=True, slots=True)
class Write:
    """Write one register."""

    code: ClassVar[int] = 0x01
    address: int
    value: int

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return bytes((self.code, self.address, self.value))


@dataclass(frozen=True, slots=True)
class WritePort:
    """Write bytes one after the other to the same register, each in a bus transfer of its own."""

    code: ClassVar[int] = 0x02
    address: int
    values: bytes

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return bytes((self.code, self.address, len(self.values))) + self.values


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait at least so many milliseconds."""

    code: ClassVar[int] = 0x03
    ms: int

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return struct.pack("<BH", self.code, self.ms)


@dataclass(frozen=True, slots=True)
class Poll:
    """Read until ``read & mask == value``, at most `timeout_ms` (0: once)."""

    code: ClassVar[int] = 0x04
    address: int
    mask: int
    value: int
    timeout_ms: int

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return struct.pack("<BBBBH", self.code, self.address, self.mask, self.value, self.timeout_ms)


@dataclass(frozen=True, slots=True)
class Read:
    """Read consecutive registers; the reply holds their bytes."""

    code: ClassVar[int] = 0x05
    address: int
    count: int

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return bytes((self.code, self.address, self.count))


@dataclass(frozen=True, slots=True)
class Compare:
    """Read consecutive registers; fail at the first that is not as expected."""

    code: ClassVar[int] = 0x06
    address: int
    values: bytes

    def coded(self) -> bytes:
        """Bytes on the wire."""
        return bytes((self.code, self.address, len(self.values))) + self.values


@dataclass(frozen=True, slots=True)
class ReadPort(Read):
    """Read the same register again and again; the reply holds the bytes."""

    code: ClassVar[int] = 0x07


@dataclass(frozen=True, slots=True)
class ComparePort(Compare):
    """Read the same register again and again; fail at the first byte that is not as expected."""

    code: ClassVar[int] = 0x08


Operation = Write | WritePort | Delay | Poll | Read | Compare | ReadPort | ComparePort


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a board says about the operations it was given.

    Attributes
    ----------
    status : int
        `Status`, or a number that this version does not know.
    executed : int
        Operations done; the one with this index failed unless `status` is OK.
    read : bytes
        What `Read` and `ReadPort` gave, in order. Only when `status` is OK.
    address, offset, expected, actual : int
        For a mismatch or a time-out (and `address` for a bus error): register, byte within the operation,
        value expected (under the mask for a poll), value read.
    """

    status: int
    executed: int
    read: bytes = b""
    address: int = 0
    offset: int = 0
    expected: int = 0
    actual: int = 0


def read_outcome(reply: Reply) -> Outcome | None:
    """Read the answer to operations; None when it is none."""
    payload = reply.payload
    if reply.status == Status.OK:
        return Outcome(Status.OK, payload[0], payload[1:]) if payload else None
    if reply.status in (Status.MISMATCH, Status.TIMEOUT, Status.BUS):
        return Outcome(reply.status, payload[0], b"", *payload[1:]) if len(payload) == 5 else None
    return Outcome(reply.status, payload[0] if payload else 0)
