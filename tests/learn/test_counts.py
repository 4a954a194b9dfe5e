"""Logs to windows of counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensorai.cproject.scales import TYPICAL, narrowed
from sensorai.errors import ConfigError, DataError
from sensorai.experiment import Experiment
from sensorai.learn.counts import CountOptions, build, check_rows
from sensorai.recording import Channel, Dataset, Recording, Span
from tests.learn.make import dataset

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def log(values: list[float], spans: list[tuple[int, int, str]], group: str = "a") -> Recording:
    samples = np.repeat(np.array(values)[:, None], 3, axis=1)
    labels = {"label": tuple(Span(*s) for s in spans)}
    return Recording(samples, ACC, 50.0, labels, group=group, name=group, source=group)


def test_counts_are_nearest_ties_to_even() -> None:
    lsb = 0.061
    values = [0.0, 0.5 * lsb, 1.5 * lsb, -0.5 * lsb, 2.4 * lsb, -2.6 * lsb, 1998.0, -1998.0]
    data = Dataset((log(values, [(0, 4, "x"), (4, 8, "y")]),))
    got = build(data, CountOptions(window=4, stride=4))
    assert got.channels[0].lsb == lsb
    assert got.x[:, :, 0].tolist() == [[0, 0, 2, 0], [2, -3, 32754, -32754]]
    assert got.saturated == 0.0


@pytest.mark.parametrize(
    ("top", "lsb"), [(1990, 0.061), (3900, 0.122), (7900, 0.244), (15000, 0.488), (99000, 0.488)]
)
def test_smallest_full_scale_that_holds_the_signal(top: float, lsb: float) -> None:
    data = Dataset((log([0.0, top, -top, 0.0], [(0, 2, "x"), (2, 4, "y")]),))
    got = build(data, CountOptions(window=2))
    assert got.channels[0].lsb == lsb
    assert got.saturated == (0.5 if top > 16000 else 0.0)
    assert bool(got.notes) == (top > 16000)


def test_full_scale_on_request_saturates() -> None:
    data = Dataset((log([0.0, 9000.0, -9000.0, 0.0], [(0, 2, "x"), (2, 4, "y")]),))
    asked = Experiment(target="stm32", full_scale={"acc": 4})  # type: ignore[arg-type]
    got = build(data, CountOptions(window=2, scales=narrowed(TYPICAL, asked)))
    assert got.channels[0].lsb == 0.122
    assert got.x.min() == -32768
    assert got.x.max() == 32767
    assert got.notes == ("50.00% of the samples are beyond full scale",)


def test_windows_start_at_multiples_of_the_stride_inside_labels() -> None:
    data = Dataset((log(list(range(40)), [(3, 17, "x"), (17, 21, "y"), (21, 40, "y")]),))
    got = build(data, CountOptions(window=8, stride=4))
    first = np.rint(got.x[:, 0, 0] * 0.061).astype(int).tolist()
    assert first == [4, 8, 24, 28, 32]
    assert got.y.tolist() == [0, 0, 1, 1, 1]


def test_other_rates_are_resampled() -> None:
    slow = log([0.0] * 50 + [100.0] * 50, [(0, 50, "x"), (50, 100, "y")])
    fast = replace(slow, rate_hz=100.0, group="b", name="b")
    got = build(Dataset((slow, fast)), CountOptions(window=10, stride=10))
    assert got.rate_hz == 50.0
    assert (got.recording == 0).sum() == 10
    assert 4 <= (got.recording == 1).sum() <= 5


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"rate_hz": None}, {}, "does not say its rate"),
        ({"labels": {"label": (Span(0, 8, "x"),)}}, {}, "only one class"),
        ({"labels": {}}, {}, "labels"),
        ({"samples": np.full((8, 3), np.nan)}, {}, "no numbers"),
        ({}, {"window": 9}, "no label lasts"),
        ({}, {"window": 2, "stride": 3}, "stride"),
        ({}, {"sensors": ("mag",)}, "sensor 'mag'"),
        ({"channels": tuple(Channel(f"t{i}", "") for i in range(3))}, {}, "no sensor in common"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    change: dict[str, object], options: dict[str, object], message: str
) -> None:
    good = log([1.0, 2, 3, 4, 5, 6, 7, 8], [(0, 4, "x"), (4, 8, "y")])
    assert len(build(Dataset((good,)), CountOptions(window=2)).y) == 4 + 3 - 1
    with pytest.raises((DataError, ConfigError), match=message):
        build(Dataset((replace(good, **change),)), CountOptions(**({"window": 2} | options)))  # type: ignore[arg-type]


def test_dataset_of_the_other_tests() -> None:
    got = build(dataset())
    assert got.window == 104
    assert got.stride == 52
    assert set(TYPICAL) >= {c.name[:3] for c in got.channels}


def test_windows_between_those_that_the_device_answers_are_for_learning() -> None:
    data = Dataset((log(list(range(60)), [(3, 27, "x"), (27, 60, "y")]),))
    plain = build(data, CountOptions(window=8, stride=4))
    dense = build(data, CountOptions(window=8, stride=4, dense=True))
    assert dense.dense == 4
    starts = np.rint(dense.x[:, 0, 0] * 0.061).astype(int)
    # every place inside a label, in order; those of the stride are what the device answers
    assert starts.tolist() == [*range(3, 20), *range(27, 53)]
    assert np.array_equal(dense.answered, starts % 4 == 0)
    assert np.array_equal(dense.x[dense.answered], plain.x)
    assert np.array_equal(dense.y[dense.answered], plain.y)
    assert plain.answered.all()
    # seven windows after one share samples with it, and one of those that are answered
    assert (dense.as_windows().overlap, dense.overlap) == (7, 1)
    with pytest.raises(DataError, match="windows to learn from are too few"):
        check_rows(dense, np.ones(len(dense.y), bool), int(dense.answered.sum()) + 1, "a net")


def test_many_windows_are_dense_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Dataset((log(list(range(60)), [(0, 30, "x"), (30, 60, "y")]),))
    monkeypatch.setattr("sensorai.learn.counts.MOST", 26)
    assert build(data, CountOptions(window=8, stride=4, dense=True)).dense == 2
    monkeypatch.setattr("sensorai.learn.counts.MOST", 5)
    assert build(data, CountOptions(window=8, stride=4, dense=True)).between is None
