"""A one-class tree for the machine learning core: a box around every normal state.

Where the logs name several normal states, a few tests tell them apart first. Then, for every feature, the
tree asks whether the window is within the range of that state's windows, widened by one margin for all; the
first feature that is outside makes it an anomaly. Such boxes see a window that is larger, smaller, faster or
slower than any normal one of its state in a single feature. They do not see an unusual combination of usual
values: for that, a detector in C (``--target ispu|stm32``) is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.mlc import half
from sensorai.mlc.config import DecisionTree, Feature, MlcConfig
from sensorai.mlc.devices import MlcDevice, device
from sensorai.model.decision import NONE
from sensorai.model.detector import CLASSES
from sensorai.model.forest import Tree
from sensorai.recording import Dataset, Recording
from sensorai.train import candidates, codes, states
from sensorai.train.features import different
from sensorai.train.judge import run
from sensorai.train.mlc import Trained
from sensorai.train.options import Choices, MlcOptions, check_options
from sensorai.train.prepare import (
    at_device_rate,
    check_length,
    doubts,
    sensor_settings,
    usable_sensors,
    without_copies,
)
from sensorai.train.search import inputs
from sensorai.train.states import STATE, Parts
from sensorai.train.table import Task, Windows, build, settled
from sensorai.verify import alarms
from sensorai.verify.alarms import ScoredLog

NORMAL, ANOMALY = 0, 1
#: Length of a window when nothing is said, in seconds.
SECONDS = 1.0
#: Kinds by preference; a feature that says nearly the same as an earlier one is left out.
KINDS = (("VARIANCE", "XYZ"), ("PEAK_TO_PEAK", "XYZ"), ("VARIANCE", "V"), ("MAXIMUM", "V"), ("MINIMUM", "V"))
FILTERED = (("ENERGY", "XYZ"), ("PEAK_TO_PEAK", "V"), ("ZERO_CROSSING", "XYZ"))
#: Margins are searched in these steps of the normal half range.
STEPS = 1024
#: The narrowest half range, as a share of the middle: constant features must not alarm on their last bit.
NARROWEST = 1 / 32
#: Fewest normal windows of a state that gets bounds of its own.
FEWEST = 8
#: End counter where nothing is said: as the decision filter of detectors in C.
WINS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Bounds of features in each normal state, as the tree holds them.

    Attributes
    ----------
    states : fitted scikit-learn tree or None
        Tells the normal states apart; None for one state.
    lower, upper : ndarray, shape (states, features), float64
        Halves, a row a leaf of ``states``. Outside is ``x <= lower`` or ``x > upper``.
    """

    states: Any
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]

    def predict(self, x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Class of each row, shape (rows, features) -> (rows,): 0 inside, 1 outside."""
        at = _leaf(self.states, x)
        outside = (x <= self.lower[at]) | (x > self.upper[at])
        return np.asarray(outside.any(axis=1), np.int64)

    def tree(self, class_codes: Sequence[int]) -> Tree:
        """Return the tests that find the state, and at each leaf two for every feature."""
        normal, outside = (~int(c) for c in class_codes)
        rows: list[tuple[int, float, int, int]] = []

        def box(leaf: int) -> int:
            first = len(rows)
            for f, (low, high) in enumerate(
                zip(self.lower[leaf].tolist(), self.upper[leaf].tolist(), strict=True)
            ):
                at = len(rows)
                rows.append((f, high, at + 1, outside))
                rows.append((f, low, outside, normal if f == self.lower.shape[1] - 1 else at + 2))
            return first

        def split(node: int) -> int:
            inner = self.states.tree_
            if inner.feature[node] < 0:
                return box(_leaves(self.states).index(node))
            at = len(rows)
            rows.append((0, 0.0, 0, 0))
            left = split(int(inner.children_left[node]))
            right = split(int(inner.children_right[node]))
            # a feature is a half: rounding the threshold down moves none to the other side
            level = half.to_float(half.floor(float(inner.threshold[node])))
            rows[at] = (int(inner.feature[node]), level, left, right)
            return at

        if self.states is None:
            box(0)
        else:
            split(0)
        return Tree.from_nodes(rows).preorder()


def _leaves(fitted: Any) -> list[int]:
    return [i for i in range(fitted.tree_.node_count) if fitted.tree_.feature[i] < 0]


def _leaf(fitted: Any, x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Row of the bounds for each window, shape (rows,)."""
    if fitted is None or not len(x):
        return np.zeros(len(x), np.int64)
    out: npt.NDArray[np.int64] = np.searchsorted(
        np.array(_leaves(fitted)), fitted.apply(x.astype(np.float32))
    )
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Middle and half ranges of the normal windows in each state, shape (states, features) each."""

    states: Any
    middle: npt.NDArray[np.float64]
    below: npt.NDArray[np.float64]
    above: npt.NDArray[np.float64]

    @staticmethod
    def of(x: npt.NDArray[np.float64], fitted: Any = None) -> Envelope:
        """Learn from normal windows, shape (rows, features); ``fitted`` tells states apart."""
        at = _leaf(fitted, x)
        parts = [x[at == k] for k in range(int(at.max()) + 1)]
        middle = np.stack([np.median(p, axis=0) for p in parts])
        least = np.maximum(NARROWEST * np.abs(middle), 2.0**-14)
        low, high = np.stack([p.min(axis=0) for p in parts]), np.stack([p.max(axis=0) for p in parts])
        return Envelope(fitted, middle, np.maximum(middle - low, least), np.maximum(high - middle, least))

    def scores(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """How far the worst feature is from the middle of its state, in ``STEPS`` a half range."""
        at = _leaf(self.states, x)
        away = x - self.middle[at]
        far = np.maximum(away / self.above[at], -away / self.below[at])
        out: npt.NDArray[np.int64] = np.floor(STEPS * far.max(axis=1)).astype(np.int64)
        return out

    def box(self, threshold: int) -> Box:
        """Bounds at a score, as halves: outside is what is beyond them in real numbers."""
        factor = (threshold + 1) / STEPS
        upper = [[half.to_float(half.floor(v)) for v in r] for r in (self.middle + factor * self.above)]
        lower = [[_next_below(v) for v in r] for r in (self.middle - factor * self.below)]
        return Box(self.states, np.array(lower), np.array(upper))


def _next_below(x: float) -> float:
    """Largest half that is less than x."""
    bits = half.floor(x)
    return half.to_float(bits if half.to_float(bits) < x else half.below(bits))


@dataclass(frozen=True, slots=True)
class TrainedBox:
    """A box with what belongs to its judgement.

    Attributes
    ----------
    trained : Trained
        As of any tree of the core; its label column is ``STATE``.
    parts : Parts
    chosen : alarms.Threshold
        The margin, in steps of 1 / 1024 of the normal half range.
    envelope : Envelope
        Scores of windows, for curves.
    """

    trained: Trained
    parts: Parts
    chosen: alarms.Threshold
    envelope: Envelope


def train_box(
    dataset: Dataset,
    options: MlcOptions,
    column: str,
    normal: Sequence[str] = (),
    unseen: Sequence[str] = (),
    false_alarms: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> TrainedBox:
    """Learn the box of the normal state for the core of ``options.device``.

    Raises
    ------
    ConfigError, DataError, TargetError
        Options that contradict the device or the data, or normal logs too short for the rate of false alarms.
    """
    target = device(options.device)
    check_options(options, target)
    choices = Choices()
    choices.notes += doubts(dataset)
    dataset = without_copies(dataset, [column], choices)
    slots = usable_sensors(dataset, target, options.sensors)
    dataset, rate = at_device_rate(dataset, target, options, choices)
    settings = Choices()
    sensor_settings(dataset, target, rate, slots, settings)
    window = options.window or min(max(round(SECONDS * rate), 8), target.limits.window)
    check_length(dataset, window, rate)
    parts = states.share_out(dataset, column, normal, unseen, options.seed, options.split == "time")
    choices.notes += parts.notes
    task = Task("anomaly", STATE, CLASSES)
    say("computing features of the normal state")
    config, windows = _features(target, window, rate, slots, Dataset(parts.learn), task, options)
    known = windows.y[:, 0] == NORMAL
    names = _normal_states(parts.learn, window, column, parts.normal)
    room = (options.max_nodes or target.limits.nodes) // (2 * len(config.features) + 1)
    told_apart = _told_apart(windows.x[known], names[known], min(room, len(parts.normal)), options.seed)
    envelope = Envelope.of(windows.x[known].astype(np.float64), told_apart)
    class_codes = codes.assign(target, np.zeros((2, 2), np.int64), options.use_code_0)
    end = _end_counters(options, target, class_codes)
    settings_of = sensor_settings(dataset, target, rate, inputs(config.features), choices)

    def with_box(box: Box) -> MlcConfig:
        labels = dict(zip(class_codes, CLASSES, strict=True))
        return replace(
            config, trees=(DecisionTree(box.tree(class_codes), end, labels),), settings=settings_of
        )

    say("setting the margin on other normal recordings")
    wins = max(end)
    if wins and options.end_counters == "auto" and parts.short(window, window, WINS):
        end, wins = (0,) * len(end), 0
        choices.notes.append(states.FILTER_OFF)
    calibrate = [_scored(r, column, config, envelope, window) for r in parts.calibrate]
    chosen = alarms.choose_threshold(calibrate, wins, false_alarms, window)
    box = envelope.box(chosen.value)
    made = with_box(box)
    chosen = replace(chosen, rate=_of_registers(made, parts.calibrate, calibrate))
    choices.window.append({"window": window, "seconds": window / rate, "chosen": True})
    choices.trees.append({"name": task.name, "pruning": [], "end_counters": []})
    choices.notes.append(
        "a box sees what is beyond the normal range in a single feature; it cannot see unusual combinations "
        "of usual values (docs/anomaly.md)"
    )
    everything = Dataset((*parts.learn, *parts.calibrate, *parts.test))
    trained = Trained(made, (task,), everything, parts.groups("test"), (box,), windows, choices)
    return TrainedBox(trained, parts, chosen, envelope)


def _normal_states(
    recordings: Sequence[Recording], window: int, column: str, normal: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Place in ``normal`` of each window's label, 0 where it has none, shape (windows,)."""
    out = [
        normal.index(label) if label in normal else 0
        for r in recordings
        for label in (r.window_labels(window, column))
    ]
    return np.array(out, np.int64)


def _told_apart(x: npt.NDArray[np.float32], names: npt.NDArray[np.int64], most: int, seed: int) -> Any:
    """Fit a small tree that tells normal states apart; None where there is one state or room for one."""
    from sklearn.tree import DecisionTreeClassifier

    if most < 2 or len(np.unique(names)) < 2:
        return None
    fitted = DecisionTreeClassifier(
        max_leaf_nodes=most, min_samples_leaf=FEWEST, class_weight="balanced", random_state=seed
    ).fit(x, names)
    return fitted if fitted.tree_.node_count > 1 else None


def decisions(codes_of: npt.NDArray[np.integer], config: MlcConfig) -> npt.NDArray[np.int64]:
    """Register values of a trace as 0 normal, 1 alarm, 255 none yet."""
    labels = config.trees[0].labels
    table = np.full(256, NONE, np.int64)
    for code, label in labels.items():
        table[code] = CLASSES.index(label)
    out: npt.NDArray[np.int64] = table[codes_of.astype(np.int64)]
    return out


def scored_logs(made: TrainedBox, column: str, recordings: Sequence[Recording]) -> list[ScoredLog]:
    """Scores of the box on recordings: how far the worst feature is from the middle."""
    config = made.trained.config
    return [_scored(r, column, config, made.envelope, config.window) for r in recordings]


def _scored(
    recording: Recording, column: str, config: MlcConfig, envelope: Envelope, window: int
) -> ScoredLog:
    from sensorai.mlc.features import FeatureStream, numeric_style
    from sensorai.mlc.features import inputs as core_inputs

    values = FeatureStream(config).push(core_inputs(config, recording, numeric_style("current")))
    end = (np.arange(len(values)) + 1) * window
    scores = envelope.scores(values.astype(np.float64)) if len(values) else np.zeros(0, np.int64)
    return states.scored(recording, column, scores, end, window)


def _of_registers(
    config: MlcConfig, recordings: Sequence[Recording], logs: Sequence[ScoredLog]
) -> alarms.Rate:
    """False alarms of the decisions of the simulated core."""
    traces = run(config, recordings)
    return alarms.false_alarms(logs, [decisions(t.decided[:, 0], config) for t in traces])


def _end_counters(options: MlcOptions, target: MlcDevice, class_codes: Sequence[int]) -> tuple[int, ...]:
    limits = target.limits
    if options.end_counters in ("auto", "off"):
        used = {c // limits.group_width for c in class_codes}
        n = WINS if options.end_counters == "auto" else 0
        return tuple(n if g in used else 0 for g in range(limits.groups))
    given = tuple(int(n) for n in options.end_counters)
    return given if len(given) > 1 else given * limits.groups


def _features(
    target: MlcDevice,
    window: int,
    rate: float,
    slots: Sequence[str],
    learn: Dataset,
    task: Task,
    options: MlcOptions,
) -> tuple[MlcConfig, Windows]:
    """Features of the box and their values on the learnt windows."""
    filters = tuple(f for f in candidates.filters(target, slots) if f.kind == "HP")
    plain = candidates.features(target, slots, filters)
    first_config = candidates.config(target, window, rate, slots, filters, plain)
    first = build(first_config, learn, [task])
    levels = candidates.with_levels(target, plain, candidates.deviations(first_config, first.x))
    wanted = _preferred(levels, slots)
    config = candidates.config(target, window, rate, inputs(wanted), filters, wanted)
    windows = settled(build(config, learn, [task]))
    room = (options.max_nodes or target.limits.nodes) // 2
    kept = different(windows.x[windows.y[:, 0] == NORMAL], min(options.max_features, room))
    if not kept:
        raise DataError(
            "no feature of the normal windows varies: there is nothing to learn",
            hint="check the sensor and the columns of the log",
        )
    used_filters, used = candidates.compact(filters, [wanted[i] for i in kept])
    return (
        candidates.config(target, window, rate, inputs(used), used_filters, used),
        windows.columns(kept),
    )


def _preferred(features: Sequence[Feature], slots: Sequence[str]) -> list[Feature]:
    """Features in the order of ``KINDS`` and ``FILTERED``, sensor by sensor."""
    out: list[Feature] = []
    for slot in slots:
        for wanted, filtered in ((KINDS, False), (FILTERED, True)):
            for kind, axes in wanted:
                of = [
                    f
                    for f in features
                    if f.kind == kind
                    and f.source.sensor == slot
                    and not f.absolute
                    and (f.source.filter is not None) == filtered
                    and f.source.axis in (tuple("XYZ") if axes == "XYZ" else (axes,))
                ]
                # of the counted kinds, the one with a level: without it noise counts
                out += [f for f in of if f.threshold] or [f for f in of if f.threshold is None]
    return out
