"""The alarms one by one, and the features behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import scores
from sensorai.report.blocks import line
from sensorai.report.charts import bars
from sensorai.report.section import Figures, Lines, Page, Section, Views

#: Alarms of each state that the page lists at most.
ALARMS = 15
#: Features in the chart of what is behind alarms, and those named in the terminal.
BLAMED, NAMED = 10, 3
_STATES = {"normal": "false alarm", "anomaly": "anomaly"}


def _alarms(report: Figures) -> list[Mapping[str, Any]] | None:
    """Every alarm; None where they were not listed."""
    found = (report.get("alarms") or {}).get("list")
    return None if found is None else list(found)


def because(alarm: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Features behind an alarm with their shares; one without a share has all of it."""
    return [(one["feature"], float(one.get("share", 1.0))) for one in alarm.get("because") or ()]


def blamed(alarms: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Mean share of each feature over alarms, the largest first; nothing where no alarm names one."""
    named = [a for a in alarms if because(a)]
    total: dict[str, float] = {}
    for alarm in named:
        for feature, share in because(alarm):
            total[feature] = total.get(feature, 0.0) + share / len(named)
    return sorted(total.items(), key=lambda item: -item[1])


def listed(alarms: Sequence[Mapping[str, Any]], most: int = ALARMS) -> list[Mapping[str, Any]]:
    """Alarms that the page lists: of each state the highest scores, false alarms first."""
    out: list[Mapping[str, Any]] = []
    for state in ("normal", "unknown", "anomaly"):
        of = [alarm for alarm in alarms if alarm["state"] == state]
        out += sorted(of, key=lambda alarm: -alarm["score"])[:most]
    return out


def text(report: Figures) -> Lines:
    """Name the features behind the alarms."""
    alarms = _alarms(report) or []
    if not (named := blamed(alarms)):
        return []
    said = ", ".join(f"{feature} {100 * share:.0f} %" for feature, share in named[:NAMED])
    return [line(f"behind the {len(alarms):,} alarms, on average: {said}")]


def page(report: Figures, views: Views) -> Page:
    """Rows and charts; None where alarms were not listed."""
    alarms = _alarms(report)
    if alarms is None:
        return None
    return {
        "total": len(alarms),
        "alarms": [_row(alarm) for alarm in listed(alarms)],
        "explained": any(because(alarm) for alarm in alarms),
        "blamed": _charts(alarms),
    }


def _row(alarm: Mapping[str, Any]) -> dict[str, Any]:
    parts = because(alarm)
    return {
        "recording": alarm["recording"],
        "from": f"{alarm['start_s']:,.2f} s",
        "to": f"{alarm['stop_s']:,.2f} s",
        "score": f"{alarm['score']:,}",
        "state": _STATES.get(alarm["state"], "not labelled"),
        "false": alarm["state"] == "normal",
        "because": scores.because(parts) if parts else None,
    }


def _charts(alarms: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Mean shares of features, of false alarms and of anomalies by themselves."""
    out = []
    for name, state in (("False alarms", "normal"), ("Alarms in anomalies", "anomaly")):
        of = [alarm for alarm in alarms if alarm["state"] == state]
        if rows := blamed(of)[:BLAMED]:
            names, shares = [n for n, _ in rows], [100 * share for _, share in rows]
            chart = bars(names, shares, "%", "mean share of each feature", signed=False)
            out.append((f"{name} ({len(of):,})", chart))
    return out


SECTION = Section("alarm_list", "Alarms", page, text)
