"""From logs of a healthy machine to a detector of anomalies in C: learn, set the threshold, emit, judge.

Whole groups of normal recordings are learnt from, others set the threshold, others again are tested on,
together with every anomaly. No anomaly shapes the detector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.formats.plausible import check_units
from sensorai.model import pipeline as pipelines
from sensorai.model.contributions import contributions
from sensorai.model.detector import CLASSES, KINDS, Detector
from sensorai.model.knowledge import taught
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import Dataset, Recording
from sensorai.train import cdeliver as delivering
from sensorai.train import counts as counting
from sensorai.train import states
from sensorai.train.cdeliver import ProjectDelivery, ProjectOptions
from sensorai.train.confounding import about
from sensorai.train.counts import Counted, CountOptions
from sensorai.train.detectors import DetectorOptions, FittedDetector, fit_detector
from sensorai.train.features import healthy
from sensorai.train.states import STATE, Parts
from sensorai.verify import alarms, anomaly
from sensorai.verify.alarms import ScoredLog
from sensorai.verify.cjudge import judge, recording_counts
from sensorai.verify.verdict import of_alarms

#: Decision filter where nothing is said: an alarm needs two windows above the threshold more than below.
WINS = 2
#: Features that the report names for an alarm.
EXPLAINED = 3
#: Where the figures of a report come from.
SOURCES = {
    "anomaly": "computed: the integer reference on recordings that training did not see; the C gives the "
    "same bits at every level listed",
    "threshold": "computed on normal recordings that were neither learnt from nor tested on",
    "intervals": "false alarms: one-sided exact Poisson bounds; shares: Wilson; bands of curves: recordings "
    "drawn again and again",
}
#: Fewest normal windows to learn from, by feature.
WINDOWS_A_FEATURE = 4


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """What the user may decide about a detector.

    Attributes
    ----------
    kind : str
        A key of ``sensorai.model.detector.KINDS``.
    normal, unseen : tuple of str
        Labels of the normal state, and those that only the test has (``sensorai.train.states``).
    false_alarms : float, optional
        Most false alarms an hour; without it no window of the calibration logs is above the threshold.
    learn : bool
        Whether the device can learn its own normal state (Mahalanobis only); it starts with that of the logs.
    features : tuple of str
        Names of the catalogue, of every axis or the norm; by default chosen on the normal windows.
    """

    kind: str = "gmm"
    normal: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    false_alarms: float | None = None
    learn: bool = False
    features: tuple[str, ...] = ()


def train_anomaly(
    dataset: Dataset,
    options: ProjectOptions,
    wanted: AnomalyOptions,
    say: Callable[[str], None] = lambda _: None,
    test_set: Dataset | None = None,
) -> ProjectDelivery:
    """Learn a detector, set its threshold, emit its C, run the C on held-out recordings, report.

    Without a ``test_set``, groups of ``dataset`` are held out.

    Raises
    ------
    ConfigError, DataError, ToolMissing
        Options that contradict the device or the data; normal logs too short for the rate of false alarms.
    VerifyMismatch
        The C and the integer reference part.
    """
    if wanted.kind not in KINDS:
        raise ConfigError(f"unknown detector {wanted.kind!r}", hint="one of: " + ", ".join(KINDS))
    if wanted.learn and wanted.kind != "mahalanobis":
        raise ConfigError(
            f"a {wanted.kind} detector cannot learn on the device",
            hint="--learn on-device is for --model mahalanobis",
        )
    notes: list[str] = []
    check_units([*dataset, *(test_set or ())], counting.TOPS, options.device)
    core, rate, full_scales = delivering.device(dataset, options, notes)
    normal = normal_windows(dataset, options, wanted, rate, full_scales, notes, test_set)
    parts, counted, features, values = normal.parts, normal.counted, normal.features, normal.values
    notes += [*parts.notes, *counted.notes]
    say(f"learning what {len(values)} normal windows have in common ({wanted.kind})")
    fitted = fit_detector(wanted.kind, values, DetectorOptions(seed=options.seed))
    notes += fitted.notes
    wins = options.wins
    if wins is None:
        wins = WINS
        if parts.short(counted.window, counted.stride, WINS):
            wins = 0
            notes.append(states.FILTER_OFF)
    pipeline = Pipeline(
        options.name,
        counted.channels,
        rate,
        counted.window,
        counted.stride,
        (),
        features,
        fitted.scaling,
        fitted.detector,
        CLASSES,
        wins,
    )
    if wanted.learn:
        assert fitted.scaling is not None  # noqa: S101
        pipeline = taught(pipeline, fitted.scaling.apply(values))
    say("setting the threshold on other normal recordings")
    calibrated = [_scored(r, pipeline, options.column)[0] for r in parts.calibrate]
    chosen = alarms.choose_threshold(calibrated, pipeline.wins, wanted.false_alarms, pipeline.stride)
    assert isinstance(pipeline.model, Detector)  # noqa: S101
    pipeline = replace(pipeline, model=pipeline.model.with_threshold(chosen.value))
    held = list(parts.test)
    proved = delivering.prove(pipeline, options, held, core, say)
    logs = [
        states.scored(r, options.column, t.scores[:, 1].astype(np.int64), t.end, pipeline.window)
        for r, t in zip(held, proved.traces, strict=True)
    ]
    traces = proved.traces
    decisions = [t.decided for t in traces]
    verdict = anomaly.judge_alarms(logs, decisions, options.seed)
    shared = delivering.common(pipeline, options, proved)
    report: dict[str, Any] = {
        **shared,
        "task": "anomaly",
        "sources": {**SOURCES, **shared["sources"]},
        "data": _data(parts, counted),
        "settings": {
            **shared["settings"],
            "model": wanted.kind,
            "learns": wanted.learn,
            "precision": "integers",
            "normal": list(parts.normal),
            "unseen": list(parts.unseen),
            "faults": list(parts.faults),
        },
        "threshold": anomaly.threshold_dict(chosen),
        "anomaly": {
            **verdict,
            "float": _float_curve(fitted, logs, traces, options.seed),
            "alarms": _explained(logs, traces, decisions, pipeline),
            "drift": anomaly.drift(logs, chosen.value),
        },
        "held_out": judge(pipeline, held, traces, STATE),
        "warnings": [
            *of_alarms(verdict, anomaly.contradiction(chosen, verdict, parts.unseen)),
            *about(dataset, [options.column]),
        ],
        "notes": notes,
    }
    groups = (parts.groups("test"), parts.learnt())
    more = {"states": parts.index(options.column)}
    return delivering.finish(proved, report, pipeline, options, STATE, groups, held, more)


@dataclass(frozen=True, slots=True, eq=False)
class NormalWindows:
    """What a detector learns from.

    Attributes
    ----------
    parts : Parts
    counted : Counted
        Windows of all parts, those to learn from first, then calibration and test.
    features : tuple of IntFeature
    values : ndarray, shape (windows, features), int32
        Of the normal windows to learn from.
    """

    parts: Parts
    counted: Counted
    features: tuple[IntFeature, ...]
    values: npt.NDArray[np.int32]


def normal_windows(
    dataset: Dataset,
    options: ProjectOptions,
    wanted: AnomalyOptions,
    rate_hz: float,
    full_scales: dict[str, float] | None = None,
    notes: list[str] | None = None,
    test_set: Dataset | None = None,
) -> NormalWindows:
    """Share recordings out, bring them to the rate, choose features on the normal windows, compute them.

    What is to be said of the rate goes to ``notes``.

    Raises
    ------
    ConfigError, DataError
        Labels that do not occur, or too few normal windows.
    """
    parts = states.share_out(
        dataset,
        options.column,
        wanted.normal,
        wanted.unseen,
        options.seed,
        options.split == "time",
        options.test_share,
        options.test_groups,
        test_set,
    )
    # every part in one go: full scale and windows are the same for all
    together = delivering.at_rate(parts.recordings, rate_hz, [] if notes is None else notes)
    parts = parts.of(together)
    counted = counting.build(
        together,
        CountOptions(
            options.sensors, rate_hz, options.window, options.stride, full_scales, STATE, classes=CLASSES
        ),
    )
    first = counted.rows((counted.recording < len(parts.learn)) & (counted.y == 0))
    if not len(first.x):
        raise DataError(
            f"no normal recording to learn from is as long as a window of {counted.window} samples",
            hint="choose a shorter --window or add longer logs",
        )
    features = healthy(first, wanted.features)
    values = catalogue.table(features, first.x)
    if len(values) < WINDOWS_A_FEATURE * len(features):
        raise DataError(
            f"{len(values)} normal windows are too few to learn {len(features)} features from",
            hint=f"at least {WINDOWS_A_FEATURE * len(features)} are needed: add normal logs, or choose a "
            "shorter --window or --stride",
        )
    return NormalWindows(parts, counted, features, values)


def _data(parts: Parts, counted: Counted) -> dict[str, Any]:
    """Groups, normal hours and windows of each part."""
    count = {"learn": len(parts.learn), "calibrate": len(parts.calibrate), "test": len(parts.test)}
    start = 0
    out: dict[str, Any] = {"groups": list(counted.groups), "test_groups": list(parts.groups("test"))}
    for part, recordings in count.items():
        rows = (counted.recording >= start) & (counted.recording < start + recordings)
        start += recordings
        logs: tuple[Recording, ...] = getattr(parts, part)
        normal = sum(s.stop - s.start for r in logs for s in r.labels[STATE] if s.label == states.NORMAL)
        out[part] = {
            "groups": len(parts.groups(part)),
            "recordings": recordings,
            "normal_hours": normal / counted.rate_hz / 3600.0,
            "normal_windows": int((rows & (counted.y == 0)).sum()),
            "anomalous_windows": int((rows & (counted.y == 1)).sum()),
        }
    return out


def _float_curve(
    fitted: FittedDetector, logs: Sequence[ScoredLog], traces: Sequence[PipelineTrace], seed: int
) -> dict[str, Any] | None:
    """Area under the curve of the float model that the detector stands for."""
    scores = [fitted.float_scores(t.features) if len(t) else np.zeros(0) for t in traces]
    # ranks are all that counts, and whole numbers hold them
    ranks = np.unique(np.concatenate(scores), return_inverse=True)[1] if scores else np.zeros(0, int)
    at = np.cumsum([0, *map(len, scores)])
    ranked = [
        replace(log, scores=ranks[a:b].astype(np.int64))
        for log, a, b in zip(logs, at[:-1], at[1:], strict=True)
    ]
    curve = anomaly.curve(ranked, seed)
    return None if curve is None else {key: curve[key] for key in ("auc", "auc_low", "auc_high")}


def _explained(
    logs: Sequence[ScoredLog],
    traces: Sequence[PipelineTrace],
    decisions: Sequence[npt.NDArray[np.int64]],
    pipeline: Pipeline,
) -> list[dict[str, Any]]:
    """Every alarm with the features that raised it, the largest share first."""
    names = [f.label([c.name for c in pipeline.channels]) for f in pipeline.features]
    assert isinstance(pipeline.model, Detector)  # noqa: S101
    rows = {log.name: trace for log, trace in zip(logs, traces, strict=True)}
    out = anomaly.alarm_list(logs, decisions)
    for alarm in out:
        inputs = rows[alarm["recording"]].inputs[alarm["window"] : alarm["window"] + 1]
        parts = contributions(pipeline.model, inputs)[0]
        total = float(np.abs(parts).sum()) or 1.0
        order = np.argsort(-parts, kind="stable")[:EXPLAINED]
        alarm["because"] = [
            {"feature": names[i], "share": round(float(parts[i]) / total, 4)} for i in order if parts[i] > 0
        ]
    return out


def _scored(recording: Recording, pipeline: Pipeline, column: str) -> tuple[ScoredLog, PipelineTrace]:
    trace = pipelines.run(pipeline, recording_counts(recording, pipeline))
    scores = trace.scores[:, 1].astype(np.int64)
    return states.scored(recording, column, scores, trace.end, pipeline.window), trace
