"""Windows of a dataset as rows: feature values, classes, groups. Nothing is learnt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.config import MlcConfig
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
    """

    x: FloatArray
    y: IntArray
    group: IntArray
    recording: IntArray
    groups: tuple[str, ...]

    def rows(self, mask: BoolArray) -> Windows:
        """Return the rows where ``mask`` is true."""
        return Windows(self.x[mask], self.y[mask], self.group[mask], self.recording[mask], self.groups)

    def columns(self, features: Sequence[int]) -> Windows:
        """Return these features only, in this order."""
        return Windows(self.x[:, list(features)], self.y, self.group, self.recording, self.groups)

    def in_groups(self, groups: Sequence[str]) -> BoolArray:
        """Whether each row belongs to one of ``groups``, shape (rows,)."""
        wanted = [self.groups.index(g) for g in groups]
        return np.isin(self.group, wanted)


def build(config: MlcConfig, dataset: Dataset, tasks: Sequence[Task]) -> Windows:
    """Compute the features of ``config`` on every window of every recording, in time order.

    The filters and windows of each recording start from zero, as they do on the sensor after it is
    switched on.
    """
    style = numeric_style("current")
    values = [FeatureStream(config).push(inputs(config, r, style)).astype(np.float32) for r in dataset]
    return _windows(values, config.window, dataset, tasks)


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


def split_in_time(dataset: Dataset, blocks: int = 5) -> Dataset:
    """Cut every recording into ``blocks`` consecutive parts, each a group of its own.

    For data with one recording per class. It says less than a split by subject: all parts come from the
    same session.
    """
    parts = []
    for r in dataset:
        edges = np.linspace(0, len(r), blocks + 1).astype(int)
        for k, (start, stop) in enumerate(pairwise(edges)):
            parts.append(
                replace(r.slice(int(start), int(stop)), name=f"{r.name}#{k + 1}", group=f"part {k + 1}")
            )
    return Dataset(tuple(parts))


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


def hold_out(windows: Windows, tasks: Sequence[Task], share: float, seed: int) -> tuple[str, ...]:
    """Choose the groups that are kept for the test alone, balanced over the classes.

    Parameters
    ----------
    windows : Windows
        Only ``y`` and ``group`` are looked at.
    share : float
        Wanted share of the windows, 0 to 1.

    Raises
    ------
    DataError
        A single group, or a class that occurs in one group only: it could not be both learnt and tested.
    """
    if len(windows.groups) < 2:
        raise DataError(
            f"all logs belong to one group ({windows.groups[0]!r}): nothing is left to test on",
            hint="add logs of another subject, say what a group is with --group-column, or split each log "
            "in time with --split time (which says less)",
        )
    for t, task in enumerate(tasks):
        for c, name in enumerate(task.classes):
            inside = sorted({windows.groups[g] for g in windows.group[windows.y[:, t] == c]})
            if not inside:
                raise DataError(
                    f"class {name!r} has no whole window", hint="choose a shorter --window or add longer logs"
                )
            if len(inside) == 1:
                raise DataError(
                    f"class {name!r} is only in one group ({inside[0]!r}): it cannot be both learnt "
                    "and tested",
                    hint="add logs of that class from another subject or session, or split each log in time "
                    "with --split time (which says less)",
                )
    # fewer, larger test sets where small ones leave a class on one side only (two logs per class)
    for folds in range(max(2, round(1 / share)), 1, -1):
        best: tuple[float, tuple[str, ...]] | None = None
        for attempt in range(10):
            for _, test in group_folds(windows, folds, seed + attempt):
                groups = tuple(windows.groups[g] for g in np.unique(windows.group[test]))
                chosen = windows.in_groups(groups)
                missing = sum(
                    (windows.y[chosen, t] == c).sum() == 0 or (windows.y[~chosen, t] == c).sum() == 0
                    for t, task in enumerate(tasks)
                    for c in range(len(task.classes))
                )
                badness = 10.0 * float(missing) + abs(float(chosen.mean()) - share)
                if best is None or badness < best[0]:
                    best = badness, groups
            if best is not None and best[0] < 10.0:
                return best[1]
    raise DataError(
        "no choice of test groups leaves every class on both sides",
        hint="add logs, merge classes, or split each log in time with --split time (which says less)",
    )
