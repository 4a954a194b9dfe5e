"""Trees for the machine learning core: what ships is what was chosen and judged."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.experiment import Experiment
from sensorai.learn import candidates, select
from sensorai.learn.choices import Choices
from sensorai.learn.mlc import _grow, train_mlc
from sensorai.learn.search import Search
from sensorai.learn.table import Known, find_tasks
from sensorai.mlc.devices import device
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from sensorai.road import SILENT
from tests.learn.make import answerable
from tests.roads import lesson

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
SIZES = {"rest": 20.0, "stir": 60.0, "walk": 150.0, "run": 260.0}


def people(count: int, seed: int) -> Dataset:
    """Movements that differ in size, every person in his own way: a tree confuses neighbours."""
    rng = np.random.default_rng(seed)
    out = []
    for who in range(count):
        own = rng.lognormal(0, 0.25)
        for label, size in SIZES.items():
            n = 260 if label == "stir" else 780
            x = rng.normal(0, 1, (n, 3)) * size * own * rng.lognormal(0, 0.3, (n // 26, 1)).repeat(26, axis=0)
            x[:, 2] += 1000
            spans = {LABEL: (Span(0, n, label),)}
            out.append(Recording(x, ACC, 26.0, spans, f"p{who}", f"p{who}_{label}"))
    return Dataset(tuple(out))


@pytest.mark.parametrize("seed", [0, 1])
def test_what_ships_is_pruned_and_judged_on_the_features_that_ship(seed: int) -> None:
    target, made = device("LSM6DSV16X"), people(6, seed)
    tasks = find_tasks(made, [("tree1", LABEL)])
    asked = Experiment(target="mlc", seed=seed)
    search = Search(made, tasks, target, 26.0, ("acc",), asked, Choices(), SILENT, {})
    filters = candidates.filters(target, ["acc"])
    features = tuple(candidates.features(target, ["acc"], filters)[:14])
    got = _grow(search, 26, *candidates.compact(filters, features))
    assert len(got.features) < len(features)
    alpha, path = select.choose_pruning(got.windows, 0, select.folds(got.windows, seed), search.leaves, seed)
    assert got.pruning == [(alpha, path)]
    known = select.labelled(got.windows, 0)
    again = select.new_tree(search.leaves, seed, alpha).fit(got.windows.x[known], got.windows.y[known, 0])
    (fitted,) = got.fitted
    assert np.array_equal(again.predict(got.windows.x), fitted.predict(got.windows.x))  # type: ignore[attr-defined]
    assert {int(f) for f in again.tree_.feature if f >= 0} == set(range(len(got.features)))
    assert answerable(fitted) == 4


def test_all_groups_are_learnt_from_but_those_kept_for_the_test() -> None:
    made = train_mlc(lesson(people(4, 0), target="mlc", window=26, seed=3, max_features=3))
    assert set(made.train.groups) == {"p0", "p1", "p2", "p3"}
    again = train_mlc(lesson(people(4, 0), target="mlc", window=26, test_groups=("p2",), max_features=3))
    assert set(again.train.groups) == {"p0", "p1", "p3"}


def test_features_that_are_known_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lesson(people(4, 0), target="mlc", window=26, max_features=3)
    known: Known = {}
    first = train_mlc(made, known=known)
    count = len(known)
    again = train_mlc(made, known=known)
    assert len(known) == count
    assert again.config == first.config
    assert train_mlc(made).config == first.config
