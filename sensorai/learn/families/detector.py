"""Detectors of anomalies in C: they learn normal logs, and a threshold on others. No anomaly shapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.cproject.trace import counts_of, trace_of
from sensorai.experiment.words import per_hour
from sensorai.features import catalogue
from sensorai.learn import states
from sensorai.learn.detectors import ONE_STATE, DetectorOptions, FittedDetector, fit_detector, refuse_states
from sensorai.learn.normal import NormalWindows, data_of, normal_windows, states_of, windows_of
from sensorai.learn.states import CUT, STATE, Parts
from sensorai.model import detector as model
from sensorai.model.contributions import contributions
from sensorai.model.detector import CLASSES
from sensorai.model.knowledge import taught
from sensorai.model.pipeline import Pipeline, run
from sensorai.recording import LABEL, Recording
from sensorai.road import Classifier, Figures, Learnt, Lesson, Progress, Trace
from sensorai.verify import alarms, anomaly
from sensorai.verify.alarms import ScoredLog, Threshold

#: Decision filter where nothing is said: an alarm needs two windows above the threshold more than below.
WINS = 2
#: Said of several states where the device learns.
ONE_SHAPE = (
    "what a device learns is one normal state; of {count} it may be blind to what lies between them: gmm "
    "(the default) learns each by itself, here"
)
#: Folds that the threshold is set on where there are groups enough, and kinds that take too long for them.
FOLDS, SLOW = 5, ("autoencoder",)
#: Features that the report names for an alarm.
EXPLAINED = 3


@dataclass(frozen=True, slots=True, eq=False)
class PipelineDetector:
    """A detector in C, as the report looks at it (``sensorai.road.Detector``)."""

    pipeline: Pipeline
    fitted: FittedDetector
    parts: Parts
    chosen: Threshold
    seed: int

    def scored(self, trace: Trace) -> ScoredLog:
        """Score each window beside what its labels say."""
        return _scored(trace)

    def rescored(self, recordings: Sequence[Recording]) -> list[ScoredLog]:
        """Score other recordings."""
        return [_run(self.pipeline, r) for r in recordings]

    def because(self, trace: Trace, window: int) -> list[dict[str, Any]]:
        """Features that raised an alarm, the largest share first."""
        assert isinstance(self.pipeline.model, model.Detector)  # noqa: S101
        names = [f.label([c.name for c in self.pipeline.channels]) for f in self.pipeline.features]
        parts = contributions(self.pipeline.model, trace.raw.inputs[window : window + 1])[0]
        total = float(np.abs(parts).sum()) or 1.0
        order = np.argsort(-parts, kind="stable")[:EXPLAINED]
        return [
            {"feature": names[i], "share": round(float(parts[i]) / total, 4)} for i in order if parts[i] > 0
        ]

    def figures(self, logs: Sequence[ScoredLog], traces: Sequence[Trace]) -> Figures:
        """Area under the curve of the float model that the detector stands for."""
        scores = [self.fitted.float_scores(t.raw.features) if len(t) else np.zeros(0) for t in traces]
        # ranks are all that counts, and whole numbers hold them
        ranks = np.unique(np.concatenate(scores), return_inverse=True)[1] if scores else np.zeros(0, int)
        at = np.cumsum([0, *map(len, scores)])
        ranked = [
            replace(log, scores=ranks[a:b].astype(np.int64))
            for log, a, b in zip(logs, at[:-1], at[1:], strict=True)
        ]
        curve = anomaly.curve(ranked, self.seed)
        keys = ("auc", "auc_low", "auc_high")
        return {"float": None if curve is None else {key: curve[key] for key in keys}}


class DetectorFamily:
    """One kind of detector."""

    def __init__(self, name: str) -> None:
        self.name = name

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn the normal windows, set the threshold on other normal recordings."""
        experiment, parts = lesson.experiment, lesson.share
        if len(parts.normal) > 1 and self.name in ONE_STATE:
            refuse_states(self.name, len(parts.normal))
        normal = normal_windows(lesson)
        counted, values = normal.counted, normal.values
        say(f"learning what {len(values)} normal windows have in common ({self.name})")
        options = DetectorOptions(seed=experiment.seed, covariance=experiment.covariance)
        rows = _rows(parts, normal)
        places = None if experiment.learn == "on-device" or self.name in SLOW else _folds(parts)
        learnt = rows if places is not None else rows.only(rows.recording < len(parts.learn))
        state = None if experiment.learn == "on-device" else learnt.state
        fitted = fit_detector(self.name, learnt.x, options, state=state, say=say.part(0.0, 0.6))
        notes = [*counted.notes, *fitted.notes]
        wins = experiment.wins
        if wins is None:
            wins = WINS
            if parts.short(counted.window, counted.stride, WINS):
                wins = 0
                notes.append(states.FILTER_OFF)
        pipeline = Pipeline(
            lesson.name,
            counted.channels,
            counted.rate_hz,
            counted.window,
            counted.stride,
            (),
            normal.features,
            fitted.scaling,
            fitted.detector,
            CLASSES,
            wins,
        )
        if experiment.learn == "on-device":
            assert fitted.scaling is not None  # noqa: S101
            pipeline = taught(pipeline, fitted.scaling.apply(values))
        say.within(0.6)
        say("setting the threshold on other normal recordings")
        if places is None:
            calibrated = [_run(pipeline, r) for r in parts.calibrate]
        else:
            calibrated = []
            every = (*parts.learn, *parts.calibrate)
            for fold in range(places.max() + 1):
                beside = rows.only(places[rows.recording] != fold)
                made = fit_detector(self.name, beside.x, options, state=beside.state)
                other = replace(pipeline, scaling=made.scaling, model=made.detector)
                calibrated += [_run(other, every[i]) for i in np.flatnonzero(places == fold)]
            notes.append(
                "learnt from all normal recordings but those of the test; the threshold is from "
                f"{places.max() + 1} folds: each recording scored by a detector that did not see it"
            )
        wanted = None if experiment.false_alarms is None else per_hour(experiment.false_alarms)
        chosen = alarms.choose_threshold(calibrated, wins, wanted, pipeline.stride)
        assert isinstance(pipeline.model, model.Detector)  # noqa: S101
        pipeline = replace(pipeline, model=pipeline.model.with_threshold(chosen.value))
        several = len(parts.normal) > 1 and state is None
        return Learnt(
            pipeline,
            (Classifier(lesson.name, STATE, dict(enumerate(CLASSES))),),
            parts.test,
            parts.groups("test"),
            parts.learnt(),
            {
                "data": data_of(parts, counted.rate_hz, windows_of(parts, counted.recording, counted.y)),
                "model": {"kind": self.name, "precision": "integers"},
            },
            tuple(notes),
            (ONE_SHAPE.format(count=len(parts.normal)),) if several else (),
            detector=PipelineDetector(pipeline, fitted, parts, chosen, experiment.seed),
            index={"states": parts.index(LABEL)},
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Normal windows that may be learnt from: features, state, and place of the recording."""

    x: npt.NDArray[np.int32]
    state: npt.NDArray[np.int64]
    recording: npt.NDArray[np.int64]

    def only(self, mask: npt.NDArray[np.bool_]) -> _Rows:
        return _Rows(self.x[mask], self.state[mask], self.recording[mask])


def _rows(parts: Parts, normal: NormalWindows) -> _Rows:
    """Of the parts to learn from and to calibrate."""
    counted = normal.counted
    mask = (counted.recording < len(parts.learn) + len(parts.calibrate)) & (counted.y == 0)
    x = catalogue.table(normal.features, counted.x[mask])
    return _Rows(x, states_of(parts, counted)[mask], counted.recording[mask])


def _folds(parts: Parts) -> npt.NDArray[np.int64] | None:
    """Fold of each recording to learn from or calibrate on, whole groups together; None for too few groups.

    Groups of every label are dealt out in turn, so that each fold has something of each state.
    """
    every = (*parts.learn, *parts.calibrate)
    dealt: dict[str, dict[str, int]] = {}
    fold: dict[str, int] = {}
    if any(CUT in r.group for r in every):
        return None
    for r in every:
        labels = r.labels.get(LABEL, ())
        of = dealt.setdefault(labels[0].label if labels else "", {})
        if r.group not in fold:
            of[r.group] = fold[r.group] = len(of) % FOLDS
    if len(fold) < 2 * FOLDS or min(map(len, (d for d in dealt.values() if d))) < FOLDS:
        return None
    return np.array([fold[r.group] for r in every], np.int64)


def _run(pipeline: Pipeline, recording: Recording) -> ScoredLog:
    return _scored(trace_of(pipeline, recording, run(pipeline, counts_of(recording, pipeline))))


def _scored(trace: Trace) -> ScoredLog:
    scores = trace.raw.scores[:, 1].astype(np.int64)
    return states.scored(trace.recording, LABEL, scores, trace.end, trace.window)


GMM = DetectorFamily("gmm")
MAHALANOBIS = DetectorFamily("mahalanobis")
PROTOTYPES = DetectorFamily("prototypes")
ISOLATION_FOREST = DetectorFamily("isolation-forest")
AUTOENCODER = DetectorFamily("autoencoder")
