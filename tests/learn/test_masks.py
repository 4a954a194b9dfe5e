"""Rows of groups, rows at random, and folds in time that share no sample."""

from __future__ import annotations

import numpy as np

from sensorai.learn import select
from sensorai.learn.counts import Counted, CountOptions, build
from sensorai.learn.masks import Masks, at_random, masks
from sensorai.recording import LABEL, Dataset
from tests.learn.counted import counted, split
from tests.learn.make import recording


def test_groups_are_kept_whole() -> None:
    data = counted()
    parts = split(data)
    found = [set(data.group[m].tolist()) for m in (parts.train, parts.test)]
    assert all(found)
    assert not found[0] & found[1]
    assert (parts.train.astype(int) + parts.test == 1).all()
    for mask in (parts.train, parts.test):
        assert set(data.y[mask].tolist()) == {0, 1, 2}


def test_groups_that_are_neither_are_in_no_row() -> None:
    data = counted()
    parts = masks(data.groups, data.group, ("a", "c"), ("b",))
    assert {data.groups[g] for g in data.group[parts.train].tolist()} == {"a", "c"}
    assert {data.groups[g] for g in data.group[parts.test].tolist()} == {"b"}
    assert not masks(data.groups, data.group, ("a",), ()).test.any()


def two_people(window: int, stride: int, count: int = 1040) -> tuple[Counted, Masks, list[tuple[int, int]]]:
    """Windows of two people, their rows, and what samples each window has (recordings apart)."""
    made = Dataset(
        tuple(
            recording(("rest", "walk", "rest", "shake"), group=g, count=count, seed=i)
            for i, g in enumerate("ab")
        )
    )
    data = build(made, CountOptions(window=window, stride=stride))
    spans = []
    for i, r in enumerate(made):
        for span in r.labels[LABEL]:
            first = -(-span.start // stride) * stride
            spans += [
                (10**6 * i + s, 10**6 * i + s + window) for s in range(first, span.stop - window + 1, stride)
            ]
    assert len(spans) == len(data.y)
    return data, masks(data.groups, data.group, ("a",), ("b",)), spans


def test_folds_in_time_share_no_sample() -> None:
    data, parts, spans = two_people(52, 13)
    rows = np.flatnonzero(~parts.test)
    for fit, judge in select.folds(data.rows(~parts.test).as_windows(), 0):
        learnt = np.zeros(2 * 10**6, bool)
        for i in rows[fit]:
            learnt[slice(*spans[i])] = True
        assert len(judge)
        assert not any(learnt[slice(*spans[i])].any() for i in rows[judge])
        assert len(fit) + len(judge) > 0.85 * len(rows)


def test_at_random_is_random_and_has_the_same_shares() -> None:
    data = counted(rows=600)
    like = split(data)
    every = np.ones(600, bool)
    parts = at_random(like, every)
    for name in ("train", "test"):
        assert getattr(parts, name).sum() == getattr(like, name).sum()
    assert (parts.train.astype(int) + parts.test == 1).all()
    # every group and class is on every side, with about its share
    for mask in (parts.train, parts.test):
        for of in (data.group, data.y):
            shares = np.bincount(of[mask]) / np.bincount(of)
            assert abs(shares - mask.mean()).max() < 0.12
    # neighbours part as often as chance has it
    kind = parts.train
    same = float((kind[1:] == kind[:-1]).mean())
    expected = sum(float((kind == k).mean()) ** 2 for k in range(2))
    assert abs(same - expected) < 0.08
    assert not np.array_equal(at_random(like, every, 1).test, parts.test)
    assert np.array_equal(at_random(like, every).test, parts.test)


def test_windows_that_the_device_does_not_answer_are_only_learnt_from() -> None:
    group = np.repeat([0, 1, 2], 8)
    answered = np.arange(24) % 4 == 0
    parts = masks(("a", "b", "c"), group, ("a", "b"), ("c",), answered)
    assert np.array_equal(parts.train, group < 2)
    assert np.array_equal(parts.test, (group == 2) & answered)
    # windows split at random would be next to copies of themselves
    drawn = at_random(parts, answered, 0)
    assert np.array_equal(drawn.train | drawn.test, answered)
    assert drawn.test.sum() == parts.test.sum()
