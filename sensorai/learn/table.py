"""Windows of a dataset as rows: feature values, classes, groups. Nothing is learnt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats.resample import to_rate
from sensorai.learn.thin import thinned
from sensorai.mlc.config import Feature, Filter, MlcConfig
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.recording import Dataset, Recording

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: Most windows that trees of registers learn from; of each, some hundred candidates are known.
MOST = 50_000


@dataclass(frozen=True, slots=True)
class Task:
    """One question for the sensor: one tree.

    Attributes
    ----------
    name : str
    column : str
        Label column of the logs.
    classes : tuple of str
        In order of first appearance.
    """

    name: str
    column: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a dataset.

    Attributes
    ----------
    x : ndarray, shape (rows, features), float32
        Halves, which float32 holds exactly.
    y : ndarray, shape (rows, tasks), int64
        Class index of each task, -1 where the window carries no label.
    group : ndarray, shape (rows,), int64
        Index into ``groups``.
    recording : ndarray, shape (rows,), int64
        Index of the recording in the dataset.
    groups : tuple of str
    overlap : int
        Windows after one that share samples with it.
    copies : int
        Windows that are there for each that the device answers; a leaf must hold as many times more.
    between : ndarray of bool, shape (rows,), optional
        Windows that are only learnt from, as the device answers none there; None: it answers all.
    """

    x: FloatArray
    y: IntArray
    group: IntArray
    recording: IntArray
    groups: tuple[str, ...]
    overlap: int = 0
    copies: int = 1
    between: BoolArray | None = None

    @property
    def answered(self) -> BoolArray:
        """Windows that the device answers, shape (rows,)."""
        return np.ones(len(self.y), bool) if self.between is None else ~self.between

    def columns(self, features: Sequence[int]) -> Windows:
        """Return these features only, in this order."""
        return replace(self, x=self.x[:, list(features)])

    def apart(self) -> Windows:
        """Return the windows that the device answers alone."""
        if self.between is None:
            return self
        kept = self.answered
        x, y, group, recording = self.x[kept], self.y[kept], self.group[kept], self.recording[kept]
        return Windows(x, y, group, recording, self.groups)


class Known:
    """Recordings at other rates, and features of recordings, computed before; recordings live as long.

    A feature of some filters has a number, so that tables of many recordings do not hash it again and again.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[Filter, ...], Feature], int] = {}
        self._columns: dict[tuple[int, int, int], dict[int, FloatArray]] = {}
        self._rows: dict[tuple[int, float | None], dict[int, npt.NDArray[np.intp]]] = {}
        self._notes: dict[tuple[int, float | None], str] = {}
        self._at: dict[tuple[int, float], Recording] = {}

    def __len__(self) -> int:
        return sum(len(columns) for columns in self._columns.values())

    def numbers(self, config: MlcConfig) -> list[int]:
        """Numbers of the features of ``config``."""
        keys = [(config.filters, f) for f in config.features]
        return [self._numbers.setdefault(key, len(self._numbers)) for key in keys]

    def rows(self, dataset: Dataset, window: int, tasks: Sequence[Task]) -> list[npt.NDArray[np.intp]] | None:
        """Windows of each recording that are learnt from; None where all are.

        It is settled by the first dataset of a rate that is asked for; parts of it find the same windows.
        """
        key = self._key(dataset, window)
        if key not in self._rows:
            every = outline(window, dataset, tasks)
            self._rows[key] = {}
            if len(every.y) > MOST:
                labelled = np.flatnonzero((every.y >= 0).any(axis=1))
                joint = np.unique(every.y[labelled], axis=0, return_inverse=True)[1].reshape(-1)
                kept, self._notes[key] = thinned(every.group[labelled], joint, MOST)
                chosen, begin = labelled[kept], 0
                for r in dataset:
                    end = begin + len(r) // window
                    self._rows[key][id(r)] = chosen[(chosen >= begin) & (chosen < end)] - begin
                    begin = end
        known = self._rows[key]
        return [known[id(r)] for r in dataset] if known else None

    def note(self, dataset: Dataset, window: int) -> str | None:
        """What is to be said where there are too many windows of a length."""
        return self._notes.get(self._key(dataset, window))

    def _key(self, dataset: Dataset, window: int) -> tuple[int, float | None]:
        return window, dataset.recordings[0].rate_hz if len(dataset) else None

    def at(self, dataset: Dataset, rate: float) -> Dataset:
        """Return the recordings at a rate in Hz: the same ones whenever they are asked for."""
        out = []
        for recording in dataset:
            key = id(recording), rate
            if key not in self._at:
                self._at[key] = to_rate(recording, rate)
            out.append(self._at[key])
        return Dataset(tuple(out))

    def of(self, recording: Recording, start: int, window: int) -> dict[int, FloatArray]:
        """Columns of a recording from its sample ``start`` on, by their numbers."""
        return self._columns.setdefault((id(recording), start, window), {})


def build(
    config: MlcConfig,
    dataset: Dataset,
    tasks: Sequence[Task],
    known: Known | None = None,
    copies: int = 1,
) -> Windows:
    """Compute the features of ``config`` on every window of every recording, in time order.

    The filters and windows of each recording start from zero, as they do on the sensor after it is
    switched on. So folds can share what is ``known`` of recordings, as long as these live.

    Parameters
    ----------
    copies : int
        Windows that begin in the length of one, evenly apart; those after the first are what the sensor
        computes if it is switched on so much later.
    """
    known = Known() if known is None else known
    numbers = known.numbers(config)
    rows = known.rows(dataset, config.window, tasks) if copies == 1 else None
    starts = [config.window * k // copies for k in range(copies)]
    values = []
    for k, r in enumerate(dataset):
        kept = None if rows is None else rows[k]
        # columns of some windows are no columns of all
        columns = [known.of(r, start if kept is None else -1, config.window) for start in starts]
        values.append([_values(config, numbers, r, *one, kept) for one in zip(starts, columns, strict=True)])
    return _windows(values, config.window, dataset, tasks, rows)


def _values(
    config: MlcConfig,
    numbers: Sequence[int],
    recording: Recording,
    start: int,
    known: dict[int, FloatArray],
    rows: npt.NDArray[np.intp] | None = None,
) -> FloatArray:
    missing = {n: f for n, f in zip(numbers, config.features, strict=True) if n not in known}
    if missing:
        some = replace(config, features=tuple(missing.values()))
        later = recording.slice(start, len(recording)) if start else recording
        found = FeatureStream(some).push(inputs(some, later, numeric_style("current")))
        kept = found if rows is None else found[rows]
        known.update(zip(missing, kept.astype(np.float32).T, strict=True))
    return np.stack([known[n] for n in numbers], axis=1)


def settled(windows: Windows, fewest: int = 4) -> Windows:
    """Leave the first window of every recording (of at least ``fewest``) unlabelled, and its copies.

    Filters start from zero there, and what a tree learnt from the transient would be the order in which
    logs were cut, not the movement.
    """
    rows = np.arange(len(windows.recording))
    change = np.r_[True, windows.recording[1:] != windows.recording[:-1]]
    first = np.maximum.accumulate(np.where(change, rows, 0))
    counts = np.bincount(windows.recording)
    y = windows.y.copy()
    start = rows - first < windows.copies
    y[start & (counts[windows.recording] >= fewest * windows.copies)] = -1
    return replace(windows, y=y)


def outline(window: int, dataset: Dataset, tasks: Sequence[Task]) -> Windows:
    """Return the windows without features, for splitting."""
    values = [[np.zeros((len(r) // window, 0), np.float32)] for r in dataset]
    return _windows(values, window, dataset, tasks)


def _windows(
    values: Sequence[Sequence[FloatArray]],
    window: int,
    dataset: Dataset,
    tasks: Sequence[Task],
    kept: Sequence[npt.NDArray[np.intp]] | None = None,
) -> Windows:
    """Rows of all recordings from their features, shape (windows, features), by where the first begins.

    Of ``kept`` windows alone, where these are given.
    """
    groups = dataset.groups()
    copies = max((len(v) for v in values), default=1)
    rows, labels, between, counts = [], [], [], []
    for r, (recording, series) in enumerate(zip(dataset.recordings, values, strict=True)):
        begins = [window * k // copies for k in range(copies)]
        starts = np.concatenate([b + window * np.arange(len(v)) for b, v in zip(begins, series, strict=True)])
        if kept is not None:
            starts = window * kept[r]
        order = np.argsort(starts, kind="stable")
        rows.append(np.concatenate(series)[order])
        labels.append(classes_of(recording, window, tasks, starts[order]))
        between.append(starts[order] % window != 0)
        counts.append(len(starts))
    return Windows(
        np.concatenate(rows),
        np.concatenate(labels),
        np.repeat([groups.index(r.group) for r in dataset], counts),
        np.repeat(np.arange(len(dataset)), counts),
        groups,
        copies - 1,
        copies,
        np.concatenate(between) if copies > 1 else None,
    )


def classes_of(
    recording: Recording, window: int, tasks: Sequence[Task], starts: IntArray | None = None
) -> IntArray:
    """Class index of whole windows for every task, shape (windows, tasks); -1 where there is none.

    Parameters
    ----------
    starts : ndarray of int64, optional
        First samples of the windows; by default one window follows the other.
    """
    if starts is None:
        starts = window * np.arange(len(recording) // window)
    out = np.full((len(starts), len(tasks)), -1, np.int64)
    for t, task in enumerate(tasks):
        index = {name: i for i, name in enumerate(task.classes)}
        for span in recording.labels.get(task.column, ()):
            inside = (starts >= span.start) & (starts + window <= span.stop)
            out[inside, t] = index[span.label]
    return out


def find_tasks(dataset: Dataset, trees: Sequence[tuple[str, str]]) -> tuple[Task, ...]:
    """Turn ``(name, label column)`` pairs into tasks; a ConfigError when there is nothing to learn."""
    tasks = []
    known = sorted({column for r in dataset for column in r.labels})
    for name, column in trees:
        classes = dataset.label_set(column)
        if not classes:
            raise ConfigError(
                f"no log has labels in a column {column!r}",
                hint="label columns found: " + ", ".join(known)
                if known
                else "name a label column with --label-column, give --label NAME=GLOB, or put each class "
                "in a folder of its own",
            )
        if len(classes) < 2:
            raise ConfigError(
                f"only one class ({classes[0]!r}) in column {column!r}: there is nothing to tell apart",
                hint="add logs of a second class; where the class came from the name of a folder that holds "
                "all logs, give --label NAME=GLOB for each class",
            )
        tasks.append(Task(name, column, classes))
    return tuple(tasks)


def group_folds(windows: Windows, count: int, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Rows to fit on and rows to judge on: whole groups on either side, the classes spread evenly.

    As many folds as asked for, or as there are groups; none when there is nothing to split.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    # the joint label of all tasks keeps every task's classes spread
    joint = np.unique(windows.y, axis=0, return_inverse=True)[1].reshape(-1)
    count = min(count, len(np.unique(windows.group)), int(np.bincount(joint).max(initial=0)))
    if count < 2:
        return []
    with warnings.catch_warnings():
        # rare classes are missing from some folds, which callers look after
        warnings.filterwarnings("ignore", message="The least populated class")
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        return list(splitter.split(joint, joint, windows.group))


def check_classes(windows: Windows, tasks: Sequence[Task]) -> None:
    """Refuse a window that is longer than every stretch of a class; a DataError."""
    for t, task in enumerate(tasks):
        for c, name in enumerate(task.classes):
            if not (windows.y[:, t] == c).any():
                raise DataError(
                    f"class {name!r} has no whole window to learn from",
                    hint="choose a shorter --window or add longer logs",
                )
