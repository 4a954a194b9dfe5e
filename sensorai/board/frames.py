"""Frames on a serial line: COBS between zero bytes, a CRC at the end, a decoder that survives anything.

The wire format is written down in ``docs/protocol.md``; ``firmware/sa_frames.c`` is the same in C.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from sensorai.board.messages import Data, Message, Result, SequenceCounter, parse

#: Bytes of the longest payload (type, body and CRC): one COBS block.
MAX_PAYLOAD = 254
#: Bytes of the longest body.
MAX_BODY = MAX_PAYLOAD - 3
#: Bytes of the shortest payload: type and CRC.
MIN_PAYLOAD = 3
DELIMITER = b"\0"


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021h, start FFFFh, nothing reflected; "123456789" gives 29B1h."""
    return binascii.crc_hqx(data, 0xFFFF)


def cobs_encode(data: bytes) -> bytes:
    """Bytes without a zero byte that `data`, of at most 254 bytes, can be read from.

    Raises
    ------
    ValueError
        More than 254 bytes: a second block would be needed.
    """
    if len(data) > MAX_PAYLOAD:
        raise ValueError(f"{len(data)} bytes do not fit one COBS block of {MAX_PAYLOAD}")
    return b"".join(bytes((len(run) + 1,)) + run for run in data.split(DELIMITER))


def cobs_decode(coded: bytes) -> bytes | None:
    """Undo `cobs_encode`; None when no encoder would have written `coded`."""
    if not coded or len(coded) > MAX_PAYLOAD + 1 or 0 in coded:
        return None
    runs, at = [], 0
    while at < len(coded):
        end = at + coded[at]
        if end > len(coded):
            return None
        runs.append(coded[at + 1 : end])
        at = end
    return DELIMITER.join(runs)


def encode(kind: int, body: bytes) -> bytes:
    """One frame, with its zero byte on both sides.

    Raises
    ------
    ValueError
        A body of more than 251 bytes, or a type that is no byte.
    """
    payload = bytes((kind,)) + body
    return DELIMITER + cobs_encode(payload + crc16(payload).to_bytes(2, "little")) + DELIMITER


@dataclass(slots=True)
class Counts:
    """What a decoder has seen.

    Attributes
    ----------
    frames : int
        Whole frames with a matching CRC and a body that makes sense.
    damaged : int
        Pieces between zero bytes that are no frame.
    lost : int
        Frames missing by sequence number; a damaged one is missing too.
    restarts : int
        Sequence numbers that went back: the board, or the recording, began again.
    skipped : int
        Bytes before the first zero byte: the rest of a frame that began before we listened.
    received : int
        Bytes in all.
    """

    frames: int = 0
    damaged: int = 0
    lost: int = 0
    restarts: int = 0
    skipped: int = 0
    received: int = 0


class Decoder:
    """Bytes in as they come, messages out; holds at most one frame.

    Never raises on input. `counts` may be read at any time.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._piece = bytearray()
        self._too_long = False
        self._in_step = False
        self._sequences: dict[int, SequenceCounter] = {}

    def expect_restart(self) -> None:
        """Forget the sequence numbers: the next one is taken as it is."""
        self._sequences.clear()

    def feed(self, data: bytes) -> list[Message]:
        """Take the bytes that came; give the messages that they complete, in order."""
        self.counts.received += len(data)
        messages: list[Message] = []
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            self._keep(piece)
            message = self._close()
            if message is not None:
                messages.append(message)
        self._keep(rest)
        return messages

    def _keep(self, piece: bytes) -> None:
        if not self._in_step:
            self.counts.skipped += len(piece)
            return
        room = MAX_PAYLOAD + 1 - len(self._piece)
        if len(piece) > room:
            self._too_long = True
        self._piece += piece[:room]

    def _close(self) -> Message | None:
        piece, too_long = bytes(self._piece), self._too_long
        self._piece.clear()
        self._too_long = False
        self._in_step = True
        if not piece:
            return None
        message = None if too_long else _open(piece)
        if message is None:
            self.counts.damaged += 1
            return None
        self.counts.frames += 1
        if isinstance(message, Data | Result):
            return self._in_sequence(message)
        return message

    def _in_sequence(self, message: Data | Result) -> Message:
        lost = self._sequences.setdefault(message.kind, SequenceCounter()).step(message.sequence)
        if lost is None:
            self.counts.restarts += 1
            return message
        self.counts.lost += lost
        return message.after(lost) if lost else message


def _open(piece: bytes) -> Message | None:
    payload = cobs_decode(piece)
    if payload is None or len(payload) < MIN_PAYLOAD:
        return None
    if crc16(payload[:-2]) != int.from_bytes(payload[-2:], "little"):
        return None
    return parse(payload[0], payload[1:-2])
