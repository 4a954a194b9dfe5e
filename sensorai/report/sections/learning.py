"""How a net was learnt: loss and accuracy by epoch, and whether it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.report.blocks import line
from sensorai.report.charts import learning
from sensorai.report.section import Figures, Lines, Page, Section, Views

_FITS = {"good": "Good fit", "under": "Underfit", "over": "Overfit"}


def _verdict(report: Figures) -> tuple[str, str, bool] | None:
    """Fit, why, and whether it is good; None where nothing was judged."""
    verdict = (report.get("learning") or {}).get("verdict")
    if verdict is None:
        return None
    return _FITS.get(verdict["fit"], str(verdict["fit"])), verdict["why"], verdict["fit"] == "good"


def kept(curve: Sequence[Mapping[str, Any]]) -> int | None:
    """Index of the epoch that was kept: the last."""
    return len(curve) - 1 if curve else None


def text(report: Figures) -> Lines:
    """Say under-, over- or good fit."""
    if (found := _verdict(report)) is None:
        return []
    fit, why, good = found
    return [line(f"{fit}: {why}", "" if good else "yellow")]


def page(report: Figures, views: Views) -> Page:
    """Verdict and charts; None for what is not learnt in epochs."""
    charts = _charts((report.get("learning") or {}).get("curve") or ())
    found = _verdict(report)
    if not charts and found is None:
        return None
    return {
        "verdict": found,
        "charts": charts,
        "folds": len(report["data"].get("folds") or ()),
    }


def _charts(curve: Sequence[Mapping[str, Any]]) -> list[str]:
    """Loss and accuracy by epoch."""
    if not curve:
        return []
    stages = [e["stage"] for e in curve]
    at = kept(curve)

    def column(key: str, factor: float) -> list[float | None]:
        return [None if e[key] is None else factor * e[key] for e in curve]

    return [
        learning(stages, column(f"train_{what}", k), column(f"validation_{what}", k), at, label)
        for what, k, label in (("loss", 1.0, "loss, nats"), ("accuracy", 100.0, "accuracy, %"))
    ]


SECTION = Section("learning", "Learning", page, text)
