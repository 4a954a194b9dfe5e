"""Every threshold there is: ROC and detection-error curves with their bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report import about, words
from sensorai.report.blocks import line
from sensorai.report.curves import det, roc
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.verify.alarms import ANOMALY


def areas(report: Figures) -> list[tuple[str, str]]:
    """Area under the ROC curve with its band, as it runs and in float; nothing without a curve."""
    rows = (("as it runs", report["alarms"]["curve"]), ("in float", report["alarms"].get("float")))
    return [(name, area(given)) for name, given in rows if given is not None]


def area(curve: Mapping[str, Any]) -> str:
    """``0.959 (0.933 to 0.981)``."""
    return f"{curve['auc']:.3f} ({curve['auc_low']:.3f} to {curve['auc_high']:.3f})"


def no_curve(report: Figures) -> str:
    """Why there is no curve."""
    normal = sum(row["windows"] for row in report["alarms"]["false_alarms"]["by_label"])
    return f"no curve and no AUC: the test has no {'anomalous' if normal else 'normal'} window"


def works_at(report: Figures) -> tuple[float, float] | None:
    """Shares of normal and of anomalous held-out windows above the threshold; None where not counted."""
    if not about.detector(report):
        return None
    judged = report["classifiers"][0]["held_out"]["answer"]
    if judged["classes"][:2] != ["normal", "anomaly"]:
        return None
    normal, anomalous = judged["confusion"][:2]
    if not sum(normal) or not sum(anomalous):
        return None
    return normal[ANOMALY] / sum(normal), anomalous[ANOMALY] / sum(anomalous)


def text(report: Figures) -> Lines:
    """Areas under the curve, or why there are none."""
    if "alarms" not in report:
        return []
    if rows := areas(report):
        return [line("AUC of windows: " + ", ".join(f"{name} {said}" for name, said in rows))]
    return [line(no_curve(report))]


def page(report: Figures, views: Views) -> Page:
    """Drawings and areas."""
    if "alarms" not in report:
        return None
    curve, at = report["alarms"]["curve"], works_at(report)
    return {
        "curves": [] if curve is None else [roc(curve, at), det(curve, at)],
        "works_at": None if curve is None or at is None else [words.percent(x) for x in at],
        "areas": areas(report),
        "no_curve": about.capital(no_curve(report)),
    }


SECTION = Section("curves", "Curves", page, text)
