"""Sample rates measured robustly: from the time that pieces arrive, or from the board's own stamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")

#: Points of a fit; when there are more, every other one is dropped.
MOST = 512


class RateFit:
    """Slope of samples over time from points of which some are late.

    Late arrivals (a busy machine, USB frames) move single points; the median of slopes between points half
    a record apart does not follow them. Samples that are known to be missing must be counted in, or the fit
    begun anew.
    """

    def __init__(self) -> None:
        self._counts: list[float] = []
        self._times: list[float] = []
        self._every = 1
        self._skipped = 0

    def add(self, count: float, time_s: float) -> None:
        """Take a point: ``count`` samples had come at ``time_s`` seconds."""
        self._skipped += 1
        if self._skipped < self._every:
            return
        self._skipped = 0
        self._counts.append(count)
        self._times.append(time_s)
        if len(self._counts) > MOST:
            self._counts = self._counts[::2]
            self._times = self._times[::2]
            self._every *= 2

    @property
    def span_s(self) -> float:
        """Seconds between the first and the last point."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    def rate(self) -> float | None:
        """Samples per second; None with fewer than four points or no time between them."""
        if len(self._counts) < 4:
            return None
        x = np.array(self._times)
        y = np.array(self._counts)
        half = len(x) // 2
        steps: npt.NDArray[np.float64] = x[half:] - x[: len(x) - half]
        rises = y[half:] - y[: len(y) - half]
        ahead = steps > 0
        if not ahead.any():
            return None
        slope = float(np.median(rises[ahead] / steps[ahead]))
        return slope if 0 < slope < float("inf") else None


class Unwrapped:
    """A clock that goes on where the board's clock begins again at 0.

    Parameters
    ----------
    wrap_s : float
        Seconds of a turn of the board's clock.
    """

    def __init__(self, wrap_s: float) -> None:
        self._wrap = wrap_s
        self._newest: float | None = None

    def at(self, raw_s: float) -> float:
        """Seconds since the first turn began; stamps may come in any order within half a turn."""
        turns = 0 if self._newest is None else round((self._newest - raw_s) / self._wrap)
        time = raw_s + turns * self._wrap
        self._newest = time if self._newest is None else max(self._newest, time)
        return time


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """Some samples in a row and the board's time of the first one, in seconds.

    ``missing`` is the number of samples missing before it: 0 none, -1 nobody knows how many.
    """

    item: T
    time_s: float
    count: int
    missing: int = 0


class StampClock(Generic[T]):
    """Judges by the board's stamps whether samples are missing, and measures their rate.

    A stamp that is late may be late because samples are missing, or because the board was busy and catches
    up. So what comes after it is held for ``SETTLE_S`` seconds, and samples are missing only if all of it is
    late.

    Parameters
    ----------
    nominal_hz : float or None
        Rate until it is measured.
    """

    #: Seconds of the board's clock until a late stamp is judged.
    SETTLE_S = 1.0
    #: Seconds of stamps in a row until their rate is known well enough to judge by.
    _LEARN_S = 1.0
    #: A stamp this many periods late may mean that a sample is missing ...
    _LATE = 0.75
    #: ... unless stamps are late so often: this many times what is usual.
    _USUAL = 6.0

    def __init__(self, nominal_hz: float | None = None) -> None:
        self._nominal = nominal_hz or None
        self._begin: float | None = None
        self._newest: Stamped[T] | None = None
        self._run = self._length = 0
        self._done = (0, 0.0)
        self._fit = RateFit()
        self._settled: float | None = None
        self._fitted_s = 0.0
        self._late: list[float] = []
        self._usual = 0.0
        self._held: list[Stamped[T]] = []

    def rate(self) -> float | None:
        """Samples per second; the nominal rate until it is measured."""
        measured = self.measured()
        return measured if measured is not None else self._nominal

    def measured(self) -> float | None:
        """The rate that stamps in a row say; None before there are two."""
        samples = self._done[0] + (self._run if self._begin is not None else 0)
        seconds = self._seconds()
        return samples / seconds if samples > 0 and seconds > 0 else None

    def _seconds(self) -> float:
        """Time that the measured rate rests on."""
        if self._begin is None or self._newest is None:
            return self._done[1]
        return self._done[1] + self._newest.time_s - self._begin

    def _steady(self) -> float | None:
        """The rate to judge by: of this run once it is long enough, else of the one before.

        Not the samples by the time that they took: a board that begins late and catches up, because it was
        busy, would seem fast, and all that comes afterwards late.
        """
        if self._fit.span_s >= self._LEARN_S and self._fit.span_s >= 1.05 * self._fitted_s:
            self._settled, self._fitted_s = self._fit.rate(), self._fit.span_s
        return self._settled

    def _after(self, rate: float, held: Sequence[Stamped[T]] = ()) -> float:
        """Time at which the sample after the newest, and those ``held``, is due."""
        if self._newest is None:
            return 0.0
        count = self._newest.count + sum(one.count for one in held)
        return self._newest.time_s + count / rate

    def put(self, item: T, time_s: float, count: int, cut: bool = False) -> list[Stamped[T]]:
        """Take ``count`` samples of which the first is stamped ``time_s``.

        Parameters
        ----------
        item : object
            Given back with the verdict.
        time_s : float
        count : int
        cut : bool
            Samples are missing before it for another reason, a lost frame.

        Returns
        -------
        list of Stamped
            What is judged by now, in order.
        """
        new = Stamped(item, time_s, count)
        last = self._held[-1] if self._held else self._newest
        backwards = last is not None and time_s <= last.time_s
        if cut or backwards:
            judged = self.finish()
            rate = self._steady() or self.rate()
            if self._newest is None:
                missing = 0
            elif backwards or not rate:
                missing = -1
            else:
                missing = max(round((time_s - self._after(rate)) * rate), 1)
            return [*judged, self._start(new, missing)]
        if self._held:
            self._held.append(new)
            return self.finish() if time_s - self._held[0].time_s > self.SETTLE_S else []
        rate = self._steady()
        if rate is None or self._newest is None:
            return [self._go(new)]
        late = time_s - self._after(rate)
        if late > self._limit(rate):
            self._held.append(new)
            return []
        self._late.append(abs(late))
        if len(self._late) == 16:
            self._usual = float(np.median(self._late))
            self._late.clear()
        return [self._go(new)]

    def finish(self) -> list[Stamped[T]]:
        """Judge what is held by what is known of it."""
        held, self._held = self._held, []
        rate = self._steady()
        if not held or not rate:
            return held
        # what is held was measured as well: samples are missing only if they are by both rates
        rates = [rate]
        own = RateFit()
        samples = 0
        for one in held:
            own.add(samples, one.time_s)
            samples += one.count
        if (again := own.rate()) is not None and own.span_s > self.SETTLE_S / 2:
            rates.append(again)
        late = min(
            one.time_s - self._after(by, held[:place]) for by in rates for place, one in enumerate(held)
        )
        if late > self._limit(rate):
            first = self._start(held[0], max(round(late * rate), 1))
        else:
            first = self._go(held[0])
        return [first, *(self._go(one) for one in held[1:])]

    def _limit(self, rate: float) -> float:
        return max(self._LATE / rate, self._USUAL * self._usual)

    def _start(self, new: Stamped[T], missing: int) -> Stamped[T]:
        """Begin a run: what is missing must not count as time that samples took."""
        self._done = (self._done[0] + self._run, self._seconds())
        self._steady()
        self._begin = None
        return self._go(replace(new, missing=missing))

    def _go(self, new: Stamped[T]) -> Stamped[T]:
        if self._begin is None:
            self._begin, self._run, self._length = new.time_s, 0, 0
            self._fit, self._fitted_s = RateFit(), 0.0
        self._fit.add(self._length, new.time_s)
        self._run = self._length
        self._length += new.count
        self._newest = new
        return new
