"""One split for every target: whole groups, every class on both sides, nothing but labels and seconds."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, read_dataset
from sensorai.formats.assemble import group_of_path
from sensorai.formats.resample import to_rate
from sensorai.learn import balance, states
from sensorai.learn.split import class_seconds, cut_in_time, needs_time_split, share
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from tests import roads
from tests.learn.make import dataset

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def log(
    name: str,
    labels: Sequence[tuple[str, int]],
    group: str = "",
    rate: float | None = 50.0,
    column: str = LABEL,
) -> Recording:
    """A recording of these labels, one after the other, for so many samples each."""
    edges = np.cumsum([0, *(n for _, n in labels)]).tolist()
    spans = tuple(Span(a, b, label) for (label, _), a, b in zip(labels, edges[:-1], edges[1:], strict=True))
    samples = np.random.default_rng(zlib.crc32(name.encode())).normal(0, 100, (edges[-1], 3))
    return Recording(samples, ACC, rate, {column: spans}, group or name, name, f"{name}.csv")


def people(count: int = 8, classes: Sequence[str] = ("rest", "walk", "shake"), seed: int = 0) -> Dataset:
    """Recordings of people who did everything, for different times."""
    rng = np.random.default_rng(seed)
    return Dataset(
        tuple(
            log(f"{who}_{c}", [(c, int(rng.integers(100, 400)))], f"person {who}")
            for who in range(count)
            for c in classes
        )
    )


def sides(made: Dataset, test: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each class in the test and outside."""
    inside: dict[str, float] = {}
    outside: dict[str, float] = {}
    for (_, name), of in class_seconds(made, [LABEL]).items():
        inside[name] = sum(s for g, s in of.items() if g in test)
        outside[name] = sum(s for g, s in of.items() if g not in test)
    return inside, outside


@pytest.mark.parametrize("wanted", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_class_on_both_sides_and_near_the_share(wanted: float, seed: int) -> None:
    made = people(8, seed=seed)
    got = share(made, [LABEL], test_share=wanted, seed=seed)
    inside, outside = sides(made, got.test_groups)
    assert min(*inside.values(), *outside.values()) > 0
    assert abs(sum(inside.values()) / sum([*inside.values(), *outside.values()]) - max(wanted, 1 / 8)) < 0.1
    for name in inside:
        assert abs(inside[name] / (inside[name] + outside[name]) - max(wanted, 1 / 8)) < 0.2
    assert share(made, [LABEL], test_share=wanted, seed=seed) == got
    assert set(got.train_groups) | set(got.test_groups) == set(made.groups())
    assert got.kept


def test_where_no_test_is_asked_for_all_groups_are_learnt_from() -> None:
    made = people(8)
    got = share(made, [LABEL])
    assert not got.kept
    assert got.train_groups == made.groups()
    assert got.test_groups


def test_another_seed_holds_out_other_groups() -> None:
    made = people(12)
    found = {share(made, [LABEL], seed=seed).test_groups for seed in range(6)}
    assert len(found) > 2


def test_the_order_of_the_logs_does_not_matter() -> None:
    made = people(8)
    first = share(made, [LABEL])
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(made)).tolist()
        mixed = share(Dataset(tuple(made.recordings[i] for i in order)), [LABEL])
        assert set(mixed.test_groups) == set(first.test_groups)


def test_rare_classes_are_on_both_sides() -> None:
    # each of ten classes is with two of forty people only
    made = Dataset(
        tuple(log(f"{i}", [("rest", 500), *([(f"rare {i % 10}", 20)] if i < 20 else [])]) for i in range(40))
    )
    for seed in range(3):
        inside, outside = sides(made, share(made, [LABEL], seed=seed).test_groups)
        assert min(*inside.values(), *outside.values()) > 0
        assert abs(sum(inside.values()) / sum([*inside.values(), *outside.values()]) - 0.25) < 0.1


@pytest.mark.parametrize("logs", [2, 3, 5])
def test_a_few_logs_of_each_class(logs: int) -> None:
    """The usual first data: a few logs of each class, each a group of its own."""
    made = Dataset(tuple(log(f"{c}_{i}", [(c, 200)]) for c in ("a", "b", "c") for i in range(logs)))
    inside, outside = sides(made, share(made, [LABEL]).test_groups)
    assert min(*inside.values(), *outside.values()) > 0
    assert sum(inside.values()) <= sum(outside.values())


def test_seconds_count_and_not_samples() -> None:
    # the same movement at another rate: half the groups have ten times the samples
    slow = people(8)
    fast = Dataset(tuple(to_rate(r, 500.0) if i % 6 < 3 else r for i, r in enumerate(slow)))
    assert share(fast, [LABEL]).test_groups == share(slow, [LABEL]).test_groups
    unknown = Dataset(tuple(replace(r, rate_hz=None) for r in slow))
    assert share(unknown, [LABEL]).test_groups == share(slow, [LABEL]).test_groups


def test_two_columns_are_both_on_both_sides() -> None:
    made = Dataset(
        tuple(
            replace(r, labels={**r.labels, "odd": (Span(0, len(r), "odd" if i % 2 else "even"),)})
            for i, r in enumerate(people(6))
        )
    )
    time = class_seconds(made, [LABEL, "odd"])
    test = share(made, [LABEL, "odd"]).test_groups
    assert len(time) == 5
    for of in time.values():
        assert 0 < sum(s for g, s in of.items() if g in test) < sum(of.values())


def one_group() -> Dataset:
    return Dataset((log("a", [("x", 100), ("y", 100)], "g"), log("b", [("x", 100)], "g")))


def one_log_a_class() -> Dataset:
    return Dataset((log("a", [("x", 100)]), log("b", [("y", 100)])))


def a_circle() -> Dataset:
    # any one group, or any two, leave a class on one side only
    return Dataset(
        (log("a", [("x", 9), ("z", 9)]), log("b", [("x", 9), ("y", 9)]), log("c", [("y", 9), ("z", 9)]))
    )


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (one_group, "all logs belong to one group ('g')"),
        (one_log_a_class, "class 'x' is only in one group ('a')"),
        (a_circle, "no choice of test groups leaves every class on both sides"),
    ],
)
def test_what_groups_cannot_split_is_said_before(made: Callable[[], Dataset], reason: str) -> None:
    found = needs_time_split(made(), [LABEL])
    assert found is not None
    assert found.startswith(reason)
    with pytest.raises(DataError) as error:
        share(made(), [LABEL])
    assert error.value.message == found
    assert "--split time" in error.value.hint
    in_time = share(made(), [LABEL], "time")
    inside, outside = sides(in_time.dataset, in_time.test_groups)
    assert min(*inside.values(), *outside.values()) > 0
    assert any("optimistic" in note for note in in_time.notes)


def test_groups_that_can_be_split_need_no_time() -> None:
    assert needs_time_split(people(), [LABEL]) is None


# ---------------------------------------------------------------- in time


def test_cut_in_time_keeps_every_sample_once() -> None:
    logs = dataset("ab", count=300)
    logs = Dataset(tuple(replace(r, labels={LABEL: (Span(0, len(r), "x"),)}) for r in logs))
    cut = cut_in_time(logs, [LABEL])
    assert cut.groups() == tuple(f"part {k}" for k in range(1, 6))
    for k, r in enumerate(logs):
        parts = cut.recordings[5 * k : 5 * k + 5]
        assert np.array_equal(np.concatenate([p.samples for p in parts]), r.samples)
        assert [p.name for p in parts] == [f"{r.name}#{n}" for n in range(1, 6)]
        assert [label for p in parts for label in p.window_labels(1)] == r.window_labels(1)


def test_one_class_after_the_other_is_cut_class_by_class() -> None:
    made = Dataset((log("a", [("x", 500), ("y", 100), ("z", 50)]),))
    got = share(made, [LABEL], "time")
    inside, outside = sides(got.dataset, got.test_groups)
    for name, seconds in (("x", 10.0), ("y", 2.0), ("z", 1.0)):
        assert inside[name] == pytest.approx(seconds / 5)
        assert outside[name] == pytest.approx(seconds * 4 / 5)
    assert len({r.name for r in got.dataset}) == len(got.dataset) == 15


def test_a_log_too_short_to_cut() -> None:
    made = Dataset((log("a", [("x", 3)]), log("b", [("y", 1)])))
    assert sum(len(r) for r in cut_in_time(made, [LABEL])) == 4
    with pytest.raises(DataError, match=r"class 'y' is only in one group") as error:
        share(made, [LABEL], "time")
    assert "longer logs" in error.value.hint


# ---------------------------------------------------------------- by name


def test_named_test_groups() -> None:
    made = people(8)
    got = share(made, [LABEL], test_groups=("person 3", "person 1"))
    assert got.test_groups == ("person 1", "person 3")
    assert got.kept
    assert not set(got.train_groups) & {"person 1", "person 3"}
    assert got.notes == ()


def test_named_test_groups_that_do_not_exist_or_leave_nothing() -> None:
    made = people(20)
    with pytest.raises(ConfigError, match="--test-groups 'persn 3'") as error:
        share(made, [LABEL], test_groups=("persn 3",))
    assert "did you mean 'person 3'?" in error.value.hint
    assert "person 11 and 8 more" in error.value.hint
    with pytest.raises(ConfigError, match="names every group"):
        share(one_log_a_class(), [LABEL], test_groups=("a", "b"))
    with pytest.raises(ConfigError, match="class 'x' is only in the test"):
        share(one_log_a_class(), [LABEL], test_groups=("a",))
    with pytest.raises(ConfigError, match="--split time cuts every log"):
        share(made, [LABEL], "time", test_groups=("person 3",))


def test_named_groups_need_not_test_every_class() -> None:
    made = Dataset((log("a", [("x", 100), ("y", 100)]), log("b", [("x", 100)])))
    got = share(made, [LABEL], test_groups=("b",))
    assert got.test_groups == ("b",)
    assert got.train_groups == ("a",)


# ---------------------------------------------------------------- a test set


def other(count: int = 2, classes: Sequence[str] = ("rest", "walk", "shake")) -> Dataset:
    return Dataset(tuple(log(f"o{i}_{c}", [(c, 150)], f"other {i}") for i in range(count) for c in classes))


def unowned(paths: Sequence[str], classes: Sequence[str] = ("rest", "walk")) -> Dataset:
    """Logs of which nobody knows the subject, as reading makes them."""
    logs = (log(f"{i}", [(c, 150) for c in classes]) for i in range(len(paths)))
    return Dataset(tuple(replace(r, source=p, own_group=True) for r, p in zip(logs, paths, strict=True)))


def test_logs_of_unknown_subjects_are_said() -> None:
    flat = unowned([f"logs/{i}.csv" for i in range(6)])
    for notes in (share(flat, [LABEL]).notes, states.share_out(flat, LABEL, ("rest", "walk")).notes):
        assert notes == (
            "no subject is known: each log file is taken as a group of its own, so that one person may be in "
            "training and test; a column 'subject', or --group-path, says who is who",
        )
    # where every log is cut, groups are parts, and that is said
    assert not any("subject" in note for note in share(flat, [LABEL], "time").notes)
    some = Dataset((*people(4).recordings, *flat.recordings))
    assert share(some, [LABEL]).notes[0].startswith("no subject is known of 6 of 18 recordings: each")


@pytest.mark.parametrize("known", [False, True])
def test_a_log_says_whether_it_knows_its_subject(tmp_path: Path, known: bool) -> None:
    tail = ("label,subject", "rest,log") if known else ("label", "rest")
    (tmp_path / "log.csv").write_text(f"acc_x[mg],acc_y[mg],acc_z[mg],{tail[0]}\n" + f"1,2,3,{tail[1]}\n" * 9)
    (made,) = read_dataset([tmp_path / "log.csv"])
    # the name alone does not tell
    assert (made.group, made.own_group) == ("log", not known)
    (made,) = read_dataset([tmp_path / "log.csv"], ReadOptions(group_path="log"))
    assert not made.own_group


def test_folders_above_the_logs_may_be_subjects() -> None:
    paths = [f"logs/s0{who}/{kind}/log.csv" for who in range(3) for kind in ("0_rest", "walk")]
    (note,) = share(unowned(paths), [LABEL]).notes
    found = re.search(
        r"if the folders \(s00, s01, \.\.\.\) are subjects, --group-path '(.*)' takes them", note
    )
    assert found
    options = ReadOptions(group_path=found[1])
    assert [group_of_path(path, options) for path in paths] == [f"s0{i // 2}" for i in range(6)]
    # folders of classes are no people
    classes = [f"logs/{kind}/{i}.csv" for i in range(3) for kind in ("0_rest", "walk")]
    (note,) = share(unowned(classes), [LABEL]).notes
    assert "folders" not in note


def test_a_test_set_is_all_test() -> None:
    got = share(people(4), [LABEL], extra_test=other())
    assert got.how == "set"
    assert got.test_groups == ("other 0", "other 1")
    assert got.train_groups == tuple(f"person {i}" for i in range(4))
    assert len(got.dataset) == 18
    assert got.kept
    assert got.notes == ()
    # one group to learn from is enough then
    assert share(one_group(), [LABEL], extra_test=other(1, ("x", "y"))).train_groups == one_group().groups()


def test_groups_and_names_that_a_test_set_shares_are_said_and_kept_apart() -> None:
    extra = Dataset(
        tuple(
            replace(r, name=n, group="person 0") for r, n in zip(other(1), ("0_rest", "b", "c"), strict=True)
        )
    )
    got = share(people(4), [LABEL], extra_test=extra)
    assert "shares a group with the training (person 0)" in got.notes[0]
    assert got.test_groups == ("person 0 (test)",)
    assert "person 0" in got.train_groups
    assert len({r.name for r in got.dataset}) == 15


def test_what_a_test_set_must_not_be() -> None:
    made = people(4)
    with pytest.raises(DataError, match="holds the samples of 2_walk, which is learnt from"):
        share(made, [LABEL], extra_test=Dataset((*other(), replace(made.recordings[7], name="again"))))
    with pytest.raises(DataError, match="label 'run', which is not learnt") as error:
        share(made, [LABEL], extra_test=other(1, ("rest", "run")))
    assert "rest, walk, shake" in error.value.hint
    with pytest.raises(DataError, match="no log of the test set has labels"):
        share(made, [LABEL], extra_test=Dataset(tuple(replace(r, labels={}) for r in other())))
    for how, named in (("time", ()), ("group", ("person 1",))):
        with pytest.raises(ConfigError, match="only one of them can say"):
            share(made, [LABEL], how, test_groups=named, extra_test=other())
    # a class that it lacks is no reason to refuse it
    assert share(made, [LABEL], extra_test=other(1, ("rest", "walk"))).test_groups == ("other 0",)


def test_copies_are_left_out_on_every_road() -> None:
    made = people(4)
    twice = Dataset((*made.recordings, replace(made.recordings[0], name="again", group="person 9")))
    got = share(twice, [LABEL])
    assert "person 9" not in got.dataset.groups()
    assert got.notes == ("left out as a copy of another recording: again (as 0_rest)",)
    swapped = replace(made.recordings[0], name="again", labels={LABEL: (Span(0, 9, "walk"),)})
    with pytest.raises(DataError, match="the same samples under different labels"):
        share(Dataset((*made.recordings, swapped)), [LABEL])


@given(
    st.integers(2, 9).flatmap(
        lambda g: st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=g, max_size=g)
    ),
    st.floats(0.05, 0.5),
)
@settings(deadline=None, max_examples=60)
def test_a_choice_is_found_where_there_is_one(rows: list[list[int]], wanted: float) -> None:
    time = np.array(rows, float)
    if (time.sum(axis=0) == 0).any():
        return
    count = len(time)

    def good(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
        inside = time[mask].sum(axis=0)
        return bool(((inside > 0) & (inside < time.sum(axis=0))).all())

    masks = [np.array([(k >> i) & 1 for i in range(count)], bool) for k in range(1, 2**count - 1)]
    chosen = balance.choose(time, wanted, 0)
    assert (chosen is not None) == any(good(m) for m in masks)
    assert chosen is None or good(chosen)


# ---------------------------------------------------------------- the same on every road


def logs_with_a_rate(rate: float, gyro: bool) -> Dataset:
    """Six people, three states; one person rests longer."""
    from tests.cli.logs import signal

    out = []
    for i in range(6):
        for c, name in enumerate(("rest", "walk", "shake")):
            count = round((6 + (3 if i == 2 and c == 0 else 0)) * rate)
            channels = (*ACC, *(Channel(f"gyro_{a}", "dps") for a in "xyz"))[: 6 if gyro else 3]
            samples = signal(name, count, rate, 10 * i + c)[:, : len(channels)]
            labels = {LABEL: (Span(0, count, name),)}
            out.append(
                Recording(samples, channels, rate, labels, f"p{i}", f"p{i}_{name}", f"p{i}_{name}.csv")
            )
    return Dataset(tuple(out))


def test_registers_c_and_detectors_hold_out_the_same_people() -> None:
    seed = 3
    found = {}
    detect: dict[str, Any] = {"task": "anomaly", "normal": ("rest", "walk")}
    small: dict[str, Any] = {"max_nodes": 5, "max_features": 3}
    for rate, gyro in ((52.0, False), (52.0, True), (104.0, False)):
        data = logs_with_a_rate(rate, gyro)
        for name, options in {
            "mlc": {"target": "mlc", "window": 26, **small},
            "box": {"target": "mlc", "window": 26, **small, **detect},
            "ispu": {"target": "ispu", "model": "tree", "window": 52, "rate": 104.0, "net": {"leaves": 8}},
            "stm32": {"target": "stm32", "model": "tree", "window": 52, "rate": rate, "net": {"leaves": 8}},
            "detector": {"target": "stm32", "model": "mahalanobis", "window": 52, **detect},
        }.items():
            # folds are the subject of other tests
            options |= {} if "task" in options else {"folds": 0}
            made = roads.learnt(data, sensors=("acc",), seed=seed, test_share=0.25, **options)
            assert {r.group for r in made.test} == set(made.test_groups)
            assert not set(made.train_groups) & set(made.test_groups)
            found[name, rate, gyro] = made.test_groups
    expected = share(logs_with_a_rate(52.0, False), [LABEL], seed=seed).test_groups
    assert set(found.values()) == {expected}


def test_detectors_choose_among_normal_groups_where_classes_cannot_tell() -> None:
    # every fault is a group of its own, so a classifier could not be tested
    made = Dataset((*(log(f"ok {i}", [("ok", 100 + i)]) for i in range(8)), log("broken", [("fault", 100)])))
    assert needs_time_split(made, [LABEL]) is not None
    parts = states.share_out(made, LABEL)
    assert [len(parts.learn), len(parts.calibrate), len(parts.test)] == [4, 2, 3]
    assert "broken" in parts.groups("test")


# ---------------------------------------------------------------- the same parts of other recordings


def test_a_split_of_recordings_at_another_rate_has_the_same_groups() -> None:
    for how in ("group", "time"):
        made = share(people(4), [LABEL], how)
        slower = Dataset(tuple(to_rate(r, 25.0) for r in made.recordings))
        other = made.of(slower)
        assert other.recordings is slower
        assert [r.rate_hz for r in made.recordings] == [50.0] * len(made.recordings)
        assert replace(other, dataset=made.dataset) == made
        assert other.train_groups == made.train_groups


def test_parts_of_a_detector_at_another_rate_are_the_same_recordings() -> None:
    made = states.share_out(people(6), LABEL, ("rest", "walk"))
    slower = Dataset(tuple(to_rate(r, 25.0) for r in made.recordings))
    other = made.of(slower)
    for part in ("learn", "calibrate", "test"):
        before, after = getattr(made, part), getattr(other, part)
        assert [r.name for r in after] == [r.name for r in before]
        assert {r.rate_hz for r in after} == {25.0}
        assert other.groups(part) == made.groups(part)
    assert (other.normal, other.faults, other.notes) == (made.normal, made.faults, made.notes)
    assert other.recordings.recordings == slower.recordings


def test_where_a_class_has_a_single_group_the_road_cuts_in_time_and_says_why() -> None:
    made = roads.lesson(one_log_a_class(), target="stm32")
    assert made.share.how == "time"
    assert made.share.notes[0].startswith("class 'x' is only in one group ('a')")
    assert made.share.notes[0].endswith(", so every log is cut in time")
    assert any("optimistic" in note for note in made.share.notes)
    assert roads.lesson(people(), target="stm32").share.how == "group"
    # what was asked for is not changed
    with pytest.raises(DataError, match="class 'x' is only in one group"):
        roads.lesson(one_log_a_class(), target="stm32", split="group")
    with pytest.raises(ConfigError, match="class 'x' is only in the test"):
        roads.lesson(one_log_a_class(), target="stm32", test_groups=("a",))
    assert roads.lesson(one_group(), other(1, ("x", "y")), target="stm32").share.how == "set"
