"""Talking to a board that speaks frames: requests with answers, and what comes by itself meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sensorai.board.description import Description, Parts, read_description
from sensorai.board.frames import Counts, Decoder, encode
from sensorai.board.line import Chunk, Line
from sensorai.board.messages import (
    Describe,
    DescriptionPart,
    Message,
    NetLoad,
    NetRead,
    NetRestart,
    NetRun,
    NetWrite,
    Operations,
    Reply,
    Start,
    Status,
    Stop,
    Watch,
)
from sensorai.board.operations import Outcome, read_outcome
from sensorai.errors import UserError

#: Seconds until a request is sent again, and how often it is sent in all.
PATIENCE, TRIES = 0.7, 4

_T = TypeVar("_T")
Request = Describe | Start | Stop | Watch | Operations | NetRestart | NetWrite | NetRun | NetRead | NetLoad


class NoAnswer(UserError):
    """The board does not answer a request."""


class Session:
    """One board on one line.

    Parameters
    ----------
    line : Line
    already : sequence of Chunk
        What was read from the line before.
    """

    def __init__(self, line: Line, already: Sequence[Chunk] = ()) -> None:
        self.line = line
        self._decoder = Decoder()
        self._kept: list[Message] = []
        self._id = 0
        #: Requests sent again because no answer came.
        self.repeated = 0
        for chunk in already:
            self._kept += self._decoder.feed(chunk.data)

    @property
    def counts(self) -> Counts:
        """What the decoder has seen."""
        return self._decoder.counts

    def feed(self, chunk: Chunk) -> list[Message]:
        """Decode what came, behind what was kept while a request waited for its answer."""
        messages = [*self._kept, *self._decoder.feed(chunk.data)]
        self._kept.clear()
        return messages

    def describe(self) -> Description:
        """Ask the board what it is; this begins a session.

        Raises
        ------
        NoAnswer
            Nothing came back.
        DataError
            The answer makes no sense.
        """
        parts = Parts()

        def look(message: Message, sent: int) -> str | None:
            if isinstance(message, DescriptionPart) and message.id == sent:
                return parts.add(message)
            return None

        return read_description(self._ask(Describe, look), where=self.line.name)

    def start(self) -> None:
        """Begin data; sequence numbers begin at 0, and data from before are forgotten."""
        self._succeed(Start, "start its data")

    def stop(self, tries: int = 2) -> None:
        """End data."""
        self._succeed(Stop, "stop its data", tries)

    def watch(self, period_ms: int, bank: int, entries: Sequence[tuple[int, int, int]]) -> None:
        """Have registers read from now on, see ``messages.Watch``; no entries: no longer."""
        self._succeed(lambda sent: Watch(sent, period_ms, bank, tuple(entries)), "watch its result registers")

    def operate(self, operations: bytes, wait_s: float) -> Outcome:
        """Have register operations executed; whatever else comes meanwhile is dropped.

        Parameters
        ----------
        operations : bytes
            As `sensorai.board.operations` codes them.
        wait_s : float
            Time that they themselves take, in seconds.

        Raises
        ------
        NoAnswer
            Nothing came back. What of it the board executed is not known.
        """

        def look(message: Message, sent: int) -> Outcome | None:
            fits = isinstance(message, Reply) and message.id == sent
            return read_outcome(message) if fits and isinstance(message, Reply) else None

        outcome = self._ask(lambda sent: Operations(sent, operations), look, wait_s)
        self._kept.clear()
        return outcome

    def net(self, make: Callable[[int], Request], what: str, tries: int = TRIES) -> bytes:
        """Have a board that runs a net do something.

        Parameters
        ----------
        make : callable
            Request by its number.
        what : str
            In words, for the error.
        tries : int
            How often it is asked: a board does not answer while its net runs.

        Returns
        -------
        bytes
            What the reply holds.

        Raises
        ------
        NoAnswer
            Nothing came back.
        UserError
            The board cannot.
        """

        def look(message: Message, sent: int) -> Reply | None:
            return message if isinstance(message, Reply) and message.id == sent else None

        reply = self._ask(make, look, tries=tries)
        if reply.status != Status.OK:
            known = {int(status): status.name.lower() for status in Status}
            raise UserError(
                f"the board cannot {what}: status {known.get(reply.status, reply.status)}",
                where=self.line.name,
                hint="is it the firmware of this net? 'sensorai firmware --net PROJECT' writes it",
            )
        return reply.payload

    def net_load(self, request: bytes, wait_s: float = 0.0) -> Reply:
        """Ask of the net in the board's flash, see `sensorai.board.netload`.

        Parameters
        ----------
        request : bytes
        wait_s : float
            Time that the board itself may take, in seconds.

        Raises
        ------
        NoAnswer
            Nothing came back.
        """

        def look(message: Message, sent: int) -> Reply | None:
            return message if isinstance(message, Reply) and message.id == sent else None

        reply = self._ask(lambda sent: NetLoad(sent, request), look, wait_s)
        self._kept.clear()
        return reply

    def _succeed(self, make: Callable[[int], Request], what: str, tries: int = TRIES) -> None:
        def look(message: Message, sent: int) -> Reply | None:
            return message if isinstance(message, Reply) and message.id == sent else None

        reply = self._ask(make, look, tries=tries)
        if reply.status != Status.OK:
            known = {int(status): status.name for status in Status}
            why = {
                Status.BUS: "its sensor does not answer on the bus",
                Status.UNKNOWN: "its firmware does not know how",
                Status.MALFORMED: "its firmware does not understand the request",
            }.get(Status(reply.status) if reply.status in known else Status.OK, "")
            shown = why or f"status {known.get(reply.status, reply.status)}"
            raise UserError(
                f"the board cannot {what}: {shown}",
                where=self.line.name,
                hint="check the wiring of the sensor and the firmware's bus functions",
            )

    def _ask(
        self,
        make: Callable[[int], Request],
        look: Callable[[Message, int], _T | None],
        wait_s: float = 0.0,
        tries: int = TRIES,
    ) -> _T:
        """Send a request until its answer comes; what else comes meanwhile is kept."""
        self._id = self._id % 255 + 1
        sent = self._id
        request = make(sent)
        frame = encode(request.kind, request.body())
        for attempt in range(tries):
            self.repeated += attempt > 0
            self.line.write(frame)
            until = time.monotonic() + PATIENCE + wait_s
            while (left := until - time.monotonic()) > 0:
                found: _T | None = None
                for chunk in self.line.take(left):
                    for message in self._decoder.feed(chunk.data):
                        if found is None and (found := look(message, sent)) is not None:
                            if isinstance(request, Start):
                                self._kept.clear()
                                self._decoder.expect_restart()
                            continue
                        self._kept.append(message)
                if found is not None:
                    return found
        raise self._no_answer()

    def _no_answer(self) -> NoAnswer:
        """What to say, by what came instead of an answer."""
        name, counts = self.line.name, self.counts
        if counts.frames:
            message, hint = f"the board on {name} answers no more", "was it reset, or has it lost its power?"
            if counts.damaged or self.repeated > TRIES:
                message = (
                    f"the line to the board on {name} is too noisy: {counts.damaged} damaged frames came, "
                    f"{self.repeated} requests had to be repeated"
                )
                hint = "use a shorter cable or a lower --baud, on both sides"
        elif counts.received > 0:
            message = f"what comes from {name} makes no sense: {counts.received} bytes, no whole frame"
            hint = "is the baud rate right (--baud), and is it the sensorai firmware that runs there?"
        else:
            message = f"the board on {name} does not answer"
            hint = "is it powered, on this port, at this baud rate (--baud), and running the firmware?"
        return NoAnswer(message, where=name, hint=hint)
