"""Rows of a log from data frames: counts to decimal text, device times, gaps by sequence number and time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from sensorai.board.description import Description
from sensorai.board.line import Chunk
from sensorai.board.messages import Data, Reply, Result
from sensorai.board.rate import StampClock, Stamped, Unwrapped
from sensorai.board.session import Session
from sensorai.board.source import Decimals, Run, column_names, joined
from sensorai.errors import DataError, UserError

#: The board's clock counts microseconds in 32 bits.
WRAP_S = 2**32 / 1e6
#: What a results column holds before the first result is known.
NOT_YET = -1
#: How far times follow stamps: a share of the difference, and at most this share of a period a frame.
_FOLLOW, _AT_MOST = 0.1, 0.4


class FrameSource:
    """Samples of a board that speaks frames.

    The time column follows the board's stamps smoothly: it neither jitters with them nor drifts from them.

    Parameters
    ----------
    session : Session
    description : Description
    results : sequence of (page, address, column name)
        Result registers of one byte that get a column each: at every sample the value that the board read
        right after it, ``NOT_YET`` before the first. Rows then come one frame late.
    """

    def __init__(
        self, session: Session, description: Description, results: Sequence[tuple[int, int, str]] = ()
    ) -> None:
        if not description.channels:
            raise DataError("the board has no data to send", where=session.line.name)
        self.description = description
        names = [f"{one.name}[{one.unit}]" if one.unit else one.name for one in description.channels]
        columns = column_names(names, {}, session.line.name)
        self.columns = ("time[s]", *columns, *(name for _, _, name in results))
        self.first_value = 1
        #: Results since somebody took them away, with their times in seconds of the board's clock.
        self.seen: list[tuple[float, Result]] = []
        self._session = session
        tables: dict[float, Decimals] = {}
        self._texts = [tables.setdefault(c.scale, Decimals(c.scale)) for c in description.channels]
        self._time = Unwrapped(WRAP_S)
        self._clock: StampClock[Data] = StampClock(description.rate_hz)
        self._start: float | None = None
        self._next = 0.0
        self._sequence: int | None = None
        self._registers = {(page, address): place for place, (page, address, _) in enumerate(results)}
        self._codes = [NOT_YET] * len(results)
        self._coming: list[list[tuple[float, int]]] = [[] for _ in results]
        self._late: Stamped[Data] | None = None
        #: Time of the newest frame of data, in seconds of the board's clock.
        self.newest_s = 0.0
        self._odd = 0

    @property
    def damaged(self) -> int:
        """Frames that were none."""
        return self._session.counts.damaged + self._odd

    def rate(self) -> float | None:
        """Samples per second of the board's own clock."""
        return self._clock.measured()

    def stop(self) -> None:
        """Ask the board to send no more."""
        self._session.stop()

    def finish(self) -> list[Run]:
        """Give what was held back."""
        return self._runs(self._ordered(self._clock.finish(), last=True))

    def feed(self, chunk: Chunk) -> list[Run]:
        """Take bytes, give the rows that they complete.

        Raises
        ------
        UserError
            The board says that its sensor does not answer any more.
        """
        judged: list[Stamped[Data]] = []
        for message in self._session.feed(chunk):
            if isinstance(message, Result):
                self._result(message)
            elif isinstance(message, Data):
                judged += self._data(message)
            elif isinstance(message, Reply) and message.status:
                raise UserError(
                    "the board's sensor does not answer any more",
                    where=self._session.line.name,
                    hint="check the sensor's wiring and supply",
                )
        return self._runs(self._ordered(judged))

    def _data(self, message: Data) -> list[Stamped[Data]]:
        if message.channels != len(self._texts):
            self._odd += 1
            return []
        expected = self._sequence
        self._sequence = (message.sequence + 1) & 0xFFFF
        restarted = expected is not None and message.sequence != (expected + message.lost) & 0xFFFF
        time = self._time.at(message.time_us / 1e6)
        self.newest_s = time
        count = len(message.values) // (2 * message.channels)
        return self._clock.put(message, time, count, message.lost > 0 or restarted)

    def _result(self, message: Result) -> None:
        time = self._time.at(message.time_us / 1e6)
        self.seen.append((time, message))
        for offset, value in enumerate(message.values):
            place = self._registers.get((message.page, message.address + offset))
            if place is not None:
                self._coming[place].append((time, value))

    def _ordered(
        self, judged: list[Stamped[Data]], last: bool = False
    ) -> list[tuple[Stamped[Data], float | None]]:
        """Frames, each with the time at which the next one begins: where results between them belong."""
        if not self._codes:
            return [(one, None) for one in judged]
        waiting = [self._late, *judged] if self._late is not None else list(judged)
        self._late = None if last or not waiting else waiting.pop()
        ends: list[float | None] = [one.time_s for one in waiting[1:]]
        ends.append(self._late.time_s if self._late is not None else None)
        return list(zip(waiting, ends, strict=False))

    def _runs(self, frames: Sequence[tuple[Stamped[Data], float | None]]) -> list[Run]:
        runs: list[Run] = []
        begin = 0
        for place in range(1, len(frames) + 1):
            if place == len(frames) or frames[place][0].missing:
                runs.append(self._run(frames[begin:place]))
                begin = place
        return runs

    def _run(self, frames: Sequence[tuple[Stamped[Data], float | None]]) -> Run:
        """Rows of frames without a gap between them."""
        width = len(self._texts)
        rate = self._clock.rate() or 1.0
        counts = np.frombuffer(b"".join(one.item.values for one, _ in frames), "<i2").reshape(-1, width)
        lengths = np.array([one.count for one, _ in frames])
        begins = []
        for one, _ in frames:
            if self._start is None:
                self._start = self._next = one.time_s
            if one.missing:
                self._next = max(one.time_s, self._next)
            else:
                off = _FOLLOW * (one.time_s - self._next)
                self._next += min(max(off, -_AT_MOST / rate), _AT_MOST / rate)
            begins.append(self._next)
            self._next += one.count / rate
        inside = np.arange(len(counts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        times = np.repeat(begins, lengths) + inside / rate - (self._start or 0.0)
        columns: list[Sequence[str]] = [[f"{time:.6f}" for time in times.tolist()]]
        columns += [table.texts(counts[:, i]) for i, table in enumerate(self._texts)]
        for place in range(len(self._codes)):
            columns.append([text for one, end in frames for text in self._codes_of(place, one, end, rate)])
        return Run(joined(columns), frames[0][0].missing or None)

    def _codes_of(self, place: int, one: Stamped[Data], end: float | None, rate: float) -> list[str]:
        """A results column for one frame; samples lie evenly between its stamp and the next frame's."""
        period = 1.0 / rate if one.count == 1 or end is None else (end - one.time_s) / one.count
        if end is not None and period > 2.0 / rate:
            # samples are missing between the two
            period = 1.0 / rate
        coming = self._coming[place]
        until = len(coming) if end is None else bisect_right(coming, (end - period / 2, 256))
        out: list[str] = []
        for time, value in coming[:until]:
            at = min(max(round((time - one.time_s) / period), 0), one.count - 1)
            out += [str(self._codes[place])] * (at - len(out))
            self._codes[place] = value
        del coming[:until]
        return out + [str(self._codes[place])] * (one.count - len(out))
