"""Rates, thresholds and curves of detectors, against examples worked out by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.experiment.words import per_hour
from sensorai.verify import alarms
from sensorai.verify.alarms import ScoredLog

WINDOW = 100
RATE = 100.0


def log(scores: list[int], truth: list[int] | None = None, name: str = "a", stretch: int = 1) -> ScoredLog:
    """Back-to-back windows of a second (or ``stretch`` seconds) each."""
    n = len(scores)
    size = WINDOW * stretch
    state = np.array([0] * n if truth is None else truth)
    spans: dict[int, list[tuple[int, int, str]]] = {0: [], 1: []}
    start = 0
    for i in range(1, n + 1):
        if i == n or state[i] != state[start]:
            if state[start] >= 0:
                label = ("normal", "fault")[state[start]]
                spans[int(state[start])].append((start * size, i * size, label))
            start = i
    end = np.arange(1, n + 1) * size
    return ScoredLog(
        name, name, RATE, n * size, np.array(scores), end, state, tuple(spans[0]), tuple(spans[1])
    )


def false(logs: list[ScoredLog], threshold: int, wins: int) -> alarms.Rate:
    return alarms.false_alarms(logs, alarms.decisions_of(logs, threshold, wins))


def test_onsets_are_counted_once() -> None:
    decisions = np.array([255, 0, 1, 1, 0, 1, 255, 1])
    assert alarms.onsets(decisions).tolist() == [2, 5, 7]
    assert alarms.onsets(np.array([1, 1, 0])).tolist() == [0]


def test_false_alarms_by_hand() -> None:
    one = log([0, 9, 9, 0, 9, 0], stretch=600)  # an hour of normal state
    got = false([one], 5, 0)
    assert (got.events, got.hours) == (2, 1.0)
    # a filter of two wins lets only the double through
    assert false([one], 5, 2).events == 1
    # exactly at the threshold is no alarm
    assert false([one], 9, 0).events == 0


def test_an_alarm_that_begins_in_the_anomaly_is_not_false() -> None:
    mixed = log([0, 9, 9, 9, 0, 9], [0, 0, 1, 1, -1, -1])
    assert false([mixed], 5, 0).events == 1  # the early one; the last is in an unknown window
    assert false([log([0, 0, 9, 9, 9], [0, 0, 1, 1, 0])], 5, 0).events == 0


def test_poisson_bounds() -> None:
    # the rule of three, and exact values for 1 and 5 events from tables of the Poisson distribution
    assert alarms.rate(0, 1.0).high == pytest.approx(2.9957, abs=1e-3)
    assert alarms.rate(1, 1.0).high == pytest.approx(4.7439, abs=1e-3)
    assert alarms.rate(1, 1.0).low == pytest.approx(0.0513, abs=1e-3)
    assert alarms.rate(5, 10.0).high == pytest.approx(1.0513, abs=1e-3)
    assert np.isnan(alarms.rate(0, 0.0).high)


def test_threshold_at_a_target() -> None:
    # 10 hours of windows of a minute; the three largest scores are 90, 80, 70, apart from one another
    scores = [1] * 600
    scores[50], scores[250], scores[450] = 70, 90, 80
    quiet = log(scores, stretch=60)
    # one event in ten hours: at most 0.474 an hour; two: 0.63
    assert alarms.choose_threshold([quiet], 0, 0.5, 6000).value == 80
    assert alarms.choose_threshold([quiet], 0, 0.65, 6000).value == 70
    got = alarms.choose_threshold([quiet], 0, 0.3, 6000)
    assert (got.value, got.rate.events, got.windows_an_hour) == (90, 0, 60.0)
    # single windows do not pass two wins
    assert alarms.choose_threshold([quiet], 2, 0.3, 6000).value == 1


def test_without_a_target_a_knock_does_not_blind() -> None:
    """One window in a hundred may be above the threshold, but no alarm passes a filter."""
    rising = log(list(range(1, 301)), stretch=60)
    got = alarms.choose_threshold([rising], 0, None, 6000)
    assert got.above is not None
    assert (got.value, got.above.part, got.above.whole) == (297, 3, 300)
    assert got.low is not None
    assert got.high is not None
    assert got.low < got.value < got.high <= 300
    # too few windows to spare one
    assert alarms.choose_threshold([log([5, 9, 7], stretch=60)], 0, None, 6000).value == 9
    scores = [1] * 600
    scores[50], scores[250:252] = 900, [80, 70]
    # the two that follow each other would pass a filter of two; the higher one alone does not
    assert alarms.choose_threshold([log(scores, stretch=60)], 2, None, 6000).value == 70
    assert alarms.choose_threshold([log(scores, stretch=60)], 0, None, 6000).value == 1


def test_an_alarm_that_never_ends_is_no_low_rate() -> None:
    """Below the quieter level one alarm lasts for ever: few events, and no threshold."""
    random = np.random.default_rng(3)
    quiet = log((1000 + random.integers(0, 50, 3600)).tolist(), name="quiet")
    loud = log((2000 + random.integers(0, 50, 3600)).tolist(), name="loud")
    got = alarms.choose_threshold([quiet, loud], 2, 5.0, 100)
    assert got.value >= 2000
    assert (alarms.decided(loud.scores, got.value, 2) == 1).mean() < 0.05
    assert alarms.choose_threshold([quiet, loud], 0, 1e6, 100).value == 0


def test_short_logs_do_not_support_a_claim() -> None:
    with pytest.raises(DataError) as caught:
        alarms.choose_threshold([log([1] * 60, stretch=60)], 0, 1 / 24, 6000)
    assert "1 false alarm a day cannot be claimed from 1 hour of" in caught.value.message
    assert "3 days are held out" in (caught.value.hint or "")
    assert "--false-alarms 3/hour" in (caught.value.hint or "")
    # what the hint offers is accepted
    assert alarms.choose_threshold([log([1] * 60, stretch=60)], 0, per_hour("3/hour"), 6000)
    with pytest.raises(DataError, match="no normal window"):
        alarms.choose_threshold([log([1], [-1])], 0, 1.0, 6000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=20, max_size=150), st.integers(0, 3), st.floats(0.2, 5))
def test_every_chosen_threshold_keeps_the_target(scores: list[int], wins: int, target: float) -> None:
    logs = [log(scores, stretch=3600)]
    got = alarms.choose_threshold(logs, wins, target, 360_000)
    assert got.rate.high <= target
    assert false(logs, got.value, wins).events == got.rate.events


def test_detections_and_delays() -> None:
    mixed = log([0, 0, 9, 9, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0, 1, 1])
    first, second = alarms.detections([mixed], alarms.decisions_of([mixed], 5, 0))
    assert (first.start_s, first.stop_s, first.alarm_s) == (1.0, 4.0, 2.0)
    assert second.alarm_s is None
    assert alarms.detections([mixed], alarms.decisions_of([mixed], 5, 2))[0].alarm_s == 3.0


def test_shares() -> None:
    got = alarms.share(8, 10)
    assert got.value == 0.8
    assert (got.low, got.high) == pytest.approx((0.4902, 0.9433), abs=1e-3)  # Wilson, as in textbooks
    assert np.isnan(alarms.share(0, 0).value)


def test_auc_by_counting_pairs() -> None:
    a, b = [1, 2, 2, 3], [2, 3, 4]
    pairs = [(x < y) + 0.5 * (x == y) for x in a for y in b]
    assert alarms.auc(a, b) == pytest.approx(np.mean(pairs))
    assert np.isnan(alarms.auc([], b))


def test_curve_ends_and_bands() -> None:
    random = np.random.default_rng(1)
    logs = [log(random.integers(0, 50, 30).tolist(), name=f"n{i}") for i in range(8)]
    logs += [log(random.integers(30, 90, 20).tolist(), [1] * 20, name=f"f{i}") for i in range(6)]
    got = alarms.curve(logs)
    assert got.false[0] == 0.0
    assert got.false[-1] == got.found[-1] == 1.0
    assert (np.diff(got.found) >= 0).all()
    assert (got.low <= got.found + 1e-9).all()
    assert (got.found <= got.high + 1e-9).mean() > 0.95
    assert got.auc_low < got.auc < got.auc_high
    every = np.concatenate([x.scores for x in logs if not x.truth.any()])
    level = np.sort(every)[::-1][int(0.1 * len(every))]
    bad = np.concatenate([x.scores for x in logs if x.truth.any()])
    at = np.interp(0.1, got.false, got.found)
    assert at == pytest.approx((bad > level).mean(), abs=0.05)
    with pytest.raises(DataError):
        alarms.curve(logs[:3])


def test_targets_in_words() -> None:
    assert per_hour("1/day") == pytest.approx(1 / 24)
    assert per_hour(" 0.5/hour") == 0.5
    for text in ("1", "x/day", "0/day", "-1/hour", "1/fortnight", "nan/day", "inf/h"):
        with pytest.raises(ConfigError):
            per_hour(text)
    assert alarms.in_words(1 / 24) == "1 false alarm a day"
    assert alarms.in_words(2.0) == "2 false alarms an hour"
    assert alarms.in_words(1234.5) == "1,234 false alarms an hour"
    assert alarms.option(2.9957) == "3/hour"
    assert alarms.option(2.9957 / 20) == "3.6/day"
    assert per_hour(alarms.option(0.0123)) >= 0.0123
    assert [alarms.duration(h) for h in (0.001, 0.5, 5, 72)] == [
        "3.6 seconds",
        "30 minutes",
        "5 hours",
        "3 days",
    ]
