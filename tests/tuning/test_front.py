"""What stands on the front, what is recommended, what a budget says, what is asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.experiment import Experiment, check
from sensorai.tuning.budget import AXES, Budget, read, read_current
from sensorai.tuning.front import Point, front, order, recommended
from sensorai.tuning.space import Space
from sensorai.tuning.trial import Rival
from sensorai.tuning.words import described, why


def points(count: int, seed: int) -> list[Point]:
    rng = np.random.default_rng(seed)
    return [
        Point(k, float(v), {"flash": float(a), "ram": float(b)}, 0.01)
        for k, (v, a, b) in enumerate(rng.integers(1, 9, (count, 3)) / 9)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_front_is_what_none_dominates(seed: int) -> None:
    every = points(40, seed)

    def better(a: Point, b: Point) -> bool:
        pairs = [(a.value, b.value), *((b.costs[k], a.costs[k]) for k in a.costs)]
        return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)

    found = front(every)
    assert {p.number for p in found} <= {p.number for p in every if not any(better(q, p) for q in every)}
    assert not any(better(a, b) for a, b in itertools.permutations(found, 2))
    # every point is on it, or has one on it that is at least as good in everything
    for p in every:
        assert any(q.value >= p.value and all(q.costs[k] <= p.costs[k] for k in p.costs) for q in found)
    assert [p.size for p in found] == sorted(p.size for p in found)


def test_the_best_and_the_smallest_are_made_first() -> None:
    found = front([replace(p, value=0.85 + p.value / 10) for p in points(60, 1)])
    ordered = order([*found, Point(99, 0.1, {"flash": 0.01, "ram": 0.01})])
    assert sorted(p.number for p in ordered) == sorted(p.number for p in found)
    assert ordered[0].value == max(p.value for p in found)
    assert recommended(found)[0] in ordered[:2]
    assert min(p.size for p in found) in [p.size for p in ordered[:3]]
    assert order([]) == []


def test_the_smallest_within_one_standard_error_is_recommended() -> None:
    best = Point(0, 0.97, {"flash": 8000.0}, 0.01)
    near = Point(1, 0.961, {"flash": 3000.0}, 0.03)
    far = Point(2, 0.959, {"flash": 1000.0}, 0.05)
    assert recommended([far, best, near]) == (near, best)
    assert recommended([far, near]) == (far, near)
    names = {0: "large", 1: "small"}
    said = why(near, best, names, "accuracy", AXES["pipeline"], Budget(flash=9000), 20)
    assert said[0].startswith(
        "small: 96.1 % accuracy at 3,000 B of flash. The best inside the budget has 97.0 %"
    )
    assert "20 models" in said[1]
    assert why(best, best, names, "accuracy", AXES["pipeline"], Budget(), 20)[0].startswith(
        "large: the best, 97"
    )


def test_a_trial_is_left_where_a_cheaper_one_is_far_better() -> None:
    rival = Rival({"flash": 100.0}, (("a",), ("b",)), (0.9, 0.8))
    assert rival.beats({"flash": 100.0}, [("a",)], [0.86])
    assert not rival.beats({"flash": 99.0}, [("a",)], [0.5])
    assert not rival.beats({"flash": 200.0}, [("a",)], [0.88])
    # on other groups nothing is compared
    assert not rival.beats({"flash": 200.0}, [("c",)], [0.5])
    # two folds say more than one
    assert rival.beats({"flash": 200.0}, [("a",), ("b",)], [0.88, 0.77])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flash", "8k", 8192),
        ("flash", "8 KiB", 8192),
        ("ram", "1.5kB", 1536),
        ("ram", "700", 700),
        ("flash", "1M", 1048576),
        ("instructions", "50k", 50000),
    ],
)
def test_sizes(name: str, text: str, value: int) -> None:
    assert read(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"), [("flash", "8q"), ("ram", "-1"), ("instructions", "5kB"), ("ram", "0")]
)
def test_no_sizes(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"--{name} '{text}' is no "):
        read(name, text)


def test_currents() -> None:
    assert [read_current(text) for text in ("100uA", "0.1 mA", "1.5\N{MICRO SIGN}A")] == [100.0, 100.0, 1.5]
    for text in ("100", "0uA", "1 A"):
        with pytest.raises(ConfigError, match="is no current"):
            read_current(text)


class Draws:
    """Answers questions at random, or as it is told."""

    def __init__(self, seed: int, told: dict[str, Any]) -> None:
        self.rng, self.told, self.asked = np.random.default_rng(seed), told, []  # type: ignore[var-annotated]

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.asked.append(name)
        got = self.told.get(name, choices[int(self.rng.integers(len(choices)))])
        assert got in choices
        return got

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.asked.append(name)
        got = int(self.told.get(name, low + step * int(self.rng.integers((high - low) // step + 1))))
        assert low <= got <= high
        assert (got - low) % step == 0
        return got


SPACES = {
    "c": Space(
        Experiment(target="stm32"),
        ("tree", "forest", "mlp", "cnn"),
        (0.5, 1.0, 2.0),
        ("acc,gyro", "acc"),
        (),
        52.0,
        flash=5000.0,
    ),
    "net": Space(Experiment(target="ispu", net={"sizes": [8]}, window=26), ("mlp",), (), (), (), 52.0),
    "registers": Space(
        Experiment(target="mlc", device="LSM6DSOX"), ("tree",), (1.0, 8.0), (), (26.0, 104.0), 104.0, 256
    ),
}


@pytest.mark.parametrize("kind", SPACES)
def test_whatever_is_asked_for_is_an_experiment(kind: str) -> None:
    space = SPACES[kind]
    for seed in range(40):
        made = space.base.with_(**space.suggest(Draws(seed, {})))
        assert check(made) == []
        assert made.family in described(made, space.rate_hz)
    for told in space.first():
        draws = Draws(0, told)
        space.suggest(draws)
        # nothing of a usual model is left to chance but precision, and nothing is told for nothing
        assert set(told) <= set(draws.asked)
        assert {name for name in draws.asked if name not in told} <= {"mlp.precision", "cnn.precision"}


def test_what_is_given_is_not_searched() -> None:
    draws = Draws(0, {})
    assert SPACES["net"].suggest(draws).keys() == {"model", "precision"}
    fixed = Space(Experiment(target="mlc", max_features=3, max_nodes=5), ("tree",), (), (), (), 26.0, 5)
    assert fixed.suggest(Draws(0, {})) == {"model": "tree"}
