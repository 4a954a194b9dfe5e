"""From logs to labelled windows of int16 sensor counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from sensorai.cproject.scales import TYPICAL, UNITS, Scales
from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.formats.keeper import keeping
from sensorai.formats.resample import to_rate
from sensorai.learn.events import SECONDS as EVENT_SECONDS
from sensorai.learn.events import STEPS, EventOptions, trigger
from sensorai.learn.events import starts as opened
from sensorai.learn.scales import channels_of, counts_in
from sensorai.learn.table import BoolArray, IntArray, Task, Windows, find_tasks
from sensorai.learn.thin import room, thinned
from sensorai.model.event import Event
from sensorai.model.pipeline import Count
from sensorai.recording import LABEL, Dataset, Recording
from sensorai.road import Lesson

Int16 = npt.NDArray[np.int16]
_Made = TypeVar("_Made")

#: Length of a window when nothing is said, in seconds.
SECONDS = 2.0
#: Windows to learn from for each that the device answers, and most windows that this makes.
DENSE, MOST = 5, 30_000


@dataclass(frozen=True, slots=True)
class CountOptions:
    """How logs become windows.

    Attributes
    ----------
    sensors : tuple of str
        ``acc``, ``gyro``; empty: those that every log has.
    rate_hz : float, optional
        Rate of the samples; by default that of the slowest log.
    window, stride : int, optional
        Samples; by default two seconds (less where labels are shorter) and half a window.
    scales : mapping of sensor to (full scale, value of a count)
        The smallest of them that keeps saturation below one sample in a thousand is taken.
    column : str
        Label column.
    classes : tuple of str
        Labels that are looked for; by default those that occur, of which there must be two.
    dense : bool
        More windows to learn from, between those that the device answers: ``DENSE`` for each of them where
        there are few, fewer where there are many.
    event : EventOptions, optional
        Windows are opened by events, and not on a grid.
    """

    sensors: tuple[str, ...] = ()
    rate_hz: float | None = None
    window: int | None = None
    stride: int | None = None
    scales: Mapping[str, Scales] = field(default_factory=lambda: TYPICAL)
    column: str = LABEL
    classes: tuple[str, ...] = ()
    dense: bool = False
    event: EventOptions | None = None

    @classmethod
    def of(
        cls, lesson: Lesson, column: str = LABEL, classes: tuple[str, ...] = (), *, dense: bool = False
    ) -> CountOptions:
        """Windows as a lesson's experiment asks for them, on sensors and scales as they were prepared."""
        experiment, prepared = lesson.experiment, lesson.prepared
        return cls(
            prepared.sensors,
            prepared.rate_hz,
            experiment.window,
            experiment.stride,
            prepared.scales,
            column,
            classes,
            dense,
            EventOptions.of(experiment),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Labelled windows of sensor counts.

    Attributes
    ----------
    x : ndarray, shape (rows, window, channels), int16
    y : ndarray, shape (rows,), int64
        Index into ``classes``.
    group, recording : ndarray, shape (rows,), int64
        Index into ``groups``, and of the recording in the dataset.
    groups, classes : tuple of str
    channels : tuple of Count
    rate_hz : float
    stride : int
    saturated : float
        Share of samples beyond the full scale.
    notes : tuple of str
    known : dict of IntFeature to ndarray, shape (rows,), int32
        Features that were computed before; folds share them.
    between : ndarray of bool, shape (rows,), optional
        Windows that are only learnt from, as the device answers none there; None: it answers all.
    dense : int
        Windows for each that the device answers.
    start : ndarray, shape (rows,), int64, optional
        First sample of each window in its recording, at the rate of the windows.
    event : Event, optional
        What opened the windows.
    shared : dict
        What else was made of all windows before, by what it is; folds share it.
    """

    x: Int16
    y: IntArray
    group: IntArray
    recording: IntArray
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    channels: tuple[Count, ...]
    rate_hz: float
    stride: int
    saturated: float = 0.0
    notes: tuple[str, ...] = ()
    known: dict[IntFeature, npt.NDArray[np.int32]] = field(default_factory=dict)
    between: BoolArray | None = None
    dense: int = 1
    start: IntArray | None = None
    event: Event | None = None
    shared: dict[str, object] = field(default_factory=dict)

    @property
    def answered(self) -> BoolArray:
        """Windows that the device answers, a stride apart: what may be judged, shape (rows,)."""
        return np.ones(len(self.y), bool) if self.between is None else ~self.between

    @property
    def window(self) -> int:
        """Samples in a window."""
        return int(self.x.shape[1])

    @property
    def overlap(self) -> int:
        """Windows after one, of those that the device answers, that share samples with it."""
        return -(-self.window // self.stride) - 1

    def rows(self, mask: BoolArray) -> Counted:
        """Return the rows where ``mask`` is true."""
        return replace(
            self,
            x=self.x[mask],
            y=self.y[mask],
            group=self.group[mask],
            recording=self.recording[mask],
            known={feature: column[mask] for feature, column in self.known.items()},
            between=None if self.between is None else self.between[mask],
            start=None if self.start is None else self.start[mask],
            shared={},
        )

    def table(self, features: Sequence[IntFeature]) -> npt.NDArray[np.int32]:
        """Values of features in every window, shape (rows, features); each is computed once."""
        missing = [f for f in dict.fromkeys(features) if f not in self.known]
        if missing:
            self.known.update(zip(missing, catalogue.table(missing, self.x).T, strict=True))
        columns = [self.known[f] for f in features]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.y), 0), np.int32)

    def once(self, key: str, make: Callable[[], _Made]) -> _Made:
        """What was made of these windows before, or is made now; a key stands for one type."""
        if key not in self.shared:
            self.shared[key] = make()
        return cast(_Made, self.shared[key])

    def as_windows(
        self, values: npt.NDArray[np.integer] | None = None, mask: BoolArray | None = None
    ) -> Windows:
        """Return feature values (or none) with classes and groups, for splitting and ranking.

        With a ``mask``, of the rows where it is true; ``values`` are those of these rows.
        """
        of = slice(None) if mask is None else mask
        y = self.y[of]
        x = np.zeros((len(y), 0)) if values is None else values
        overlap = -(-self.window // (self.stride // self.dense)) - 1
        return Windows(
            x.astype(np.float32),
            y[:, None],
            self.group[of],
            self.recording[of],
            self.groups,
            overlap,
            self.dense,
        )


def overlapping(count: int, stride: int) -> int:
    """Windows to learn from for each of ``count`` that the device answers, ``stride`` samples apart."""
    return max(min(DENSE, stride, MOST // max(count, 1)), 1)


def build(dataset: Dataset, options: CountOptions | None = None) -> Counted:
    """Turn a dataset into labelled windows.

    Raises
    ------
    DataError
        Logs without rate, values that are no numbers, fewer than two classes or no whole window.
    ConfigError
        A sensor that the logs lack, or an impossible window.
    """
    options = options or CountOptions()
    if options.classes:
        task = Task("model", options.column, options.classes)
    else:
        (task,) = find_tasks(dataset, [("model", options.column)])
    rate = options.rate_hz or _slowest(dataset)
    sensors = options.sensors or _common_sensors(dataset)
    logs = keeping(to_rate(r, rate, what="model") for r in dataset)
    channels = channels_of(logs, _known(sensors), options.scales)
    window, stride = _lengths(options, logs, rate)
    event = every = None
    if options.event is not None:
        every = [counts_in(r, channels) for r in logs]
        event = trigger(options.event, options.column, logs, [x for x, _ in every], channels, window)
        stride = min(event.least, window)
    dense = 1
    if options.dense and event is not None:
        dense = 2 * STEPS + 1
    elif options.dense:
        count = sum(len(_starts(r, task, window, stride)[0]) for r in logs)
        dense = overlapping(count, stride)
    codes = {name: k for k, name in enumerate(task.classes)}
    labels, recordings, between, first = [], [], [], []
    for i, r in enumerate(logs):
        if event is not None and every is not None:
            starts, classes, beside = opened(event, r, task.column, codes, every[i][0], dense > 1)
        else:
            starts, classes = _starts(r, task, window, stride, dense)
            beside = [s % stride != 0 for s in starts]
        labels.append(np.array(classes, np.int64))
        recordings.append(np.full(len(starts), i, np.int64))
        between.append(np.array(beside, bool))
        first.append(np.array(starts, np.int64))
    if not sum(map(len, first)):
        if event is not None:
            raise DataError(
                "no event opens a window in these logs",
                hint="choose a lower --event-threshold, or a shorter --window",
            )
        raise DataError(
            f"no label lasts for a window of {window} samples",
            hint="choose a shorter --window or add longer logs",
        )
    groups = dataset.groups()
    of = np.array([groups.index(r.group) for r in logs], np.int64)
    numbers, y, starts_of = np.concatenate(recordings), np.concatenate(labels), np.concatenate(first)
    kept, said = thinned(of[numbers], y, room(window, len(channels)))
    numbers, y, starts_of = numbers[kept], y[kept], starts_of[kept]
    x = np.empty((len(kept), window, len(channels)), np.int16)
    saturated, ends = 0, np.searchsorted(numbers, np.arange(len(logs) + 1))
    for i, r in enumerate(logs):
        samples, more = every[i] if every is not None else counts_in(r, channels)
        saturated += more
        for row in range(ends[i], ends[i + 1]):
            x[row] = samples[starts_of[row] : starts_of[row] + window]
    share = saturated / max(sum(len(r) for r in logs) * len(channels), 1)
    notes = [f"{share:.2%} of the samples are beyond full scale"] if saturated else []
    return Counted(
        x,
        y,
        of[numbers],
        numbers,
        groups,
        task.classes,
        channels,
        rate,
        stride,
        share,
        (*notes, *([said] if said else [])),
        between=np.concatenate(between)[kept] if dense > 1 else None,
        dense=dense,
        start=starts_of,
        event=event,
    )


def check_rows(counted: Counted, rows: BoolArray, least: int, what: str) -> None:
    """Refuse to learn from too little.

    Raises
    ------
    DataError
        Fewer than ``least`` rows for ``what``, or a class without any.
    """
    # windows between those that the device answers are nearly copies of them
    count = int((rows & counted.answered).sum())
    if count < least:
        raise DataError(
            f"{count} windows to learn from are too few for {what} (at least {least})",
            hint="add logs, or choose a shorter --window or --stride",
        )
    if counted.event is not None and len(np.unique(counted.y[rows])) > 1:
        # what never opens a window need not be told apart
        return
    for c, name in enumerate(counted.classes):
        if not (counted.y[rows] == c).any():
            raise DataError(
                f"class {name!r} has no window to learn from", hint="add logs of it from another subject"
            )


def _known(sensors: Sequence[str]) -> Sequence[str]:
    for s in sensors:
        if s not in UNITS:
            raise ConfigError(f"sensor {s!r} cannot be used here", hint="sensors are " + ", ".join(UNITS))
    return sensors


def _common_sensors(dataset: Dataset) -> tuple[str, ...]:
    found = tuple(s for s in UNITS if all(s in r.sensors for r in dataset))
    if not found:
        raise DataError(
            "the logs have no sensor in common with x, y and z (acc or gyro)",
            hint="sensorai inspect lists the channels",
        )
    return found


def _slowest(dataset: Dataset) -> float:
    rates = [r.rate_hz for r in dataset]
    if any(r is None for r in rates) or not rates:
        name = next((r.name for r in dataset if r.rate_hz is None), "")
        raise DataError(f"{name} does not say its rate", hint="give --rate in Hz")
    return float(np.round(min(r for r in rates if r is not None), 3))


def _lengths(options: CountOptions, logs: Sequence[Recording], rate: float) -> tuple[int, int]:
    spans = [s.stop - s.start for r in logs for s in r.labels.get(options.column, ())]
    # three quarters of the labels last for a default window
    usual = int(np.quantile(spans, 0.25)) if spans else 1
    for word, given in (("window", options.window), ("stride", options.stride)):
        if given is not None and given < 1:
            raise ConfigError(f"a {word} of {given} samples is not possible", hint="at least 1")
    seconds = SECONDS if options.event is None else EVENT_SECONDS
    window = options.window or max(min(round(seconds * rate), usual), 1)
    stride = options.stride or max(window // 2, 1)
    if not 1 <= stride <= window:
        raise ConfigError(f"a stride of {stride} samples does not fit a window of {window}")
    return window, stride


def _starts(
    recording: Recording, task: Task, window: int, stride: int, dense: int = 1
) -> tuple[list[int], list[int]]:
    """First samples and classes of the windows that lie inside one label.

    They begin at multiples of the stride, where the device answers, and at ``dense`` - 1 places between two
    of these.
    """
    offsets = [stride * k // dense for k in range(dense)]
    starts: list[int] = []
    classes: list[int] = []
    for span in recording.labels.get(task.column, ()):
        last = min(span.stop, len(recording)) - window
        first = span.start // stride * stride
        every = (base + offset for base in range(first, last + 1, stride) for offset in offsets)
        here = [s for s in every if span.start <= s <= last]
        starts += here
        classes += [task.classes.index(span.label)] * len(here)
    return starts, classes
