"""From logs of a healthy machine to a detector of anomalies in C: learn, set the threshold, emit, judge.

Whole groups of normal recordings are learnt from, others set the threshold, others again are tested on,
together with every anomaly. No anomaly shapes the detector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai import __version__
from sensorai.codegen.project import emit_project
from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.mcu import devices as mcu_devices
from sensorai.model import pipeline as pipelines
from sensorai.model.detector import CLASSES, KINDS, Detector
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import Dataset, Recording
from sensorai.train import counts as counting
from sensorai.train import cproject as projects
from sensorai.train import states
from sensorai.train.counts import Counted, CountOptions
from sensorai.train.cproject import ProjectDelivery, ProjectOptions
from sensorai.train.detectors import Fitted, fit
from sensorai.train.features import healthy
from sensorai.train.states import STATE, Parts
from sensorai.verify import alarms, anomaly
from sensorai.verify.alarms import ScoredLog
from sensorai.verify.cjudge import judge, recording_counts

#: Decision filter where nothing is said: an alarm needs two windows above the threshold more than below.
WINS = 2
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
        Most false alarms an hour; without it none on the calibration logs.
    """

    kind: str = "gmm"
    normal: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    false_alarms: float | None = None


def train_anomaly(
    dataset: Dataset,
    options: ProjectOptions,
    wanted: AnomalyOptions,
    say: Callable[[str], None] = lambda _: None,
) -> ProjectDelivery:
    """Learn a detector, set its threshold, emit its C, run the C on held-out recordings, report.

    Raises
    ------
    ConfigError, DataError, ToolMissing
        Options that contradict the device or the data; normal logs too short for the rate of false alarms.
    VerifyMismatch
        The C and the integer reference part.
    """
    if wanted.kind not in KINDS:
        raise ConfigError(f"unknown detector {wanted.kind!r}", hint="one of: " + ", ".join(KINDS))
    notes: list[str] = []
    core, rate, full_scales = projects._device(dataset, options, notes)
    dataset = projects._at_rate(dataset, rate, notes)
    parts = states.share_out(
        dataset, options.column, wanted.normal, wanted.unseen, options.seed, options.split == "time"
    )
    notes += parts.notes
    # every part in one go: full scale and windows are the same for all
    together = Dataset((*parts.learn, *parts.calibrate, *parts.test))
    counted = counting.build(
        together,
        CountOptions(
            options.sensors, rate, options.window, options.stride, full_scales, STATE, classes=CLASSES
        ),
    )
    notes += counted.notes
    first = counted.rows((counted.recording < len(parts.learn)) & (counted.y == 0))
    features = healthy(first)
    values = catalogue.table(features, first.x)
    if len(values) < WINDOWS_A_FEATURE * len(features):
        raise DataError(
            f"{len(values)} normal windows are too few to learn {len(features)} features from",
            hint=f"at least {WINDOWS_A_FEATURE * len(features)} are needed: add normal logs, or choose a "
            "shorter --window or --stride",
        )
    say(f"learning what {len(values)} normal windows have in common ({wanted.kind})")
    fitted = fit(wanted.kind, values, options.seed)
    notes += fitted.notes
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
        WINS if options.wins is None else options.wins,
    )
    say("setting the threshold on other normal recordings")
    calibrated = [_scored(r, pipeline, options.column)[0] for r in parts.calibrate]
    chosen = alarms.choose_threshold(calibrated, pipeline.wins, wanted.false_alarms, pipeline.stride)
    detector = fitted.detector.with_threshold(chosen.value)
    pipeline = replace(pipeline, model=detector)
    say("emitting C and running it on held-out logs")
    project = emit_project(pipeline)
    held = list(parts.test)
    samples = [recording_counts(r, pipeline) for r in held]
    logs, traces = zip(*(_scored(r, pipeline, options.column) for r in held), strict=True)
    levels, cost = projects._prove(pipeline, project, held, samples, traces, core, say)
    files = {name: text.encode() for name, text in project.files.items()}
    if options.target == "stm32" and cost is not None:
        projects._check_room(mcu_devices.device(options.device), cost, project)
    sizes = None
    if options.target == "ispu":
        files, sizes = projects._on_ispu(pipeline, options, held, samples, levels)
    decisions = [t.decided for t in traces]
    verdict = anomaly.judge_alarms(logs, decisions, options.seed)
    report: dict[str, Any] = {
        **projects.report_head(options, pipeline, "anomaly"),
        "data": _data(parts, counted),
        "settings": {
            **projects.settings(pipeline, options),
            "model": wanted.kind,
            "normal": list(parts.normal),
            "unseen": list(parts.unseen),
            "faults": list(parts.faults),
        },
        "threshold": anomaly.threshold_dict(chosen),
        "anomaly": {
            **verdict,
            "float": _float_curve(fitted, logs, traces, options.seed),
            "alarms": _explained(logs, traces, decisions, pipeline, fitted),
            "drift": anomaly.drift(logs, chosen.value),
        },
        "held_out": judge(pipeline, held, traces, STATE),
        **projects.costs(options, project, levels, cost, sizes, None),
        "notes": notes,
    }
    return projects.finish(files, report, pipeline, options, STATE, parts.groups("test"), held, traces)


def _scored(recording: Recording, pipeline: Pipeline, column: str) -> tuple[ScoredLog, PipelineTrace]:
    trace = pipelines.run(pipeline, recording_counts(recording, pipeline))
    scores = trace.scores[:, 1].astype(np.int64)
    return states.scored(recording, column, scores, trace.end, pipeline.window), trace
