"""Pieces of ``report.json`` that everything that writes one shares (its keys: ``sensorai.report``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sensorai.recording import Recording
from sensorai.version import __version__

#: What a report calls itself, and the version of its keys.
FORMAT, VERSION = "sensorai-report", 2


def head(by: str, task: str, target: str, device: str, name: str) -> dict[str, Any]:
    """Keys that every report begins with.

    Parameters
    ----------
    by : str
        ``train`` or ``validate``.
    task : str
        ``classify`` or ``anomaly``.
    target, device, name : str
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "sensorai": __version__,
        "by": by,
        "task": task,
        "target": target,
        "device": device,
        "name": name,
        "warnings": [],
    }


def listed(recordings: Iterable[Recording], test_groups: Collection[str]) -> list[dict[str, Any]]:
    """Every recording of the data, and whether it was held out."""
    return [
        {
            "name": r.name,
            "group": r.group,
            "samples": len(r),
            "seconds": r.duration_s,
            "test": r.group in test_groups,
        }
        for r in recordings
    ]


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Sections put together: tables key by key, ``classifiers`` entry by entry; later parts win."""
    out: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            before = out.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                out[key] = {**before, **value}
            elif key == "classifiers" and before:
                out[key] = [{**a, **b} for a, b in zip(before, value, strict=True)]
            else:
                out[key] = value
    return out
