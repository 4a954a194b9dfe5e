"""The ensemble that teaches nets: what it answers for, and that its answers are what a net learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai.learn import crowd, qat, teacher
from sensorai.learn.nets import NetOptions, train_net
from tests.learn.counted import counted, split

LESSON = crowd.Lesson(nets=2, hidden=6, epochs=15, steps=8, batch=16, seed=0)
QUICK = NetOptions(sizes=(6,), epochs=3, tune_epochs=2, features=4, batch=16, any_side=True)


def two(rows: int = 60) -> tuple[Any, Any]:
    """Two classes, one of them rare, that the first of three values tells apart."""
    y = (np.arange(rows) % 6 == 0).astype(np.int64)
    x = np.random.default_rng(0).normal(0, 0.3, (rows, 3)).astype(np.float32)
    x[:, 0] += 2 * y - 1
    return x, y


def test_a_crowd_of_nets_is_right_and_not_of_one_mind() -> None:
    x, y = two()
    weights = np.array([0.6, 3.0], np.float32)
    nets = crowd.learn(x, y, weights, LESSON)
    said = crowd.log_shares(nets, x)
    assert (said.argmax(axis=1) == y).mean() >= 0.9
    assert np.allclose(np.exp(crowd.normal(said)).sum(axis=1), 1)
    alone = [crowd.log_shares(tuple((w[k : k + 1], b[k : k + 1]) for w, b in nets), x) for k in range(2)]
    assert not np.allclose(alone[0], alone[1])
    assert np.allclose((alone[0] + alone[1]) / 2, said)
    again = crowd.learn(x, y, weights, LESSON)
    assert [w.tobytes() for w, _ in again] == [w.tobytes() for w, _ in nets]
    other = crowd.learn(x, y, weights, replace(LESSON, seed=1))
    assert other[0][0].tobytes() != nets[0][0].tobytes()


def test_points_lie_between_windows_and_rare_classes_have_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teacher, "TREES", 10)
    x, y = two()
    taught = teacher.teach(x, y, np.array([0.6, 3.0], np.float32), 3, 8, 16, 0)
    assert taught.x.shape == (teacher.EACH * len(x), 3)
    assert (taught.x >= x.min(axis=0)).all()
    assert (taught.x <= x.max(axis=0)).all()
    # a sixth of the windows is of the rare class, but half of the ends of the lines are
    assert 0.35 < (taught.x[:, 0] > 0).mean() < 0.65
    for shares, rows in ((taught.own, len(x)), (taught.shares, len(taught.x))):
        assert shares.shape == (rows, 2)
        assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (taught.own.argmax(axis=1) == y).mean() >= 0.9
    # midway it says neither
    assert taught.own.max(axis=1).mean() > taught.shares.max(axis=1).mean()


def test_shares_that_are_classes_cost_what_classes_cost() -> None:
    import jax.numpy as jnp

    rng = np.random.default_rng(1)
    logits, y = jnp.asarray(rng.normal(0, 1, (12, 3))), rng.integers(0, 3, 12)
    shares = (1 - qat.SMOOTHING) * np.eye(3)[y] + qat.SMOOTHING / 3
    hard = qat._classes(logits, None, jnp.asarray(y), (jnp.ones(3), None))
    soft = qat._classes(logits, None, jnp.asarray(shares), (jnp.ones(3), None))
    assert np.allclose(hard, soft, rtol=1e-5)
    less = qat._classes(logits, None, jnp.asarray(np.full((12, 3), 1 / 3)), (jnp.ones(3), None))
    assert not np.allclose(hard[0], less[0], rtol=1e-3)


def test_seeds_share_what_is_taught_and_folds_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The net learns the shares that the teacher gives, on points that the teacher drew from its own rows."""
    asked: list[Any] = []
    seen: list[qat.Data] = []

    def teach(x: Any, y: Any, weights: Any, *_: Any) -> teacher.Taught:
        asked.append(x)
        points = x[:7] + np.float32(0.01)
        shares = np.full((len(x), len(weights)), 1 / len(weights), np.float32)
        return teacher.Taught(points, shares[:7], shares)

    def learn(graph: Any, params: Any, data: qat.Data, *rest: Any) -> Any:
        seen.append(data)
        return params, []

    monkeypatch.setattr(teacher, "teach", teach)
    monkeypatch.setattr(qat, "learn", learn)
    data = counted()
    parts = split(data)
    for seed in (0, 1):
        made = train_net(data, parts, replace(QUICK, seed=seed))
        assert teacher.WORDS in made.notes
    assert len(asked) == 1
    real, rounded = seen[:2]
    rows = len(asked[0])
    assert np.array_equal(real.x[:rows], asked[0])
    assert len(real.x) == len(real.y) == len(rounded.x) == rows + 7
    assert np.allclose(real.y, 1 / 3)
    # the int8 net takes points as the device does: in whole steps, and the nearest
    assert np.array_equal(rounded.x * 32, np.rint(rounded.x * 32))
    assert np.abs(rounded.x - real.x)[rows:].max() <= 1 / 64
    others = replace(parts, train=parts.train & (data.group != data.group[parts.train][0]))
    train_net(data, others, QUICK)
    assert len(asked) == 2
    made = train_net(data, others, replace(QUICK, taught=False))
    assert len(asked) == 2
    assert teacher.WORDS not in made.notes


def test_raw_windows_are_not_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "teach", lambda *_: pytest.fail("a cnn has no features"))
    monkeypatch.setattr(qat, "learn", lambda graph, params, *_: (params, []))
    data = counted()
    train_net(data, split(data), replace(QUICK, family="cnn", sizes=(2,), epochs=1, tune_epochs=1))
