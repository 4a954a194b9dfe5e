"""From logs to a trained MLC configuration: split, search, train, choose codes and counters.

Order of the choices, none of which sees the test groups: window length, sensors, features, tree size
(cost-complexity pruning), result codes, end counters. What is delivered is the very
tree that is judged; it is not fitted again on the test groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig, SensorSetting
from sensorai.mlc.devices import MlcDevice, device, nearest_mlc_rate
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import RATE_TOLERANCE
from sensorai.model.forest import Tree
from sensorai.recording import Dataset
from sensorai.train import candidates, codes, select
from sensorai.train.table import (
    IntArray,
    Task,
    Windows,
    build,
    find_tasks,
    hold_out,
    outline,
    split_in_time,
)
from sensorai.verify.metrics import none_if_nan

#: Window lengths that ``auto`` tries, in seconds.
WINDOW_SECONDS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
#: A longer window, or a second sensor, must raise the cross-validated score by this much.
WORTH = 0.01
#: Margin above the largest value in the logs when a full scale is chosen.
HEADROOM = 1.05


@dataclass(frozen=True, slots=True)
class MlcOptions:
    """What the user may decide; None means: chosen from the data.

    ``trees`` holds (name, label column) pairs. ``end_counters`` is ``auto``, ``off`` or one number per
    result group. ``split`` is ``group`` or ``time``.
    """

    device: str = "LSM6DSV16X"
    name: str = "model"
    trees: tuple[tuple[str, str], ...] = (("tree1", "label"),)
    window: int | None = None
    rate_hz: float | None = None
    sensors: tuple[str, ...] | None = None
    max_nodes: int | None = None
    max_features: int = 12
    end_counters: str | tuple[int, ...] = "auto"
    use_code_0: bool = False
    test_share: float = 0.25
    split: str = "group"
    seed: int = 0
    resample: bool = True


@dataclass(slots=True)
class Choices:
    """What was tried on the way and why the winner won; goes into the report as it is."""

    window: list[dict[str, object]] = field(default_factory=list)
    sensors: list[dict[str, object]] = field(default_factory=list)
    features: list[dict[str, object]] = field(default_factory=list)
    trees: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    test_groups : tuple of str
    fitted : tuple of fitted scikit-learn trees
        The reference for the emitted bytes.
    train : Windows
        Features of ``config`` on the training groups.
    choices : Choices
    """

    config: MlcConfig
    tasks: tuple[Task, ...]
    dataset: Dataset
    test_groups: tuple[str, ...]
    fitted: tuple[object, ...]
    train: Windows
    choices: Choices


def train_mlc(dataset: Dataset, options: MlcOptions, say: Callable[[str], None] = lambda _: None) -> Trained:
    """Learn trees for the machine learning core of ``options.device``.

    Parameters
    ----------
    dataset : Dataset
        Logs with labels.
    options : MlcOptions
    say : callable
        Told in a few words what is going on.

    Raises
    ------
    ConfigError, DataError, TargetError
        Options that contradict the device or the data; nothing is written.
    """
    target = device(options.device)
    _check_options(options, target)
    choices = Choices()
    tasks = find_tasks(dataset, options.trees)
    for task in tasks:
        codes.check_room(target, len(task.classes), options.use_code_0)
    choices.notes += _doubts(dataset)
    if options.split == "time":
        dataset = split_in_time(dataset)
        choices.notes.append(
            "split in time: training and test come from the same sessions, so the scores are optimistic"
        )
    slots = _slots(dataset, target, options.sensors)
    dataset, rate = _at_device_rate(dataset, target, options, choices)
    lengths = _lengths(options, rate, dataset, target)
    _check_fits(dataset, lengths[0], rate)
    test_groups = hold_out(outline(lengths[0], dataset, tasks), tasks, options.test_share, options.seed)
    train_set = dataset.only_groups(g for g in dataset.groups() if g not in test_groups)

    window = _choose_window(train_set, tasks, target, rate, slots, lengths, options, choices, say)
    filters, features = _choose_features(train_set, tasks, target, rate, slots, window, options, choices, say)
    if not select.enough_groups(outline(window, train_set, tasks)):
        choices.notes.append(
            "too few groups per class to choose by: features and tree size were chosen on parts of the same "
            "logs, so the cross-validated scores are optimistic (the held-out ones are not)"
        )
    say("fitting the tree and choosing its size")
    trees, fitted, filters, features, windows = _fit(
        train_set, tasks, target, rate, window, filters, features, options, choices
    )
    config = MlcConfig(
        target.name,
        window,
        rate,
        _inputs(features),
        filters,
        features,
        trees,
        _settings(dataset, target, rate, features),
    )
    _drop_one(config, windows, options, choices)
    return Trained(config, tasks, dataset, test_groups, tuple(fitted), windows, choices)


def _doubts(dataset: Dataset) -> list[str]:
    """Accelerometers that do not show 1 g at rest: said aloud, because a wrong unit spoils everything."""
    from sensorai.formats import gravity

    found = [(r.name, text) for r in dataset if (text := gravity.doubt(r))]
    if not found:
        return []
    name, text = found[0]
    return [f"{name}{f' and {len(found) - 1} more' if len(found) > 1 else ''}: {text}"]


def _check_options(options: MlcOptions, target: MlcDevice) -> None:
    limits = target.limits
    if options.window is not None and not 1 <= options.window <= limits.window:
        raise ConfigError(
            f"--window {options.window} is outside 1 to {limits.window} samples",
            hint=f"the window counter of {target.name} has 8 bits; use a lower --rate for longer windows",
        )
    if len(options.trees) > limits.trees:
        raise ConfigError(
            f"{len(options.trees)} trees do not fit: {target.name} has {limits.trees}",
            hint="drop a --tree or choose another device (sensorai devices)",
        )
    if len({name for name, _ in options.trees}) < len(options.trees):
        raise ConfigError("two trees have the same name", hint="--tree NAME=COLUMN needs different names")
    if options.max_nodes is not None and not len(options.trees) <= options.max_nodes <= limits.nodes:
        raise ConfigError(
            f"--max-nodes {options.max_nodes} is outside {len(options.trees)} to {limits.nodes}",
            hint=f"{target.name} has room for {limits.nodes} nodes",
        )
    if not 1 <= options.max_features <= limits.features:
        raise ConfigError(
            f"--max-features {options.max_features} is outside 1 to {limits.features}",
            hint=f"{target.name} computes at most {limits.features} features",
        )
    if options.rate_hz is not None and options.rate_hz not in target.mlc_rates:
        rates = ", ".join(f"{hz:g}" for hz in target.mlc_rates)
        raise ConfigError(
            f"the machine learning core of {target.name} has no rate of {options.rate_hz:g} Hz",
            hint=f"its rates are {rates} Hz",
        )
    if not 0 <= options.seed < 2**32:
        raise ConfigError(f"--seed {options.seed} is outside 0 to 4294967295")
    if not 0.05 <= options.test_share <= 0.5:
        raise ConfigError(f"--test-share {options.test_share:g} is outside 0.05 to 0.5")
    if isinstance(options.end_counters, tuple):
        if len(options.end_counters) not in (1, limits.groups):
            raise ConfigError(
                f"{len(options.end_counters)} end counters for {limits.groups} result groups",
                hint=f"give one number for all groups, or {limits.groups}",
            )
        if not all(0 <= n <= 14 for n in options.end_counters):
            raise ConfigError(
                "an end counter is outside 0 to 14", hint="0 switches the filter of a group off"
            )


def _slots(dataset: Dataset, target: MlcDevice, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Sensors that every log has and the device offers (of the wanted ones, if any)."""
    common = set(dataset.recordings[0].sensors)
    for r in dataset:
        common &= set(r.sensors)
    usable = tuple(s for s in ("acc", "gyro") if s in common and s in target.sensors)
    if wanted is not None:
        missing = [s for s in wanted if s not in usable]
        if missing:
            raise ConfigError(
                f"--sensors {','.join(wanted)}: no {missing[0]} "
                + ("in every log" if missing[0] in target.sensors else f"on {target.name}"),
                hint="usable here: " + (", ".join(usable) or "none"),
            )
        usable = tuple(s for s in usable if s in wanted)
    if not usable:
        have = ", ".join(c.name for c in dataset.recordings[0].channels)
        raise DataError(
            f"no log channel that {target.name} could use: x, y and z of an accelerometer or gyroscope "
            "are needed",
            where=dataset.recordings[0].source,
            hint=f"the log has: {have}; name columns with --column acc_x=COLUMN",
        )
    return usable


def _at_device_rate(
    dataset: Dataset, target: MlcDevice, options: MlcOptions, choices: Choices
) -> tuple[Dataset, float]:
    """Bring every log to one rate of the core, said aloud."""
    from sensorai.formats.resample import resample

    known = [r.rate_hz for r in dataset if r.rate_hz]
    rate = options.rate_hz
    if rate is None:
        if not known:
            raise ConfigError(
                "the logs do not say their rate", hint="give the rate of the logs with --log-rate HZ"
            )
        rate = nearest_mlc_rate(target, Counter(round(k, 1) for k in known).most_common(1)[0][0])
    out = []
    changed: dict[float, int] = {}
    for r in dataset:
        if r.rate_hz is None:
            choices.notes.append(f"{r.name}: the log does not say its rate; taken as {rate:g} Hz")
            out.append(replace(r, rate_hz=rate))
        elif abs(r.rate_hz / rate - 1.0) <= RATE_TOLERANCE:
            out.append(r)
        elif not options.resample:
            raise DataError(
                f"the log is at {r.rate_hz:g} Hz, {target.name} offers no such rate, and resampling was "
                "refused",
                where=r.source,
                hint=f"drop --no-resample (the log would be brought to {rate:g} Hz), or record at a rate of "
                "the core: " + ", ".join(f"{hz:g}" for hz in target.mlc_rates) + " Hz",
            )
        else:
            changed[r.rate_hz] = changed.get(r.rate_hz, 0) + 1
            out.append(resample(r, rate))
    if changed:
        low, high = min(changed), max(changed)
        rates = f"{low:g} Hz" if low == high else f"{low:.4g} to {high:.4g} Hz"
        count = sum(changed.values())
        choices.notes.append(
            f"{count} recording{'s' if count > 1 else ''} resampled from {rates} to {rate:g} Hz, the "
            f"nearest rate of {target.name}'s core"
        )
    return Dataset(tuple(out)), rate


def _lengths(options: MlcOptions, rate: float, dataset: Dataset, target: MlcDevice) -> list[int]:
    if options.window is not None:
        return [options.window]
    longest = max(len(r) for r in dataset)
    lengths = {round(s * rate) for s in WINDOW_SECONDS}
    return sorted(w for w in lengths if 8 <= w <= min(target.limits.window, longest)) or [
        min(target.limits.window, longest)
    ]


def _check_fits(dataset: Dataset, window: int, rate: float) -> None:
    if all(len(r) < window for r in dataset):
        raise DataError(
            f"no log is as long as one window of {window} samples ({window / rate:.2f} s)",
            hint="choose a shorter --window or record longer logs",
        )


def _candidate_windows(
    train_set: Dataset,
    tasks: Sequence[Task],
    target: MlcDevice,
    rate: float,
    slots: Sequence[str],
    window: int,
) -> tuple[MlcConfig, Windows]:
    """All candidate features on the training windows; levels of the counted kinds come from the data."""
    filter_list = candidates.filters(target, slots)
    plain = candidates.features(target, slots, filter_list)
    config = candidates.config(target, window, rate, slots, filter_list, plain)
    first = build(config, train_set, tasks)
    levels = candidates.with_levels(target, plain, candidates.deviations(config, first.x))
    config = replace(config, features=tuple(levels[len(plain) :]))
    counted = build(config, train_set, tasks)
    both = replace(first, x=np.concatenate([first.x, counted.x], axis=1))
    return replace(config, features=tuple(levels)), both


def _leaves(options: MlcOptions, target: MlcDevice) -> int:
    """Leaves per tree that the device (or the user) has room for."""
    return (options.max_nodes or target.limits.nodes) // len(options.trees) + 1


def _choose_window(
    train_set: Dataset,
    tasks: Sequence[Task],
    target: MlcDevice,
    rate: float,
    slots: Sequence[str],
    lengths: Sequence[int],
    options: MlcOptions,
    choices: Choices,
    say: Callable[[str], None],
) -> int:
    if len(lengths) == 1:
        choices.window.append(
            {"window": lengths[0], "seconds": lengths[0] / rate, "chosen": True, "given": True}
        )
        return lengths[0]
    scores = {}
    for window in lengths:
        say(f"trying a window of {window} samples ({window / rate:.2g} s)")
        _, windows = _candidate_windows(train_set, tasks, target, rate, slots, window)
        present = all(
            (windows.y[:, t] == c).sum() >= 8
            for t, task in enumerate(tasks)
            for c in range(len(task.classes))
        )
        if not present:
            continue
        best = select.pool(windows, select.rank(windows, options.seed), select.POOL, lambda _: True)
        split = select.folds(windows, options.seed)
        scores[window] = select.score(
            windows.columns(best), split, min(_leaves(options, target), select.SEARCH_LEAVES), options.seed
        )
    if not scores:
        raise DataError(
            "the logs are too short: no window length leaves eight windows of every class to learn from",
            hint="record longer logs, or give a short --window",
        )
    top = max(scores.values())
    chosen = min(w for w, s in scores.items() if s >= top - WORTH)
    choices.window += [
        {"window": w, "seconds": w / rate, "balanced_accuracy": s, "chosen": w == chosen, "given": False}
        for w, s in scores.items()
    ]
    return chosen


def _choose_features(
    train_set: Dataset,
    tasks: Sequence[Task],
    target: MlcDevice,
    rate: float,
    slots: Sequence[str],
    window: int,
    options: MlcOptions,
    choices: Choices,
    say: Callable[[str], None],
) -> tuple[tuple[Filter, ...], tuple[Feature, ...]]:
    """Let pruned trees pick from the best candidates; a second sensor only where it is worth its current."""
    config, windows = _candidate_windows(train_set, tasks, target, rate, slots, window)
    split = select.folds(windows, options.seed)
    ranked = select.rank(windows, options.seed)
    leaves = _leaves(options, target)
    found: dict[tuple[str, ...], list[int]] = {}
    scores: dict[tuple[str, ...], float] = {}
    sets = [tuple(slots)] + ([("acc",)] if len(slots) > 1 and options.sensors is None else [])
    for subset in sets:
        say(f"choosing features of {' + '.join(subset)}")
        inside = [c for c in ranked if config.features[c].source.sensor in subset]
        picked = select.pool(windows, inside, select.POOL, lambda chosen: _fits(config, chosen, target))
        while True:
            few = windows.columns(picked)
            weights = np.zeros(len(picked))
            means = []
            for t in range(len(tasks)):
                alpha, path = select.choose_pruning(few, t, split, leaves, options.seed)
                means.append(dict(path)[alpha])
                weights += select.importances(few, t, leaves, options.seed, alpha)
            best = np.argsort(-weights, kind="stable")[: options.max_features]
            used = [picked[i] for i in sorted(best) if weights[i] > 0] or picked[:1]
            found[subset], scores[subset] = used, float(np.mean(means))
            if len(used) == len(picked) or np.count_nonzero(weights) <= options.max_features:
                break
            # more than the user allows: prune again with the most important ones alone
            picked = used
    chosen = sets[-1] if scores[sets[-1]] >= scores[sets[0]] - WORTH else sets[0]
    choices.sensors += [
        {"sensors": list(s), "features": len(found[s]), "balanced_accuracy": scores[s], "chosen": s == chosen}
        for s in sets
    ]
    return candidates.compact(config.filters, [config.features[c] for c in found[chosen]])


def _fits(config: MlcConfig, columns: Sequence[int], target: MlcDevice) -> bool:
    """Whether the device has input codes for the sensors and filter outputs of these features."""
    filters, features = candidates.compact(config.filters, [config.features[c] for c in columns])
    outputs = sum(len(f.outputs) for f in filters)
    return 5 * len(_inputs(features)) + outputs <= target.limits.inputs


def _inputs(features: Sequence[Feature]) -> tuple[str, ...]:
    """Input selection: the accelerometer is always part of it."""
    used = {f.source.sensor for f in features}
    return tuple(s for s in ("acc", "gyro", "ext") if s == "acc" or s in used)


def _fit(
    train_set: Dataset,
    tasks: Sequence[Task],
    target: MlcDevice,
    rate: float,
    window: int,
    filters: tuple[Filter, ...],
    features: tuple[Feature, ...],
    options: MlcOptions,
    choices: Choices,
) -> tuple[tuple[DecisionTree, ...], list[object], tuple[Filter, ...], tuple[Feature, ...], Windows]:
    """Prune, fit, drop what no tree uses, and fit again on what is left."""
    config = candidates.config(target, window, rate, _inputs(features), filters, features)
    windows = build(config, train_set, tasks)
    leaves = _leaves(options, target)
    split = select.folds(windows, options.seed)
    alphas = [select.choose_pruning(windows, t, split, leaves, options.seed) for t in range(len(tasks))]

    def fit(on: Windows) -> list[object]:
        out = []
        for t, (alpha, _) in enumerate(alphas):
            known = select.labelled(on, t)
            out.append(select.new_tree(leaves, options.seed, alpha).fit(on.x[known], on.y[known, t]))
        return out

    fitted = fit(windows)
    used = sorted({int(f) for tree in fitted for f in tree.tree_.feature if f >= 0}) or [0]  # type: ignore[attr-defined]
    if len(used) < len(features):
        filters, features = candidates.compact(filters, [features[i] for i in used])
        windows = windows.columns(used)
        # same columns, same rows: only the numbering changes, but let the tree be fitted on what ships
        fitted = fit(windows)
    trees = []
    for t, (task, tree, (alpha, path)) in enumerate(zip(tasks, fitted, alphas, strict=True)):
        guesses = select.out_of_fold(windows, t, split, leaves, options.seed, alpha)
        class_codes = codes.assign(
            target, _confusion(windows.y[:, t], guesses, len(task.classes)), options.use_code_0
        )
        runs = _runs(windows, t, guesses, class_codes)
        if options.end_counters == "auto":
            end, table = codes.choose_end_counters(target, runs, class_codes)
        elif options.end_counters == "off":
            end, table = (0,) * target.limits.groups, []
        else:
            given = tuple(int(n) for n in options.end_counters)
            end, table = given if len(given) > 1 else given * target.limits.groups, []
        shipped = to_tree(tree, class_codes)
        trees.append(DecisionTree(shipped, end, dict(zip(class_codes, task.classes, strict=True))))
        known = guesses >= 0
        truth = windows.y[known, t]
        accuracy, even = select.random_split_score(windows, t, leaves, options.seed, alpha)
        choices.trees.append(
            {
                "name": task.name,
                "pruning": [{"alpha": a, "balanced_accuracy": s, "chosen": a == alpha} for a, s in path],
                "cross_validated": {
                    "accuracy": float((guesses[known] == truth)[truth >= 0].mean()),
                    "balanced_accuracy": select.balanced(truth[truth >= 0], guesses[known][truth >= 0]),
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
    return tuple(trees), fitted, filters, features, windows


def to_tree(fitted: object, class_codes: Sequence[int]) -> Tree:
    """Turn a fitted scikit-learn tree into a tree of halves with result codes; no decision changes.

    scikit-learn splits between two feature values; features are halves, so rounding the threshold down
    to a half moves no value to the other side. A single leaf becomes one test with twice the same
    result, because a leaf alone cannot be stored.
    """
    inner = fitted.tree_  # type: ignore[attr-defined]
    classes = fitted.classes_  # type: ignore[attr-defined]
    result = [int(class_codes[int(classes[int(v)])]) for v in inner.value[:, 0, :].argmax(axis=1)]

    def child(i: int) -> int:
        return i if inner.feature[i] >= 0 else ~result[i]

    if inner.feature[0] < 0:
        return Tree.from_nodes([(0, 0.0, ~result[0], ~result[0])])
    rows = [
        (
            int(inner.feature[i]),
            half.to_float(half.floor(float(inner.threshold[i]))),
            child(int(inner.children_left[i])),
            child(int(inner.children_right[i])),
        )
        if inner.feature[i] >= 0
        else (0, 0.0, ~0, ~0)
        for i in range(inner.node_count)
    ]
    return Tree.from_nodes(rows).preorder()


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


def _settings(
    dataset: Dataset, target: MlcDevice, rate: float, features: Sequence[Feature]
) -> dict[str, SensorSetting]:
    """Sensor rate and full scale: not below the core's rate, wide enough for the logs."""
    used = set(_inputs(features)) & {"acc", *(f.source.sensor for f in features)}
    out = {}
    for slot, unit, rates, scales in (
        ("acc", "mg", target.acc_rates, target.acc_full_scales),
        ("gyro", "dps", target.gyro_rates, target.gyro_full_scales),
    ):
        if slot not in used:
            continue
        largest = max(float(np.abs(r.xyz(slot, unit)).max(initial=0.0)) for r in dataset)
        largest /= 1000.0 if slot == "acc" else 1.0
        wide = [s for s in sorted(scales) if s >= largest * HEADROOM] or [max(scales)]
        fast = [hz for hz in sorted(rates) if hz >= rate * (1 - RATE_TOLERANCE)]
        out[slot] = SensorSetting(fast[0], wide[0])
    return out


def _drop_one(config: MlcConfig, windows: Windows, options: MlcOptions, choices: Choices) -> None:
    """What each feature buys: the cross-validated score without it."""
    split = select.folds(windows, options.seed)
    leaves = min(_leaves(options, device(config.device)), select.SEARCH_LEAVES)
    whole = select.score(windows, split, leaves, options.seed)
    count = windows.x.shape[1]
    for i, name in enumerate(feature_names(config)):
        others = [c for c in range(count) if c != i]
        without = select.score(windows.columns(others), split, leaves, options.seed) if others else None
        choices.features.append(
            {
                "name": name,
                "balanced_accuracy_without": without,
                "buys": None if without is None else whole - without,
            }
        )
