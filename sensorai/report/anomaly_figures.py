"""What the page and the terminal both say about a detector of anomalies.

Reports of C projects and of the machine learning core have the same entries ``threshold`` and ``anomaly``;
around them, each says what only its road has (cost and levels, or registers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import project_figures, words
from sensorai.verify.alarms import CONFIDENCE, duration, in_words

_STATES = {"normal": "false alarm", "anomaly": "anomaly"}


def place(report: Mapping[str, Any]) -> str:
    """What the detector is for."""
    if report["target"] == "mlc":
        return f"for the machine learning core of {report['device']}"
    return f"in C for {project_figures.place(report)}"


def headline(report: Mapping[str, Any]) -> str:
    """Kind, features, window and rate in a line."""
    settings = report["settings"]
    stride = settings.get("stride", settings["window"])
    every = "" if stride == settings["window"] else f", every {stride}"
    return (
        f"{detector(settings)}, {words.plural(len(settings['features']), 'feature')}, "
        f"{settings['window']} samples a window ({words.seconds(settings['window_s'])}){every}, "
        f"at {settings['rate_hz']:g} Hz, {decision_filter(report)}"
    )


def detector(settings: Mapping[str, Any]) -> str:
    """Kind of the detector, and whether it learns where it runs."""
    kind = str(settings.get("model", "box"))
    return f"{kind} that can learn on the device" if settings.get("learns") else kind


def _counters(report: Mapping[str, Any]) -> list[int]:
    """Return the wins of the filter in C, or the end counters of the core."""
    wins = report["settings"].get("wins")
    return [n for tree in report.get("trees") or () for n in tree["end_counters"]] if wins is None else [wins]


def filtered(report: Mapping[str, Any]) -> bool:
    """Whether a filter stands between windows above the threshold and the alarm."""
    return any(_counters(report))


def decision_filter(report: Mapping[str, Any]) -> str:
    """What stands between windows above the threshold and the alarm."""
    if not filtered(report):
        return "no decision filter"
    if report["settings"].get("wins") is not None:
        return f"decision filter of {words.plural(report['settings']['wins'], 'win')}"
    return f"end counters {', '.join(map(str, _counters(report)))}"


def _labels(report: Mapping[str, Any], kind: str) -> list[str]:
    """Labels of the ``normal`` state, ``unseen`` normal ones or ``faults``, wherever they are kept."""
    return list((report.get("states") or report["settings"]).get(kind) or ())


def states(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Labels by what they are; kinds without a label are left out."""
    kinds = (
        ("normal state", "normal"),
        ("normal, in the test only", "unseen"),
        ("anomalies", "faults"),
    )
    return [(name, labels) for name, key in kinds if (labels := _labels(report, key))]


# ---------------------------------------------------------------- threshold


def threshold(report: Mapping[str, Any]) -> list[str]:
    """The threshold and what can be claimed of it, in sentences without a full stop."""
    chosen = report["threshold"]
    seen, target = chosen["calibration"], chosen["target_per_hour"]
    asked = (
        "the highest score of a normal window in the calibration logs"
        if target is None
        else f"chosen for at most {in_words(target)}"
    )
    meaning = f" ({chosen['words']})" if chosen.get("words") else ""
    lines = [f"threshold {chosen['value']:,}{meaning}, {asked}"]
    if seen["high_per_hour"] is None:
        return [*lines, "no rate of false alarms can be claimed: no normal log was held out for it"]
    confidence = chosen.get("confidence", CONFIDENCE)
    return [
        *lines,
        f"at most {in_words(seen['high_per_hour'])} can be claimed ({100 * confidence:.0f} %): "
        f"{seen['events']:,} in {duration(seen['hours'])} of held-out normal logs",
    ]


# ---------------------------------------------------------------- false alarms


def per_time(per_hour: float | None) -> str:
    """Rate without naming what is counted: ``55.4 an hour``; a dash where there is none."""
    if per_hour is None:
        return words.NOTHING
    if not per_hour:
        return "0"
    if per_hour >= 1000:
        return f"{per_hour:,.0f} an hour"
    return in_words(per_hour).replace(" false alarms", "").replace(" false alarm", "")


def false_alarms(report: Mapping[str, Any]) -> str:
    """False alarms of the test in a sentence without a full stop."""
    found = report["anomaly"]["false_alarms"]
    if found["per_hour"] is None:
        return "false alarms: the test has no normal state"
    said = f"{found['events']:,} in {duration(found['hours'])} of normal state"
    if not found["events"]:
        return f"false alarms: {said}; at most {per_time(found['high_per_hour'])} ({_confidence()})"
    return (
        f"false alarms: {said}, {per_time(found['per_hour'])}; at least {per_time(found['low_per_hour'])}, "
        f"at most {per_time(found['high_per_hour'])} ({_confidence()} each)"
    )


def _confidence() -> str:
    return f"{100 * CONFIDENCE:.0f} %"


def normal_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """False alarms by label of the normal state."""
    unseen = set(_labels(report, "unseen"))
    return [
        {
            "label": row["label"],
            "unseen": " (not learnt)" if row["label"] in unseen else "",
            "events": f"{row['events']:,}",
            "time": duration(row["hours"]) if row["hours"] else words.NOTHING,
            "rate": per_time(row["per_hour"]),
            "most": per_time(row["high_per_hour"]),
            "windows": part(row["windows_in_alarm"], row["windows"]),
            "share": words.percent(row["share_in_alarm"]),
        }
        for row in report["anomaly"]["false_alarms"]["by_label"]
    ]


# ---------------------------------------------------------------- detection


def part(some: int, whole: int) -> str:
    """``3 of 78``."""
    return f"{some:,} of {whole:,}"


def between(low: float | None, high: float | None) -> str:
    """Interval of a share: ``5.0 to 15.9 %``; a dash where there is none."""
    if low is None or high is None:
        return words.NOTHING
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def detection(report: Mapping[str, Any]) -> str:
    """Anomalies found in the test, in a sentence without a full stop."""
    found = report["anomaly"]["detection"]
    if not found["anomalies"]:
        return "anomalies: the test has none, so nothing can be said about finding them"
    said = (
        f"anomalies: {part(found['found'], found['anomalies'])} found, {words.percent(found['share'])} "
        f"({between(found['low'], found['high'])} at {_confidence()})"
    )
    if found["delay_median_s"] is None:
        return said
    return (
        f"{said}; time to the alarm: median {words.seconds(found['delay_median_s'])}, "
        f"worst {words.seconds(found['delay_worst_s'])}"
    )


def fault_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Detection by label of the anomalies, and over all of them where there are several labels."""
    found = report["anomaly"]["detection"]

    def row(label: str, one: Mapping[str, Any]) -> dict[str, str]:
        known = one.get("windows") is not None
        return {
            "label": label,
            "found": part(one["found"], one["anomalies"]),
            "share": words.percent(one["share"]),
            "between": between(one["low"], one["high"]),
            "median": words.seconds(one["delay_median_s"]),
            "worst": words.seconds(one["delay_worst_s"]),
            "windows": part(one["windows_in_alarm"], one["windows"]) if known else "",
            "windows_share": words.percent(one["share_in_alarm"]) if known else "",
        }

    rows = [row(one["label"], one) for one in found["by_label"]]
    return [*rows, row("all", found)] if len(rows) > 1 else rows


# ---------------------------------------------------------------- curves


def areas(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Area under the ROC curve with its band, as it runs and in float; nothing without a curve."""
    rows = (("as it runs", report["anomaly"]["curve"]), ("in float", report["anomaly"].get("float")))
    return [(name, area(given)) for name, given in rows if given is not None]


def area(curve: Mapping[str, Any]) -> str:
    """``0.959 (0.933 to 0.981)``."""
    return f"{curve['auc']:.3f} ({curve['auc_low']:.3f} to {curve['auc_high']:.3f})"


def no_curve(report: Mapping[str, Any]) -> str:
    """Why there is no curve."""
    counts = report["data"].get("test") or {}
    missing = "normal" if counts.get("normal_windows") == 0 else "anomalous"
    return f"no curve and no AUC: the test has no {missing} window"


# ---------------------------------------------------------------- alarms


def state_words(alarm: Mapping[str, Any]) -> str:
    """What the label says where an alarm begins."""
    return _STATES.get(alarm["state"], "not labelled")


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


def compared(report: Mapping[str, Any]) -> str | None:
    """How emitted registers and the trained tree compare, on the road that has them."""
    match = report.get("match")
    if match is None:
        return None
    parted = f"; they part at {match['first_divergence']}" if match.get("first_divergence") else ""
    return (
        f"{match['equal']:,} of {match['windows']:,} windows equal between emitted registers and trained "
        f"tree{parted}"
    )
