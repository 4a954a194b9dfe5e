"""What alarms are worth: false ones, anomalies found and how fast, the threshold and its claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report import about, words
from sensorai.report.about import part
from sensorai.report.blocks import line, table
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.verify.alarms import CONFIDENCE, duration, in_words
from sensorai.verify.verdict import seen

#: Columns for a label; a longer one is folded.
LABEL = 30
_SURE = f"{100 * CONFIDENCE:.0f} %"
_KINDS = (("normal state", "normal"), ("normal, in the test only", "unseen"), ("anomalies", "faults"))


# ---------------------------------------------------------------- sentences


def states(report: Figures) -> list[tuple[str, list[str]]]:
    """Labels by what they are; kinds without a label are left out."""
    given = report.get("alarms") or {}
    return [(name, list(labels)) for name, key in _KINDS if (labels := given.get(key))]


def sentences(report: Figures) -> list[str]:
    """What is said first of the alarms; nothing where none are judged."""
    return [false_alarms(report), detection(report)] if "alarms" in report else []


def threshold(report: Figures) -> list[str]:
    """The threshold and what can be claimed of it, in sentences without a full stop."""
    chosen = report.get("threshold")
    if chosen is None:
        return []
    seen, target = chosen["calibration"], chosen["target_per_hour"]
    asked = "" if target is None else f", chosen for at most {in_words(target)}"
    meaning = f" ({chosen['words']})" if chosen.get("words") else ""
    first = f"threshold {chosen['value']:,}{meaning}{asked}"
    if (above := chosen.get("windows_above")) is not None:
        between = f"{100 * above['low']:.1f} to {100 * above['high']:.1f} %"
        first += (
            f": {above['above']:,} of {above['windows']:,} held-out normal windows are above it ({between})"
        )
    if chosen.get("low") is not None:
        first += f"; other logs would have put it at {chosen['low']:,} to {chosen['high']:,}"
    if seen["high_per_hour"] is None:
        return [first, "no rate of false alarms can be claimed: no normal log was held out for it"]
    confidence = chosen.get("confidence", CONFIDENCE)
    return [
        first,
        f"at most {in_words(seen['high_per_hour'])} can be claimed ({100 * confidence:.0f} %): "
        f"{seen['events']:,} in {duration(seen['hours'])} of held-out normal logs",
    ]


def per_time(per_hour: float | None) -> str:
    """Rate without naming what is counted: ``55.4 an hour``; a dash where there is none."""
    if per_hour is None:
        return words.NOTHING
    if not per_hour:
        return "0"
    if per_hour >= 1000:
        return f"{per_hour:,.0f} an hour"
    return in_words(per_hour).replace(" false alarms", "").replace(" false alarm", "")


def false_alarms(report: Figures) -> str:
    """False alarms of the test in a sentence without a full stop."""
    found = report["alarms"]["false_alarms"]
    if found["per_hour"] is None:
        return "false alarms: the test has no normal state"
    said = f"{found['events']:,} in {duration(found['hours'])} of normal state"
    if not found["events"]:
        return f"false alarms: {said}; at most {per_time(found['high_per_hour'])} ({_SURE})"
    return (
        f"false alarms: {said}, {per_time(found['per_hour'])}; at least {per_time(found['low_per_hour'])}, "
        f"at most {per_time(found['high_per_hour'])} ({_SURE} each)"
    )


def between(low: float | None, high: float | None) -> str:
    """Interval of a share: ``5.0 to 15.9 %``; a dash where there is none."""
    if low is None or high is None:
        return words.NOTHING
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def detection(report: Figures) -> str:
    """Anomalies found in the test, in a sentence without a full stop."""
    found = report["alarms"]["detection"]
    if not found["anomalies"]:
        return "anomalies: the test has none, so nothing can be said about finding them"
    said = (
        f"anomalies: {part(found['found'], found['anomalies'])} found, {words.percent(found['share'])} "
        f"({between(found['low'], found['high'])} at {_SURE})"
    )
    if found["delay_median_s"] is None:
        return said
    return (
        f"{said}; time to the alarm: median {words.seconds(found['delay_median_s'])}, "
        f"worst {words.seconds(found['delay_worst_s'])}"
    )


def made_up(report: Figures) -> str:
    """Sizes from which on made-up faults are found, without a full stop; empty where none were tried."""
    tried = report["alarms"].get("made_up")
    if not tried:
        return ""
    said = [f"{kind['kind']}: {f'from {least}' if (least := seen(kind)) else 'no'}" for kind in tried]
    return "most normal windows that were changed are above the threshold; " + ", ".join(said)


# ---------------------------------------------------------------- rows and cards


def normal_rows(report: Figures) -> list[dict[str, str]]:
    """False alarms by label of the normal state."""
    unseen = set(report["alarms"].get("unseen") or ())
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
        for row in report["alarms"]["false_alarms"]["by_label"]
    ]


def fault_rows(report: Figures) -> list[dict[str, str]]:
    """Detection by label of the anomalies, and over all of them where there are several labels."""
    found = report["alarms"]["detection"]

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


def made_up_rows(report: Figures) -> list[dict[str, Any]]:
    """Made-up faults: share of windows above the threshold by kind and size."""
    return [
        {
            "kind": kind["kind"],
            "sizes": [
                {"size": size["size"], "share": words.percent(size["found"] / size["windows"])}
                for size in kind["sizes"]
            ],
        }
        for kind in report["alarms"].get("made_up") or ()
    ]


def cards(report: Figures) -> list[tuple[str, str]]:
    """Figures in large type, and what they are."""
    if "alarms" not in report:
        return []
    found, false = report["alarms"]["detection"], report["alarms"]["false_alarms"]
    out = []
    if found["anomalies"]:
        out += [
            (
                part(found["found"], found["anomalies"]),
                f"anomalies found, {words.percent(found['share'])}; "
                f"95 %: {between(found['low'], found['high'])}",
            ),
            (
                words.seconds(found["delay_median_s"]),
                f"median time to the alarm; worst {words.seconds(found['delay_worst_s'])}",
            ),
        ]
    if false["per_hour"] is not None:
        out.append(
            (
                f"{false['events']:,}",
                f"false {'alarm' if false['events'] == 1 else 'alarms'} in {duration(false['hours'])}; "
                f"at most {per_time(false['high_per_hour'])}",
            )
        )
    if (curve := report["alarms"]["curve"]) is not None:
        band = f"{curve['auc_low']:.3f} to {curve['auc_high']:.3f}"
        out.append((f"{curve['auc']:.3f}", f"AUC of windows; 95 %: {band}"))
    return out


# ---------------------------------------------------------------- text and page


def text(report: Figures) -> Lines:
    """Threshold, false alarms, anomalies found."""
    if "alarms" not in report:
        return []
    out: Lines = []
    if lines := threshold(report):
        out += [*map(line, lines), line("")]
    of = (
        "alarms" if about.detector(report) else f"alarms (decisions for another class than {_normal(report)})"
    )
    where = "" if about.validation(report) else " on recordings that training did not see"
    out.append(line(f"{of}{where}:", "bold"))
    out.append(line(false_alarms(report)))
    if rows := normal_rows(report):
        normal = table("normal state", ("alarms", "in", "rate", "at most", "windows in alarm"), LABEL)
        for row in rows:
            cells = (row[key] for key in ("events", "time", "rate", "most", "windows"))
            normal.add_row(line(row["label"] + row["unseen"]), *cells)
        out += [normal, line("")]
    out.append(line(detection(report)))
    if rows := fault_rows(report):
        faults = table("anomaly", ("found", "", "95 %", "median", "worst", "windows"), LABEL)
        for row in rows:
            cells = (row[key] for key in ("found", "share", "between", "median", "worst", "windows_share"))
            faults.add_row(line(row["label"]), *cells)
        out.append(faults)
    if said := made_up(report):
        out.append(line(said))
    return out


def page(report: Figures, views: Views) -> Page:
    """Tables by label."""
    if "alarms" not in report:
        return None
    return {
        "normal_rows": normal_rows(report),
        "fault_rows": fault_rows(report),
        "made_up": made_up_rows(report),
        # a classifier alarms by what it names
        "named": None if about.detector(report) else _normal(report),
    }


def _normal(report: Figures) -> str:
    return ", ".join(report["alarms"].get("normal") or ())


SECTION = Section("alarms", "False alarms and finds", page, text)
