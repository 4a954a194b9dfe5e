"""Rows of a log from data frames: counts to decimal text, device times, gaps by sequence number and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorai.board.description import Description
from sensorai.board.line import Chunk
from sensorai.board.messages import Data, Result
from sensorai.board.rate import StampClock
from sensorai.board.session import Session
from sensorai.board.source import Decimals, Run, column_names, joined
from sensorai.errors import DataError

#: The board's clock counts microseconds in 32 bits.
WRAP_S = 2**32 / 1e6
#: What a results column holds before the first result is known.
NOT_YET = -1


class FrameSource:
    """Samples of a board that speaks frames.

    Parameters
    ----------
    session : Session
    description : Description
    results : sequence of (page, address, column name)
        Result registers of one byte that get a column each: at every sample the value that the board read
        right after it, ``NOT_YET`` before the first.
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
        self.seen: list[Result] = []
        self._session = session
        tables: dict[float, Decimals] = {}
        self._texts = [tables.setdefault(c.scale, Decimals(c.scale)) for c in description.channels]
        self._clock = StampClock(description.rate_hz, WRAP_S)
        self._start: float | None = None
        self._last_time = 0.0
        self._sequence: int | None = None
        self._registers = {(page, address): place for place, (page, address, _) in enumerate(results)}
        self._codes = [NOT_YET] * len(results)
        self._coming: deque[tuple[float, int, int]] = deque()
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
        """Nothing is held back."""
        return []

    def feed(self, chunk: Chunk) -> list[Run]:
        """Take bytes, give the rows that they complete."""
        runs: list[Run] = []
        batch: list[tuple[float, Data]] = []
        lost: int | None = None
        for message in self._session.feed(chunk):
            if isinstance(message, Result):
                self._result(message)
            elif isinstance(message, Data):
                if message.channels != len(self._texts):
                    self._odd += 1
                    continue
                missing, time = self._step(message)
                if missing:
                    runs += self._rows(batch, lost)
                    batch, lost = [], missing
                batch.append((time, message))
        return runs + self._rows(batch, lost)

    def _step(self, message: Data) -> tuple[int, float]:
        """Samples missing before a frame, and its time."""
        expected = self._sequence
        self._sequence = (message.sequence + 1) & 0xFFFF
        restarted = expected is not None and message.sequence != (expected + message.lost) & 0xFFFF
        time = self._clock.unwrap(message.time_us / 1e6)
        count = len(message.values) // (2 * message.channels)
        missing = self._clock.step(time, count, message.lost > 0 or restarted)
        return (-1 if restarted and missing else missing), time

    def _rows(self, batch: Sequence[tuple[float, Data]], lost: int | None) -> list[Run]:
        if not batch:
            return []
        width = len(self._texts)
        counts = np.frombuffer(b"".join(data.values for _, data in batch), "<i2").reshape(-1, width)
        lengths = np.array([len(data.values) // (2 * width) for _, data in batch])
        rate = self._clock.rate()
        begins = np.repeat([time for time, _ in batch], lengths)
        inside = np.arange(len(counts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        times = begins + (inside / rate if rate else 0.0)
        if self._start is None:
            self._start = float(times[0])
        times -= self._start
        if lost is None:
            # a jittering clock must not let time run backwards
            times = np.maximum.accumulate(np.maximum(times, self._last_time))
        self._last_time = float(times[-1])
        columns = [[f"{time:.6f}" for time in times.tolist()]]
        columns += [table.texts(counts[:, i]) for i, table in enumerate(self._texts)]
        if self._codes:
            columns += self._results(times, rate)
        return [Run(joined(columns), lost)]

    def _result(self, message: Result) -> None:
        self.seen.append(message)
        time = self._clock.unwrap(message.time_us / 1e6)
        for offset, value in enumerate(message.values):
            place = self._registers.get((message.page, message.address + offset))
            if place is not None:
                self._coming.append((time, place, value))

    def _results(self, times: npt.NDArray[np.float64], rate: float | None) -> list[list[str]]:
        """Result columns: each sample has the value read right after it."""
        half = 0.5 / rate if rate else 0.0
        columns: list[list[str]] = [[] for _ in self._codes]
        at = 0
        start = self._start or 0.0
        while at < len(times):
            while self._coming and self._coming[0][0] - start <= float(times[at]) + half:
                _, place, value = self._coming.popleft()
                self._codes[place] = value
            until = len(times)
            if self._coming:
                until = max(int(np.searchsorted(times, self._coming[0][0] - start - half)), at + 1)
            for column, code in zip(columns, self._codes, strict=True):
                column += [str(code)] * (min(until, len(times)) - at)
            at = until
        return columns
