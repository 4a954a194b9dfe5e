"""What a detector does on recordings that it has not seen, as plain values for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.verify import alarms
from sensorai.verify.alarms import ANOMALY, NORMAL, Int64, ScoredLog
from sensorai.verify.metrics import none_if_nan


def judge_alarms(logs: Sequence[ScoredLog], decisions: Sequence[Int64], seed: int = 0) -> dict[str, Any]:
    """Judge decisions on held-out recordings.

    Parameters
    ----------
    logs : sequence of ScoredLog
    decisions : sequence of ndarray, shape (windows,), int64
        0 normal, 1 alarm, 255 none yet; log by log.
    seed : int
        Of the resampling behind the bands.

    Returns
    -------
    dict
        ``false_alarms``: events, hours, rate and its bounds, over all and by label of the normal state;
        ``detection``: anomalies found, over all and by label, with the time to the alarm;
        ``curve``: None where the test has no anomaly or no normal window.
    """
    found = alarms.detections(logs, decisions)
    normal = _labels(logs, "normal_spans")
    faults = _labels(logs, "events")
    return {
        "false_alarms": {
            **_rate(logs, decisions),
            "by_label": [
                {"label": label, **_rate(*_only(logs, decisions, label)), **_in_alarm(logs, decisions, label)}
                for label in normal
            ],
        },
        "detection": {
            **_detected(found),
            "by_label": [
                {
                    "label": label,
                    **_detected([f for f in found if f.label == label]),
                    **_in_alarm(logs, decisions, label),
                }
                for label in faults
            ],
        },
        "curve": curve(logs, seed),
    }


def curve(logs: Sequence[ScoredLog], seed: int = 0) -> dict[str, Any] | None:
    """ROC of windows as plain values; None where one of the states has no window."""
    if not all(any((log.truth == state).any() for log in logs) for state in (NORMAL, ANOMALY)):
        return None
    made = alarms.curve(logs, seed)
    return {
        key: value.round(6).tolist() if isinstance(value, np.ndarray) else round(value, 6)
        for key, value in (
            ("auc", made.auc),
            ("auc_low", made.auc_low),
            ("auc_high", made.auc_high),
            ("false", made.false),
            ("found", made.found),
            ("low", made.low),
            ("high", made.high),
        )
    }


def rate_dict(rate: alarms.Rate) -> dict[str, Any]:
    """Return a rate as plain values."""
    return {
        "events": rate.events,
        "hours": rate.hours,
        "per_hour": none_if_nan(rate.per_hour),
        "low_per_hour": none_if_nan(rate.low),
        "high_per_hour": none_if_nan(rate.high),
    }


def _rate(logs: Sequence[ScoredLog], decisions: Sequence[Int64]) -> dict[str, Any]:
    return rate_dict(alarms.false_alarms(logs, decisions))


def _labels(logs: Sequence[ScoredLog], spans: str) -> list[str]:
    return list(dict.fromkeys(label for log in logs for _, _, label in getattr(log, spans)))


def _only(
    logs: Sequence[ScoredLog], decisions: Sequence[Int64], label: str
) -> tuple[list[ScoredLog], Sequence[Int64]]:
    """The same logs with only the normal spans of one label left."""
    out = []
    for log in logs:
        spans = tuple(s for s in log.normal_spans if s[2] == label)
        truth = np.full_like(log.truth, -1)
        for start, stop, _ in spans:
            inside = (log.end > start) & (log.end <= stop) & (log.truth == NORMAL)
            truth[inside] = NORMAL
        out.append(replace(log, normal_spans=spans, truth=truth))
    return out, decisions


def _in_alarm(logs: Sequence[ScoredLog], decisions: Sequence[Int64], label: str) -> dict[str, Any]:
    """Share of the judged windows of a label that are in alarm."""
    total = on = 0
    for log, made in zip(logs, decisions, strict=True):
        for start, stop, name in (*log.normal_spans, *log.events):
            if name == label:
                inside = (log.end > start) & (log.end <= stop) & (log.truth >= 0)
                total += int(inside.sum())
                on += int((made[inside] == ANOMALY).sum())
    return {"windows": total, "windows_in_alarm": on, "share_in_alarm": on / total if total else None}


def _detected(found: Sequence[alarms.Found]) -> dict[str, Any]:
    delays = [f.alarm_s for f in found if f.alarm_s is not None]
    got = alarms.share(len(delays), len(found))
    return {
        "anomalies": got.whole,
        "found": got.part,
        "share": none_if_nan(got.value),
        "low": none_if_nan(got.low),
        "high": none_if_nan(got.high),
        "delay_median_s": float(np.median(delays)) if delays else None,
        "delay_worst_s": max(delays) if delays else None,
    }


def threshold_dict(chosen: alarms.Threshold) -> dict[str, Any]:
    """Return a chosen threshold as plain values."""
    return {
        "value": chosen.value,
        "target_per_hour": chosen.target_per_hour,
        "calibration": rate_dict(chosen.rate),
        "windows_an_hour": chosen.windows_an_hour,
        "low": chosen.low,
        "high": chosen.high,
        "windows_above": chosen.above
        and {
            "windows": chosen.above.whole,
            "above": chosen.above.part,
            "low": none_if_nan(chosen.above.low),
            "high": none_if_nan(chosen.above.high),
        },
        "confidence": alarms.CONFIDENCE,
    }


def drift(logs: Sequence[ScoredLog], threshold: int, pieces: int = 12) -> list[Mapping[str, Any]]:
    """How the score of normal windows moves over each recording.

    Returns
    -------
    list of mapping
        Recording, its normal hours, the median score of up to ``pieces`` stretches as a share of the
        threshold, and the change from the first stretch to the last.
    """
    out: list[Mapping[str, Any]] = []
    for log in logs:
        scores = log.scores[log.truth == NORMAL]
        parts = (
            [p for p in np.array_split(scores, min(pieces, len(scores) // 4)) if len(p)]
            if len(scores) >= 8
            else []
        )
        if not parts:
            continue
        levels = [round(float(np.median(p)) / max(threshold, 1), 6) for p in parts]
        out.append(
            {
                "recording": log.name,
                "hours": log.normal_hours,
                "levels": levels,
                "change": round(levels[-1] - levels[0], 6),
            }
        )
    return out


def alarm_list(logs: Sequence[ScoredLog], decisions: Sequence[Int64]) -> list[dict[str, Any]]:
    """Every alarm: where it begins and ends, and whether the label says anomaly there."""
    out = []
    for log, made in zip(logs, decisions, strict=True):
        for begin in alarms.onsets(made).tolist():
            after = np.flatnonzero(made[begin:] != ANOMALY)
            stop = begin + int(after[0]) if len(after) else len(made)
            truth = int(log.truth[begin])
            out.append(
                {
                    "recording": log.name,
                    "window": begin,
                    "start_s": int(log.end[begin]) / log.rate_hz,
                    "stop_s": int(log.end[stop - 1]) / log.rate_hz,
                    "score": int(log.scores[begin:stop].max()),
                    "state": {NORMAL: "normal", ANOMALY: "anomaly"}.get(truth, "unknown"),
                }
            )
    return out


def contradiction(chosen: alarms.Threshold, verdict: Mapping[str, Any], unseen: Sequence[str]) -> list[str]:
    """A note where the test shows more false alarms than is claimed; states never learnt aside."""
    rows = [r for r in verdict["false_alarms"]["by_label"] if r["label"] not in unseen]
    seen = alarms.rate(sum(r["events"] for r in rows), sum(r["hours"] for r in rows))
    claimed = chosen.rate.high
    if not seen.hours or not seen.low > claimed:
        return []
    return [
        f"the claim does not hold on the test: at least {alarms.in_words(seen.low)} there, at most "
        f"{alarms.in_words(claimed)} claimed. The normal logs differ from one another more than those held "
        "out show: add more of them"
    ]
