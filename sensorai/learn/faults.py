"""Known faults: a classifier judged as a detector of anomalies.

Normal states and faults are classes of a tree, forest or net. What counts afterwards is not which class is
named, but whether an alarm is raised: a decision for a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.learn import states
from sensorai.model.decision import NONE
from sensorai.recording import LABEL, NO_RESULT, Dataset
from sensorai.road import Trace
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


def as_alarms(
    traces: Sequence[Trace],
    normal: Sequence[str],
    seed: int,
    column: str = LABEL,
    answers_normal: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Judge the decisions of a model as alarms.

    The score of a window is the best score of a fault less the best of a normal state; where a model only
    names a class, it is that: 1 for a fault.

    Parameters
    ----------
    traces : sequence of Trace
    normal : sequence of str
        Labels of the normal state.
    seed : int
        Of the bands of the curve.
    column : str
        Label column.
    answers_normal : sequence of str, optional
        Answers of the model that are no alarm; by default the normal labels.
    """
    quiet = normal if answers_normal is None else answers_normal
    logs, decisions = [], []
    recordings = states.with_states(Dataset(tuple(t.recording for t in traces)), column, normal)
    for r, t in zip(recordings, traces, strict=True):
        answers = _alarms(t.answers[0], quiet)
        scores = (answers == ANOMALY).astype(np.int64) if t.scores is None else _scores(t, quiet)
        log = states.scored(r, column, scores, t.end, t.window)
        logs.append(states.settled(log) if t.settles else log)
        decisions.append(_alarms(t.decided[0], quiet))
    verdict = anomaly.judge_alarms(logs, decisions, seed)
    labels = [row["label"] for row in verdict["detection"]["by_label"]]
    return {"alarms": {"normal": list(normal), "unseen": [], "faults": labels, **verdict}}


def _scores(trace: Trace, normal: Sequence[str]) -> Int64:
    """Margin of the best fault, as whole numbers that keep the order of float scores."""
    assert trace.scores is not None  # noqa: S101
    faulty = np.array([name not in normal for name in trace.classes])
    points = trace.scores.astype(np.float64)
    if not len(trace):
        return np.zeros(0, np.int64)
    margin = points[:, faulty].max(axis=1) - points[:, ~faulty].max(axis=1)
    out: Int64 = np.rint(margin * 2**16).astype(np.int64)
    return out


def _alarms(names: Sequence[str], normal: Sequence[str]) -> Int64:
    """Named classes as 0 normal, 1 alarm, 255 where none is named."""
    return np.array(
        [NONE if name == NO_RESULT else NORMAL if name in normal else ANOMALY for name in names], np.int64
    )
