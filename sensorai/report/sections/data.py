"""What was set, and what the data were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.report import about, words
from sensorai.report.section import Figures, Page, Section, Views
from sensorai.report.sections import alarms
from sensorai.verify.alarms import duration


def page(report: Figures, views: Views) -> Page:
    """Rows of settings and data, and every recording."""
    data = report["data"]
    return {
        "rows": [*_settings(report), *_data(report), ("sensorai", report["sensorai"])],
        "recordings": data["recordings"],
        "validation": about.validation(report),
    }


def _settings(report: Figures) -> list[tuple[str, str]]:
    settings = report["settings"]
    rows = [
        ("model", about.model(report)),
        ("sample rate", f"{settings['rate_hz']:g} Hz"),
        (
            "window",
            f"{words.plural(settings['window'], 'sample')}, {words.seconds(settings['window_s'])}; "
            f"a new one every {words.plural(settings['stride'], 'sample')}",
        ),
    ]
    for slot, one in (settings.get("sensors") or {}).items():
        rate = "unknown rate" if one["rate_hz"] is None else f"{one['rate_hz']:g} Hz"
        unit = "dps" if slot == "gyro" else "g"
        scale = "unknown" if one["full_scale"] is None else f"{one['full_scale']:g} {unit}"
        rows.append((slot, f"{rate}, full scale {scale}"))
    for i, one in enumerate(settings.get("channels") or ()):
        rows.append((f"channel {i}", f"{one['name']}, {one['lsb']:g} {one['unit']} a count"))
    rows.append(("decision filter", about.decision_filter(report)))
    rows += [(name, ", ".join(labels)) for name, labels in alarms.states(report)]
    if settings.get("seed") is not None:
        rows.append(("seed", str(settings["seed"])))
    return rows


def _data(report: Figures) -> list[tuple[str, str]]:
    data, rows = report["data"], []
    if windows := data.get("windows"):
        rows.append(
            (
                "windows",
                f"{windows['train']:,} to learn from, {windows['test']:,} held out",
            )
        )
    parts = data.get("parts") or {}
    for name, key in (("learnt from", "learn"), ("threshold set on", "calibrate"), ("tested on", "test")):
        if key in parts:
            rows.append((name, _part(parts[key])))
    held = sum(one["test"] for one in data["recordings"])
    recordings = words.plural(len(data["recordings"]), "recording")
    if about.validation(report):
        return [*rows, ("recordings", recordings), ("groups", about.groups(data["groups"]))]
    rows += [
        ("recordings", f"{recordings}, of which {held:,} held out"),
        ("groups", about.groups(data["groups"])),
        ("held out", about.groups(data["test_groups"])),
    ]
    folds = data.get("folds") or ()
    rows += [(f"fold {k + 1}", about.groups(groups)) for k, groups in enumerate(folds)]
    return rows


def _part(part: Mapping[str, Any]) -> str:
    anomalous = part.get("anomalous_windows") or 0
    return (
        f"{words.plural(part['recordings'], 'recording')} of {words.plural(part['groups'], 'group')}: "
        f"{words.plural(part['normal_windows'], 'normal window')}"
        + (f", {words.plural(anomalous, 'anomalous window')}" if anomalous else "")
        + f"; {duration(part['normal_hours'])} of normal state"
    )


SECTION = Section("data", "Settings and data", page)
