"""Sample rates measured robustly: from the time that pieces arrive, or from the board's own stamps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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


class StampClock:
    """Time stamps of a board: unwrapped, their rate, and the places where samples are missing.

    Parameters
    ----------
    nominal_hz : float or None
        Rate until enough stamps have come to know it.
    wrap : float or None
        Seconds after which the board's clock begins again at 0.
    """

    #: A stamp this many periods late means that a sample is missing ...
    _LATE = 0.75
    #: ... unless stamps jitter so much by themselves.
    _JITTERS = 6.0

    def __init__(self, nominal_hz: float | None = None, wrap: float | None = None) -> None:
        self._nominal = nominal_hz or None
        self._wrap = wrap
        self._newest: float | None = None
        self._expected: float | None = None
        self._from: tuple[int, float] | None = None
        self._previous: tuple[int, float] | None = None
        self._run = 0
        self._total = (0, 0.0)
        self._late: list[float] = []
        self._usual = 0.0

    def rate(self) -> float | None:
        """Samples per second, missing ones left out of account; the nominal rate until it is measured."""
        measured = self.measured()
        return measured if measured is not None else self._nominal

    def measured(self) -> float | None:
        """The rate that the stamps say; None before there are two of them in a row."""
        samples, seconds = self._total
        if self._from is not None and self._previous is not None:
            samples += self._previous[0] - self._from[0]
            seconds += self._previous[1] - self._from[1]
        return samples / seconds if samples > 0 and seconds > 0 else None

    def unwrap(self, raw: float) -> float:
        """Seconds that go on where the clock begins again at 0.

        Stamps may come in any order within half a turn.
        """
        if self._wrap is None:
            return raw
        turns = 0 if self._newest is None else round((self._newest - raw) / self._wrap)
        time = raw + turns * self._wrap
        self._newest = time if self._newest is None else max(self._newest, time)
        return time

    def step(self, time_s: float, count: int, cut: bool = False) -> int:
        """Take the stamp of the first of ``count`` samples.

        Parameters
        ----------
        time_s : float
            As ``unwrap`` gives it.
        count : int
        cut : bool
            Samples are missing before this one for another reason (a lost frame): the run ends.

        Returns
        -------
        int
            Samples missing before this one, as far as stamps tell: 0 when it is where it should be; -1 when
            time ran backwards or ``cut`` is set and stamps cannot tell how many.
        """
        missing = 0
        rate = self.rate()
        if self._expected is not None:
            late = time_s - self._expected
            if self._previous is not None and time_s <= self._previous[1]:
                missing = -1
            elif rate and (cut or self.measured() is not None):
                if cut or late > max(self._LATE / rate, self._JITTERS * self._usual):
                    missing = max(round(late * rate), 1)
                else:
                    self._late.append(abs(late))
                    if len(self._late) == 16:
                        self._usual = float(np.median(self._late))
                        self._late.clear()
            elif cut:
                missing = -1
        if missing or self._from is None:
            self._close()
            self._from = (0, time_s)
            self._run = 0
        self._previous = (self._run, time_s)
        self._run += count
        rate = self.rate()
        self._expected = time_s + count / rate if rate else None
        return missing

    def _close(self) -> None:
        """Add the run that ends here to what is known of the rate."""
        if self._from is not None and self._previous is not None:
            samples, seconds = self._total
            self._total = (
                samples + self._previous[0] - self._from[0],
                seconds + self._previous[1] - self._from[1],
            )
