"""A one-class tree for the machine learning core: a box around every normal state.

Where the logs name several normal states, a few tests tell them apart first. Then, for every feature, the
tree asks whether the window is within the range of that state's windows, widened by one margin for all; the
first feature that is outside makes it an anomaly. Such boxes see a window that is larger, smaller, faster or
slower than any normal one of its state in a single feature. They do not see an unusual combination of usual
values: for that, a detector in C (``--target ispu|stm32``) is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.config import DecisionTree, Feature, MlcConfig
from sensorai.mlc.devices import MlcDevice, device
from sensorai.mlc.labels import feature_names
from sensorai.model.decision import NONE
from sensorai.model.detector import CLASSES
from sensorai.recording import Dataset, Recording
from sensorai.train import candidates, codes, states
from sensorai.train.confounding import about
from sensorai.train.deliver import Delivery
from sensorai.train.envelope import STEPS, Box, Envelope
from sensorai.train.features import different
from sensorai.train.judge import run
from sensorai.train.mlc import Trained
from sensorai.train.options import Choices, MlcOptions, check_options
from sensorai.train.prepare import (
    at_device_rate,
    check_device_units,
    check_length,
    sensor_settings,
    usable_sensors,
)
from sensorai.train.search import inputs
from sensorai.train.states import STATE, Parts
from sensorai.train.table import Task, Windows, build, settled
from sensorai.verify import alarms, anomaly
from sensorai.verify.alarms import ScoredLog
from sensorai.verify.verdict import of_alarms

NORMAL, ANOMALY = 0, 1
#: Length of a window when nothing is said, in seconds.
SECONDS = 1.0
#: Kinds by preference; a feature that says nearly the same as an earlier one is left out.
KINDS = (("VARIANCE", "XYZ"), ("PEAK_TO_PEAK", "XYZ"), ("VARIANCE", "V"), ("MAXIMUM", "V"), ("MINIMUM", "V"))
FILTERED = (("ENERGY", "XYZ"), ("PEAK_TO_PEAK", "V"), ("ZERO_CROSSING", "XYZ"))
#: Features that the report names for an alarm.
EXPLAINED = 3
#: Fewest normal windows of a state that gets bounds of its own.
FEWEST = 8
#: End counter where nothing is said: as the decision filter of detectors in C.
WINS = 2


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
    test_set: Dataset | None = None,
) -> TrainedBox:
    """Learn the box of the normal state for the core of ``options.device``.

    Without a ``test_set``, groups of ``dataset`` are held out.

    Raises
    ------
    ConfigError, DataError, TargetError
        Options that contradict the device or the data, or normal logs too short for the rate of false alarms.
    """
    target = device(options.device)
    check_options(options, target)
    choices = Choices()
    choices.warnings += about(dataset, [column])
    parts = states.share_out(
        dataset,
        column,
        normal,
        unseen,
        options.seed,
        options.split == "time",
        options.test_share,
        options.test_groups,
        test_set,
    )
    choices.notes += parts.notes
    dataset = parts.recordings
    check_device_units(dataset, target)
    slots = usable_sensors(dataset, target, options.sensors)
    dataset, rate = at_device_rate(dataset, target, options, choices)
    parts = parts.of(dataset)
    window = options.window or min(max(round(SECONDS * rate), 8), target.limits.window)
    check_length(dataset, window, rate)
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
    if false_alarms is not None and chosen.rate.high > false_alarms:
        raise ConfigError(
            f"with end counters {', '.join(map(str, end))} the registers alarm more often than one filter "
            f"for both states would: at most {alarms.in_words(chosen.rate.high)}",
            hint="give one number for all groups, as in --end-counters 2",
        )
    choices.window.append({"window": window, "seconds": window / rate, "chosen": True})
    choices.trees.append({"name": task.name, "pruning": [], "end_counters": []})
    choices.notes.append(
        "the first window of a recording is not judged: filters settle in it, as they do once on the sensor"
    )
    choices.notes.append(
        "a box sees what is beyond the normal range in a single feature; it cannot see unusual combinations "
        "of usual values (docs/detectors.md)"
    )
    trained = Trained(made, (task,), dataset, parts.groups("test"), (box,), windows, choices)
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


def index_of(made: TrainedBox, column: str) -> dict[str, Any]:
    """What the index ``model.sai`` says of a box beside a tree's."""
    return {"states": made.parts.index(column), "train_groups": list(made.parts.learnt())}


def report_of(made: TrainedBox, delivery: Delivery, column: str, seed: int) -> dict[str, Any]:
    """Entries that the report of a box has beside those of any tree: what the register says as alarms."""
    logs = scored_logs(made, column, delivery.recordings)
    decided = [decisions(t.decided[:, 0], made.trained.config) for t in delivery.traces]
    parts = made.parts
    verdict = anomaly.judge_alarms(logs, decided, seed)
    return {
        "task": "anomaly",
        "warnings": [
            *of_alarms(verdict, anomaly.contradiction(made.chosen, verdict, parts.unseen)),
            *made.trained.choices.warnings,
        ],
        "settings": {
            **delivery.report["settings"],
            "model": "box",
            "normal": list(parts.normal),
            "unseen": list(parts.unseen),
            "faults": list(parts.faults),
        },
        "threshold": {
            **anomaly.threshold_dict(made.chosen),
            "words": f"{made.chosen.value / STEPS:.2f} half ranges of the normal state",
        },
        "anomaly": {
            **verdict,
            "alarms": [
                {**alarm, "because": _outside(made, delivery, alarm)}
                for alarm in anomaly.alarm_list(logs, decided)
            ],
            "drift": anomaly.drift(logs, made.chosen.value),
        },
    }


def _outside(made: TrainedBox, delivery: Delivery, alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Features that are beyond the normal range at the start of an alarm, the furthest first.

    ``share`` is that of all distances beyond the margin.
    """
    pairs = zip(delivery.recordings, delivery.traces, strict=True)
    trace = next(t for r, t in pairs if r.name == alarm["recording"])
    away = made.envelope.away(trace.features[alarm["window"] : alarm["window"] + 1])[0]
    over = np.maximum(away - made.chosen.value / STEPS, 0.0)
    names, total = feature_names(made.trained.config), float(over.sum()) or 1.0
    order = np.argsort(-over, kind="stable")[:EXPLAINED]
    return [
        {"feature": names[i], "share": round(float(over[i]) / total, 4)} for i in order.tolist() if over[i]
    ]


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
    return states.settled(states.scored(recording, column, scores, end, window))


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
