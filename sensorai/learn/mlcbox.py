"""A one-class tree for the machine learning core: a box around every normal state.

Where the logs name several normal states, a few tests tell them apart first. Then, for every feature, the
tree asks whether the window is within the range of that state's windows, widened by one margin for all; the
first feature that is outside makes it an anomaly. Such boxes see a window that is larger, smaller, faster or
slower than any normal one of its state in a single feature. They do not see an unusual combination of usual
values: for that, a detector in C (``--target ispu|stm32``) is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.experiment import Experiment
from sensorai.experiment.words import per_hour
from sensorai.learn import candidates, codes, states
from sensorai.learn.choices import Choices
from sensorai.learn.envelope import STEPS, Box, Envelope
from sensorai.learn.features import different
from sensorai.learn.lengths import check_length
from sensorai.learn.lines import line
from sensorai.learn.search import inputs
from sensorai.learn.states import STATE, Parts
from sensorai.learn.table import Task, Windows, build, settled
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig
from sensorai.mlc.devices import MlcDevice, device
from sensorai.mlc.features import FeatureStream, numeric_style
from sensorai.mlc.features import inputs as core_inputs
from sensorai.mlc.labels import feature_names
from sensorai.mlc.prepare import sensor_settings
from sensorai.mlc.simulate import simulate
from sensorai.model.detector import CLASSES
from sensorai.recording import LABEL, Dataset, Recording
from sensorai.road import SILENT, Lesson, Progress, Trace
from sensorai.verify import alarms
from sensorai.verify.alarms import NORMAL, ScoredLog

#: Length of a window when nothing is said, in seconds.
SECONDS = 1.0
#: Kinds by preference; a feature that says nearly the same as an earlier one is left out.
KINDS = (("VARIANCE", "XYZ"), ("PEAK_TO_PEAK", "XYZ"), ("VARIANCE", "V"), ("MAXIMUM", "V"), ("MINIMUM", "V"))
FILTERED = (("ENERGY", "XYZ"), ("PEAK_TO_PEAK", "V"), ("ZERO_CROSSING", "XYZ"))
#: Kinds that are energies: a fault changes them by a share, up or down.
RATIOS = ("VARIANCE", "ENERGY")
#: Quality factor of the band pass on a line.
LINE_QUALITY = 10.0
#: Features that the report names for an alarm.
EXPLAINED = 3
#: Fewest normal windows of a state that gets bounds of its own.
FEWEST = 8
#: End counter where nothing is said: as the decision filter of detectors in C.
WINS = 2


@dataclass(frozen=True, slots=True, eq=False)
class RegisterBox:
    """A box, as the report looks at it (``sensorai.road.Detector``).

    Attributes
    ----------
    config : MlcConfig
    parts : Parts
    chosen : Threshold
        The margin, in steps of 1 / 1024 of the normal half range.
    envelope : Envelope
        Scores of windows, for curves.
    """

    config: MlcConfig
    parts: Parts
    chosen: alarms.Threshold
    envelope: Envelope

    def scored(self, trace: Trace) -> ScoredLog:
        """How far the worst feature of each window is from the middle, beside what the labels say."""
        return _scored(trace.recording, self.config, self.envelope)

    def rescored(self, recordings: Sequence[Recording]) -> list[ScoredLog]:
        """Score other recordings, as the core would."""
        return [_scored(r, self.config, self.envelope) for r in recordings]

    def because(self, trace: Trace, window: int) -> list[dict[str, Any]]:
        """Features beyond the normal range, the furthest first; ``share`` of all distances beyond it."""
        away = self.envelope.away(trace.raw.features[window : window + 1])[0]
        over = np.maximum(away - self.chosen.value / STEPS, 0.0)
        names, total = feature_names(self.config), float(over.sum()) or 1.0
        order = np.argsort(-over, kind="stable")[:EXPLAINED]
        return [
            {"feature": names[i], "share": round(float(over[i]) / total, 4)}
            for i in order.tolist()
            if over[i]
        ]

    def figures(self, logs: Sequence[ScoredLog], traces: Sequence[Trace]) -> dict[str, Any]:
        """Nothing more is known: the registers are the model."""
        return {}


@dataclass(frozen=True, slots=True, eq=False)
class TrainedBox:
    """A box with what belongs to its judgement.

    Attributes
    ----------
    box : Box
        The reference for the emitted bytes.
    detector : RegisterBox
    windows : Windows
        Features of the configuration on what was learnt from.
    choices : Choices
    """

    box: Box
    detector: RegisterBox
    windows: Windows
    choices: Choices


def train_box(lesson: Lesson, say: Progress = SILENT) -> TrainedBox:
    """Learn the box of the normal state for the core of the experiment's device.

    Raises
    ------
    ConfigError, DataError, TargetError
        Options that contradict the device or the data, or normal logs too short for the rate of false alarms.
    """
    experiment, prepared, parts = lesson.experiment, lesson.prepared, lesson.share
    target, rate, choices = device(experiment.device_name), prepared.rate_hz, Choices()
    window = experiment.window or min(max(round(SECONDS * rate), 8), target.limits.window)
    check_length(prepared.dataset, window, rate)
    task = Task("anomaly", STATE, CLASSES)
    say("computing features of the normal state")
    config, windows = _features(
        target, window, rate, prepared.sensors, Dataset(parts.learn), task, experiment, parts.normal
    )
    known = windows.y[:, 0] == NORMAL
    names = _normal_states(parts.learn, window, LABEL, parts.normal)
    room = (experiment.max_nodes or target.limits.nodes) // (2 * len(config.features) + 1)
    told_apart = _told_apart(windows.x[known], names[known], min(room, len(parts.normal)), experiment.seed)
    envelope = Envelope.of(
        windows.x[known].astype(np.float64), told_apart, [f.kind in RATIOS for f in config.features]
    )
    class_codes = codes.assign(target, np.zeros((2, 2), np.int64), experiment.use_code_0)
    end = _end_counters(experiment, target, class_codes)
    settings, notes = sensor_settings(
        prepared.dataset, target, rate, inputs(config.features), dict(experiment.full_scale)
    )
    choices.notes += notes
    say.within(0.7)
    say("setting the margin on other normal recordings")
    wins = max(end)
    if wins and experiment.end_counters == "auto" and parts.short(window, window, WINS):
        end, wins = (0,) * len(end), 0
        choices.notes.append(states.FILTER_OFF)
    calibrate = [_scored(r, config, envelope) for r in parts.calibrate]
    false_alarms = None if experiment.false_alarms is None else per_hour(experiment.false_alarms)
    chosen = alarms.choose_threshold(calibrate, wins, false_alarms, window)
    box = envelope.box(chosen.value)
    labels = dict(zip(class_codes, CLASSES, strict=True))
    made = replace(config, trees=(DecisionTree(box.tree(class_codes), end, labels),), settings=settings)
    chosen = replace(chosen, rate=_of_registers(made, parts.calibrate, calibrate))
    if false_alarms is not None and chosen.rate.high > false_alarms:
        raise ConfigError(
            f"with end counters {', '.join(map(str, end))} the registers alarm more often than one filter "
            f"for both states would: at most {alarms.in_words(chosen.rate.high)}",
            hint="give one number for all groups, as in --end-counters 2",
        )
    choices.window.append({"window": window, "seconds": window / rate, "chosen": True})
    choices.notes += [SETTLES, BLIND]
    return TrainedBox(box, RegisterBox(made, parts, chosen, envelope), windows, choices)


SETTLES = "the first window of a recording is not judged: filters settle in it, as they do once on the sensor"
BLIND = (
    "a box sees what is beyond the normal range in a single feature; it cannot see unusual combinations of "
    "usual values (docs/detectors.md)"
)


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


def _scored(recording: Recording, config: MlcConfig, envelope: Envelope) -> ScoredLog:
    values = FeatureStream(config).push(core_inputs(config, recording, numeric_style("current")))
    end = (np.arange(len(values)) + 1) * config.window
    scores = envelope.scores(values.astype(np.float64)) if len(values) else np.zeros(0, np.int64)
    return states.settled(states.scored(recording, LABEL, scores, end, config.window))


def _of_registers(
    config: MlcConfig, recordings: Sequence[Recording], logs: Sequence[ScoredLog]
) -> alarms.Rate:
    """False alarms of the decisions of the simulated core."""
    traces = [simulate(config, r, rate="as-is") for r in recordings]
    return alarms.false_alarms(logs, [alarms.decisions(t.names(0, t.decided[:, 0])) for t in traces])


def _end_counters(experiment: Experiment, target: MlcDevice, class_codes: Sequence[int]) -> tuple[int, ...]:
    """Those that are given; else one for all groups that a class is in."""
    if experiment.end_counters != "auto":
        return codes.given_end_counters(target, experiment.end_counters)
    used = {c // target.limits.group_width for c in class_codes}
    return tuple(WINS if g in used else 0 for g in range(target.limits.groups))


def _features(
    target: MlcDevice,
    window: int,
    rate: float,
    slots: Sequence[str],
    learn: Dataset,
    task: Task,
    options: Experiment,
    normal: Sequence[str],
) -> tuple[MlcConfig, Windows]:
    """Features of the box and their values on the learnt windows."""
    filters = tuple(f for f in candidates.filters(target, slots) if f.kind == "HP")
    if "BP" in target.filters:
        found = [(slot, line(learn.recordings, LABEL, normal, slot, window)) for slot in slots]
        filters += tuple(
            Filter("BP", slot, "XYZ", candidates.band_pass(at, LINE_QUALITY)) for slot, at in found if at
        )
    plain = candidates.features(target, slots, filters)
    first_config = candidates.config(target, window, rate, slots, filters, plain)
    first = build(first_config, learn, [task])
    levels = candidates.with_levels(target, plain, candidates.deviations(first_config, first.x))
    wanted = _preferred(levels, slots, filters)
    config = candidates.config(target, window, rate, inputs(wanted), filters, wanted)
    windows = settled(build(config, learn, [task]))
    room = (options.max_nodes or target.limits.nodes) // 2
    known = windows.x[windows.y[:, 0] == NORMAL]
    most = min(options.max_features, room)
    kept = different(known, most)
    if any(f.kind == "BP" for f in filters):
        # over all states the axes of a line rise and fall together; within one they say different things
        kept = [int(i) for i in np.flatnonzero(known.std(axis=0))[:most]]
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


def _preferred(features: Sequence[Feature], slots: Sequence[str], filters: Sequence[Filter]) -> list[Feature]:
    """Features in the order of ``KINDS`` and ``FILTERED``, sensor by sensor; of a line, energies alone."""
    out: list[Feature] = []
    for slot in slots:
        lines = [i for i, f in enumerate(filters) if f.kind == "BP" and f.sensor == slot]
        if lines:
            # the margin is that of the worst feature: what moves more than the line would blind it
            out += [
                f
                for at in (*lines, None)
                for axis in "XYZ"
                for f in features
                if f.kind == "VARIANCE" and f.source.filter == at and f.source.axis == axis
                if f.source.sensor == slot and not f.absolute
            ]
            continue
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
