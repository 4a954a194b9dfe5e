"""A serial line that is always being read: bytes with the time they came, whatever the rest is doing.

A thread empties the port, so that a slow disk or a slow terminal never fills the small buffers of the
system. It collects for some milliseconds at a time: few wake-ups, large pieces.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import serial

from sensorai.errors import UserError

#: Seconds between two looks at the port while bytes come.
PACE = 0.02
#: Bytes kept for a reader that does not come; more than an hour at 115200 Bd.
MOST = 64 << 20


class LineLost(UserError):
    """The port went away: a cable pulled out, a board reset."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that came together. ``time`` is ``time.monotonic()`` when they were read, in seconds."""

    time: float
    data: bytes


class Line:
    """An open port and the thread that reads it; use as a context manager.

    Parameters
    ----------
    port : serial.Serial
        Open; closed together with the line.
    pace : float
        Seconds to collect bytes for once some have come; 0 where answers are waited for.
    """

    def __init__(self, port: serial.Serial, pace: float = PACE) -> None:
        self.name = str(port.port)
        self._port = port
        self._pace = pace
        self._chunks: deque[Chunk] = deque()
        self._waiting = 0
        self._news = threading.Condition()
        self._error: str | None = None
        self._closing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._read, name="serial reader", daemon=True)
        self._thread.start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        try:
            while not self._closing:
                data = self._port.read(1)
                if not data:
                    continue
                time.sleep(self._pace)
                data += self._port.read(self._port.in_waiting)
                self._keep(Chunk(time.monotonic(), data))
        except (serial.SerialException, OSError, TypeError) as error:
            # TypeError: pyserial's way of saying that the port was closed meanwhile
            with self._news:
                self._error = str(error)
                self._news.notify_all()

    def _keep(self, chunk: Chunk) -> None:
        with self._news:
            if self._waiting + len(chunk.data) > MOST:
                self.dropped += len(chunk.data)
            else:
                self._chunks.append(chunk)
                self._waiting += len(chunk.data)
            self._news.notify_all()

    def take(self, timeout: float) -> list[Chunk]:
        """Everything that came since the last call; waits up to ``timeout`` seconds for the first of it.

        Raises
        ------
        LineLost
            The port went away, and everything that came before was taken.
        """
        with self._news:
            if not self._chunks and self._error is None:
                self._news.wait(timeout)
            if not self._chunks and self._error is not None:
                raise LineLost(
                    f"the port {self.name} went away",
                    where=self.name,
                    hint="is the cable loose, or was the board reset?",
                )
            chunks = list(self._chunks)
            self._chunks.clear()
            self._waiting = 0
            return chunks

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises
        ------
        LineLost
            The port went away, or takes nothing any more.
        """
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise LineLost(f"cannot send to {self.name}: {error}", where=self.name) from None

    def close(self) -> None:
        """Stop reading and close the port."""
        self._closing = True
        self._thread.join(1.0)
        self._port.close()
