"""A board made of Python on a pseudo terminal: speaks text lines and frames, and misbehaves on request."""

from __future__ import annotations

import fcntl
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sensorai.board.description import Channel, Description, split_parts
from sensorai.board.frames import Decoder, encode
from sensorai.board.messages import Data, Describe, Message, Reply, Result, Start, Status, Stop, Watch

Int16 = npt.NDArray[np.int16]


class Pty:
    """Both ends of a line: ``name`` is the port, ``write`` and ``read`` are the board's side."""

    def __init__(self) -> None:
        self._board, self._host = os.openpty()
        tty.setraw(self._host)
        self.name = os.ttyname(self._host)
        self._lock = threading.Lock()
        self.closed = False

    def write(self, data: bytes) -> bool:
        """Send all of ``data`` as fast as it is taken; False when the line is cut."""
        while data:
            try:
                _, ready, _ = select.select([], [self._board], [], 0.2)
                if self.closed:
                    return False
                if ready:
                    # a little at a time: a pseudo terminal throws away what does not fit
                    data = data[os.write(self._board, data[:512]) :]
            except (OSError, ValueError):
                return False
        return True

    def read(self, timeout: float) -> bytes:
        """What the host sent within ``timeout`` seconds."""
        try:
            ready, _, _ = select.select([self._board], [], [], timeout)
            return os.read(self._board, 4096) if ready and not self.closed else b""
        except (OSError, ValueError):
            return b""

    def drain(self) -> None:
        """Wait until the host has read what was sent; a cut throws the rest away."""
        waiting = b"\1"
        while any(waiting) and not self.closed:
            time.sleep(0.01)
            waiting = fcntl.ioctl(self._host, termios.FIONREAD, bytes(4))

    def cut(self) -> None:
        """Pull the cable."""
        with self._lock:
            if not self.closed:
                self.closed = True
                os.close(self._host)
                os.close(self._board)

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()


def counts(n: int, channels: int = 6, seed: int = 1) -> Int16:
    """Samples with everything in them: steps, extremes, zeros, noise."""
    rng = np.random.default_rng(seed)
    out = rng.integers(-3000, 3000, (n, channels)).astype(np.int16)
    out[::17] = 0
    out[5 % n] = 32767
    out[7 % n] = -32768
    return out


def text_lines(samples: Int16, separator: str = ",", header: str = "", end: str = "\r\n") -> list[bytes]:
    """The samples as a data forwarder prints them."""
    rows = [separator.join(map(str, row)) + end for row in samples.tolist()]
    return [text.encode() for text in ([header + end] if header else []) + rows]


class TextBoard(threading.Thread):
    """Sends lines at a rate; ``spoil`` may change the bytes of line i (return b"" to lose it).

    ``pause`` maps a line number to seconds of silence before it. ``waits`` makes it begin when the host has
    sent something, so that its first line is not lost.
    """

    def __init__(
        self,
        pty: Pty,
        lines: Sequence[bytes],
        rate: float,
        spoil: Callable[[int, bytes], bytes] = lambda _, line: line,
        pause: dict[int, float] | None = None,
        cut_at: int | None = None,
        waits: bool = False,
    ) -> None:
        super().__init__(daemon=True)
        self.pty, self.lines, self.rate, self.spoil = pty, lines, rate, spoil
        self.pause, self.cut_at, self.waits = pause or {}, cut_at, waits
        self.sent = 0
        self.start()

    def run(self) -> None:
        while self.waits and not self.pty.closed and not self.pty.read(0.1):
            pass
        begun = time.monotonic()
        late = 0.0
        for i, line in enumerate(self.lines):
            if i in self.pause:
                time.sleep(self.pause[i])
                late += self.pause[i]
            if i == self.cut_at:
                self.pty.drain()
                time.sleep(0.3)
                self.pty.cut()
                return
            due = begun + late + i / self.rate
            if (left := due - time.monotonic()) > 0.004:
                time.sleep(left)
            if not self.pty.write(self.spoil(i, line)):
                return
            self.sent = i + 1


@dataclass
class FrameBoard:
    """Speaks the protocol: describes itself, sends samples between START and STOP, results when watched.

    Attributes
    ----------
    pty : Pty
    samples : int16 array, (n, channels)
        Sent once after each START.
    rate : float
        Samples a second, of the board's clock and of the sending.
    channels : sequence of Channel
    codes : mapping of sample number to code
        Value of the result register right after that sample, until the next entry.
    per_frame : int
    spoil : function of frame number and bytes to bytes
        What the line makes of a data frame.
    skip : set of int
        Numbers of frames that get lost.
    clock0 : float
        Seconds on the board's clock at the first sample.
    jitter : float
        Periods by which stamps wander.
    deaf : set of types that are not answered
    speed : float
        How much faster samples are sent than the board's clock says.
    """

    pty: Pty
    samples: Int16
    rate: float = 104.0
    channels: Sequence[Channel] = ()
    codes: dict[int, int] = field(default_factory=dict)
    address: int = 0x70
    per_frame: int = 5
    spoil: Callable[[int, bytes], bytes] = lambda _, frame: frame
    skip: frozenset[int] = frozenset()
    clock0: float = 4294.0
    jitter: float = 0.0
    deaf: frozenset[int] = frozenset()
    status: int = int(Status.OK)
    cut_at: int | None = None
    speed: float = 1.0
    sensor: str = "LSM6DSOX"

    def __post_init__(self) -> None:
        if not self.channels:
            width = self.samples.shape[1]
            names = ["acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"][:width]
            self.channels = [
                Channel(name, "g" if name[0] == "a" else "dps", 0.000061 if name[0] == "a" else 0.0175)
                for name in names
            ]
        self.description = Description(1, "test board", self.sensor, self.rate, tuple(self.channels))
        self.heard: list[Message] = []
        self.watched: Watch | None = None
        self.done = threading.Event()
        self._running = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _send(self, message: Message) -> bool:
        return self.pty.write(encode(message.kind, message.body()))

    def _run(self) -> None:
        decoder = Decoder()
        frames: Iterator[None] = iter(())
        while not self.pty.closed:
            for message in decoder.feed(self.pty.read(0.001 if self._running else 0.05)):
                self.heard.append(message)
                if message.kind in self.deaf:
                    continue
                if isinstance(message, Start):
                    self._send(Reply(message.id, self.status))
                    self._running = True
                    frames = self._data()
                elif isinstance(message, Stop):
                    self._running = False
                    self._send(Reply(message.id, 0))
                elif isinstance(message, Watch):
                    self.watched = message
                    self._results = 0
                    self._said: int | None = None
                    self._send(Reply(message.id, self.status))
                elif isinstance(message, Describe):
                    for part in split_parts(message.id, self.description.text()):
                        self._send(part)
            if self._running:
                next(frames, None)
            elif self.watched is not None and self.watched.period_ms and self.watched.entries:
                self._poll()

    def _poll(self) -> None:
        """Results without data: the codes in their order, one each time."""
        watched = self.watched
        assert watched is not None
        if not hasattr(self, "_begun"):
            self._begun = time.monotonic()
        now = time.monotonic() - self._begun
        code = self._code(int(now * self.rate * self.speed))
        self._result(now + self.clock0, code)
        time.sleep(watched.period_ms / 1000)

    def _code(self, sample: int) -> int:
        return next((c for s, c in sorted(self.codes.items(), reverse=True) if s <= sample), 0)

    def _result(self, at: float, code: int) -> None:
        assert self.watched is not None
        page, address, length = self.watched.entries[0]
        values = bytes([code, *[0] * (length - 1)])
        self._send(Result(self._results & 0xFFFF, round(at * 1e6) & 0xFFFFFFFF, page, address, values))
        self._results += 1

    def _data(self) -> Iterator[None]:
        begun = time.monotonic()
        rng = np.random.default_rng(3)
        for number, at in enumerate(range(0, len(self.samples), self.per_frame)):
            if number == self.cut_at:
                time.sleep(0.3)
                self.pty.cut()
                return
            piece = self.samples[at : at + self.per_frame]
            due = begun + (at + len(piece)) / (self.rate * self.speed)
            if (left := due - time.monotonic()) > 0.004:
                time.sleep(left)
            if self.watched is not None and self.watched.entries and not self.watched.period_ms:
                for sample in range(at, at + len(piece)):
                    code = self._code(sample)
                    if code != self._said:
                        self._said = code
                        self._result(self.clock0 + sample / self.rate, code)
            wander = self.jitter * rng.uniform(-0.5, 0.5) / self.rate
            stamp = round((self.clock0 + at / self.rate + wander) * 1e6) & 0xFFFFFFFF
            data = Data(number & 0xFFFF, stamp, piece.shape[1], piece.astype("<i2").tobytes())
            if number not in self.skip:
                self.pty.write(self.spoil(number, encode(data.kind, data.body())))
            yield
        self.done.set()
