"""Rows of a split: whole groups, or stretches of time that share no sample."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.learn import select
from sensorai.learn.counts import Counted, CountOptions, build
from sensorai.learn.masks import Masks, at_random
from sensorai.learn.split import share
from sensorai.recording import LABEL, Dataset
from tests.learn.counted import counted, split
from tests.learn.make import recording


def test_groups_are_kept_whole() -> None:
    data = counted()
    parts = split(data)
    found = [set(data.group[m].tolist()) for m in (parts.train, parts.validation, parts.test)]
    assert all(found)
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]
    assert (parts.train.astype(int) + parts.validation + parts.test == 1).all()
    for mask in (parts.train, parts.validation, parts.test):
        assert set(data.y[mask].tolist()) == {0, 1, 2}
    assert {data.groups.index(g) for g in parts.test_groups} == found[2]


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
    return data, data.masks(share(made, [LABEL])), spans


@pytest.mark.parametrize(("window", "stride"), [(52, 26), (52, 13), (60, 25), (40, 40), (104, 10)])
def test_validation_in_time_shares_no_sample_with_what_is_learnt(window: int, stride: int) -> None:
    data, parts, spans = two_people(window, stride)
    assert parts.validation_groups == ()
    assert not (parts.validation & (parts.test | parts.train)).any()
    for mask in (parts.train, parts.validation):
        assert set(data.y[mask].tolist()) == {0, 1, 2}
    learnt = np.zeros(2 * 10**6, bool)
    for i in np.flatnonzero(parts.train):
        learnt[slice(*spans[i])] = True
    for i in np.flatnonzero(parts.validation):
        assert not learnt[slice(*spans[i])].any()
    left = ~parts.test
    assert 0.1 < parts.validation.sum() / left.sum() < 0.3
    # stretches, not single windows: few borders, little is lost to the gaps
    assert (np.diff(np.flatnonzero(parts.validation)) > 1).sum() <= 7
    assert parts.train.sum() > 0.5 * left.sum()


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


def test_no_window_to_test_on_is_refused() -> None:
    data = counted()
    # groups of the test have no row
    made = Dataset(tuple(recording(("rest", "walk"), group=g, seed=i) for i, g in enumerate("ABCD")))
    with pytest.raises(DataError, match="no label of the test recordings lasts for a window"):
        data.masks(share(made, [LABEL]))


def test_at_random_is_random_and_has_the_same_shares() -> None:
    data = counted(rows=600)
    like = split(data)
    parts = at_random(like)
    for name in ("train", "validation", "test"):
        assert getattr(parts, name).sum() == getattr(like, name).sum()
    assert (parts.train.astype(int) + parts.validation + parts.test == 1).all()
    # every group and class is on every side, with about its share
    for mask in (parts.train, parts.validation, parts.test):
        for of in (data.group, data.y):
            shares = np.bincount(of[mask]) / np.bincount(of)
            assert abs(shares - mask.mean()).max() < 0.12
    # neighbours part as often as chance has it
    kind = parts.train + 2 * parts.validation
    same = float((kind[1:] == kind[:-1]).mean())
    expected = sum(float((kind == k).mean()) ** 2 for k in range(3))
    assert abs(same - expected) < 0.08
    assert not np.array_equal(at_random(like, 1).test, parts.test)
    assert np.array_equal(at_random(like).test, parts.test)


def test_at_random_gives_the_gaps_back() -> None:
    _, like, _ = two_people(52, 13)
    parts = at_random(like)
    assert parts.test.sum() == like.test.sum()
    assert parts.validation.sum() == like.validation.sum()
    assert parts.train.sum() == len(like.test) - like.test.sum() - like.validation.sum() > like.train.sum()
