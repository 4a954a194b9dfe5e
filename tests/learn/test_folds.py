"""Folds over groups: each is tested once, and every class of it is learnt elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sensorai.formats.resample import to_rate
from sensorai.learn.folds import FOLDS, folds
from sensorai.learn.split import class_seconds, share
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span


def log(group: str, parts: Sequence[tuple[str, int]]) -> Recording:
    """A recording of stretches of labels."""
    spans, at = [], 0
    for label, samples in parts:
        spans.append(Span(at, at + samples, label))
        at += samples
    # content of its own, or it would be taken for a copy
    x = np.random.default_rng(list(group.encode())).normal(0, 1, (at, 1))
    return Recording(x, (Channel("acc_x", "mg"),), 10.0, {LABEL: tuple(spans)}, group=group, name=group)


def people(count: int) -> Dataset:
    rng = np.random.default_rng(count)
    return Dataset(
        tuple(
            log(f"p{i:02}", [(c, int(n)) for c, n in zip("xyz", rng.integers(50, 300, 3), strict=True)])
            for i in range(count)
        )
    )


@pytest.mark.parametrize("count", [2, 3, 5, 6, 16, 40])
def test_every_group_is_in_one_fold(count: int) -> None:
    made = share(people(count), [LABEL])
    found = folds(made, [LABEL], 0)
    assert sorted(g for fold in found for g in fold) == sorted(made.dataset.groups())
    assert len(found) == min(FOLDS, count)
    sizes = [len(fold) for fold in found]
    assert max(sizes) - min(sizes) <= 2
    assert folds(made, [LABEL], 0) == found


def test_rare_classes_are_learnt_and_tested() -> None:
    rare = [[(f"rare {i % 10}", 20)] if i < 20 else [] for i in range(40)]
    made = Dataset(tuple(log(f"{i:02}", [("rest", 500), *more]) for i, more in enumerate(rare)))
    split = share(made, [LABEL])
    time = class_seconds(made, [LABEL])
    for fold in folds(split, [LABEL], 3):
        for of in time.values():
            assert set(of) - set(fold)


def test_a_group_that_alone_has_a_class_is_in_no_fold() -> None:
    made = Dataset((log("a", [("x", 90), ("y", 90)]), log("b", [("x", 90)]), log("c", [("x", 90)])))
    split = share(made, [LABEL], test_groups=("c",))
    assert split.train_groups == ("a", "b")
    # only b can be left out: no folds of one
    assert folds(split, [LABEL], 0) == ()


def test_groups_that_are_kept_for_the_test_are_in_no_fold() -> None:
    split = share(people(8), [LABEL], test_groups=("p03", "p05"))
    found = {g for fold in folds(split, [LABEL], 0) for g in fold}
    assert found == {f"p{i:02}" for i in range(8)} - {"p03", "p05"}


def test_one_group_is_folded_in_time() -> None:
    split = share(Dataset((log("a", [("x", 400), ("y", 300)]),)), [LABEL], "time")
    found = folds(split, [LABEL], 0)
    assert len(found) == 5
    assert {len(fold) for fold in found} == {1}


def test_a_target_with_another_rate_has_the_same_folds() -> None:
    split = share(people(12), [LABEL])
    moved = 0
    for rate in (7.0, 2.0):
        slower = split.of(Dataset(tuple(to_rate(r, rate) for r in split.recordings)))
        for seed in (0, 8, 9):
            found = folds(split, [LABEL], seed, 4)
            assert folds(slower, [LABEL], seed, 4) == found
            moved += folds(replace(slower, time=None), [LABEL], seed, 4) != found
    # by the seconds of the resampled recordings, which are a little longer or shorter, some would move
    assert moved
