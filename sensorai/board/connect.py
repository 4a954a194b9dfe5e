"""Finding out what a board speaks, and making it speak."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sensorai.board.detect import Detector, Frames, Lines
from sensorai.board.framesource import FrameSource
from sensorai.board.line import Chunk, Line
from sensorai.board.messages import Describe
from sensorai.board.session import Session
from sensorai.board.source import LineSource, column_names
from sensorai.board.textlines import LineReader
from sensorai.errors import ConfigError, UserError

#: Seconds to wait for the first sign of a board: some start anew when the port opens.
WAIT_S = 6.0
#: Seconds of bytes without sense until they are garbage.
GARBAGE_S = 4.0
#: Begin of the note that names the board.
BOARD = "board:"
#: Seconds between two attempts to make a silent board speak.
_KNOCK_S = 0.8


def listen(line: Line) -> tuple[Frames | Lines, list[Chunk]]:
    """Tell the wire format of a board; ask a board that is silent whether it speaks frames.

    Returns
    -------
    verdict : Frames or Lines
    chunks : list of Chunk
        All that came, for whoever goes on; for lines, from the first whole row on.

    Raises
    ------
    UserError
        Nothing came, or nothing that makes sense.
    """
    from sensorai.board.frames import encode

    detector = Detector()
    chunks: list[Chunk] = []
    begun = time.monotonic()
    knocked = begun - 0.75 * _KNOCK_S
    first: float | None = None
    while True:
        now = time.monotonic()
        if now - knocked > _KNOCK_S:
            knocked = now
            line.write(encode(Describe.kind, Describe(0).body()))
        for chunk in line.take(0.1):
            first = first or chunk.time
            chunks.append(chunk)
            found = detector.feed(chunk.data)
            if isinstance(found, Lines):
                return found, [Chunk(chunk.time, detector.received[found.start :])]
            if found is not None:
                return found, chunks
        if first is None and now - begun > WAIT_S:
            raise UserError(
                f"nothing came from {line.name} in {WAIT_S:g} s",
                where=line.name,
                hint="is the board powered and its program running? Is this the right port?",
            )
        patience = 3 * GARBAGE_S if detector.promising else GARBAGE_S
        if first is not None and (detector.garbage or now - first > patience):
            raise UserError(
                f"what comes from {line.name} is neither lines of numbers nor frames",
                where=line.name,
                hint=f"is the baud rate right (--baud)? The last bytes were {detector.sample()}",
            )


def open_source(
    line: Line, channels: Sequence[str] = (), units: Mapping[str, str] | None = None
) -> tuple[LineSource | FrameSource, list[Chunk], list[str]]:
    """Make a source of what a board speaks.

    Parameters
    ----------
    line : Line
    channels : sequence of str
        Names of the columns of text lines, where the board does not name them (or wrongly).
    units : mapping, optional
        Unit of a sensor or a column of text lines.

    Returns
    -------
    source : LineSource or FrameSource
    chunks : list of Chunk
        What came already and belongs to the stream.
    notes : list of str
        What is worth knowing.

    Raises
    ------
    UserError
        As ``listen``; or names that do not fit what the board sends.
    """
    verdict, chunks = listen(line)
    if isinstance(verdict, Frames):
        if channels or units:
            raise ConfigError(
                "the board speaks frames and names its channels itself",
                where=line.name,
                hint="drop --channels and --unit",
            )
        session = Session(line)
        description = session.describe()
        source = FrameSource(session, description)
        session.start()
        board = " with ".join(filter(None, (description.board, description.sensor)))
        return source, [], [f"{BOARD} {board}"] if board else []
    notes = [f"the board says: {text[:100]}" for text in verdict.said[-3:]]
    names = verdict.names
    width = verdict.shape.width
    if channels:
        if len(channels) != width:
            raise ConfigError(
                f"{len(channels)} names for lines of {width} values", where=line.name, hint="mend --channels"
            )
        names = tuple(channels)
    elif not names:
        names = tuple(f"ch{i + 1}" for i in range(width))
        notes.append(
            f"the lines have no names: their columns are called {names[0]} to {names[-1]}; name them with "
            "--channels acc_x,acc_y,... and --unit acc=g"
        )
    columns = column_names(names, units or {}, line.name)
    bare = [name for name in columns if name.startswith(("acc_", "gyro_", "mag_")) and "[" not in name]
    if bare:
        sensors = list(dict.fromkeys(name.rpartition("_")[0] for name in bare))
        notes.append(f"no unit is known for {', '.join(sensors)}: say it with --unit {sensors[0]}=g")
    return LineSource(LineReader(verdict.shape), columns), chunks, notes
