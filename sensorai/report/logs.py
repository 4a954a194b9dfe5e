"""Logs as a page: the signals of recordings, and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.recording import Recording
from sensorai.report.page import fill
from sensorai.report.timeline import timeline
from sensorai.report.view import Colours, Watched
from sensorai.report.words import plural


def logs_page(recordings: Sequence[Recording], column: str, most: int) -> str:
    """Draw recordings over time.

    Parameters
    ----------
    recordings : sequence of Recording
    column : str
        Label column that is drawn below the signals.
    most : int
        Recordings that are drawn at most: one of every class first.
    """
    classes = list(dict.fromkeys(s.label for r in recordings for s in r.labels.get(column, ())))
    colours = Colours(classes)
    shown = _telling(recordings, column, most)
    return fill(
        "logs.jinja",
        title=plural(len(recordings), "recording"),
        legend=[{"name": name, "colour": colours.of(name)} for name in classes],
        views=[
            {
                "name": r.name,
                "group": r.group,
                "drawing": timeline(_watched(r, column), [colours], ["labels"]),
            }
            for r in shown
        ],
        left_out=len(recordings) - len(shown),
    )


def _watched(recording: Recording, column: str) -> Watched:
    """A recording that no model has looked at."""
    sensors = recording.sensors or tuple(dict.fromkeys(c.sensor for c in recording.channels))
    return Watched(
        recording,
        (column,),
        (),
        recording.rate_hz or 1.0,
        np.zeros(0),
        1,
        sensors,
        recording.notes,
        ((),),
        ((),),
        ((),),
    )


def _telling(recordings: Sequence[Recording], column: str, most: int) -> list[Recording]:
    """The first recordings that show a class not shown before, then the first of the others."""
    seen: set[str] = set()
    first: list[Recording] = []
    rest: list[Recording] = []
    for r in recordings:
        here = {s.label for s in r.labels.get(column, ())}
        (first if here - seen else rest).append(r)
        seen |= here
    taken = [*first, *rest][:most]
    return [r for r in recordings if any(r is one for one in taken)]
