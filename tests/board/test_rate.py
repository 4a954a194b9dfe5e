"""Rates from arrivals and stamps; which late stamps mean that samples are missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.board.rate import RateFit, StampClock, Stamped, Unwrapped


@settings(max_examples=40, deadline=None)
@given(st.floats(5, 8000), st.integers(0, 100))
def test_late_arrivals_do_not_move_the_rate(rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fit = RateFit()
    for i in range(600):
        late = rng.exponential(0.01) + (0.5 if rng.random() < 0.05 else 0.0)
        fit.add(int(i * 0.1 * rate), i * 0.1 + late)
    measured = fit.rate()
    assert measured is not None
    assert measured == pytest.approx(rate, rel=0.005, abs=0.1)


def test_no_rate_without_time() -> None:
    fit = RateFit()
    assert fit.rate() is None
    for i in range(10):
        fit.add(i, 5.0)
    assert fit.rate() is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**20), 2**31 - 2), min_size=1, max_size=20))
def test_a_clock_that_wraps_goes_on(first: int, steps: list[int]) -> None:
    clock = Unwrapped(2.0**32)
    time = newest = first
    assert clock.at(float(first)) == first
    for step in steps:
        # in any order, within half a turn of the newest
        time = max(newest - 2**20, min(newest + 2**31 - 2, time + step))
        assert clock.at(float(time % 2**32)) == time
        newest = max(newest, time)


def judged(times: list[float], count: int = 4, nominal: float | None = None, cuts: set[int] | None = None):  # type: ignore[no-untyped-def]
    clock: StampClock[int] = StampClock(nominal)
    out: list[Stamped[int]] = []
    for i, time in enumerate(times):
        out += clock.put(i, time, count, i in (cuts or set()))
    out += clock.finish()
    assert [one.item for one in out] == list(range(len(times)))
    return clock, {one.item: one.missing for one in out if one.missing}


def test_missing_samples_are_counted_where_stamps_stay_late() -> None:
    times = [i * 0.04 + (0.05 if i >= 30 else 0.0) for i in range(60)]
    clock, missing = judged(times)
    assert missing == {30: 5}
    assert clock.measured() == pytest.approx(100.0)


def test_a_busy_board_that_catches_up_has_lost_nothing() -> None:
    times = [i * 0.04 for i in range(60)]
    for i in range(30, 34):
        # the loop was held up: four frames are read at once
        times[i] = 33 * 0.04 + (i - 33) * 0.001
    clock, missing = judged(times)
    assert missing == {}
    assert clock.measured() == pytest.approx(100.0, rel=0.01)


def test_a_board_that_is_slow_for_a_while_has_lost_nothing() -> None:
    # read a period late for more than half a second
    times = [i * 0.04 + (0.01 if 40 <= i < 56 else 0.0) for i in range(120)]
    assert judged(times)[1] == {}


def test_a_lost_frame_is_counted_by_time() -> None:
    times = [i * 0.04 for i in range(60) if i != 20]
    _, missing = judged(times, cuts={20})
    assert missing == {20: 4}


def test_jitter_is_no_loss() -> None:
    rng = np.random.default_rng(1)
    times = [i * 0.04 + 0.004 * float(rng.uniform(-1, 1)) for i in range(200)]
    assert judged(times)[1] == {}


def test_a_wrong_nominal_rate_is_no_loss() -> None:
    clock, missing = judged([i * 0.04 for i in range(50)], nominal=400.0)
    assert missing == {}
    assert clock.rate() == pytest.approx(100.0)


def test_time_that_runs_backwards_is_a_gap_of_unknown_size() -> None:
    times = [i * 0.04 for i in range(20)] + [i * 0.04 for i in range(20)]
    clock, missing = judged(times)
    assert missing == {20: -1}
    assert clock.measured() == pytest.approx(100.0)


def test_stamps_far_apart_at_the_end_are_judged_at_the_end() -> None:
    times = [i * 0.04 for i in range(40)] + [2.8]
    assert judged(times)[1] == {40: 120}


@pytest.mark.parametrize("held_up", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("rate", [104.0, 208.0, 1666.0])
def test_a_board_that_begins_late_and_catches_up_has_lost_nothing(held_up: float, rate: float) -> None:
    # a frame each tenth of a second or less; what was due while the board was held up comes in a burst
    count = max(int(rate / 20), 1)
    times = [max(i * count / rate, held_up + i * 1e-4) for i in range(150)]
    assert judged(times, count, nominal=rate)[1] == {}
    lost = [time + (20 / rate if i >= 100 else 0.0) for i, time in enumerate(times)]
    assert judged(lost, count, nominal=rate)[1] == {100: 20}
