"""Sharing out normal and anomalous recordings, by hand-made data sets."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.learn import states
from sensorai.learn.states import STATE
from sensorai.recording import Channel, Dataset, Recording, Span

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def recording(name: str, label: str | None, group: str | None = None, n: int = 100) -> Recording:
    labels = {} if label is None else {"label": (Span(0, n, label),)}
    return Recording(np.zeros((n, 3)), ACC, 50.0, labels, group or name, name, f"{name}.csv")


def machine(per_label: int = 8, labels: tuple[str, ...] = ("slow", "fast", "fault")) -> Dataset:
    return Dataset(tuple(recording(f"{x}_{i}", x) for x in labels for i in range(per_label)))


def test_every_label_in_every_part_and_no_group_twice() -> None:
    parts = states.share_out(machine(), "label", ("slow", "fast"))
    for part in (parts.learn, parts.calibrate, parts.test):
        assert {s.label for r in part for s in r.labels["label"]} >= {"slow", "fast"}
    groups = [set(parts.groups(p)) for p in ("learn", "calibrate", "test")]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert [len(parts.learn), len(parts.calibrate)] == [8, 4]
    # every fault is tested, and none is learnt
    assert sum(r.name.startswith("fault") for r in parts.test) == 8
    assert parts.faults == ("fault",)
    assert {s.label for r in parts.test for s in r.labels[STATE]} == {"normal", "anomaly"}


def test_the_same_seed_shares_alike_and_another_differs() -> None:
    names = [
        [r.name for r in states.share_out(machine(), "label", ("slow", "fast"), seed=seed).learn]
        for seed in (0, 0, 1)
    ]
    assert names[0] == names[1] != names[2]


def test_unseen_states_are_only_tested() -> None:
    parts = states.share_out(machine(), "label", ("slow",), ("fast",))
    assert (parts.normal, parts.unseen, parts.faults) == (("slow",), ("fast",), ("fault",))
    assert all(r.name.startswith("slow") for r in (*parts.learn, *parts.calibrate))
    fast = [r for r in parts.test if r.name.startswith("fast")]
    assert len(fast) == 8
    assert {s.label for r in fast for s in r.labels[STATE]} == {"normal"}


def test_subjects_are_kept_whole() -> None:
    people = Dataset(
        tuple(
            recording(f"{who}_{what}_{k}", what, who)
            for who in "abcde"
            for what in ("walk", "fall")
            for k in range(2)
        )
    )
    parts = states.share_out(people, "label", ("walk",))
    assert set(parts.groups("learn")) | set(parts.groups("calibrate")) | set(parts.groups("test")) == set(
        "abcde"
    )
    # falls of people who were learnt from are left out, and that is said
    tested = {r.group for r in parts.test}
    assert tested == set(parts.groups("test"))
    assert not tested & (set(parts.groups("learn")) | set(parts.groups("calibrate")))
    assert any(r.name.endswith("fall_0") for r in parts.test)


def test_few_recordings_are_cut_in_time_and_it_is_said() -> None:
    data = Dataset((recording("run", "ok", n=400), recording("broken", "fault")))
    parts = states.share_out(data, "label")
    assert [len(r) for r in (*parts.learn, *parts.calibrate, *parts.test)] == [200, 100, 100, 100]
    assert "cut in time" in parts.notes[0]
    assert parts.normal == ("ok",)


def test_who_says_what_is_normal() -> None:
    data = machine()
    with pytest.raises(ConfigError, match="nothing says which labels are the normal state"):
        states.normal_labels(data, "label", ())
    with pytest.raises(ConfigError, match="--normal 'quick'") as refusal:
        states.normal_labels(data, "label", ("quick",))
    assert "slow, fast, fault" in (refusal.value.hint or "")
    with pytest.raises(ConfigError, match="--normal-unseen 'quick'"):
        states.share_out(data, "label", ("slow",), ("quick",))
    assert states.normal_labels(machine(2, ("Healthy", "fault")), "label", ()) == ("Healthy",)
    assert states.normal_labels(machine(2, ("only",)), "label", ()) == ("only",)
    unlabelled = Dataset(tuple(recording(str(i), None) for i in range(8)))
    parts = states.share_out(unlabelled, "label")
    assert any("no label" in note for note in parts.notes)
    with pytest.raises(DataError, match="no recording of the normal state"):
        states.share_out(machine(3, ("slow",)), "label", (), ("slow",))


def test_truth_of_windows() -> None:
    spans = (Span(0, 40, "slow"), Span(40, 80, "fault"), Span(90, 120, "slow"))
    r = Recording(np.zeros((120, 3)), ACC, 10.0, {"label": spans}, "g", "r")
    (one,) = states.with_states(Dataset((r,)), "label", ("slow",))
    end = np.arange(20, 121, 10)
    log = states.scored(one, "label", np.arange(11), end, 20)
    #                             20 30 40  50 60 70 80  90 100 110 120
    assert log.truth.tolist() == [0, 0, 0, -1, 1, 1, 1, -1, -1, 0, 0]
    assert log.events == ((40, 80, "fault"),)
    assert log.normal_hours == pytest.approx(70 / 10 / 3600)


def test_logs_too_short_for_a_filter() -> None:
    parts = states.share_out(machine(), "label", ("slow", "fast"))
    assert parts.short(100, 100, 2)
    assert not parts.short(10, 10, 2)


@pytest.mark.parametrize(("count", "first"), [(3, 0), (4, -1), (5, -1)])
def test_the_first_window_of_a_log_settles_where_there_are_enough(count: int, first: int) -> None:
    (one,) = states.with_states(Dataset((recording("a", "slow", n=10 * count),)), "label", ("slow",))
    log = states.scored(one, "label", np.zeros(count, np.int64), np.arange(10, 10 * count + 1, 10), 10)
    assert states.settled(log).truth.tolist() == [first, *[0] * (count - 1)]


# ---------------------------------------------------------------- groups by name


def test_the_named_groups_are_the_test() -> None:
    parts = states.share_out(machine(), "label", ("slow", "fast"), test_groups=("fast_5", "slow_3"))
    normal = [r.name for r in parts.test if not r.name.startswith("fault")]
    assert normal == ["slow_3", "fast_5"]
    # every anomaly tests, named or not
    assert sum(r.name.startswith("fault") for r in parts.test) == 8
    assert len(parts.learn) + len(parts.calibrate) == 14
    assert {s.label for r in parts.calibrate for s in r.labels["label"]} == {"slow", "fast"}
    people = Dataset(
        tuple(recording(f"{who}_{what}", what, who) for who in "abcde" for what in ("walk", "fall"))
    )
    parts = states.share_out(people, "label", ("walk",), test_groups=("d",))
    assert {r.name for r in parts.test} == {"d_walk", "d_fall"}
    assert parts.notes == ("4 recordings of groups that were learnt from are left out of the test",)


def test_named_groups_that_are_none_or_leave_too_little() -> None:
    with pytest.raises(ConfigError, match="--test-groups 'slow_9': no log belongs to such a group") as error:
        states.share_out(machine(), "label", ("slow", "fast"), test_groups=("slow_9",))
    assert "did you mean 'slow_" in error.value.hint
    named = tuple(f"slow_{i}" for i in range(7))
    with pytest.raises(ConfigError, match="fewer than two groups with normal logs are left"):
        states.share_out(machine(), "label", ("slow",), test_groups=named)
    assert len(states.share_out(machine(), "label", ("slow",), test_groups=named[:6]).learn) == 1


# ---------------------------------------------------------------- a test set


def test_a_test_set_is_the_whole_test() -> None:
    other = Dataset(
        (recording("ok", "slow"), recording("crack", "crack"), recording("moved", "moved", "elsewhere"))
    )
    parts = states.share_out(machine(), "label", ("slow", "fast"), ("moved",), test_set=other)
    assert [r.name for r in parts.test] == ["ok", "crack", "moved"]
    assert {r.labels[STATE][0].label for r in parts.test} == {"normal", "anomaly"}
    assert [r.labels[STATE][0].label for r in parts.test] == ["normal", "anomaly", "normal"]
    # all normal logs are learnt from, or set the threshold; faults among them do nothing
    assert sorted(r.name for r in (*parts.learn, *parts.calibrate)) == sorted(
        f"{x}_{i}" for x in ("slow", "fast") for i in range(8)
    )
    assert not set(parts.groups("learn")) & set(parts.groups("calibrate"))
    assert (parts.normal, parts.unseen, parts.faults) == (("slow", "fast"), ("moved",), ("crack",))
    assert parts.notes == ()
    with pytest.raises(ConfigError, match="--normal-unseen 'odd'") as error:
        states.share_out(machine(), "label", ("slow",), ("odd",), test_set=other)
    assert "slow, fast, fault, crack, moved" in error.value.hint


def test_a_test_set_beside_a_single_log() -> None:
    other = Dataset((recording("broken", "fault"),))
    parts = states.share_out(Dataset((recording("run", "ok", n=300),)), "label", test_set=other)
    assert [len(r) for r in (*parts.learn, *parts.calibrate, *parts.test)] == [200, 100, 100]
    assert any("the threshold was set on the sessions that were learnt from" in n for n in parts.notes)
    assert parts.faults == ("fault",)


def test_a_test_set_contradicts_other_ways_to_say_what_the_test_is() -> None:
    other = Dataset((recording("ok", "slow"),))
    for how, named in (("time", ()), ("auto", ("slow_1",)), ("group", ("slow_1",))):
        with pytest.raises(ConfigError, match="only one of them can say what the test is"):
            states.share_out(machine(), "label", ("slow", "fast"), how=how, test_groups=named, test_set=other)


# ---------------------------------------------------------------- whole groups, or time


@pytest.mark.parametrize(("groups", "said"), [(1, "of 1 group:"), (2, "of 2 groups:")])
def test_too_few_groups_are_refused_where_groups_are_asked_for(groups: int, said: str) -> None:
    data = machine(groups, ("ok", "fault"))
    with pytest.raises(DataError, match=f"the normal logs are {said}") as error:
        states.share_out(data, "label", how="group")
    assert "--split time" in error.value.hint
    assert states.IN_TIME in states.share_out(data, "label").notes


def test_time_on_request_cuts_every_normal_log() -> None:
    parts = states.share_out(machine(), "label", ("slow", "fast"), how="time", test_share=0.5)
    assert [len(part) for part in (parts.learn, parts.calibrate, parts.test)] == [16, 16, 24]
    assert {r.name.partition("#")[0] for r in parts.learn} == {
        r.name.partition("#")[0] for r in parts.calibrate
    }
    assert sum(len(r) for r in parts.test if "#" in r.name) == 16 * 50
    assert states.IN_TIME in parts.notes
    by_group = states.share_out(machine(), "label", ("slow", "fast"), how="group")
    auto = states.share_out(machine(), "label", ("slow", "fast"))
    for part in ("learn", "calibrate", "test"):
        assert by_group.groups(part) == auto.groups(part)
    assert not any("#" in r.name for r in by_group.recordings)
