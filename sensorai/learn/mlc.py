"""From logs to a trained MLC configuration: split, search, train, choose codes and counters.

Order of the choices, none of which sees the test groups: window length, rate, sensors, features, tree size
(cost-complexity pruning), result codes, end counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.experiment import Experiment
from sensorai.learn import candidates, codes, select, taught
from sensorai.learn.choices import Choices
from sensorai.learn.convert import to_tree, used
from sensorai.learn.lengths import check_length, window_lengths
from sensorai.learn.pruning import Prunings
from sensorai.learn.search import FEATURES, Search, inputs
from sensorai.learn.table import IntArray, Known, Task, Windows, check_classes, find_tasks, outline
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig
from sensorai.mlc.devices import MlcDevice, device
from sensorai.mlc.prepare import sensor_settings
from sensorai.recording import LABEL, Dataset
from sensorai.road import SILENT, Lesson, Progress
from sensorai.verify.metrics import none_if_nan


@dataclass(frozen=True, slots=True)
class Trained:
    """A configuration and all that is needed to judge it.

    Attributes
    ----------
    config : MlcConfig
    tasks : tuple of Task
        In the order of the trees.
    dataset : Dataset
        All recordings at the core's rate.
    fitted : tuple of fitted scikit-learn trees
        The reference for the emitted bytes.
    train : Windows
        Features of ``config`` on the training groups.
    choices : Choices
    """

    config: MlcConfig
    tasks: tuple[Task, ...]
    dataset: Dataset
    fitted: tuple[object, ...]
    train: Windows
    choices: Choices


def train_mlc(
    lesson: Lesson, say: Progress = SILENT, known: Known | None = None, explained: bool = True
) -> Trained:
    """Learn trees for the machine learning core of the experiment's device.

    Parameters
    ----------
    lesson : Lesson
        Logs with labels, at the rate of the core, shared out by ``sensorai.learn.split``.
    say : Progress
        Told what is going on.
    known : Known, optional
        Features that were computed before, and will be: folds share them.
    explained : bool
        Whether it is also looked at what each feature buys.

    Raises
    ------
    ConfigError, DataError, TargetError
        Options that contradict the device or the data.
    """
    experiment, prepared, split = lesson.experiment, lesson.prepared, lesson.share
    target, choices = device(experiment.device_name), Choices()
    dataset, rate = prepared.dataset, prepared.rate_hz
    tasks = find_tasks(dataset, experiment.tree or (("tree1", LABEL),))
    for task in tasks:
        codes.check_room(target, len(task.classes), experiment.use_code_0)
    lengths = window_lengths(experiment.window, rate, dataset, target)
    check_length(dataset, lengths[0], rate)
    train_set = dataset.only_groups(split.train_groups)
    check_classes(outline(lengths[0], train_set, tasks), tasks)
    known = Known() if known is None else known
    search = Search(train_set, tasks, target, rate, prepared.sensors, experiment, choices, say, known)
    search, window = search.slower(search.choose_window(lengths))
    if search.rate != rate:
        dataset, train_set, rate = known.at(dataset, search.rate), search.train_set, search.rate
    filters, features = search.choose_features(window)
    if not select.enough_groups(outline(window, train_set, tasks)):
        choices.notes.append(
            "too few groups per class to choose by: features and tree size were chosen on parts of the same "
            "logs"
        )
    say.within(FEATURES)
    say("fitting the tree and choosing its size")
    grown = _grow(search, window, filters, features)
    trees = tuple(_finish(search, grown, t) for t in range(len(tasks)))
    slots = inputs(grown.features)
    settings, notes = sensor_settings(dataset, target, rate, slots, dict(experiment.full_scale))
    choices.notes += notes
    config = MlcConfig(target.name, window, rate, slots, grown.filters, grown.features, trees, settings)
    if said := known.note(train_set, window):
        choices.notes.append(said)
    if explained:
        search.what_each_buys(config, grown.windows)
    return Trained(config, tasks, dataset, tuple(grown.fitted), grown.windows, choices)


@dataclass(frozen=True, slots=True)
class _Grown:
    """Fitted trees with the features that they use."""

    filters: tuple[Filter, ...]
    features: tuple[Feature, ...]
    windows: Windows
    pruning: Sequence[tuple[float, list[tuple[float, float]]]]
    guesses: Sequence[IntArray]
    fitted: Sequence[object]


def _grow(search: Search, window: int, filters: tuple[Filter, ...], features: tuple[Feature, ...]) -> _Grown:
    """Let a forest teach, prune, and drop what no tree uses.

    The forests of the folds know all features; the tree that ships is grown on what its forest answered,
    again until it uses every feature that is left.
    """
    seed, leaves = search.options.seed, search.leaves
    windows = search.windows(search.config(window, filters, features))
    split, tasks = select.folds(windows, seed), range(len(search.tasks))
    grow = search.grower(windows.copies)
    lessons, parts, pruning = [], [], []
    for t in tasks:
        known = select.labelled(windows, t)
        lesson = taught.teach(windows.x[known], windows.y[known, t], seed, windows.copies)
        whole = Prunings(taught.tree(leaves, seed).fit(lesson.x, lesson.y))
        lessons.append(lesson)
        parts.append(select.parts(windows, t, split, grow))
        # what people make of each pruning is shown; few of them are no good judges of it
        _, path = select.choose_pruning(windows, t, parts[t], whole)
        pruning.append((lesson.alpha(whole), path))
    left = list(range(len(features)))
    while True:
        fitted = [
            taught.tree(leaves, seed, alpha).fit(lesson.x[:, left], lesson.y)
            for lesson, (alpha, _) in zip(lessons, pruning, strict=True)
        ]
        kept = sorted(set().union(*(used(tree) for tree in fitted))) or [0]
        if len(kept) == len(left):
            filters, features = candidates.compact(filters, [features[i] for i in left])
            guesses = [
                select.out_of_fold(windows, part, alpha)
                for part, (alpha, _) in zip(parts, pruning, strict=True)
            ]
            return _Grown(filters, features, windows.columns(left), pruning, guesses, fitted)
        left = [left[i] for i in kept]


def _finish(search: Search, grown: _Grown, t: int) -> DecisionTree:
    """Give a fitted tree its codes and end counters, chosen on out-of-fold results."""
    options, target, task = search.options, search.target, search.tasks[t]
    windows = grown.windows
    alpha, path = grown.pruning[t]
    guesses = np.where(windows.answered, grown.guesses[t], -1)
    confusion = _confusion(windows.y[:, t], guesses, len(task.classes))
    class_codes = codes.assign(target, confusion, options.use_code_0)
    end, table = _end_counters(options, target, _runs(windows, t, guesses, class_codes), class_codes)
    known = (guesses >= 0) & (windows.y[:, t] >= 0)
    truth, results = windows.y[known, t], guesses[known]
    accuracy, even = select.random_split_score(windows, t, search.grower(1), options.seed, alpha)
    search.choices.trees.append(
        {
            "name": task.name,
            "pruning": [{"alpha": a, "balanced_accuracy": s, "chosen": a == alpha} for a, s in path],
            "cross_validated": {
                "accuracy": float((results == truth).mean()),
                "balanced_accuracy": select.balanced(truth, results),
            },
            "random_windows_optimistic": {
                "accuracy": none_if_nan(accuracy),
                "balanced_accuracy": none_if_nan(even),
            },
            "end_counters": [
                {"all_groups": n, "right": share, "wrong_switches": wrong} for n, share, wrong in table
            ],
        }
    )
    labels = dict(zip(class_codes, task.classes, strict=True))
    return DecisionTree(to_tree(grown.fitted[t], class_codes), end, labels)


def _end_counters(
    options: Experiment,
    target: MlcDevice,
    runs: Sequence[tuple[IntArray, IntArray]],
    class_codes: Sequence[int],
) -> tuple[tuple[int, ...], list[tuple[int, float, int]]]:
    if options.end_counters == "auto":
        return codes.choose_end_counters(target, runs, class_codes)
    return codes.given_end_counters(target, options.end_counters), []


def _confusion(truth: IntArray, guesses: IntArray, classes: int) -> IntArray:
    out = np.zeros((classes, classes), np.int64)
    known = (truth >= 0) & (guesses >= 0)
    np.add.at(out, (truth[known], guesses[known]), 1)
    return out


def _runs(
    windows: Windows, task: int, guesses: IntArray, class_codes: Sequence[int]
) -> list[tuple[IntArray, IntArray]]:
    """Truth and out-of-fold results as codes, per recording in time order."""
    table = np.array([*class_codes, -1])
    runs = []
    for r in np.unique(windows.recording):
        rows = (windows.recording == r) & (guesses >= 0)
        if rows.any():
            runs.append((table[windows.y[rows, task]], table[guesses[rows]]))
    return runs
