"""What a board sends as rows of a log: text of each sample, and where samples are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sensorai.board.line import Chunk
from sensorai.board.rate import RateFit, StampClock, Stamped
from sensorai.board.textlines import LineReader
from sensorai.errors import ConfigError
from sensorai.formats.header import TIME_UNITS, channel, sensor_unit, split_unit, time_unit, unit_name
from sensorai.formats.timing import guess_unit

#: Column names that a log of ours uses for itself.
RESERVED = ("label", "subject", "group", "recording")


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow one another without a gap.

    Attributes
    ----------
    rows : list of str
        Cells joined by commas, in the order of the source's ``columns``.
    lost : int or None
        Samples missing before the first row; -1: some, nobody knows how many; None: the run goes on where
        the last one ended.
    """

    rows: list[str]
    lost: int | None = None


class Source(Protocol):
    """A stream of samples with named columns."""

    columns: tuple[str, ...]
    #: Where the first value stands in ``columns``: 1 behind a time column.
    first_value: int

    @property
    def damaged(self) -> int:
        """Lines or frames that were none."""

    def feed(self, chunk: Chunk) -> list[Run]:
        """Take bytes, give the rows that they complete."""

    def finish(self) -> list[Run]:
        """Give what was held back; no more will come."""

    def rate(self) -> float | None:
        """Samples per second, measured; None while it is not known."""


def column_names(names: Sequence[str], units: Mapping[str, str], where: str) -> tuple[str, ...]:
    """Columns as our logs spell them: ``accX (g)`` is ``acc_x[g]``.

    Parameters
    ----------
    names : sequence of str
        As the board, or the user, calls them; with units or without.
    units : mapping
        Unit of a sensor (``acc``) or of one column; wins over the name's own.
    where : str
        The place for messages.

    Raises
    ------
    ConfigError
        Two columns are the same channel, or a unit is given for nothing.
    DataError
        A unit that the sensor cannot have.
    """
    out: list[str] = []
    used: set[str] = set()
    for text in names:
        bare, unit = split_unit(text)
        found = None if time_unit(bare, unit) is not None else channel(bare)
        name = found[0] if found else bare.replace(",", "_").replace('"', "")
        sensor = name.rpartition("_")[0]
        told = next((key for key in (name, bare, sensor) if key in units), None)
        if told is not None:
            used.add(told)
            unit = units[told]
        if found:
            unit = sensor_unit(unit or found[1], name, where)
        elif time_unit(bare, unit) is None:
            unit = unit_name(unit)
        if name in RESERVED:
            name = f"board_{name}"
        out.append(f"{name}[{unit}]" if unit else name)
    doubled = {name for name in out if [split_unit(o)[0] for o in out].count(split_unit(name)[0]) > 1}
    if doubled:
        raise ConfigError(
            f"two columns are {split_unit(min(doubled))[0]}",
            where=where,
            hint="name the columns yourself, as in --channels acc_x,acc_y,acc_z",
        )
    unused = sorted(set(units) - used)
    if unused:
        raise ConfigError(
            f"--unit {unused[0]}=... fits no column ({', '.join(out)})",
            where=where,
            hint="name the columns with --channels acc_x,acc_y,acc_z",
        )
    return tuple(out)


#: A pause in arrivals that is looked at: seconds, and samples.
_PAUSE_S, _PAUSE_SAMPLES = 0.25, 8
#: Seconds for what was only delayed to arrive.
_SETTLE_S = 0.15


class LineSource:
    """Rows of text lines.

    Where the lines have a time column, it tells rate and gaps. Without one the rate is fitted to arrival
    times, and samples are missing where arrivals pause and do not catch up.

    Parameters
    ----------
    reader : LineReader
    columns : tuple of str
        As ``column_names`` spells them, one per cell.
    """

    def __init__(self, reader: LineReader, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._reader = reader
        self._fit = RateFit()
        self._count = 0
        self._last: float | None = None
        self._cut = False
        self._held: list[Run] | None = None
        self._held_from = 0.0
        self._pause = 0.0
        times = [i for i, text in enumerate(columns) if time_unit(*split_unit(text)) is not None]
        self._time = times[0] if times else None
        self.first_value = 1 if self._time == 0 else 0
        self._ticks = 0.0
        if self._time is not None:
            unit = time_unit(*split_unit(columns[self._time])) or ""
            self._ticks = TIME_UNITS.get(unit, 0.0)
        self._clock: StampClock[list[str]] = StampClock()

    @property
    def damaged(self) -> int:
        """Lines that were no samples."""
        return self._reader.damaged

    def rate(self) -> float | None:
        """Samples per second."""
        stamped = self._clock.measured() if self._ticks else None
        return stamped or self._fit.rate()

    def feed(self, chunk: Chunk) -> list[Run]:
        """Take bytes, give the rows that they complete."""
        runs: list[Run] = []
        for place, rows in enumerate(self._reader.feed(chunk.data)):
            self._cut |= place > 0
            if rows:
                runs += self._stamped(rows, self._cut)
                self._cut = False
        if self._ticks or not runs:
            return runs
        return self._arrived(runs, chunk.time)

    def finish(self) -> list[Run]:
        """Give what was held back."""
        held, self._held = self._held or [], None
        return held + _runs(self._clock.finish())

    def _arrived(self, runs: list[Run], now: float) -> list[Run]:
        """Judge pauses by arrival times."""
        count = sum(len(run.rows) for run in runs)
        rate = self._fit.rate() if self._fit.span_s > 1.0 else None
        last, self._last = self._last, now
        if self._held is not None:
            self._held += runs
            return self._settle(now, rate) if now - self._held_from > _SETTLE_S else []
        if rate and last is not None and now - last > max(_PAUSE_S, _PAUSE_SAMPLES / rate):
            self._held, self._held_from, self._pause = runs, now, now - last
            return []
        self._count += count
        self._fit.add(self._count, now)
        return runs

    def _settle(self, now: float, rate: float | None) -> list[Run]:
        """Decide whether what came after a pause makes up for it."""
        held, self._held = self._held or [], None
        got = sum(len(run.rows) for run in held)
        due = (self._pause + now - self._held_from) * (rate or 0.0)
        missing = round(due - got)
        if missing > max(2, 0.5 * self._pause * (rate or 0.0)):
            held[0] = Run(held[0].rows, missing)
            self._count += missing
        self._count += got
        self._fit.add(self._count, now)
        return held

    def _stamped(self, rows: list[str], cut: bool) -> list[Run]:
        """Judge rows by their own time column; without one, only damage is a gap."""
        whole = [Run(rows, -1 if cut else None)]
        if self._time is None:
            return whole
        stamps = np.array([float(row.split(",", self._time + 1)[self._time]) for row in rows])
        if not self._ticks:
            self._guess(stamps)
            return whole
        times = stamps / self._ticks
        steps = np.diff(times)
        rate = self._clock.rate()
        if rate is not None and (not len(steps) or (steps.min() > 0 and steps.max() < 1.6 / rate)):
            return _runs(self._clock.put(rows, float(times[0]), len(rows), cut))
        judged: list[Stamped[list[str]]] = []
        for row, time in zip(rows, times.tolist(), strict=True):
            judged += self._clock.put([row], time, 1, cut)
            cut = False
        return _runs(judged)

    def _guess(self, stamps: npt.NDArray[np.float64]) -> None:
        """Find the unit of bare stamps, as the readers of logs do; without success they are just a column."""
        if len(stamps) < 3:
            return
        unit = guess_unit(stamps) if np.median(np.diff(stamps)) > 0 else None
        if unit is None:
            self._time = None
        else:
            self._ticks = TIME_UNITS[unit]


def _runs(judged: Iterable[Stamped[list[str]]]) -> list[Run]:
    """Runs of rows that were judged; those that go on are joined."""
    runs: list[Run] = []
    for one in judged:
        if runs and not one.missing:
            runs[-1].rows.extend(one.item)
        else:
            runs.append(Run(list(one.item), one.missing or None))
    return runs


class Decimals:
    """Text of ``counts * scale`` for all int16 counts: the exact decimal product, made when first met."""

    def __init__(self, scale: float) -> None:
        self._scale = Decimal(repr(scale))
        self._known = np.zeros(65536, np.bool_)
        self._texts: npt.NDArray[np.object_] = np.empty(65536, object)

    def texts(self, counts: npt.NDArray[np.int16]) -> list[str]:
        """Return one text per count."""
        at = counts.astype(np.intp) + 32768
        if not self._known[at].all():
            for i in np.unique(at[~self._known[at]]).tolist():
                self._texts[i] = plain_decimal((i - 32768) * self._scale)
                self._known[i] = True
        found: list[str] = self._texts[at].tolist()
        return found


def plain_decimal(value: Decimal) -> str:
    """Shortest plain text of a decimal number."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def joined(columns: Iterable[Sequence[str]]) -> list[str]:
    """Rows of columns of text."""
    return [",".join(row) for row in zip(*columns, strict=True)]
