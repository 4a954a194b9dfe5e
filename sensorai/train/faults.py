"""Known faults: a classifier judged as a detector of anomalies.

Normal states and faults are classes of a tree, forest or net. What counts afterwards is not which class is
named, but whether an alarm is raised: a decision for a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.decision import NONE
from sensorai.recording import LABEL, NO_RESULT, Dataset
from sensorai.road import Trace
from sensorai.train import states
from sensorai.verify import anomaly
from sensorai.verify.alarms import ANOMALY, CONFIDENCE, NORMAL, Int64, duration, in_words


def check_faults(dataset: Dataset, column: str, normal: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of the normal state; a ConfigError where no label is a fault."""
    names = states.normal_labels(dataset, column, normal)
    if not set(dataset.label_set(column)) - set(names):
        raise ConfigError(
            "every label is normal: a classifier needs logs of faults",
            hint="learn from normal logs alone with --model gmm (or box for the MLC)",
        )
    return names


def as_alarms(traces: Sequence[Trace], normal: Sequence[str], seed: int) -> dict[str, Any]:
    """Judge a classifier's decisions as alarms: figures, and in words.

    The score of a window is the best score of a fault less the best of a normal state; where a model only
    names a class, it is that: 1 for a fault.
    """
    logs, decisions = [], []
    recordings = states.with_states(Dataset(tuple(t.recording for t in traces)), LABEL, normal)
    for r, t in zip(recordings, traces, strict=True):
        answers = _alarms(t.answers[0], normal)
        scores = (answers == ANOMALY).astype(np.int64) if t.scores is None else _scores(t, normal)
        log = states.scored(r, LABEL, scores, t.end, t.window)
        logs.append(states.settled(log) if t.settles else log)
        decisions.append(_alarms(t.decided[0], normal))
    return with_words(anomaly.judge_alarms(logs, decisions, seed), normal)


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


def with_words(verdict: Mapping[str, Any], normal: Sequence[str]) -> dict[str, Any]:
    """``alarms`` of the report, and a note that says in words what the decisions are worth as alarms."""
    rate, found = verdict["false_alarms"], verdict["detection"]
    said = []
    if rate["high_per_hour"] is not None:
        plural = "" if rate["events"] == 1 else "s"
        said.append(
            f"{rate['events']} false alarm{plural} in {duration(rate['hours'])} of "
            f"held-out normal logs (at most {in_words(rate['high_per_hour'])}, {CONFIDENCE:.0%} confidence)"
        )
    for row in found["by_label"]:
        late = row["delay_median_s"]
        delay = "" if late is None else f", median time to alarm {late:.3g} s"
        said.append(f"{row['label']}: {row['found']} of {row['anomalies']} found{delay}")
    words = f"as alarms (a decision for another label than {', '.join(normal)}): " + "; ".join(said)
    return {
        "alarms": {
            "normal": list(normal),
            "unseen": [],
            "faults": [row["label"] for row in found["by_label"]],
            **verdict,
        },
        "notes": [words],
    }


def _alarms(names: Sequence[str], normal: Sequence[str]) -> Int64:
    """Named classes as 0 normal, 1 alarm, 255 where none is named."""
    return np.array(
        [NONE if name == NO_RESULT else NORMAL if name in normal else ANOMALY for name in names], np.int64
    )
