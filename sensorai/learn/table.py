"""Windows of a dataset as rows: feature values, classes, groups. Nothing is learnt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.config import Feature, Filter, MlcConfig
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.recording import Dataset, Recording

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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
    """

    x: FloatArray
    y: IntArray
    group: IntArray
    recording: IntArray
    groups: tuple[str, ...]
    overlap: int = 0
    copies: int = 1

    def columns(self, features: Sequence[int]) -> Windows:
        """Return these features only, in this order."""
        return replace(self, x=self.x[:, list(features)])


#: Features of recordings that were computed before: by recording, window, filters and feature.
Known = dict[tuple[int, int, tuple[Filter, ...], Feature], FloatArray]


def build(config: MlcConfig, dataset: Dataset, tasks: Sequence[Task], known: Known | None = None) -> Windows:
    """Compute the features of ``config`` on every window of every recording, in time order.

    The filters and windows of each recording start from zero, as they do on the sensor after it is
    switched on. So folds can share what is ``known`` of recordings, as long as these live.
    """
    known = {} if known is None else known
    values = [_values(config, r, known) for r in dataset]
    return _windows(values, config.window, dataset, tasks)


def _values(config: MlcConfig, recording: Recording, known: Known) -> FloatArray:
    keys = [(id(recording), config.window, config.filters, f) for f in config.features]
    missing = [key for key in dict.fromkeys(keys) if key not in known]
    if missing:
        some = replace(config, features=tuple(f for _, _, _, f in missing))
        found = FeatureStream(some).push(inputs(some, recording, numeric_style("current")))
        known.update(zip(missing, found.astype(np.float32).T, strict=True))
    return np.stack([known[key] for key in keys], axis=1)


def settled(windows: Windows, fewest: int = 4) -> Windows:
    """Leave the first window of every recording (of at least ``fewest``) unlabelled.

    Filters start from zero there, and what a tree learnt from the transient would be the order in which
    logs were cut, not the movement.
    """
    start = np.r_[True, windows.recording[1:] != windows.recording[:-1]]
    counts = np.bincount(windows.recording)
    y = windows.y.copy()
    y[start & (counts[windows.recording] >= fewest)] = -1
    return replace(windows, y=y)


def outline(window: int, dataset: Dataset, tasks: Sequence[Task]) -> Windows:
    """Return the windows without features, for splitting."""
    values = [np.zeros((len(r) // window, 0), np.float32) for r in dataset]
    return _windows(values, window, dataset, tasks)


def _windows(values: Sequence[FloatArray], window: int, dataset: Dataset, tasks: Sequence[Task]) -> Windows:
    groups = dataset.groups()
    labels = [classes_of(r, window, tasks) for r in dataset]
    counts = [len(v) for v in values]
    return Windows(
        np.concatenate(values),
        np.concatenate(labels),
        np.repeat([groups.index(r.group) for r in dataset], counts),
        np.repeat(np.arange(len(dataset)), counts),
        groups,
    )


def classes_of(recording: Recording, window: int, tasks: Sequence[Task]) -> IntArray:
    """Class index of every whole window for every task, shape (windows, tasks); -1 where there is none."""
    out = np.full((len(recording) // window, len(tasks)), -1, np.int64)
    for t, task in enumerate(tasks):
        index = {name: i for i, name in enumerate(task.classes)}
        for k, label in enumerate(recording.window_labels(window, task.column)):
            if label is not None:
                out[k, t] = index[label]
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
