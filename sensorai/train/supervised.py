"""Known faults: a classifier judged as a detector of anomalies.

Normal states and faults are classes of a tree, forest or net. What counts afterwards is not which class is
named, but whether an alarm is raised: a decision for a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.simulate import Trace
from sensorai.model.decision import NONE
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import Dataset, Recording
from sensorai.train import states
from sensorai.verify import anomaly
from sensorai.verify.alarms import ANOMALY, NORMAL, Int64


def check_faults(dataset: Dataset, column: str, normal: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of the normal state; a ConfigError where no label is a fault."""
    names = states.normal_labels(dataset, column, normal)
    if not set(dataset.label_set(column)) - set(names):
        raise ConfigError(
            "every label is normal: a classifier needs logs of faults",
            hint="learn from normal logs alone with --model gmm (or box for the MLC)",
        )
    return names


def of_project(
    pipeline: Pipeline,
    recordings: Sequence[Recording],
    traces: Sequence[PipelineTrace],
    column: str,
    normal: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Judge a C project's decisions as alarms.

    The score of a window is the best score of a fault less the best of a normal state.
    """
    faulty = np.array([name not in normal for name in pipeline.classes])
    logs, decisions = [], []
    for r, t in zip(_with_states(recordings, column, normal), traces, strict=True):
        points = t.scores.astype(np.float64)
        scores = np.zeros(len(t), np.int64)
        if len(t):
            # float scores keep their order as whole numbers
            scores = np.rint((points[:, faulty].max(axis=1) - points[:, ~faulty].max(axis=1)) * 2**16).astype(
                np.int64
            )
        logs.append(states.scored(r, column, scores, t.end, pipeline.window))
        decisions.append(_alarms(faulty.tolist(), t.decided))
    return anomaly.judge_alarms(logs, decisions, seed)


def of_registers(
    config: MlcConfig,
    recordings: Sequence[Recording],
    traces: Sequence[Trace],
    column: str,
    normal: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Judge the result register of the first tree as alarms; its score is its answer, normal or fault."""
    faulty: list[bool | None] = [None] * 256
    for code, label in config.trees[0].labels.items():
        faulty[code] = label not in normal
    logs, decisions = [], []
    for r, t in zip(_with_states(recordings, column, normal), traces, strict=True):
        answers = _alarms(faulty, t.tree[:, 0].astype(np.int64))
        end = (np.arange(len(answers)) + 1) * config.window
        scores = (answers == ANOMALY).astype(np.int64)
        logs.append(states.settled(states.scored(r, column, scores, end, config.window)))
        decisions.append(_alarms(faulty, t.decided[:, 0].astype(np.int64)))
    return anomaly.judge_alarms(logs, decisions, seed)


def with_alarms(
    report: Mapping[str, Any], verdict: Mapping[str, Any], normal: Sequence[str]
) -> dict[str, Any]:
    """Add to a classifier's report what its decisions are worth as alarms."""
    faults = [row["label"] for row in verdict["detection"]["by_label"]]
    alarms = {"normal": list(normal), "unseen": [], "faults": faults, **verdict}
    return {**report, "task": "anomaly", "alarms": alarms}


def _with_states(recordings: Sequence[Recording], column: str, normal: Sequence[str]) -> Dataset:
    return states.with_states(Dataset(tuple(recordings)), column, normal)


def _alarms(faulty: Sequence[bool | None], classes: Int64) -> Int64:
    """Classes (or codes) as 0 normal, 1 alarm, 255 where none is known."""
    table = np.full(256, NONE, np.int64)
    for i, one in enumerate(faulty):
        if one is not None:
            table[i] = ANOMALY if one else NORMAL
    out: Int64 = table[classes]
    return out
