"""Scores and alarms of a detector over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorai.report import about, scores
from sensorai.report.section import Figures, Page, Section, Views
from sensorai.report.svg import blocks
from sensorai.report.view import Scored
from sensorai.verify.alarms import ANOMALY, NORMAL, onsets

#: Recordings that the page shows at most.
RECORDINGS = 6


def page(report: Figures, views: Views) -> Page:
    """Drawings of the telling recordings; None without scores."""
    scored = [view for view in views if isinstance(view, Scored)]
    if not scored:
        return None
    shown = telling(scored)
    return {
        "filtered": about.filtered(report),
        "views": [_drawn(view, why) for view, why in shown],
        "left_out": len(scored) - len(shown),
    }


def telling(views: Sequence[Scored], most: int = RECORDINGS) -> list[tuple[Scored, str]]:
    """At most ``most`` recordings, each with why: false alarms, misses, finds and quiet ones in turn.

    A recording is of the first kind that it has. Of each kind those with most of it come first; equal
    ones are spread over the test, as neighbours are often alike.
    """
    kinds: dict[str, list[tuple[int, int]]] = {
        "false alarm": [],
        "anomaly missed": [],
        "anomaly found": [],
        "normal, no alarm": [],
    }
    for i, view in enumerate(views):
        anomalous = view.truth == ANOMALY
        false = int((view.truth[onsets(view.decided)] == NORMAL).sum())
        missed = sum(
            value == ANOMALY and not (view.decided[a:b] == ANOMALY).any()
            for a, b, value in blocks(view.truth.tolist())
        )
        if false:
            kinds["false alarm"].append((-false, i))
        elif missed:
            kinds["anomaly missed"].append((-missed, i))
        elif anomalous.any():
            kinds["anomaly found"].append((-int(anomalous.sum()), i))
        else:
            kinds["normal, no alarm"].append((-len(view.scores), i))
    wanted = dict.fromkeys(kinds, 0)
    while sum(wanted.values()) < min(most, len(views)):
        for why, rows in kinds.items():
            if wanted[why] < len(rows) and sum(wanted.values()) < most:
                wanted[why] += 1
    return [(views[i], why) for why, rows in kinds.items() for i in _spread(sorted(rows), wanted[why])]


def _spread(rows: Sequence[tuple[int, int]], wanted: int) -> list[int]:
    """Take the first of (rank, index); where more are equal to the first than wanted, spread over them."""
    equal = [i for rank, i in rows if rank == rows[0][0]]
    if len(equal) <= wanted:
        return [i for _, i in rows[:wanted]]
    return [equal[k * (len(equal) - 1) // max(wanted - 1, 1)] for k in range(wanted)]


def _drawn(view: Scored, why: str) -> dict[str, Any]:
    n = len(view.scores)
    return {
        "name": view.name,
        "why": why,
        "windows": n,
        "thinned": n > scores.COLUMNS,
        "above": int((view.scores > view.threshold).sum()),
        "drawing": scores.over_time(view),
    }


SECTION = Section("scores", "Score over time", page)
