"""Windows that an event opens: where they lie, and what C makes of them, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.codegen.project import emit_project
from sensorai.cproject.runs import compare, emulated, on_host
from sensorai.errors import ConfigError
from sensorai.model.event import Event
from sensorai.model.pipeline import Pipeline, from_dict, run, to_dict
from sensorai.toolchain.cpu import cpu
from tests.need import need
from tests.verify.pipelines import forest

Int16 = npt.NDArray[np.int16]


def knocks(count: int, at: dict[int, int]) -> Int16:
    """Rest, with a knock on the second axis at each place."""
    out = np.zeros((count, 3), np.int16)
    for place, size in at.items():
        out[place, 1] = size
    return out


def ends(event: Event, at: dict[int, int], count: int = 60) -> list[int]:
    return [int(end) for end in event.ends(knocks(count, at))]


def test_a_window_lies_around_the_strongest_sample() -> None:
    event = Event("norm", 0, 99 * 99, before=4, after=6, rest=5)
    # the strongest sample is the first of the last six
    assert ends(event, {20: 100}) == [26]
    # as strong as the threshold opens nothing; too early, with no four samples before, neither
    assert ends(event, {20: 99}) == []
    assert ends(event, {3: 100}) == []
    assert ends(event, {4: 100}) == [10]
    # a stronger one within six samples of the first takes the window with it, a weaker or later one does not
    assert ends(event, {20: 100, 25: 200}) == [31]
    assert ends(event, {20: 200, 25: 100}) == [26]
    assert ends(event, {20: 100, 24: 150, 27: 200}) == [30]
    # rest: five samples in which nothing opens, and no more
    assert ends(event, {20: 100, 30: 100}) == [26]
    assert ends(event, {20: 100, 31: 100}) == [26, 37]
    # a log that ends before the window is complete has none
    assert ends(event, {20: 100}, 25) == []
    # a knock is two jerks, of which the first counts; a step is one
    assert ends(replace(event, signal="jerk"), {20: 100}) == [26]
    assert ends(Event("norm", 0, 1, 0, 1, 0), {7: 2, 9: 2}) == [8, 10]


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="not opened by"):
        Event("spin", 0, 1, 0, 1, 0)
    for wrong in ((0, 4, 4, 0), (1, 4, 0, 0), (1, -1, 4, 0), (1, 5000, 4, 0), (1, 4, 4, 70000)):
        with pytest.raises(ConfigError):
            Event("norm", 0, *wrong)
    with pytest.raises(ConfigError, match="is not what"):
        replace(opened("norm"), window=40)


def opened(signal: str, filtered: bool = False) -> Pipeline:
    event = Event(signal, 0, 6000 * 6000, 10, 16, 9)
    return replace(forest(wins=0, filtered=filtered, window=26, stride=25), event=event)


@pytest.mark.parametrize(("signal", "filtered"), [("norm", True), ("jerk", False)])
def test_c_opens_the_same_windows(signal: str, filtered: bool) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    pipeline = opened(signal, filtered)
    assert to_dict(from_dict(to_dict(pipeline))) == to_dict(pipeline)
    rng = np.random.default_rng(4)
    logs = []
    for k in range(3):
        log = rng.integers(-900, 900, (400, 3), np.int16)
        places = rng.integers(0, 400, 25)
        log[places] = rng.integers(-32768, 32767, (25, 3), np.int16, endpoint=True)
        log[places[:4]] = [
            [-32768, -32768, -32768],
            [32767, 32767, 32767],
            [-32768, 32767, -32768],
            [0, 0, 0],
        ]
        logs.append(log[: 400 - 100 * k])
    traces = [run(pipeline, log) for log in logs]
    assert sum(map(len, traces)) > 12
    for log, trace in zip(logs, traces, strict=True):
        assert (np.diff(trace.end) >= 25).all()
        assert (trace.end <= len(log)).all()
    sources = emit_project(pipeline).sources()
    names = ["a", "b", "c"]
    assert compare(pipeline, names, traces, on_host(pipeline, sources, logs))[1] is None
    results, cost = emulated(pipeline, sources, logs, cpu("cortex-m0plus"))
    assert compare(pipeline, names, traces, results) == (sum(map(len, traces)), None)
    # waiting costs little: a window with its features many times more
    assert cost.instructions_mean > 4 * cost.instructions_sample > 0
