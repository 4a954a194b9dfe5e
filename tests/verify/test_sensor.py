"""What a sensor said against the simulator: the border is found, a wrong result is named, excuses are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensorai.mlc.config import DecisionTree, MlcConfig, SensorSetting
from sensorai.mlc.simulate import simulate
from sensorai.model.decision import certain_of
from sensorai.recording import Channel, Recording
from sensorai.verify.border import find_border
from sensorai.verify.sensor import as_levels, compare_sensor
from tests.mlc import worked
from tests.roads import ispu_core, mlc_core
from tests.verify.pipelines import forest

AXES = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
WINDOW = 26


def config(end_counters: tuple[int, ...] = (0, 0, 0, 0), filters: bool = False) -> MlcConfig:
    one = worked.config()
    tree = one.trees[0]
    one = replace(one, trees=(DecisionTree(tree.tree, end_counters, tree.labels),))
    one = replace(one, settings={"acc": SensorSetting(26.0, 2.0), "gyro": SensorSetting(0.0, 250.0)})
    if filters:
        return one
    # no filter: what was before the log shows in nothing but the counters
    plain = replace(one.features[1], source=replace(one.features[1].source, filter=None))
    return replace(one, filters=(), features=(one.features[0], plain, one.features[2]))


def movement(count: int, seed: int = 3) -> npt.NDArray[np.float64]:
    """Turns and shakes at random times, mg, shape (count, 3)."""
    rng = np.random.default_rng(seed)
    out = np.zeros((count, 3))
    at = 0
    while at < count:
        length = int(rng.integers(20, 90))
        kind = int(rng.integers(3))
        out[at : at + length, 2] = -1000.0 if kind == 1 else 1000.0
        if kind == 2:
            out[at : at + length] += rng.normal(0, 700, out[at : at + length].shape)
        at += length
    return np.round(out + rng.normal(0, 10, out.shape), 3)


def recorded(
    one: MlcConfig, samples: npt.NDArray[np.float64], before: int, delay: int = 1, step: int = 1
) -> Recording:
    """A log that begins ``before`` samples after the sensor; registers change ``delay`` samples late."""
    whole = Recording(samples[::step], AXES, 26.0)
    trace = simulate(one, whole, rate="as-is")
    said = np.zeros(len(samples))
    for end, code in zip(trace.samples.tolist(), trace.decided[:, 0].tolist(), strict=True):
        said[(end - 1) * step + delay :] = code
    table = np.column_stack([samples, said])[before:]
    channels = (*AXES, Channel("MLC0_SRC", ""))
    return Recording(table, channels, 26.0 * step, name="log", group="log")


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 4 * WINDOW), st.integers(0, 4), st.integers(0, 50))
@example(1, 1, 12)  # the border that leaves a window more has as many that agree
def test_the_border_is_found(before: int, delay: int, seed: int) -> None:
    one = config()
    log = recorded(one, movement(2600, seed), before, delay)
    (result,) = compare_sensor(mlc_core(one), [log])
    assert result.divergence is None, str(result)
    assert result.border is not None
    assert result.border.agree == result.border.windows > 90
    assert result.settling == 0
    assert str(result.border.agree) in str(result)


def test_a_wrong_result_is_named() -> None:
    one = config()
    log = recorded(one, movement(2600), 7, delay=0)
    samples = log.samples.copy()
    # the register during the window after the 40th
    first = 26 - 7 + 40 * WINDOW - 1
    old = int(samples[first + 10, 3])
    wrong = 4 if old != 4 else 8
    samples[first : first + WINDOW, 3] = wrong
    (result,) = compare_sensor(mlc_core(one), [replace(log, samples=samples)])
    assert result.divergence is not None
    assert (result.divergence.row, result.divergence.column) == (39, "MLC0_SRC")
    assert (result.divergence.expected, result.divergence.got) == (old, wrong)
    names = {0: "face_up", 4: "face_down", 8: "shaking"}
    assert f"is {wrong} ({names[wrong]}), of the simulator {old} ({names[old]})" in str(result.divergence)
    assert f"sample {19 + 40 * WINDOW}" in str(result.divergence)
    assert result.windows == 39
    ((_, checked),) = as_levels([result])
    assert checked.divergence == str(result.divergence)
    assert checked.windows == 39


def test_a_sensor_with_other_registers_is_found_out() -> None:
    one = config()
    tree = one.trees[0].tree
    other = replace(one, trees=(DecisionTree(tree, (3, 3, 3, 3), one.trees[0].labels),))
    log = recorded(other, movement(2600), 0)
    (result,) = compare_sensor(mlc_core(one), [log])
    assert result.divergence is not None


def test_counters_from_before_the_log_are_told_apart() -> None:
    one = config((4, 4, 4, 4))
    log = recorded(one, movement(2600, 9), 5 * WINDOW + 3)
    (result,) = compare_sensor(mlc_core(one), [log])
    assert result.divergence is None, str(result)
    assert result.settling > 0
    assert result.windows + result.settling == 94


def test_certainty_of_a_decision_filter() -> None:
    rng = np.random.default_rng(6)
    for wins in ([0, 0], [2, 3], [15, 1], [4, 4, 4]):
        groups = np.repeat(rng.integers(0, len(wins) + 1, 60), rng.integers(1, 9, 60))
        sure = certain_of(groups, wins)
        assert sure[-60:].any()
        outcomes = set()
        for start in ([0] * len(wins), [15] * len(wins), rng.integers(0, 16, len(wins)).tolist()):
            counters, output, out = list(start), -5, []
            for own in groups.tolist():
                counters = [min(c + 1, 15) if g == own else max(c - 1, 0) for g, c in enumerate(counters)]
                if own >= len(wins) or counters[own] >= wins[own]:
                    output = own
                out.append(output)
            outcomes.add(tuple(np.array(out)[sure].tolist()))
        assert len(outcomes) == 1


def test_filters_from_before_the_log_are_told_apart() -> None:
    one = config(filters=True)
    (result,) = compare_sensor(mlc_core(one), [recorded(one, movement(2600, 4), 11)])
    assert result.divergence is None, str(result)


def test_the_core_may_take_every_other_sample() -> None:
    one = config()
    (result,) = compare_sensor(mlc_core(one), [recorded(one, movement(5200), 9, delay=2, step=2)])
    assert result.divergence is None, str(result)
    assert result.border is not None
    assert result.border.step == 2
    assert "every 2. sample" in str(result)


def test_what_cannot_be_compared_is_said() -> None:
    one = config()
    log = recorded(one, movement(2600), 0)
    (odd,) = compare_sensor(mlc_core(one), [replace(log, rate_hz=38.0)])
    assert "38 Hz, no multiple of the 26 Hz" in str(odd)
    (short,) = compare_sensor(mlc_core(one), [log.slice(0, 40)])
    assert "its 40 samples are not two windows" in str(short)
    plain = Recording(log.samples[:, :3], AXES, 26.0)
    assert compare_sensor(mlc_core(one), [plain]) == []
    assert not mlc_core(one).carried_by([plain])
    assert as_levels([]) == []


def test_results_that_are_not_known_yet_are_left_out() -> None:
    one = config()
    log = recorded(one, movement(2600), 0)
    samples = log.samples.copy()
    samples[:100, 3] = -1
    (result,) = compare_sensor(mlc_core(one), [replace(log, samples=samples)])
    assert result.divergence is None
    assert 90 < result.windows < 98


def test_a_sensor_that_never_changes_says_little_and_is_compared() -> None:
    one = config()
    still = np.tile([0.0, 0.0, 1000.0], (1000, 1))
    (result,) = compare_sensor(mlc_core(one), [recorded(one, still, 5)])
    assert result.divergence is None
    assert "others do as well" in str(result)


def test_a_long_log_is_searched_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensorai.verify import border

    monkeypatch.setattr(border, "_EFFORT", 26 * 600)
    one = config()
    still = np.tile([0.0, 0.0, 1000.0], (3000, 1))
    log = recorded(one, np.concatenate([still, movement(3000)]), 8)
    (result,) = compare_sensor(mlc_core(one), [log])
    assert result.divergence is None, str(result)
    assert result.border is not None
    assert result.border.windows < 40
    assert result.windows > 220


def test_overlapping_windows_of_a_project() -> None:
    pipeline = forest(filtered=False, wins=0)
    core = ispu_core(pipeline)
    rng = np.random.default_rng(2)
    count = 3000
    swing = np.repeat(rng.choice([0.0, 300.0, 1500.0], count // 50), 50)[:, None]
    names = [(c.name, c.unit) for c in pipeline.channels]
    samples = np.round(rng.normal(0, 1, (count, len(names))) * swing) * pipeline.channels[0].lsb
    channels = tuple(Channel(*name) for name in names)
    codes = core.decide(Recording(samples, channels, pipeline.rate_hz))
    said = np.full((count, 2), 255.0)
    for row, code in enumerate(codes):
        said[pipeline.window + row * pipeline.stride :] = code
    table = np.column_stack([samples, said])[5:]
    more = tuple(Channel(name, "") for name in core.columns)
    log = Recording(table, (*channels, *more), pipeline.rate_hz, name="log")
    (result,) = compare_sensor(core, [log])
    assert result.divergence is None, str(result)
    assert result.windows > 0.9 * len(codes)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 3), st.integers(0, 200), st.integers(0, 2))
def test_any_series_has_a_border(window: int, stride: int, step: int, more: int, registers: int) -> None:
    said = np.zeros(((window + stride) * step + more, registers + 1), np.int64)

    def decide(start: int, until: int) -> npt.NDArray[np.int64]:
        taken = len(range(start, until, step))
        return np.zeros((max((taken - window) // stride + 1, 0), registers + 1), np.int64)

    border, ours, theirs = find_border(decide, said, window, stride, step)
    assert ours.shape == theirs.shape
    assert 0 <= border.start < stride * step
    assert border.agree == border.windows
