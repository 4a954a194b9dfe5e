"""Traces against labels: one tree, before and after its meta-classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.mlc.simulate import Trace
from sensorai.recording import Recording
from sensorai.verify.metrics import EventMetrics, WindowMetrics, event_metrics, none_if_nan, window_metrics


@dataclass(frozen=True, slots=True)
class TreeJudgement:
    """One tree on a set of recordings, before (``tree``) and after (``decided``) the meta-classifier.

    ``tree_by_group`` is ``tree``, group by group.
    """

    tree: WindowMetrics
    decided: WindowMetrics
    tree_events: EventMetrics
    decided_events: EventMetrics
    tree_by_group: Mapping[str, WindowMetrics]

    @property
    def by_group(self) -> Mapping[str, float]:
        """Accuracy of ``tree`` in each group with labelled windows."""
        return {g: m.accuracy for g, m in self.tree_by_group.items() if m.windows}

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
    by_group: dict[str, tuple[list[str | None], list[str]]] = {}
    for r, t, d in zip(recordings, truth, raw, strict=True):
        of = by_group.setdefault(r.group, ([], []))
        of[0].extend(t)
        of[1].extend(d)
    return TreeJudgement(
        window_metrics(flat, [x for part in raw for x in part], classes),
        window_metrics(flat, [x for part in decided for x in part], classes),
        event_metrics(recordings, raw, window, column, ends),
        event_metrics(recordings, decided, window, column, ends),
        {g: window_metrics(t, d, classes) for g, (t, d) in by_group.items()},
    )
