"""Trees for the machine learning core: what ships is what was chosen and judged."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.experiment import Experiment
from sensorai.learn import candidates, lengths, select, taught
from sensorai.learn.choices import Choices
from sensorai.learn.lengths import lower_rates
from sensorai.learn.mlc import _grow, train_mlc
from sensorai.learn.pruning import Prunings
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
    search = Search(made, tasks, target, 26.0, ("acc",), asked, Choices(), SILENT, Known())
    filters = candidates.filters(target, ["acc"])
    features = tuple(candidates.features(target, ["acc"], filters)[:14])
    got = _grow(search, 26, *candidates.compact(filters, features))
    # every feature that ships is used, and what ships is the tree that the forest taught, pruned as chosen
    (fitted,), (alpha, path) = got.fitted, got.pruning[0]
    assert alpha in dict(path)
    assert {int(f) for f in fitted.tree_.feature if f >= 0} == set(range(len(got.features)))  # type: ignore[attr-defined]
    assert fitted.tree_.n_leaves <= search.leaves  # type: ignore[attr-defined]
    assert answerable(fitted) == 4
    # nobody was asked about people that were learnt from, and about every window that the sensor answers
    assert (got.guesses[0] >= 0).all()
    assert got.windows.copies > 1


def test_a_taught_tree_is_better_with_strangers_than_one_grown_on_windows_alone() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (1350, 6)).astype(np.float32)
    y = (x @ rng.normal(0, 1, (6, 3))).argmax(axis=1)
    few, many = slice(0, 150), slice(150, None)
    alone = select.new_tree(65, 0).fit(x[few], y[few]).predict(x[many])
    lesson = taught.teach(x[few], y[few], 0)
    assert lesson.x.shape == (150 + taught.POINTS, 6)
    assert np.array_equal(lesson.x[:150], x[few])
    whole = taught.tree(65, 0).fit(lesson.x, lesson.y)
    assert (whole.predict(x[many]) == y[many]).mean() > (alone == y[many]).mean() + 0.03
    # points lie between windows (but for the rounding of a sum), and are the same every time
    assert (lesson.x.min(axis=0) >= x[few].min(axis=0) - 1e-6).all()
    assert (lesson.x.max(axis=0) <= x[few].max(axis=0) + 1e-6).all()
    again = taught.teach(x[few], y[few], 0)
    assert np.array_equal(lesson.x, again.x)
    assert np.array_equal(lesson.answers, again.answers)
    # what is pruned is what the forest does not miss
    pruned = taught.tree(65, 0, lesson.alpha(Prunings(whole))).fit(lesson.x, lesson.y)
    alike = [(tree.predict(lesson.more) == lesson.answers).mean() for tree in (whole, pruned)]
    assert alike[1] >= alike[0] - 2 * taught.SLACK
    assert pruned.tree_.n_leaves < whole.tree_.n_leaves


def test_all_groups_are_learnt_from_but_those_kept_for_the_test() -> None:
    made = train_mlc(lesson(people(4, 0), target="mlc", window=26, seed=3, max_features=3))
    assert set(made.train.groups) == {"p0", "p1", "p2", "p3"}
    again = train_mlc(lesson(people(4, 0), target="mlc", window=26, test_groups=("p2",), max_features=3))
    assert set(again.train.groups) == {"p0", "p1", "p3"}


def test_features_that_are_known_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lesson(people(4, 0), target="mlc", window=26, max_features=3)
    known = Known()
    first = train_mlc(made, known=known)
    count = len(known)
    again = train_mlc(made, known=known)
    assert len(known) == count
    assert again.config == first.config
    assert train_mlc(made).config == first.config


def test_the_core_runs_slower_where_strangers_are_told_apart_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "LOWEST", 12.0)
    scores = {30.0: 0.7, 15.0: 0.8}
    # of all windows one second does best
    monkeypatch.setattr(Search, "_score", lambda self, n: scores[self.rate] - abs(n / self.rate - 1.0))
    asked = lesson(people(3, 0), target="mlc", max_features=3, device="LSM6DSV16X")
    made = train_mlc(asked, explained=False)
    assert made.config.mlc_rate_hz == made.config.window == 15
    assert {r.rate_hz for r in made.dataset} == {15.0}
    assert [one["rate_hz"] for one in made.choices.rate if one["chosen"]] == [15.0]
    assert any("--rate 30 keeps" in note for note in made.choices.notes)


def test_a_lower_rate_must_be_better_and_asked_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    target = device("LSM6DSV16X")
    assert lower_rates(120.0, 120, target) == [(60.0, 60)]
    assert lower_rates(120.0, 14, target) == []
    assert lower_rates(240.0, 240, target) == [(120.0, 120)]
    assert lower_rates(60.0, 24, target) == []
    monkeypatch.setattr(lengths, "LOWEST", 12.0)
    assert lower_rates(60.0, 24, target) == [(30.0, 12)]
    tried: list[float] = []

    def score(self: Search, window: int) -> float:
        tried.append(self.rate)
        return 0.5

    monkeypatch.setattr(Search, "_score", score)
    made = people(2, 0)
    for options in (
        Experiment(target="mlc", rate=30.0),
        Experiment(target="mlc", no_resample=True),
        Experiment(target="mlc"),
    ):
        choices = Choices([{"window": 30, "chosen": True, "balanced_accuracy": 0.5}])
        search = Search(made, (), target, 30.0, ("acc",), options, choices, SILENT, Known())
        assert search.slower(30) == (search, 30)
    assert tried == [15.0]


def test_a_sensor_is_only_given_up_where_chance_does_not_hide_what_it_costs() -> None:
    assert taught.surely([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.01)
    assert taught.surely([0.895, 0.905, 0.9], [0.9, 0.91, 0.905], 0.01)
    assert taught.surely([0.9, 0.93], [0.8, 0.82], 0.01)
    # as good on the whole, but not for everybody
    assert not taught.surely([0.95, 0.93, 0.9, 0.6], [0.9, 0.86, 0.85, 0.77], 0.01)
    assert not taught.surely([0.88, 0.89], [0.9, 0.91], 0.01)
    assert taught.surely([0.5], [0.505], 0.01)
    assert taught.surely([], [], 0.01)
