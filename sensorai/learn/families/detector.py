"""Detectors of anomalies in C: they learn normal logs, and a threshold on others. No anomaly shapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorai.cproject.trace import counts_of, trace_of
from sensorai.experiment.words import per_hour
from sensorai.learn import states
from sensorai.learn.detectors import DetectorOptions, FittedDetector, fit_detector
from sensorai.learn.normal import data_of, normal_windows, windows_of
from sensorai.learn.states import STATE, Parts
from sensorai.model import detector as model
from sensorai.model.contributions import contributions
from sensorai.model.detector import CLASSES
from sensorai.model.knowledge import taught
from sensorai.model.pipeline import Pipeline, run
from sensorai.recording import LABEL
from sensorai.road import Classifier, Figures, Learnt, Lesson, Progress, Trace
from sensorai.verify import alarms, anomaly
from sensorai.verify.alarms import ScoredLog, Threshold

#: Decision filter where nothing is said: an alarm needs two windows above the threshold more than below.
WINS = 2
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
        normal = normal_windows(lesson)
        counted, values = normal.counted, normal.values
        say(f"learning what {len(values)} normal windows have in common ({self.name})")
        fitted = fit_detector(
            self.name, values, DetectorOptions(seed=experiment.seed), say=say.part(0.0, 0.8)
        )
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
        say.within(0.8)
        say("setting the threshold on other normal recordings")
        calibrated = [
            _scored(trace_of(pipeline, r, run(pipeline, counts_of(r, pipeline)))) for r in parts.calibrate
        ]
        wanted = None if experiment.false_alarms is None else per_hour(experiment.false_alarms)
        chosen = alarms.choose_threshold(calibrated, wins, wanted, pipeline.stride)
        assert isinstance(pipeline.model, model.Detector)  # noqa: S101
        pipeline = replace(pipeline, model=pipeline.model.with_threshold(chosen.value))
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
            detector=PipelineDetector(pipeline, fitted, parts, chosen, experiment.seed),
            index={"states": parts.index(LABEL)},
        )


def _scored(trace: Trace) -> ScoredLog:
    scores = trace.raw.scores[:, 1].astype(np.int64)
    return states.scored(trace.recording, LABEL, scores, trace.end, trace.window)


GMM = DetectorFamily("gmm")
MAHALANOBIS = DetectorFamily("mahalanobis")
PROTOTYPES = DetectorFamily("prototypes")
ISOLATION_FOREST = DetectorFamily("isolation-forest")
AUTOENCODER = DetectorFamily("autoencoder")
