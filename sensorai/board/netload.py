"""Loading another net into the flash of a board whose program takes blobs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from sensorai.board.frames import MAX_BODY
from sensorai.board.messages import Reply, Status
from sensorai.board.session import NoAnswer, Session
from sensorai.codegen.blob import HEADER, Blob, needs_words
from sensorai.errors import DataError, UserError

_ASK, _OPEN, _WRITE, _CLOSE = b"\0", b"\1", b"\2", b"\3"
#: Bytes of a piece: a body without id, request and place.
PIECE = MAX_BODY - 6
#: Seconds that erasing may take, and checking.
_ERASING, _CHECKING = 30.0, 10.0
#: How often a transfer goes on from where the board says.
_TURNS = 8
_ASKED = struct.Struct("<bIIIII32sI16s")
_TOLD = struct.Struct("<bI")
#: Codes of ``sa_blob.h`` that a transfer goes on after.
_ORDER = -16


@dataclass(frozen=True, slots=True)
class OnBoard:
    """The net of a board, and what it takes.

    Attributes
    ----------
    used : bool
        Whether a slot holds a net.
    came : int
        Bytes of a blob on its way.
    room, core, context, oldest : int
    interface : bytes
    version : int
        Of the net in use.
    content : bytes
    """

    used: bool
    came: int
    room: int
    core: int
    context: int
    oldest: int
    interface: bytes
    version: int
    content: bytes


@dataclass(frozen=True, slots=True)
class NetLoaded:
    """What was done.

    Attributes
    ----------
    board : str
        As it calls itself.
    version : int
    content : str
        Hexadecimal, of the net in use.
    before : int or None
        Version of the net that was in use; None: none of the slots held one.
    sent, kept : int
        Bytes that were sent, and that had come before.
    same : bool
        Whether the net was in use already, and nothing was sent.
    repeated, damaged : int
        Requests sent again, damaged frames received.
    """

    board: str
    version: int
    content: str
    before: int | None
    sent: int
    kept: int
    same: bool
    repeated: int
    damaged: int


def load_net(
    session: Session, blob: Blob, source: str, progress: Callable[[int, int], None] | None = None
) -> NetLoaded:
    """Send a blob, and have it taken into use.

    Parameters
    ----------
    session : Session
    blob : Blob
    source : str
        Name of the file, for messages.
    progress : callable, optional
        Told the bytes sent and those there are.

    Raises
    ------
    UserError
        The board takes no nets, or not this one; a port that went away. The net that was in use still is.
    """
    board = session.describe().board
    there = ask(session)
    _fits(there, blob, source)
    if there.used and there.content == blob.content and there.version == blob.version:
        return _done(session, board, there, there, (0, 0), same=True)
    data = blob.packed()
    kept = at = _told(session, _OPEN + struct.pack("<I", len(data)) + data[:HEADER], source, _ERASING)[1]
    sent = turns = 0
    try:
        while at < len(data):
            piece = data[at : at + PIECE]
            code, came = _told(session, _WRITE + struct.pack("<I", at) + piece, source, 1.0)
            turns += code == _ORDER
            if turns > _TURNS:
                raise UserError("the board loses what is sent", where=session.line.name, hint="load again")
            sent += len(piece) if code == 0 else 0
            at = came
            if progress:
                progress(at, len(data))
        _told(session, _CLOSE, source, _CHECKING)
    except NoAnswer as error:
        raise NoAnswer(
            f"{error.message}, after {at:,} of {len(data):,} bytes",
            where=error.where,
            hint=f"{error.hint or 'look at the line'}; the net in use is the one from before: load again",
        ) from None
    found = ask(session)
    if not found.used or found.content != blob.content:
        raise UserError(
            "the board has taken the net, and does not use it", where=session.line.name, hint="load again"
        )
    return _done(session, board, there, found, (sent, kept), same=False)


def ask(session: Session) -> OnBoard:
    """What the board's net is.

    Raises
    ------
    UserError
        It has none that can be replaced.
    """
    reply = session.net_load(_ASK)
    if reply.status == Status.UNKNOWN:
        raise UserError(
            "the program of this board has no net that can be replaced",
            where=session.line.name,
            hint="build its firmware with sa_netload.h and a project of 'sensorai generate --updatable'",
        )
    if reply.status != Status.OK or len(reply.payload) != _ASKED.size:
        raise _foreign(session)
    code, *rest = _ASKED.unpack(reply.payload)
    return OnBoard(code == 0, *rest)


def _fits(there: OnBoard, blob: Blob, source: str) -> None:
    """Raise a DataError where a blob does not fit, with the figures that the board alone does not say."""
    size, lacks = len(blob.packed()), blob.needs & ~there.core
    found = [
        (
            blob.interface != there.interface,
            f"is for another program: its interface is {blob.interface.hex()[:16]}, the board's "
            f"{there.interface.hex()[:16]}",
            "make it for the project of the board's program: sensorai generate MODEL --update DIR",
        ),
        (size > there.room, f"has {size:,} bytes, a slot of the board {there.room:,}", "take a smaller net"),
        (lacks != 0, f"needs {needs_words(lacks)}, which the board's core lacks", "generate for its device"),
        (
            blob.context > there.context,
            f"needs {blob.context:,} bytes of working memory, the program has {there.context:,}",
            "take a smaller net, or build the program with more",
        ),
        (
            blob.version < there.oldest,
            f"has version {blob.version}, the program takes {there.oldest} and later",
            "count up --net-version",
        ),
    ]
    for wrong, words, hint in found:
        if wrong:
            raise DataError(f"the blob {words}", where=source, hint=hint)


def _told(session: Session, request: bytes, source: str, wait_s: float) -> tuple[int, int]:
    """Code and bytes that came; a UserError for a code that is no reason to go on."""
    reply: Reply = session.net_load(request, wait_s)
    if reply.status != Status.OK or len(reply.payload) < _TOLD.size:
        raise _foreign(session)
    code, came = _TOLD.unpack_from(reply.payload)
    if code != 0 and not (code == _ORDER and request[:1] == _WRITE):
        words = reply.payload[_TOLD.size :].decode("ascii", "replace")
        raise UserError(
            f"the board refuses {source}: {words} (code {code})",
            where=session.line.name,
            hint="the net in use is the one from before",
        )
    return code, came


def _foreign(session: Session) -> UserError:
    return UserError(
        "the board does not understand requests about its net",
        where=session.line.name,
        hint="build its firmware from the same version of sensorai",
    )


def _done(
    session: Session, board: str, before: OnBoard, after: OnBoard, counts: tuple[int, int], *, same: bool
) -> NetLoaded:
    return NetLoaded(
        *(board, after.version, after.content.hex(), before.version if before.used else None, *counts, same),
        session.repeated,
        session.counts.damaged,
    )
