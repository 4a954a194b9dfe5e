"""Windows, splits and tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.config import Feature, MlcConfig, Source
from sensorai.recording import Dataset
from sensorai.train.table import (
    Task,
    Windows,
    build,
    find_tasks,
    group_folds,
    hold_out,
    outline,
    split_in_time,
)
from tests.train.make import dataset, random_windows, recording, windows

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


def test_split_in_time_keeps_every_sample_once() -> None:
    logs = dataset("ab")
    cut = split_in_time(logs)
    assert cut.groups() == tuple(f"part {k}" for k in range(1, 6))
    for k, r in enumerate(logs):
        parts = cut.recordings[5 * k : 5 * k + 5]
        assert np.array_equal(np.concatenate([p.samples for p in parts]), r.samples)
        assert [p.name for p in parts] == [f"{r.name}#{n}" for n in range(1, 6)]
        labels = [label for p in parts for label in p.window_labels(1)]
        assert labels == r.window_labels(1)


def test_split_in_time_of_a_very_short_log() -> None:
    (short,) = dataset("a", ("rest",), count=3)
    assert sum(len(r) for r in split_in_time(Dataset((short,)))) == 3


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_hold_out_leaves_every_class_on_both_sides(share: float, seed: int) -> None:
    made = random_windows(400, 1, 3, 8, seed)
    test = hold_out(made, [TASK], share, seed)
    assert 0 < len(test) < 8
    inside = made.in_groups(test)
    for side in (inside, ~inside):
        assert set(made.y[side, 0]) == {0, 1, 2}
    assert abs(float(inside.mean()) - max(share, 1 / 8)) < 0.1
    assert hold_out(made, [TASK], share, seed) == test


def test_hold_out_looks_after_rare_classes() -> None:
    # class 2 is only in groups 0 and 5: one of them must be tested, the other learnt
    group = [g for g in range(6) for _ in range(20)]
    y = [2 if g in (0, 5) and k % 4 == 0 else k % 2 for k, g in enumerate(group)]
    made = windows([[0.0]] * len(y), y, group)
    test = hold_out(made, [TASK], 0.25, 0)
    assert ("a" in test) != ("f" in test)


def test_hold_out_of_two_tasks() -> None:
    made = random_windows(300, 1, 3, 5, 1)
    both = Windows(
        made.x, np.stack([made.y[:, 0], made.y[:, 0] % 2], axis=1), made.group, made.recording, made.groups
    )
    tasks = [TASK, Task("tree2", "odd", ("even", "odd"))]
    inside = both.in_groups(hold_out(both, tasks, 0.25, 0))
    for side in (inside, ~inside):
        assert set(both.y[side, 0]) == {0, 1, 2}
        assert set(both.y[side, 1]) == {0, 1}


def test_hold_out_refusals() -> None:
    with pytest.raises(DataError, match=r"one group \('a'\)"):
        hold_out(random_windows(30, 1, 3, 1, 0), [TASK], 0.25, 0)
    made = windows([[0.0]] * 8, [0, 1, 2, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    with pytest.raises(DataError, match=r"class 'shake' is only in one group \('a'\)") as error:
        hold_out(made, [TASK], 0.25, 0)
    assert "--split time" in error.value.hint
    made = windows([[0.0]] * 8, [0, 1] * 4, [0, 0, 0, 0, 1, 1, 1, 1])
    with pytest.raises(DataError, match="class 'shake' has no whole window"):
        hold_out(made, [TASK], 0.25, 0)


def test_hold_out_when_no_choice_is_possible() -> None:
    # 0 in a and b, 1 in b and c, 2 in c and a: any one group, or any two, leave a class on one side only
    group = [0] * 8 + [1] * 8 + [2] * 8
    y = [0, 2] * 4 + [0, 1] * 4 + [1, 2] * 4
    made = windows([[0.0]] * 24, y, group)
    with pytest.raises(DataError, match="no choice of test groups"):
        hold_out(made, [TASK], 0.25, 0)


@pytest.mark.parametrize("logs", [2, 3, 5])
def test_hold_out_of_one_class_per_log(logs: int) -> None:
    """The usual first data: a few logs of each class, each a group of its own."""
    group = [g for g in range(3 * logs) for _ in range(10)]
    group = [g % 10 for g in group] if logs == 5 else group
    y = [g % 3 for g in range(3 * logs) for _ in range(10)]
    names = tuple(f"g{i}" for i in range(3 * logs))
    own = np.repeat(np.arange(3 * logs), 10)
    made = replace(windows([[0.0]] * len(y), y, group), group=own, recording=own, groups=names)
    inside = made.in_groups(hold_out(made, [TASK], 0.25, 0))
    for side in (inside, ~inside):
        assert set(made.y[side, 0]) == {0, 1, 2}
    assert float(inside.mean()) <= 0.5


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
