"""How good a detector of anomalies is, in the terms of who must live with it.

A detector gives one score a window; windows above the threshold pass through the decision filter, and the
filter's answer is the alarm. What counts: how often it cries without a reason (false alarms an hour or a
day, with an interval, because logs are short), which anomalies it finds, and how long that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.experiment.words import UNITS
from sensorai.model.decision import NONE, decide
from sensorai.model.detector import CLASSES

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

#: Decisions of a detector.
NORMAL, ANOMALY = 0, 1
#: Confidence of every interval.
CONFIDENCE = 0.95
#: Thresholds that are tried near the top of the scores, and further down.
TRIED = 256
#: Share of normal windows that the threshold may leave in alarm where no rate is asked for.
OUTLIERS = 0.01
#: Resamplings behind the bands of a curve.
RESAMPLINGS = 200


@dataclass(frozen=True, slots=True, eq=False)
class ScoredLog:
    """Scores of one recording, with what is known of it.

    Attributes
    ----------
    name, group : str
    rate_hz : float
    samples : int
        Length of the recording.
    scores : ndarray, shape (windows,), int64
        Higher is more anomalous.
    end : ndarray, shape (windows,), int64
        Samples seen at the end of each window.
    truth : ndarray, shape (windows,), int64
        0 where the whole window is normal, 1 where it is anomalous, -1 where it is neither or unknown.
    normal_spans, events : tuple of (start, stop, label)
        Stretches of normal state and of anomalies, in samples.
    """

    name: str
    group: str
    rate_hz: float
    samples: int
    scores: Int64
    end: Int64
    truth: Int64
    normal_spans: tuple[tuple[int, int, str], ...]
    events: tuple[tuple[int, int, str], ...]

    @property
    def normal_hours(self) -> float:
        """Time in the normal state."""
        return sum(stop - start for start, stop, _ in self.normal_spans) / self.rate_hz / 3600.0


def decided(scores: Int64, threshold: int, wins: int) -> Int64:
    """Decisions of the filter on ``scores > threshold``, shape (windows,): 0, 1, or 255 before the first."""
    return decide((scores > threshold).astype(np.int64), wins, 2)


def decisions_of(logs: Sequence[ScoredLog], threshold: int, wins: int) -> list[Int64]:
    """Decisions of every log."""
    return [decided(log.scores, threshold, wins) for log in logs]


def decisions(names: Sequence[str]) -> Int64:
    """Decisions of a detector by name as 0 normal, 1 alarm, 255 none yet, shape (windows,)."""
    codes = dict(zip(CLASSES, (NORMAL, ANOMALY), strict=True))
    return np.array([codes.get(name, NONE) for name in names], np.int64)


def onsets(decisions: Int64) -> Int64:
    """Windows at which an alarm begins."""
    on = decisions == ANOMALY
    return np.flatnonzero(on & ~np.r_[False, on[:-1]])


# ---------------------------------------------------------------- false alarms


@dataclass(frozen=True, slots=True)
class Rate:
    """Events in a time, as a rate with its Poisson interval.

    Attributes
    ----------
    events : int
    hours : float
    low, high : float
        Bounds of events an hour, each exceeded with a probability of (1 - CONFIDENCE) at most.
    """

    events: int
    hours: float
    low: float
    high: float

    @property
    def per_hour(self) -> float:
        """Events an hour; NaN without time."""
        return self.events / self.hours if self.hours else float("nan")


def rate(events: int, hours: float) -> Rate:
    """Rate of events; one-sided exact Poisson bounds."""
    from scipy.stats import chi2

    if hours <= 0:
        return Rate(events, 0.0, float("nan"), float("nan"))
    low = float(chi2.ppf(1 - CONFIDENCE, 2 * events)) / 2 if events else 0.0
    return Rate(events, hours, low / hours, float(chi2.ppf(CONFIDENCE, 2 * events + 2)) / 2 / hours)


def false_alarms(logs: Sequence[ScoredLog], decisions: Sequence[Int64]) -> Rate:
    """Alarms that begin in windows of the normal state, by normal time.

    An alarm that goes on is one alarm. One that begins in a window which is not wholly normal is no
    false alarm.

    Parameters
    ----------
    logs : sequence of ScoredLog
    decisions : sequence of ndarray, shape (windows,), int64
        What the decision filter says, log by log.
    """
    events = sum(
        int((log.truth[onsets(made)] == NORMAL).sum()) for log, made in zip(logs, decisions, strict=True)
    )
    return rate(events, sum(log.normal_hours for log in logs))


def least_hours(per_hour: float) -> float:
    """Hours without a false alarm that support the claim of at most ``per_hour``."""
    return rate(0, 1.0).high / per_hour


@dataclass(frozen=True, slots=True)
class Threshold:
    """A chosen threshold and what it was chosen on.

    Attributes
    ----------
    value : int
        An alarm needs a score above it.
    target_per_hour : float or None
        What was asked for; None: one window in a hundred, and no false alarm behind a decision filter.
    rate : Rate
        False alarms on the calibration logs.
    windows_an_hour : float
    above : Share, optional
        Normal windows of the calibration logs that are above it.
    low, high : int, optional
        Where other logs of the same length would have put it, at ``CONFIDENCE``, where no rate is asked for.
    """

    value: int
    target_per_hour: float | None
    rate: Rate
    windows_an_hour: float
    above: Share | None = None
    low: int | None = None
    high: int | None = None


def choose_threshold(
    logs: Sequence[ScoredLog], wins: int, target_per_hour: float | None, stride: int, top: int = 2**31 - 2
) -> Threshold:
    """Choose the lowest threshold down to which false alarms on normal logs stay under the target.

    Parameters
    ----------
    logs : sequence of ScoredLog
        Normal recordings that the detector was not fitted on.
    wins : int
        Decision filter.
    target_per_hour : float or None
        The upper bound of the rate (``Rate.high``) must not be above it. None: a knock that an hour of normal
        logs holds must not blind the detector, so one normal window in a hundred may be above the threshold,
        but none raises an alarm where a filter stands behind it.
    stride : int
        Samples from window to window.

    Raises
    ------
    DataError
        The logs are too short to support the target; says how long they must be.
    """
    hours = sum(log.normal_hours for log in logs)
    rates = [log.rate_hz for log in logs]
    windows = 3600.0 * float(np.median(rates)) / stride if rates else float("nan")
    if not hours or not any((log.truth == NORMAL).any() for log in logs):
        raise DataError(
            "no normal window is left to set the threshold on",
            hint="add normal logs, or choose a shorter --window",
        )
    if target_per_hour is not None and hours < least_hours(target_per_hour):
        raise DataError(
            f"{in_words(target_per_hour)} cannot be claimed from {duration(hours)} of held-out normal logs: "
            f"even without one false alarm in them the rate may be {in_words(rate(0, hours).high)} "
            f"({CONFIDENCE:.0%} confidence)",
            hint=f"add normal logs until {duration(least_hours(target_per_hour))} are held out, or ask for "
            f"--false-alarms {option(rate(0, hours).high)}",
        )
    normal = np.concatenate([log.scores[log.truth == NORMAL] for log in logs])
    low = high = None
    if target_per_hour is not None:
        value = _lowest(logs, wins, normal, lambda found: found.high <= target_per_hour)
    else:
        rank, low, high = _ranks(np.sort(normal))
        value = rank
        if wins:
            quiet = _lowest(logs, wins, normal, lambda found: not found.events)
            value, high = max(rank, quiet), max(high, quiet)
    value = min(value, top)
    found = false_alarms(logs, decisions_of(logs, value, wins))
    above = share(int((normal > value).sum()), len(normal))
    return Threshold(value, target_per_hour, found, windows, above, low, high)


def _lowest(logs: Sequence[ScoredLog], wins: int, normal: Int64, fits: Callable[[Rate], bool]) -> int:
    """Lowest threshold down to which false alarms fit."""
    value = int(normal.max())
    # from the top down: lower thresholds melt alarms together, so that fewer of them say nothing
    for candidate in _descending(np.unique(np.r_[0, normal])):
        if not fits(false_alarms(logs, decisions_of(logs, candidate, wins))):
            break
        value = candidate
    return value


def _ranks(ordered: Int64) -> tuple[int, int, int]:
    """Score that ``OUTLIERS`` of the rising scores exceed at most, with its interval by order statistics."""
    from scipy.stats import binom

    count = len(ordered)
    above = int(OUTLIERS * count)
    few, many = (int(binom.ppf(p, count, OUTLIERS)) for p in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    at = [count - 1 - min(n, count - 1) for n in (above, many, few)]
    value, low, high = (int(ordered[i]) for i in at)
    return value, low, high


def _descending(candidates: Int64) -> list[int]:
    """Thresholds to try, the highest first: all near the top, further down ever fewer."""
    steps = np.unique(np.r_[np.arange(TRIED), np.geomspace(TRIED, max(len(candidates), TRIED + 1), TRIED)])
    places = len(candidates) - 1 - steps.astype(np.int64)
    return [int(candidates[i]) for i in np.unique(places[places >= 0])[::-1]]


# ---------------------------------------------------------------- detection


@dataclass(frozen=True, slots=True)
class Found:
    """One anomaly and whether it raised an alarm.

    Attributes
    ----------
    recording, label : str
    start_s, stop_s : float
    alarm_s : float or None
        From the start of the anomaly to the end of the first window in alarm; None: missed.
    """

    recording: str
    label: str
    start_s: float
    stop_s: float
    alarm_s: float | None


def detections(logs: Sequence[ScoredLog], decisions: Sequence[Int64]) -> tuple[Found, ...]:
    """Look for an alarm in every anomaly that is long enough for a window to end inside it."""
    out = []
    for log, made in zip(logs, decisions, strict=True):
        on = made == ANOMALY
        for start, stop, label in log.events:
            inside = (log.end > start) & (log.end <= stop)
            if not inside.any():
                continue
            first = np.flatnonzero(inside & on)
            delay = (int(log.end[first[0]]) - start) / log.rate_hz if len(first) else None
            out.append(Found(log.name, label, start / log.rate_hz, stop / log.rate_hz, delay))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a whole, with its Wilson interval."""

    part: int
    whole: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.part / self.whole if self.whole else float("nan")


def share(part: int, whole: int) -> Share:
    """Return a share with its two-sided interval at ``CONFIDENCE``."""
    from scipy.stats import binomtest

    if not whole:
        return Share(0, 0, float("nan"), float("nan"))
    interval = binomtest(part, whole).proportion_ci(CONFIDENCE, method="wilson")
    return Share(part, whole, float(interval.low), float(interval.high))


# ---------------------------------------------------------------- curves


def auc(normal: npt.ArrayLike, anomalous: npt.ArrayLike) -> float:
    """Probability that an anomalous window scores above a normal one, ties half; NaN without either."""
    from scipy.stats import rankdata

    a, b = np.asarray(normal, np.float64), np.asarray(anomalous, np.float64)
    if not len(a) or not len(b):
        return float("nan")
    ranks = rankdata(np.r_[a, b])
    return float((ranks[len(a) :].sum() - len(b) * (len(b) + 1) / 2) / (len(a) * len(b)))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Detection rate by false-alarm rate of windows, with bands.

    Attributes
    ----------
    false, found, low, high : ndarray, shape (points,), float64
        Share of normal windows above the threshold (rising), share of anomalous ones, and its band from
        resampling whole recordings.
    auc, auc_low, auc_high : float
    """

    false: Float
    found: Float
    low: Float
    high: Float
    auc: float
    auc_low: float
    auc_high: float


def curve(logs: Sequence[ScoredLog], seed: int = 0, points: int = 101) -> Curve:
    """Receiver operating characteristic of windows; bands by resampling recordings with replacement.

    Raises
    ------
    DataError
        No normal or no anomalous window.
    """
    normal = [log.scores[log.truth == NORMAL] for log in logs]
    anomalous = [log.scores[log.truth == ANOMALY] for log in logs]
    normal, anomalous = [s for s in normal if len(s)], [s for s in anomalous if len(s)]
    if not normal or not anomalous:
        raise DataError("a curve needs normal and anomalous windows")
    least = 1.0 / sum(map(len, normal))
    grid = np.unique(np.r_[0.0, np.geomspace(min(least, 0.5), 1.0, points - 1), 1.0])

    def found_at(a: Float, b: Float) -> Float:
        # share of b above the threshold that leaves a share `grid` of a above it
        thresholds = np.sort(a)[::-1]
        index = np.floor(grid * len(a) + 1e-9).astype(np.int64)
        out: Float = np.ones(len(grid))
        inside = index < len(a)
        level = thresholds[index[inside]]
        out[inside] = 1.0 - np.searchsorted(np.sort(b), level, side="right") / len(b)
        return out

    whole_a, whole_b = np.concatenate(normal).astype(float), np.concatenate(anomalous).astype(float)
    random = np.random.default_rng(seed)
    curves, areas = [], []
    for _ in range(RESAMPLINGS):
        a = np.concatenate([normal[i] for i in random.integers(len(normal), size=len(normal))])
        b = np.concatenate([anomalous[i] for i in random.integers(len(anomalous), size=len(anomalous))])
        curves.append(found_at(a.astype(float), b.astype(float)))
        areas.append(auc(a, b))
    edges = [50 * (1 - CONFIDENCE), 100 - 50 * (1 - CONFIDENCE)]
    low, high = np.percentile(np.stack(curves), edges, axis=0)
    area_low, area_high = np.percentile(areas, edges)
    return Curve(
        grid, found_at(whole_a, whole_b), low, high, auc(whole_a, whole_b), float(area_low), float(area_high)
    )


# ---------------------------------------------------------------- words


def in_words(per_hour: float) -> str:
    """A rate as a reader would say it: ``2.1 false alarms a day``."""
    number, unit = _readable(per_hour)
    said = f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"
    return f"{said} false alarm{'s' if said != '1' else ''} {'an' if unit == 'hour' else 'a'} {unit}"


def option(per_hour: float) -> str:
    """The rate, rounded up, as ``--false-alarms`` takes it."""
    number, unit = _readable(per_hour)
    digits = 10.0 ** (np.floor(np.log10(number)) - 1)
    return f"{np.ceil(number / digits - 1e-9) * digits:g}/{unit}"


def _readable(per_hour: float) -> tuple[float, str]:
    for unit in ("hour", "day", "week", "month"):
        if per_hour * UNITS[unit] >= 1.0:
            return per_hour * UNITS[unit], unit
    return per_hour * UNITS["year"], "year"


def duration(hours: float) -> str:
    """A time as a reader would say it: ``3.2 minutes``, ``5 hours``, ``2.5 days``."""
    for factor, unit in ((1 / 24, "days"), (1.0, "hours"), (60.0, "minutes")):
        if hours * factor >= (2.0 if unit == "days" else 1.0):
            said = f"{hours * factor:.3g}"
            return f"{said} {unit if said != '1' else unit[:-1]}"
    return f"{hours * 3600:.3g} seconds"
