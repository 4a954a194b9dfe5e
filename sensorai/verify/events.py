"""Events found, and alarms without one, where events open the windows: what who wears it will ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sensorai.recording import NO_RESULT
from sensorai.road import Trace
from sensorai.verify import alarms
from sensorai.verify.anomaly import rate_dict
from sensorai.verify.metrics import none_if_nan

#: End of the name of a later part of a log that breaks off.
PART = re.compile(r"#\d+$")


def judge_events(traces: Sequence[Trace], place: int, column: str, names: Sequence[str]) -> dict[str, Any]:
    """Count events found and false alarms.

    An event is found where a window that overlaps it is decided to be one, of any of the names. A window that
    is decided to be an event and overlaps none is a false alarm. Logs shorter than a window are left out.

    Parameters
    ----------
    traces : sequence of Trace
        Of recordings that were not learnt from.
    place : int
        Of the classifier among those of the traces.
    column : str
        Label column.
    names : sequence of str
        Labels of events.

    Returns
    -------
    dict
        ``labels``; ``found``: events and their share with its interval, over all and by label; ``false``: by
        recordings without an event, over all and by label, and by time; ``opened``: windows that opened.
    """
    found: list[tuple[str, bool]] = []
    quiet: list[tuple[str, bool]] = []
    extra, hours, windows = 0, 0.0, 0
    for trace in traces:
        if len(trace.recording) < trace.window:
            # nothing can be found in it
            continue
        spans = trace.recording.labels.get(column, ())
        events = [s for s in spans if s.label in names]
        ends = trace.end.tolist()
        on = [
            (end - trace.window, end)
            for end, name in zip(ends, trace.decided[place], strict=True)
            if name in names and name != NO_RESULT
        ]
        windows += len(ends)
        for s in events:
            hit = any(a < s.stop and s.start < b for a, b in on)
            if s.start == 0 and PART.search(trace.recording.name) and found and found[-1][0] == s.label:
                # the log broke off within the event, which goes on here
                hit |= found.pop()[1]
            found.append((s.label, hit))
        false = sum(not any(a < s.stop and s.start < b for s in events) for a, b in on)
        extra += false
        rate = float(trace.recording.rate_hz or 0.0)
        left = len(trace.recording) - sum(s.stop - s.start for s in events)
        hours += left / rate / 3600.0 if rate else 0.0
        if not events:
            quiet.append((spans[0].label if spans else "", false > 0))
    return {
        "labels": list(names),
        "opened": windows,
        "found": _shares(found, "events", "found"),
        "false": {
            **_shares(quiet, "recordings", "with_alarm"),
            "time": rate_dict(alarms.rate(extra, hours)),
        },
    }


def _shares(rows: Sequence[tuple[str, bool]], of: str, what: str) -> dict[str, Any]:
    labels = dict.fromkeys(label for label, _ in rows)
    return {
        **_share([hit for _, hit in rows], of, what),
        "by_label": [
            {"label": label, **_share([hit for name, hit in rows if name == label], of, what)}
            for label in labels
        ],
    }


def _share(hits: Sequence[bool], of: str, what: str) -> dict[str, Any]:
    got = alarms.share(sum(hits), len(hits))
    return {
        of: got.whole,
        what: got.part,
        "share": none_if_nan(got.value),
        "low": none_if_nan(got.low),
        "high": none_if_nan(got.high),
    }
