"""Truth of windows of a C project: those that lie inside one label, borders included."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.model.pipeline import PipelineTrace
from sensorai.recording import LABEL, Recording, Span
from sensorai.verify.cjudge import window_truth


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        # windows of 10 end at 10, 15, 20, 25, 30
        ([(0, 30, "a")], ["a", "a", "a", "a", "a"]),
        ([(0, 15, "a"), (15, 30, "b")], ["a", "a", None, "b", "b"]),
        ([(0, 14, "a"), (16, 30, "b")], ["a", None, None, None, "b"]),
        ([(5, 20, "a")], [None, "a", "a", None, None]),
        ([(6, 29, "a")], [None, None, "a", "a", None]),
        ([(20, 30, "a")], [None, None, None, None, "a"]),
        ([], [None] * 5),
    ],
)
def test_windows_inside_a_label(spans: list[tuple[int, int, str]], expected: list[str | None]) -> None:
    recording = Recording(np.zeros((30, 0)), (), 50.0, {LABEL: tuple(Span(*s) for s in spans)})
    end = np.arange(10, 31, 5)
    none = np.zeros((5, 0), np.int32)
    trace = PipelineTrace(none, none, none, np.zeros(5, np.int64), np.zeros(5, np.int64), end)
    assert window_truth(recording, trace, 10, LABEL) == expected
