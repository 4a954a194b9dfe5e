"""Made-up faults are what they are called, and one who sees none of them is called blind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorai.recording import Channel, Recording, Span
from sensorai.verify.disturb import KINDS, MOST, disturbed
from sensorai.verify.verdict import of_alarms, seen

RATE, WINDOW = 100.0, 100


def swinging(label: str, count: int = 1000) -> Recording:
    t = np.arange(count) / RATE
    swing = 50 * np.sin(2 * np.pi * 13.0 * t)
    samples = np.stack([1000 + swing, 0.5 * swing + 3 * t, 0 * t], axis=1)
    channels = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
    return Recording(samples, channels, RATE, {"label": (Span(0, count, label),)}, label, label, label)


def changed(name: str, logs: list[Recording]) -> list[list[Recording]]:
    return [made for kind, _, made in disturbed(logs, WINDOW, "label", 1) if kind.name == name]


def moving(x: Any) -> float:
    """Deviation inside the recording, a window from its ends."""
    return float(x[WINDOW:-WINDOW].std())


def test_what_moves_changes_and_what_does_not_stays() -> None:
    log = swinging("a")
    for name, sizes in (("stronger", (1.25, 1.5, 2.0)), ("weaker", (0.8, 0.667, 0.5))):
        for size, (made,) in zip(sizes, changed(name, [log]), strict=True):
            assert moving(made.samples[:, 0]) == pytest.approx(size * moving(log.samples[:, 0]), rel=0.02)
            assert made.samples[:, 0].mean() == pytest.approx(1000, abs=1)
            assert not made.samples[:, 2].any()
    for size, (made,) in zip((0.25, 0.5, 1.0), changed("noise added", [log]), strict=True):
        added = (made.samples - log.samples)[:, 0]
        assert added.std() == pytest.approx(size * moving(log.samples[:, 0]), rel=0.1)
        assert abs(np.corrcoef(added[1:], added[:-1])[0, 1]) < 0.1
    for share, (made,) in zip((0.05, 0.1, 0.2), changed("strongest line moved", [log]), strict=True):
        power = np.abs(np.fft.rfft(made.samples[:, 0] - 1000))
        assert power.argmax() / len(log) * RATE == pytest.approx(13.0 * (1 + share), abs=0.2)


def test_a_little_of_every_label_is_changed() -> None:
    logs = [swinging("a", MOST), swinging("a"), swinging("b"), swinging("b", WINDOW - 1)]
    some = list(disturbed(logs, WINDOW, "label", 1))
    assert [(kind, i) for kind, i, _ in some] == [(k, i) for k in KINDS for i in range(3)]
    assert [r.name for r in some[0][2]] == ["a", "b"]
    again = list(disturbed(logs, WINDOW, "label", 1))
    assert all((a.samples == b.samples).all() for a, b in zip(some[7][2], again[7][2], strict=True))


def kinds(*found: tuple[int, int, int]) -> list[dict[str, Any]]:
    names = ("small", "more", "most")
    return [
        {
            "kind": str(k),
            "sizes": [{"size": s, "windows": 100, "found": n} for s, n in zip(names, one, strict=True)],
        }
        for k, one in enumerate(found)
    ]


def test_who_sees_nothing_of_it_is_blind() -> None:
    none = {"curve": None, "detection": {"anomalies": 0, "found": 0}}
    assert [seen(kind) for kind in kinds((0, 60, 90), (60, 20, 90), (0, 0, 49))] == ["more", "most", ""]
    assert of_alarms(none, (), kinds((0, 60, 90), (0, 0, 0))) == []
    (text,) = of_alarms(none, (), kinds((0, 20, 49), (1, 2, 3)))
    assert text.startswith("blind: the test has no anomaly")
    assert "at most 49 %" in text
    (text,) = of_alarms(none, ("claim",), kinds((0, 20, 50), (1, 2, 3)))[:1]
    assert text.startswith("nearly blind: ")
    # recorded faults say more
    good = {"curve": None, "detection": {"anomalies": 5, "found": 5, "high": 1.0}}
    assert of_alarms(good, (), kinds((0, 0, 0))) == []
