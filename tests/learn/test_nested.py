"""What is chosen by looking at answers never sees the groups that judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sensorai.learn import classifier
from sensorai.learn.counts import Counted
from sensorai.learn.families.forest import FOREST
from sensorai.learn.masks import Masks
from sensorai.recording import LABEL, Dataset
from sensorai.road import Progress
from tests import roads
from tests.learn.make import dataset


@dataclass(frozen=True)
class Fit:
    """Which groups a model learnt from, which it answered, and its seed."""

    learnt: frozenset[str]
    answered: frozenset[str]
    seed: int


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset("abcdef", count=416)


def watched(monkeypatch: pytest.MonkeyPatch, data: Dataset, **options: Any) -> tuple[Any, list[Fit]]:
    """A forest, and every fit on the way to it but the one on random windows."""
    fits: list[Fit] = []
    random: list[Fit] = []
    own = type(FOREST).fit

    def fit(self: Any, counted: Counted, rows: Masks, wanted: Any, needs: Any, say: Progress) -> Any:
        def names(mask: Any) -> frozenset[str]:
            return frozenset(counted.groups[g] for g in np.unique(counted.group[mask]))

        # what is judged does not overlap more than on the device
        assert not (rows.test & ~counted.answered).any()
        one = Fit(names(rows.train), names(rows.test), wanted[0].seed)
        (random if one.learnt & one.answered else fits).append(one)
        return own(self, counted, rows, wanted, needs, say)

    monkeypatch.setattr(type(FOREST), "fit", fit)
    made = roads.learnt(data, target="stm32", model="forest", net={"trees": 3}, **options)
    assert len(random) == 1
    assert not random[0].learnt & frozenset(made.test_groups)
    return made, fits


def test_a_fold_is_judged_by_what_never_saw_it(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, fits = watched(monkeypatch, data, seeds=2)
    every = frozenset(data.groups())
    folds = [frozenset(fold.groups) for fold in made.folds]
    # every group is tested once
    assert sorted(g for fold in folds for g in fold) == sorted(every)
    for fold in folds:
        # outer models learnt from all others; those that choose for it learnt from neither side
        outer = [f for f in fits if f.answered == fold and f.learnt == every - fold]
        assert sorted(f.seed for f in outer) == [0, 1]
        inner = [f for f in fits if f.answered != fold and f.learnt == every - fold - f.answered]
        assert {f.seed for f in inner} == {0, 1}
    # one model for every seed and fold, as many to choose by, and those on all groups
    assert len(fits) - 4 * len(folds) == sum(f.learnt == every for f in fits)
    # what is delivered learnt from all
    assert [f for f in fits if f.learnt == every and not f.answered]
    assert made.train_groups == data.groups()
    assert made.test_groups == ()


def test_seeds_stand_in_the_figures(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, _ = watched(monkeypatch, data, seeds=3, seed=5)
    tried = made.figures["choices"]["seeds"]
    assert [one["seed"] for one in tried] == [5, 6, 7]
    assert sum(one["chosen"] for one in tried) == 1
    (chosen,) = (one for one in tried if one["chosen"])
    assert chosen["balanced_accuracy"] == max(one["balanced_accuracy"] for one in tried)


def test_the_best_seed_of_the_folds_is_delivered(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    worth = {5: 0.5, 6: 0.9, 7: 0.7}

    def score(run: Any) -> float:
        return worth[run[0].made.options[0].seed]

    monkeypatch.setattr(classifier, "_score", score)
    made, fits = watched(monkeypatch, data, seeds=3, seed=5)
    assert [one["chosen"] for one in made.figures["choices"]["seeds"]] == [False, True, False]
    assert [f.seed for f in fits if f.learnt == frozenset(data.groups())] == [5, 6]


def test_nothing_to_choose_needs_no_inner_folds(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, fits = watched(monkeypatch, data, seeds=1, wins=2)
    assert len(fits) == len(made.folds) + 1
    assert made.model.wins == 2
    assert "seeds" not in made.figures["choices"]


def test_two_groups_leave_nothing_to_choose_by(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    two = data.only_groups(("a", "b"))
    made, fits = watched(monkeypatch, two)
    assert [fold.groups for fold in made.folds] in ([("a",), ("b",)], [("b",), ("a",)])
    assert len(fits) == 3
    assert any("too few other groups" in note for note in made.notes)
    # no filter can delay what a fold decides
    assert all(t.answers[0] == t.decided[0] for fold in made.folds for t in fold.traces)


def test_kept_groups_judge_the_delivered_model(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    made, fits = watched(monkeypatch, data, test_groups=("b",))
    assert made.test_groups == ("b",)
    assert fits
    assert not any("b" in f.learnt for f in fits)
    assert {r.group for r in made.test} == {"b"}
    assert all(LABEL in r.labels for r in made.test)
