"""Events found, and alarms without one, where events open the windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report.blocks import line, table
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.verify.alarms import duration, in_words

#: Widest column of labels.
LABEL = 40


def sentence(found: Mapping[str, Any]) -> str:
    """Both figures in one sentence."""
    time = found["false"]["time"]
    out = (
        f"events found: {_of(found['found'], 'found', 'events')}; recordings without one that alarm: "
        f"{_of(found['false'], 'with_alarm', 'recordings')}"
    )
    if time["high_per_hour"] is not None and time["hours"]:
        most = in_words(time["high_per_hour"])
        out += f"; {time['events']:,} in {duration(time['hours'])}, at most {most} (95 %)"
    return out


def rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row for each label."""
    out = [_row(one, "found", "events", "found") for one in found["found"]["by_label"]]
    return out + [
        _row(one, "with_alarm", "recordings", "recordings that alarm") for one in found["false"]["by_label"]
    ]


def _row(one: Mapping[str, Any], what: str, of: str, words: str) -> dict[str, str]:
    return {
        "label": one["label"],
        "what": words,
        "count": f"{one[what]:,} of {one[of]:,}",
        "share": _percent(one["share"]),
        "between": f"{_percent(one['low'])} to {_percent(one['high'])}",
    }


def _percent(share: float | None) -> str:
    return "\N{EM DASH}" if share is None else f"{100 * share:.1f} %"


def _of(one: Mapping[str, Any], what: str, of: str) -> str:
    return f"{one[what]:,} of {one[of]:,} ({_percent(one['share'])})"


def text(report: Figures) -> Lines:
    """The sentence and a row for each label."""
    if "events" not in report:
        return []
    found = report["events"]
    made = table("label", ("", "", "share", "95 %"), LABEL)
    for row in rows(found):
        made.add_row(line(row["label"]), *(row[key] for key in ("what", "count", "share", "between")))
    return [line(sentence(found), "bold"), made]


def page(report: Figures, views: Views) -> Page:
    """Return the same for the page."""
    if "events" not in report:
        return None
    return {"sentence": sentence(report["events"]), "rows": rows(report["events"])}


SECTION = Section("events", "Events", page, text)
