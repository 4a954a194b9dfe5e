"""Windows, splits and tasks."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.learn import table
from sensorai.learn.table import (
    Known,
    Task,
    build,
    check_classes,
    find_tasks,
    group_folds,
    outline,
    settled,
)
from sensorai.mlc.config import Feature, MlcConfig, Source
from sensorai.recording import Dataset
from tests.learn.make import dataset, random_windows, recording, windows

TASK = Task("tree1", "label", ("rest", "walk", "shake"))


def config(window: int) -> MlcConfig:
    features = (Feature("MEAN", Source("acc", "Z")), Feature("PEAK_TO_PEAK", Source("acc", "V")))
    return MlcConfig("LSM6DSOX", window, 52.0, ("acc",), (), features, ())


@pytest.mark.parametrize("window", [1, 25, 26, 104, 105, 255])
def test_outline_is_build_without_features(window: int) -> None:
    logs = dataset("ab")
    drawn, built = outline(window, logs, [TASK]), build(config(window), logs, [TASK])
    for name in ("y", "group", "recording"):
        assert np.array_equal(getattr(drawn, name), getattr(built, name)), name
    assert drawn.groups == built.groups == ("a", "b")
    assert drawn.x.shape == (len(built.x), 0)
    assert built.x.shape == (2 * (312 // window), 2)
    # float32 holds halves exactly
    assert np.array_equal(built.x.astype(np.float16).astype(np.float32), built.x)


def test_windows_across_a_border_have_no_class() -> None:
    made = outline(60, Dataset((recording(["rest", "walk"]),)), [TASK])
    # 208 samples: the border at 104 is inside the second window
    assert made.y[:, 0].tolist() == [0, -1, 1]


def test_find_tasks() -> None:
    (task,) = find_tasks(dataset(), [("t", "label")])
    assert task == Task("t", "label", ("rest", "walk", "shake"))
    with pytest.raises(ConfigError, match="no log has labels in a column 'mood'") as error:
        find_tasks(dataset(), [("t", "mood")])
    assert "label" in error.value.hint
    with pytest.raises(ConfigError, match=r"only one class \('rest'\)"):
        find_tasks(dataset(kinds=("rest",)), [("t", "label")])


def test_a_class_without_a_whole_window_is_refused() -> None:
    made = windows([[0.0]] * 8, [0, 1] * 4, [0, 0, 0, 0, 1, 1, 1, 1])
    check_classes(made, [Task("t", "label", ("rest", "walk"))])
    with pytest.raises(DataError, match="class 'shake' has no whole window"):
        check_classes(made, [TASK])


def test_group_folds_split_no_group() -> None:
    made = random_windows(200, 1, 3, 7, 3)
    split = group_folds(made, 4, 0)
    assert len(split) == 4
    judged = np.concatenate([judge for _, judge in split])
    assert sorted(judged.tolist()) == list(range(200))
    for fit, judge in split:
        assert not set(made.group[fit]) & set(made.group[judge])


def test_group_folds_of_rare_classes_warn_nobody() -> None:
    # pytest turns warnings into errors
    made = windows([[0.0]] * 9, [0, 0, 0, 0, 1, 1, 1, 1, 2], [0, 1, 2, 3, 0, 1, 2, 3, 3])
    assert len(group_folds(made, 4, 0)) == 4
    assert group_folds(windows([[0.0]] * 3, [0, 1, 2], [0, 1, 2]), 3, 0) == []
    assert group_folds(windows([[0.0]] * 3, [0, 0, 0], [0, 0, 0]), 3, 0) == []


@pytest.mark.parametrize(("count", "first"), [(3, 0), (4, -1), (5, -1)])
def test_the_first_window_of_a_recording_settles_where_there_are_enough(count: int, first: int) -> None:
    made = windows([[0.0]] * (count + 4), [0] * (count + 4), [0] * count + [1] * 4)
    y = settled(made).y[:, 0].tolist()
    assert y == [first, *[0] * (count - 1), -1, 0, 0, 0]


def test_copies_are_the_windows_of_a_sensor_switched_on_later() -> None:
    logs = dataset("ab")
    made = build(config(60), logs, [TASK], copies=3)
    assert (made.copies, made.overlap) == (3, 2)
    # those that the device answers are what they were
    alone = build(config(60), logs, [TASK])
    for name in ("x", "y", "group", "recording"):
        assert np.array_equal(getattr(made.apart(), name), getattr(alone, name)), name
    for k in (1, 2):
        later = build(config(60), Dataset(tuple(r.slice(20 * k, len(r)) for r in logs)), [TASK])
        for number in range(len(logs.recordings)):
            of = np.flatnonzero(made.recording == number)[k::3]
            rows = later.recording == number
            assert np.array_equal(made.x[of][: rows.sum()], later.x[rows])
            assert np.array_equal(made.y[of][: rows.sum()], later.y[rows])
    # the transient is that of all copies
    calm = settled(made)
    assert (calm.y[:3] == -1).all()
    assert np.array_equal(calm.y[3:6], made.y[3:6])
    known = Known()
    first = build(config(60), logs, [TASK], known, 3)
    count = len(known)
    again = build(config(60), logs, [TASK], known, 3)
    assert np.array_equal(first.x, again.x)
    assert len(known) == count == 2 * 3 * 2


def test_of_too_many_windows_some_are_known_and_folds_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset("abc", count=1040)
    tasks = find_tasks(data, [("tree1", "label")])
    whole = build(config(4), data, tasks)
    monkeypatch.setattr(table, "MOST", 900)
    known = Known()
    some = build(config(4), data, tasks, known)
    assert 500 < len(some.y) <= 900
    assert "windows are learnt from" in str(known.note(data, 4))
    # each row is one of all, in their order
    starts = [k for rows in known.rows(data, 4, tasks) or [] for k in rows.tolist()]
    place = np.array(starts) + 780 * some.recording
    assert (whole.x[place] == some.x).all()
    assert (whole.y[place] == some.y).all()
    fold = build(config(4), data.only_groups("ac"), tasks, known)
    assert (fold.x == some.x[some.recording != 1]).all()
    # nothing is left out where there are few
    assert len(build(config(26), data, tasks, known).y) == 360
