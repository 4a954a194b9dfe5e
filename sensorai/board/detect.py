"""Which of the two wire formats a board speaks: lines of numbers, or frames."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensorai.board.frames import Decoder
from sensorai.board.textlines import Shape, names_of, shape_of

#: Rows of the same shape in a row that make a stream of lines.
ROWS = 4
#: Bytes that are neither; then it is garbage.
ENOUGH = 4096


@dataclass(frozen=True, slots=True)
class Frames:
    """The board speaks frames."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The board sends lines of numbers.

    Attributes
    ----------
    shape : Shape
    names : tuple of str
        Columns as its header calls them; empty without one.
    start : int
        Where, in all that came so far, the first row begins that is surely whole.
    said : tuple of str
        Lines before the first row that are neither names nor numbers, for people.
    """

    shape: Shape
    names: tuple[str, ...] = ()
    start: int = 0
    said: tuple[str, ...] = ()


@dataclass(slots=True)
class Detector:
    """Bytes in, a verdict out as soon as there is one; holds some kilobytes at most.

    ``garbage`` says that much came and made no sense: the wrong baud rate looks like this.
    """

    received: bytes = b""
    _decoder: Decoder = field(default_factory=Decoder)

    def feed(self, data: bytes) -> Frames | Lines | None:
        """Take bytes; give the verdict, or None while there is none."""
        self.received += data
        self._decoder.feed(data)
        counts = self._decoder.counts
        # one chance in 65536 that noise passes the CRC
        if counts.frames >= 2 or (counts.frames == 1 and counts.damaged <= 1):
            return Frames()
        found = _lines(self.received)
        if found is None and len(self.received) > 2 * ENOUGH:
            self.received = self.received[-ENOUGH:]
        return found

    @property
    def garbage(self) -> bool:
        """Whether enough bytes came for a verdict and none was possible."""
        return self._decoder.counts.received > ENOUGH

    @property
    def promising(self) -> bool:
        """Whether the last whole line is numbers: there were just not enough of them yet."""
        lines = self.received.split(b"\n")
        return len(lines) > 1 and shape_of(lines[-2].decode("utf-8", "replace")) is not None

    def sample(self) -> str:
        """The last bytes, for a message."""
        return ascii(self.received[-24:])[1:]


def _lines(received: bytes) -> Lines | None:
    """Find the first ``ROWS`` lines in a row that are numbers and of one shape."""
    whole, end, _ = received.rpartition(b"\n")
    if not end:
        return None
    names: tuple[str, ...] = ()
    said: list[str] = []
    shape: Shape | None = None
    header = ""
    first = count = at = 0
    for number, raw in enumerate(whole.split(b"\n")):
        line = raw.decode("utf-8", "replace").strip()
        found = shape_of(line) if line else None
        if found is not None and number == 0:
            # the middle of a line, maybe: 23,4 of 123,4
            found = None
        elif found is not None and found == shape:
            count += 1
        elif found is not None:
            shape, first, count = found, at, 1
            names = names_of(header, found) or () if header else ()
        elif line and shape is not None and (again := names_of(line, shape)):
            # a header that comes every now and then
            names = again
        elif line:
            shape, count = None, 0
            if header and len(said) < 20:
                said.append(header)
            header = line
        at += len(raw) + 1
        if shape is not None and count >= ROWS:
            if header and not names:
                said.append(header)
            return Lines(shape, names, first, tuple(said))
    return None
