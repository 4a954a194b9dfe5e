"""Traces against labels: one classifier, before and after its decision filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.recording import Recording
from sensorai.verify.metrics import EventMetrics, WindowMetrics, event_metrics, none_if_nan, window_metrics


@dataclass(frozen=True, slots=True)
class Judgement:
    """One classifier on a set of recordings, before (``answer``) and after (``decided``) its filter.

    The filter of the core is its meta-classifier; ``answer_by_group`` is ``answer``, group by group.
    """

    answer: WindowMetrics
    decided: WindowMetrics
    answer_events: EventMetrics
    decided_events: EventMetrics
    answer_by_group: Mapping[str, WindowMetrics]

    @property
    def by_group(self) -> Mapping[str, float]:
        """Accuracy of ``answer`` in each group with labelled windows."""
        return {g: m.accuracy for g, m in self.answer_by_group.items() if m.windows}

    def as_dict(self) -> dict[str, object]:
        """Plain values for a report."""
        return {
            "answer": self.answer.as_dict(),
            "decided": self.decided.as_dict(),
            "answer_events": self.answer_events.as_dict(),
            "decided_events": self.decided_events.as_dict(),
            "by_group": {g: none_if_nan(a) for g, a in self.by_group.items()},
        }


def compare(
    recordings: Sequence[Recording],
    truth: Sequence[Sequence[str | None]],
    raw: Sequence[Sequence[str]],
    decided: Sequence[Sequence[str]],
    window: Sequence[int],
    column: str,
    classes: Sequence[str],
    ends: Sequence[Sequence[int]] | None = None,
) -> Judgement:
    """Compare results before and after a decision filter with the truth of each window.

    Parameters
    ----------
    recordings : sequence of Recording
    truth, raw, decided : sequences per recording, one entry per window
    window : sequence of int
        Samples per window, for each recording.
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
    return Judgement(
        window_metrics(flat, [x for part in raw for x in part], classes),
        window_metrics(flat, [x for part in decided for x in part], classes),
        event_metrics(recordings, raw, window, column, ends),
        event_metrics(recordings, decided, window, column, ends),
        {g: window_metrics(t, d, classes) for g, (t, d) in by_group.items()},
    )
