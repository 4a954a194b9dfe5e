"""Windows as they would have been had the sensor lain otherwise, and which of them are learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensorai.learn import variants
from sensorai.learn.counts import Counted
from sensorai.learn.variations import ANY_ORIENTATION, NONE, VARIATIONS, Variation, varied
from sensorai.model.pipeline import Count
from tests import roads
from tests.learn.make import dataset

CHANNELS = tuple(Count(f"{s}_{a}", u, 0.1) for s, u in (("acc", "mg"), ("gyro", "dps")) for a in "xyz")


def test_a_mirror_turns_rates_the_other_way() -> None:
    """An arm that swings to the right in the world swings to the left in the mirror."""
    x = np.array([[[1, 2, 3, 4, 5, 6]]], np.int16)
    mirror = Variation("", ((-1, 1, 1),))
    assert varied(x, CHANNELS, mirror, 0).tolist() == [[[-1, 2, 3, 4, -5, -6]]]
    turned = Variation("", ((1, -1, -1),))
    assert varied(x, CHANNELS, turned, 0).tolist() == [[[1, -2, -3, 4, -5, -6]]]
    # what does not fit saturates
    low = np.full((1, 1, 6), -32768, np.int16)
    assert varied(low, CHANNELS, mirror, 0).tolist() == [[[32767, -32768, -32768, -32768, 32767, 32767]]]


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda one: one.name)
def test_turns_are_rigid_and_move_both_sensors_alike(variation: Variation) -> None:
    turn = variation.matrices(50, 3)
    assert np.allclose(turn @ turn.transpose(0, 2, 1), np.eye(3))
    assert (turn == variation.matrices(50, 3)).all()
    x = np.random.default_rng(0).integers(-9000, 9000, (50, 7, 6)).astype(np.int16)
    made = varied(x, CHANNELS, variation, 3).astype(float)
    acc, gyro = x[:, :, :3].astype(float), x[:, :, 3:].astype(float)
    assert np.abs((made[:, :, :3] ** 2).sum(axis=2) ** 0.5 - (acc**2).sum(axis=2) ** 0.5).max() < 1
    sense = np.linalg.det(turn)[:, None, None]
    assert np.abs(made[:, :, :3] - acc @ turn.transpose(0, 2, 1)).max() <= 0.51
    assert np.abs(made[:, :, 3:] - sense * (gyro @ turn.transpose(0, 2, 1))).max() <= 0.51
    if not variation.free:
        # an axis stays within the tilt of where it was, or of its opposite
        assert np.abs(np.einsum("nii->ni", turn)).min() >= np.cos(np.deg2rad(variation.tilt)) - 1e-9


def worn(lie: list[tuple[int, int, int]], seed: int = 0) -> Counted:
    """A group for each way of lying: gravity along z and shaken in z, or along x and shaken in y."""
    rng = np.random.default_rng(seed)
    x, y, group = [], [], []
    for g, signs in enumerate(lie):
        for k in range(40):
            c = k % 2
            window = rng.normal(0, 300, (16, 6))
            window[:, 0 if c else 2] += 8000
            window[:, 1 if c else 2] += rng.normal(0, 2000, 16)
            window[:, :3] *= signs
            x.append(window)
            y.append(c)
            group.append(g)
    n = np.array(group)
    names = tuple(map(str, range(len(lie))))
    return Counted(
        np.clip(np.rint(np.stack(x)), -32768, 32767).astype(np.int16),
        np.array(y, np.int64),
        n,
        n,
        names,
        ("a", "b"),
        CHANNELS,
        50.0,
        8,
    )


def test_folds_choose_what_the_groups_need() -> None:
    every = np.ones(240, bool)
    # all lie alike: nothing is gained by turning
    assert variants.choose(worn([(1, 1, 1)] * 6), every) == NONE
    assert variants.choose(worn([(1, 1, 1)] * 6), every, (NONE, ANY_ORIENTATION)) == NONE


def test_one_group_chooses_nothing() -> None:
    data = worn([(1, 1, 1), (-1, 1, -1)])
    assert variants.choose(data, data.group == 0) == NONE


def test_the_choice_sees_no_group_that_is_left_out() -> None:
    data = worn([(1, 1, 1), (-1, 1, -1), (1, -1, -1), (-1, -1, 1)])
    rows = data.group != 3
    first = variants.choose(data, rows)
    other = data.x.copy()
    other[~rows] = 7
    changed = replace(data, x=other, y=np.where(rows, data.y, 1 - data.y), shared={}, known={})
    assert variants.choose(changed, rows) == first
    looked = data.shared["looked at"]
    again = changed.shared["looked at"]
    assert isinstance(looked, Counted)
    assert isinstance(again, Counted)
    mask = looked.group != 3
    for key, units in looked.shared.items():
        assert np.array_equal(np.asarray(units)[mask], np.asarray(again.shared[key])[mask])


def test_a_promise_is_learnt_and_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was promised is not chosen; the folds answer windows turned otherwise than those learnt from."""
    drawn: list[tuple[Variation, int]] = []
    own = variants.of

    def of(counted: Counted, variation: Variation, seed: int = 0) -> Counted:
        drawn.append((variation, seed))
        return own(counted, variation, seed)

    monkeypatch.setattr(variants, "of", of)
    monkeypatch.setattr(variants, "choose", lambda *_: pytest.fail("nothing is to be chosen"))
    net = {"sizes": [4], "epochs": 1, "tune_epochs": 1, "features": 4, "taught": False}
    data = dataset("abc", count=312)
    made = roads.learnt(data, target="stm32", model="mlp", any_orientation=True, seeds=1, wins=0, net=net)
    assert {one for one, _ in drawn} == {ANY_ORIENTATION}
    assert {seed for _, seed in drawn} == {0, 1}
    assert any("turned at random as was promised" in note for note in made.notes)
    assert "learnt from windows as recorded and any way" in made.notes
