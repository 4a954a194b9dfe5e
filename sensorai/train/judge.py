"""The proof: the emitted bytes, read back and run on recordings that training never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.mlc.config import MlcConfig
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import Trace, simulate
from sensorai.recording import Dataset, Recording
from sensorai.train.mlc import Trained
from sensorai.verify.compare import Divergence, first_divergence
from sensorai.verify.metrics import EventMetrics, WindowMetrics, event_metrics, none_if_nan, window_metrics


@dataclass(frozen=True, slots=True)
class TreeJudgement:
    """One tree on a set of recordings, before (``tree``) and after (``decided``) the meta-classifier."""

    tree: WindowMetrics
    decided: WindowMetrics
    tree_events: EventMetrics
    decided_events: EventMetrics
    by_group: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report."""
        return {
            "tree": self.tree.as_dict(),
            "decided": self.decided.as_dict(),
            "tree_events": self.tree_events.as_dict(),
            "decided_events": self.decided_events.as_dict(),
            "by_group": {g: none_if_nan(a) for g, a in self.by_group.items()},
        }


def judge(
    traces: Sequence[Trace], recordings: Sequence[Recording], tree: int, column: str, classes: Sequence[str]
) -> TreeJudgement:
    """Compare traces with the labels of their recordings.

    Parameters
    ----------
    traces, recordings : sequences of the same length
        The recordings at the rate of the core.
    tree : int
    column : str
        Label column that this tree answers.
    classes : sequence of str
    """
    window = traces[0].config.window
    raw = [t.names(tree, t.tree[:, tree]) for t in traces]
    decided = [t.names(tree, t.decided[:, tree]) for t in traces]
    truth = [r.window_labels(window, column)[: len(t)] for r, t in zip(recordings, traces, strict=True)]

    def flat(parts: Sequence[Sequence[str | None]]) -> list[str | None]:
        return [x for part in parts for x in part]

    def texts(parts: Sequence[Sequence[str]]) -> list[str]:
        return [x for part in parts for x in part]

    by_group: dict[str, list[int]] = {}
    for r, t, d in zip(recordings, truth, raw, strict=True):
        for a, b in zip(t, d, strict=True):
            if a is not None:
                count = by_group.setdefault(r.group, [0, 0])
                count[0] += a == b
                count[1] += 1
    return TreeJudgement(
        window_metrics(flat(truth), texts(raw), classes),
        window_metrics(flat(truth), texts(decided), classes),
        event_metrics(recordings, raw, window, column),
        event_metrics(recordings, decided, window, column),
        {g: right / n for g, (right, n) in by_group.items()},
    )


def held_out(trained: Trained) -> Dataset:
    """Return the recordings of the test groups."""
    return trained.dataset.only_groups(trained.test_groups)


def run(config: MlcConfig, recordings: Sequence[Recording]) -> list[Trace]:
    """Simulate a decoded register file on recordings that are at its rate."""
    return [simulate(config, r, rate="as-is") for r in recordings]


def compare_with_trained(
    trained: Trained, traces: Sequence[Trace], recordings: Sequence[Recording]
) -> tuple[int, Divergence | None]:
    """Compare the emitted bytes with the tree as scikit-learn holds it, window for window.

    Returns
    -------
    windows : int
        Windows compared, all trees together.
    divergence : Divergence or None
        The first difference.
    """
    config = trained.config
    names = feature_names(config)
    style = numeric_style("current")
    compared = 0
    for recording, trace in zip(recordings, traces, strict=True):
        values = FeatureStream(config).push(inputs(config, recording, style))
        expected = {n: values[:, i] for i, n in enumerate(names)}
        got = {n: trace.features[:, i] for i, n in enumerate(names)}
        for t, (fitted, dt, task) in enumerate(zip(trained.fitted, config.trees, trained.tasks, strict=True)):
            code = {label: c for c, label in dt.labels.items()}
            classes = np.array([code[name] for name in task.classes], np.int64)
            answers = (
                classes[fitted.predict(values.astype(np.float32))]  # type: ignore[attr-defined]
                if len(values)
                else np.zeros(0, np.int64)
            )
            expected[f"tree {task.name}"] = answers
            got[f"tree {task.name}"] = trace.tree[:, t].astype(np.int64)
            compared += len(answers)
        found = first_divergence(recording.name, expected, got)
        if found is not None:
            return compared, found
    return compared, None
