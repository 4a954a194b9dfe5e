"""The report of a detector of anomalies as one HTML page: no script, nothing fetched, same bytes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report import anomaly_charts as charts
from sensorai.report import anomaly_figures as figures
from sensorai.report import project_figures, words
from sensorai.report.anomaly_curves import det, roc
from sensorai.report.charts import bars
from sensorai.report.page import fill
from sensorai.report.svg import blocks, class_colour
from sensorai.report.view import AnomalyView
from sensorai.verify.alarms import ANOMALY, NORMAL, duration, onsets

__all__ = ["AnomalyView", "render_anomaly"]

#: Recordings that the page shows, and alarms of each state in its table, at most.
RECORDINGS, ALARMS = 6, 15
#: Features in the chart of what is behind alarms.
BLAMED = 10
#: More groups than this are counted instead of named.
NAMED = 24


def render_anomaly(report: Mapping[str, Any], views: Sequence[AnomalyView]) -> str:
    """Make the HTML report of a detector, in C or on the machine learning core.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds (``sensorai.train.anomaly``). Entries that only one road has may be absent.
    views : sequence of AnomalyView
        The held-out recordings; the page shows the telling ones.

    Returns
    -------
    str
        A complete page.
    """
    found = report["anomaly"]
    curve, alarms, drift = found["curve"], found["alarms"], found["drift"]
    at = _works_at(report)
    shown, moved = telling(views), charts.most_moved(drift)
    listed = listed_alarms(alarms)
    levels = report.get("levels") or []
    ran = [level for level in levels if level.get("missing") is None]
    c_project = "cost" in report
    return fill(
        "anomaly.jinja",
        report=report,
        place=figures.place(report),
        headline=figures.headline(report),
        threshold=figures.threshold(report),
        false_alarms=figures.false_alarms(report),
        detection=figures.detection(report),
        cards=_cards(report),
        normal_rows=figures.normal_rows(report),
        fault_rows=figures.fault_rows(report),
        areas=figures.areas(report),
        no_curve=figures.no_curve(report),
        curves=[] if curve is None else [roc(curve, at), det(curve, at)],
        works_at=None if curve is None or at is None else [words.percent(x) for x in at],
        filtered=figures.filtered(report),
        views=[_drawn(view, why) for view, why in shown],
        left_out=len(views) - len(shown),
        total_alarms=len(alarms),
        alarms=[_alarm_row(alarm) for alarm in listed],
        explained=any(figures.because(alarm) for alarm in alarms),
        blamed=_blamed(alarms),
        drift_chart=charts.drifts(moved) if moved else None,
        drift=[_drift_row(row, i) for i, row in enumerate(moved)],
        drift_left_out=len(drift) - len(moved),
        c_project=c_project,
        levels=project_figures.levels(report) if levels else [],
        compared=min((level["windows"] for level in ran), default=0),
        parted=any(level["first_divergence"] for level in ran),
        match=figures.compared(report),
        stand_in=c_project and project_figures.stand_in(report),
        costs=project_figures.costs(report) if c_project else [],
        program=project_figures.program(report) if c_project else [],
        features=_features(report),
        settings=_settings(report),
    )


# ---------------------------------------------------------------- figures


def _works_at(report: Mapping[str, Any]) -> tuple[float, float] | None:
    """Shares of normal and of anomalous held-out windows above the threshold; None where not counted."""
    held_out = report.get("held_out") or next(
        (tree.get("held_out") for tree in report.get("trees") or ()), None
    )
    judged = (held_out or {}).get("tree")
    if judged is None or judged["classes"][:2] != ["normal", "anomaly"]:
        return None
    normal, anomalous = judged["confusion"][:2]
    if not sum(normal) or not sum(anomalous):
        return None
    return normal[ANOMALY] / sum(normal), anomalous[ANOMALY] / sum(anomalous)


def _cards(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What stands in large type at the top: figure, and what it is."""
    found, alarms = report["anomaly"]["detection"], report["anomaly"]["false_alarms"]
    out = []
    if found["anomalies"]:
        out.append(
            (
                figures.part(found["found"], found["anomalies"]),
                f"anomalies found, {words.percent(found['share'])}; "
                f"95 %: {figures.between(found['low'], found['high'])}",
            )
        )
        out.append(
            (
                words.seconds(found["delay_median_s"]),
                f"median time to the alarm; worst {words.seconds(found['delay_worst_s'])}",
            )
        )
    if alarms["per_hour"] is not None:
        out.append(
            (
                f"{alarms['events']:,}",
                f"false {'alarm' if alarms['events'] == 1 else 'alarms'} in {duration(alarms['hours'])}; "
                f"at most {figures.per_time(alarms['high_per_hour'])}",
            )
        )
    if (curve := report["anomaly"]["curve"]) is not None:
        out.append(
            (
                f"{curve['auc']:.3f}",
                f"AUC of windows; 95 %: {curve['auc_low']:.3f} to {curve['auc_high']:.3f}",
            )
        )
    if cost := report.get("cost"):
        stand_in = " (stand-in)" if project_figures.stand_in(report) else ""
        out.append(
            (f"{cost['flash']:,} B", f"flash; RAM {cost['ram']:,} B, stack {cost['stack']:,} B{stand_in}")
        )
    if match := report.get("match"):
        out.append(
            (
                figures.part(match["equal"], match["windows"]),
                "windows equal between the emitted registers and the trained tree",
            )
        )
    # cards are narrow: a number and its unit stay together
    return [(figure, what.replace(" %", "\N{NO-BREAK SPACE}%")) for figure, what in out]


# ---------------------------------------------------------------- recordings


def telling(views: Sequence[AnomalyView], most: int = RECORDINGS) -> list[tuple[AnomalyView, str]]:
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


def _drawn(view: AnomalyView, why: str) -> dict[str, Any]:
    n = len(view.scores)
    return {
        "name": view.name,
        "why": why,
        "windows": n,
        "thinned": n > charts.COLUMNS,
        "log": charts.logarithmic(view),
        "above": int((view.scores > view.threshold).sum()),
        "drawing": charts.scores(view),
    }


# ---------------------------------------------------------------- alarms


def listed_alarms(alarms: Sequence[Mapping[str, Any]], most: int = ALARMS) -> list[Mapping[str, Any]]:
    """Alarms that the page lists: of each state the highest scores, false alarms first."""
    out: list[Mapping[str, Any]] = []
    for states in (("normal",), ("unknown",), ("anomaly",)):
        of = [alarm for alarm in alarms if alarm["state"] in states]
        out += sorted(of, key=lambda alarm: -alarm["score"])[:most]
    return out


def _alarm_row(alarm: Mapping[str, Any]) -> dict[str, Any]:
    parts = figures.because(alarm)
    return {
        "recording": alarm["recording"],
        "from": f"{alarm['start_s']:,.2f} s",
        "to": f"{alarm['stop_s']:,.2f} s",
        "score": f"{alarm['score']:,}",
        "state": figures.state_words(alarm),
        "false": alarm["state"] == "normal",
        "because": charts.because(parts) if parts else None,
    }


def _blamed(alarms: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Mean shares of features, of false alarms and of anomalies by themselves."""
    out = []
    for name, state in (("False alarms", "normal"), ("Alarms in anomalies", "anomaly")):
        of = [alarm for alarm in alarms if alarm["state"] == state]
        if rows := figures.blamed(of)[:BLAMED]:
            names, shares = [n for n, _ in rows], [100 * share for _, share in rows]
            out.append(
                (
                    f"{name} ({len(of):,})",
                    bars(names, shares, "%", "mean share of each feature", signed=False),
                )
            )
    return out


def _drift_row(row: Mapping[str, Any], index: int) -> dict[str, Any]:
    change = f"{100 * row['change']:+.1f}".replace("-", "\N{MINUS SIGN}")
    return {
        "recording": row["recording"],
        "colour": class_colour(index),
        "time": duration(row["hours"]),
        "first": words.percent(row["levels"][0]),
        "last": words.percent(row["levels"][-1]),
        "change": f"{change} points",
    }


# ---------------------------------------------------------------- settings and data


def _features(report: Mapping[str, Any]) -> list[dict[str, str | None]]:
    """Names, and the formula where the name is one of the catalogue."""
    known = [(name, project_figures.feature_words(name)) for name in report["settings"]["features"]]
    return [{"name": name, "words": None if said == words.NOTHING else said} for name, said in known]


def _settings(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of the last table: what was set, and what the data were."""
    settings, data = report["settings"], report["data"]
    stride = settings.get("stride", settings["window"])
    rows = [
        ("detector", figures.detector(settings)),
        ("sample rate", f"{settings['rate_hz']:g} Hz"),
        (
            "window",
            f"{words.plural(settings['window'], 'sample')}, {words.seconds(settings['window_s'])}; "
            f"a new one every {words.plural(stride, 'sample')}",
        ),
        *(
            (f"channel {i}", f"{c['name']}, {c['lsb']:g} {c['unit']} a count")
            for i, c in enumerate(settings.get("channels") or ())
        ),
        ("decision filter", figures.decision_filter(report)),
        *((name, ", ".join(labels)) for name, labels in figures.states(report)),
        ("seed", str(settings["seed"])),
    ]
    if registers := report.get("registers"):
        rows.append(("registers", f"{registers['writes']:,} writes"))
        rows.append(("nodes", f"{registers['nodes']:,} of {registers['nodes_limit']:,}"))
    for name, key in (("learnt from", "learn"), ("threshold set on", "calibrate"), ("tested on", "test")):
        if part := data.get(key):
            rows.append((name, _part(part)))
    if isinstance(data.get("recordings"), list):
        held = sum(one["test"] for one in data["recordings"])
        rows.append(("recordings", f"{len(data['recordings']):,}, of which {held:,} held out"))
    test = data.get("test_groups") or []
    said = ", ".join(test) if len(test) <= NAMED else f"{len(test):,} groups, named in report.json"
    rows += [("held-out groups", said or words.NOTHING), ("sensorai", report["sensorai"])]
    return rows


def _part(part: Mapping[str, Any]) -> str:
    anomalous = part.get("anomalous_windows") or 0
    return (
        f"{words.plural(part['recordings'], 'recording')} of {words.plural(part['groups'], 'group')}: "
        f"{words.plural(part['normal_windows'], 'normal window')}"
        + (f", {words.plural(anomalous, 'anomalous window')}" if anomalous else "")
        + f"; {duration(part['normal_hours'])} of normal state"
    )
