"""Window and event metrics against examples worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from sensorai.recording import LABEL, NO_RESULT, Channel, Recording, Span
from sensorai.verify.metrics import event_metrics, window_metrics


def recording(*spans: tuple[int, int, str], rate: float = 10.0) -> Recording:
    samples = np.zeros((max(stop for _, stop, _ in spans), 1))
    labels = {LABEL: tuple(Span(*span) for span in spans)}
    return Recording(samples, (Channel("acc_x", "mg"),), rate, labels)


def test_windows() -> None:
    truth = ["a", "a", "a", "b", None, "b"]
    got = ["a", "b", "x", "b", "a", "b"]
    m = window_metrics(truth, got, ["a", "b"])
    assert m.confusion.tolist() == [[1, 1, 1], [0, 2, 0]]
    assert (m.windows, m.right) == (5, 3)
    assert m.recall == (1 / 3, 1.0)
    assert m.precision == (1.0, 2 / 3)
    assert m.balanced_accuracy == (1 / 3 + 1) / 2
    assert math.isnan(window_metrics([], [], ["a"]).accuracy)


def test_events_of_windows_that_follow_one_another() -> None:
    # windows of 5 samples end at 5, 10, ... 40; two spans of "a" are one event, "c" is shorter than a window
    log = recording((0, 8, "a"), (8, 20, "a"), (20, 36, "b"), (36, 40, "c"))
    got = ["b", "a", "a", "b", "b", "a", "b", "b"]
    m = event_metrics([log], [got], [5])
    # a: right first in the window that ends at 10; b (from 20): in the one that ends at 25
    assert m.delays_s == (1.0, 0.5)
    assert m.missed == 0
    # a: "b" at the start and again in the fourth window; b: "a" in the sixth
    assert m.wrong_switches == 3
    assert m.seconds == 3.6
    assert m.wrong_switches_per_hour == 3 * 3600 / 3.6


def test_no_result_is_no_wrong_switch_and_a_missed_event_counts() -> None:
    log = recording((0, 20, "a"), (20, 40, "b"))
    m = event_metrics([log], [[NO_RESULT, NO_RESULT, "a", "a", "a", "a", "a", "a"]], [5])
    assert (m.delays_s, m.missed, m.wrong_switches) == ((1.5,), 1, 0)


def test_events_of_overlapping_windows() -> None:
    # windows of 10 every 5 samples end at 10, 15, ... 40
    log = recording((0, 20, "a"), (20, 40, "b"))
    ends = [10, 15, 20, 25, 30, 35, 40]
    m = event_metrics([log], [["a", "a", "a", "a", "b", "a", "b"]], [10], ends=[ends])
    assert (m.delays_s, m.missed, m.wrong_switches) == ((1.0, 1.0), 0, 1)
