"""Traces against labels: one tree, before and after its meta-classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.mlc.simulate import Trace
from sensorai.recording import Recording
from sensorai.verify.metrics import EventMetrics, WindowMetrics, event_metrics, none_if_nan, window_metrics


@dataclass(frozen=True, slots=True)
class TreeJudgement:
    """One classifier on a set of recordings, before (``answer``) and after (``decided``) its decision filter.

    The filter of the core is its meta-classifier.
    """

    answer: WindowMetrics
    decided: WindowMetrics
    answer_events: EventMetrics
    decided_events: EventMetrics
    by_group: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report."""
        return {
            "answer": self.answer.as_dict(),
            "decided": self.decided.as_dict(),
            "answer_events": self.answer_events.as_dict(),
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

    return compare(recordings, truth, raw, decided, window, column, classes)


def compare(
    recordings: Sequence[Recording],
    truth: Sequence[Sequence[str | None]],
    raw: Sequence[Sequence[str]],
    decided: Sequence[Sequence[str]],
    window: int,
    column: str,
    classes: Sequence[str],
    ends: Sequence[Sequence[int]] | None = None,
) -> TreeJudgement:
    """Compare results before and after a decision filter with the truth of each window.

    Parameters
    ----------
    recordings : sequence of Recording
    truth, raw, decided : sequences per recording, one entry per window
    window : int
        Samples per window.
    column : str
        Label column, for events.
    classes : sequence of str
    ends : sequence per recording, optional
        Samples seen at the end of each window, where windows overlap.
    """
    flat = [x for part in truth for x in part]
    by_group: dict[str, list[int]] = {}
    for r, t, d in zip(recordings, truth, raw, strict=True):
        for a, b in zip(t, d, strict=True):
            if a is not None:
                count = by_group.setdefault(r.group, [0, 0])
                count[0] += a == b
                count[1] += 1
    return TreeJudgement(
        window_metrics(flat, [x for part in raw for x in part], classes),
        window_metrics(flat, [x for part in decided for x in part], classes),
        event_metrics(recordings, raw, window, column, ends),
        event_metrics(recordings, decided, window, column, ends),
        {g: right / n for g, (right, n) in by_group.items()},
    )
