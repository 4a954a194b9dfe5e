"""Learning and freezing in whole numbers: bounds for any input, and float as the judge of the tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sensorai import runtime
from sensorai.errors import ConfigError, DataError
from sensorai.model import learner
from sensorai.model.detector import CLASSES, Detector
from sensorai.model.learner import FULL, Moments, empty, freeze, learn, triangle
from sensorai.model.pipeline import Count, Pipeline
from sensorai.model.prototypes import Prototypes
from sensorai.model.scaling import Scaling
from sensorai.toolchain.host import STRICT, HostLibrary, build_shared
from tests.need import need

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
RIDGE = 1 / 64


def slowly(moments: Moments, z: Int16) -> Moments:
    """The definition: one window after the other, in plain numbers."""
    windows, n = moments.windows, moments.count
    sums, products = list(moments.sums), list(moments.products)
    for row in z.tolist():
        windows, n = min(windows + 1, 2**32 - 1), n + 1
        sums = [s + 256 * v for s, v in zip(sums, row, strict=True)]
        pairs = [row[i] * row[j] for i in range(len(row)) for j in range(i + 1)]
        products = [p + v for p, v in zip(products, pairs, strict=True)]
        if n == FULL:
            n = FULL // 2
            sums, products = ([(v + 1) // 2 for v in values] for values in (sums, products))
    return Moments(windows, n, tuple(sums), tuple(products))


INPUTS = st.integers(1, 4).flatmap(
    lambda d: hnp.arrays(
        np.int16,
        st.tuples(st.integers(0, 30), st.just(d)),
        elements=st.one_of(st.sampled_from([-511, -510, -1, 0, 1, 510, 511]), st.integers(-511, 511)),
    )
)


@st.composite
def states(draw: st.DrawFn, d: int) -> Moments:
    """Any moments that the bounds allow, more often near their ends."""
    count = draw(st.one_of(st.sampled_from([FULL - 1, FULL - 2, FULL // 2, 0]), st.integers(0, FULL - 1)))

    def within(low: int, high: int) -> int:
        return draw(st.one_of(st.sampled_from([low, high]), st.integers(low, high)))

    top, square = count * 511 * 256, count * 511**2
    diagonal = {triangle(i + 1) - 1 for i in range(d)}
    return Moments(
        draw(st.one_of(st.sampled_from([2**32 - 1, 2**32 - 2]), st.integers(count, 2**32 - 1))),
        count,
        tuple(within(-top, top) for _ in range(d)),
        tuple(within(0 if k in diagonal else -square, square) for k in range(triangle(d))),
    )


@settings(max_examples=300, deadline=None)
@given(st.data(), INPUTS)
def test_no_input_leaves_the_bounds(data: st.DataObject, z: Int16) -> None:
    """By induction: from any state within them, any windows lead to one within them (`Moments` checks)."""
    before = data.draw(states(z.shape[1]))
    after = learn(before, z)
    assert after == slowly(before, z)
    assert max(map(abs, after.sums)) < 2**29
    assert max(map(abs, after.products)) < 2**30
    # what C holds before a halving is larger by one window
    assert FULL * 511 * 256 < 2**31
    assert FULL * 511**2 < 2**31


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 5))
def test_freezing_never_leaves_its_bounds(data: st.DataObject, d: int) -> None:
    """Moments that no windows have (they can be restored) give tables, too; `Gaussians` checks them."""
    moments = data.draw(states(d))
    floor = data.draw(st.lists(st.integers(0, 4), min_size=d, max_size=d))
    if moments.count < 4 * d:
        with pytest.raises(DataError, match="too few"):
            freeze(moments, floor)
        return
    tables = freeze(moments, floor)
    assert 6 <= tables.shift.min() <= tables.shift.max() <= 19
    assert np.abs(tables.weight[0]).max(axis=1).min() >= 2**14 - 1


@pytest.mark.parametrize("rows", [FULL - 1, FULL, FULL + 1, 3 * FULL + 5])
def test_pieces_and_halvings(rows: int) -> None:
    z = np.random.default_rng(rows).integers(-511, 512, (rows, 3)).astype(np.int16)
    assert learn(empty(3), z) == slowly(empty(3), z)
    pieces = empty(3)
    for piece in np.array_split(z, 7):
        pieces = learn(pieces, piece)
    assert pieces == learn(empty(3), z)


LONG = """#include <stdint.h>
#include "sa_learn.h"

/* windows number `first` on: every input a hash of its number, the rails among them */
void run(uint32_t first, uint32_t windows, int32_t *moment, uint32_t *seen, uint16_t *count);

void run(uint32_t first, uint32_t windows, int32_t *moment, uint32_t *seen, uint16_t *count)
{
    uint32_t i;
    uint32_t j;

    for (i = first; i != first + windows; i++) {
        int16_t z[4];

        for (j = 0; j < 4U; j++) {
            uint32_t h = (i * 4U + j) * 2654435761U;
            int32_t v = (int32_t)((h ^ (h >> 15)) & 2047U) - 700;

            z[j] = (int16_t)((v > 511) ? 511 : (v < -511) ? -511 : v);
        }
        sa_learn_window(moment, seen, count, z, 4U);
    }
}
"""


FREEZE = """
int32_t made(const int32_t *moment, uint32_t count, const uint8_t *least, uint32_t d, int16_t *table,
             uint8_t *shift, uint32_t *work);

int32_t made(const int32_t *moment, uint32_t count, const uint8_t *least, uint32_t d, int16_t *table,
             uint8_t *shift, uint32_t *work)
{
    return sa_learn_freeze(moment, count, least, d, table, shift, work);
}
"""


def library() -> HostLibrary:
    """What the runtime does, alone; any signed overflow stops the process."""
    need("gcc")
    parts = ("anomaly/sa_learn", "features/sa_wide", "features/sa_scan", "features/sa_correlation")
    sources = {f"{name.rpartition('/')[2]}.h": runtime.text(f"{name}.h") for name in parts}
    return build_shared({**sources, "long.c": LONG + FREEZE}, (*STRICT, "-ftrapv"))


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 16))
def test_freezing_in_c(data: st.DataObject, d: int) -> None:
    """The same tables from any moments, those that no windows have among them."""
    moments = data.draw(states(d))
    floor = data.draw(st.lists(st.integers(0, 4), min_size=d, max_size=d))
    entries = d + triangle(d)
    table, shift = np.full(entries, 77, np.int16), np.full(d, 77, np.uint8)
    work = np.zeros(triangle(d) + 3 * d, np.uint32)
    moment = np.array([*moments.sums, *moments.products], np.int32)
    least = np.array(floor, np.uint8)
    code = library().call("made", moment, moments.count, least, d, table, shift, work).value
    if not moments.enough:
        assert code == -1
        assert (table == 77).all()
        return
    expected = freeze(moments, floor)
    assert code == 0
    assert table[:d].tolist() == expected.mean[0].tolist()
    assert table[d:].tolist() == expected.weight[0][np.tril_indices(d)].tolist()
    assert shift.tolist() == expected.shift[0].tolist()


def test_ten_million_windows_in_c() -> None:
    """With counters that reach their end on the way."""
    code = library()
    total, piece = 10_000_000, 500_000
    start = 2**32 - 1 - total // 2
    moments = Moments(start, 0, (0,) * 4, (0,) * 10)
    moment, seen, count = np.zeros(14, np.int32), np.array([start], np.uint32), np.zeros(1, np.uint16)
    for first in range(0, total, piece):
        code.call("run", first, piece, moment, seen, count, returns="void")
        h = np.arange(4 * first, 4 * (first + piece), dtype=np.uint32) * np.uint32(2654435761)
        v = ((h ^ (h >> np.uint32(15))) & np.uint32(2047)).astype(np.int64) - 700
        moments = learn(moments, np.clip(v, -511, 511).astype(np.int16).reshape(-1, 4))
    assert (int(seen[0]), int(count[0])) == (moments.windows, moments.count)
    assert moments.windows == 2**32 - 1
    assert moment.tolist() == [*moments.sums, *moments.products]


# ---------------------------------------------------------------- quality


def normal(seed: int, d: int, condition: float, rows: int, mean: float = 60.0) -> Int16:
    """Correlated inputs of the grid, deviations of 16 to 32, a correlation matrix of about this condition."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    spread = turn @ np.diag(np.geomspace(1, condition, d)) @ turn.T
    size = np.sqrt(np.diag(spread))
    sigma = rng.uniform(16, 32, d)
    spread = spread / np.outer(size, size) * np.outer(sigma, sigma)
    z = rng.multivariate_normal(rng.uniform(-mean, mean, d), spread, rows)
    return np.clip(np.rint(z), -511, 511).astype(np.int16)


def whitening(z: Int16, ridge: float, floor: float = 1.0) -> Float:
    """Inverse Cholesky factor of the covariance in float, the ridge in units of each variance."""
    wide = z.astype(np.float64)
    spread = np.atleast_2d(np.cov(wide.T, bias=True))
    size = np.sqrt(np.maximum(np.diag(spread), floor**2))
    correlation = spread / np.outer(size, size)
    np.fill_diagonal(correlation, 1.0 + ridge)
    out: Float = np.linalg.inv(np.linalg.cholesky(correlation)) / size
    return out


def weights(moments: Moments, floor: int = 0) -> Float:
    """Frozen whitening matrix as real numbers."""
    tables = freeze(moments, [floor] * moments.features)
    out: Float = tables.weight[0] * 2.0 ** -(tables.shift[0][:, None] + 5.0)
    return out


@pytest.mark.parametrize("d", [1, 2, 5, 8, 16])
@pytest.mark.parametrize("condition", [1, 10, 1e2, 1e4, 1e8])
def test_weights_are_those_of_float(d: int, condition: float) -> None:
    """Within 1e-4 of the largest one, for any condition: the ridge bounds it."""
    for seed in range(4):
        z = normal(seed, d, condition, 3000)
        exact, got = whitening(z, RIDGE), weights(learn(empty(d), z))
        assert np.abs(got - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("condition", [1, 10, 1e2, 1e4])
@pytest.mark.parametrize("d", [2, 8, 16])
def test_distances_are_those_of_float(d: int, condition: float) -> None:
    """With the tables' mean: within 1 % and 0.05 sigma of the length, from rounding y to 1/32 of a sigma."""
    z = normal(5, d, condition, 6000)
    tables = freeze(learn(empty(d), z[:3000]), [0] * d)
    new = np.clip(
        z[3000:].astype(np.int64) + np.random.default_rng(1).integers(-90, 90, (3000, d)), -511, 511
    )
    length = np.sqrt(tables.scores(new) / 1024)
    u = new - tables.mean[0].astype(np.int64)
    exact = np.sqrt(((u @ whitening(z[:3000], RIDGE).T) ** 2).sum(axis=1))
    unsaturated = exact < 1000
    assert unsaturated.mean() > 0.9
    assert (np.abs(length - exact) <= 0.01 * exact + 0.05)[unsaturated].all()


@pytest.mark.parametrize(("condition", "most"), [(1, 0.1), (100, 0.25), (1e4, 0.5)])
@pytest.mark.parametrize("d", [8, 16])
def test_what_whole_means_cost(d: int, condition: float, most: float) -> None:
    """Means lie on the grid; how far that moves a window, in deviations."""
    for seed in range(6):
        z = normal(seed, d, condition, 3000)
        tables = freeze(learn(empty(d), z), [0] * d)
        assert (np.abs(tables.mean[0] - z.mean(axis=0)) <= 0.5).all()
        moved = whitening(z, RIDGE) @ (z.mean(axis=0) - tables.mean[0])
        assert np.linalg.norm(moved) < most


@pytest.mark.parametrize(("condition", "most"), [(1, 0.025), (10, 0.06), (100, 0.25)])
def test_what_the_ridge_costs(condition: float, most: float) -> None:
    """Squared distances of normal windows, mean, against float without a ridge: a few percent below."""
    z = normal(7, 8, condition, 8000)
    tables = freeze(learn(empty(8), z[:4000]), [0] * 8)
    exact = (((z[4000:] - z[:4000].mean(axis=0)) @ whitening(z[:4000], 0.0).T) ** 2).sum(axis=1).mean()
    got = float((tables.scores(z[4000:]) / 1024).mean())
    assert 1 - most < got / exact < 1.01


@pytest.mark.parametrize("value", [-511, 0, 3, 511])
def test_a_constant_input(value: int) -> None:
    """Its deviation is the floor, also after many halvings: one step away is one sigma, not infinity."""
    z = normal(1, 3, 5, 30_000)
    z[:, 1] = value
    for floor in (0, 4):
        tables = freeze(learn(empty(3), z), [floor] * 3)
        assert tables.mean[0, 1] == value
        near = np.array([tables.mean[0]], np.int64)
        away = near.copy()
        away[0, 1] += -(2**floor) if value > 0 else 2**floor
        assert tables.scores(near)[0] == 0
        assert abs(tables.scores(away)[0] / 1024 - 1 / (1 + RIDGE)) < 0.05


@pytest.mark.parametrize("sign", [1, -1])
def test_two_equal_inputs(sign: int) -> None:
    """Singular without the ridge: what breaks the equality is seen, 8 times as strongly at most."""
    z = normal(2, 4, 3, 20_000, mean=20)
    z[:, 3] = sign * z[:, 0]
    moments = learn(empty(4), z)
    recent = z[-moments.count :]
    assert (
        np.abs(weights(moments) - whitening(recent, RIDGE)).max()
        < 0.02 * np.abs(whitening(recent, RIDGE)).max()
    )
    tables = freeze(moments, [0] * 4)
    assert tables.scores(z[-500:]).mean() / 1024 < 5
    apart = np.array([tables.mean[0]], np.int64)
    apart[0, 3] += round(float(z[:, 3].std()))
    assert 20 < tables.scores(apart)[0] / 1024 < 64


@pytest.mark.parametrize("d", [1, 4, 16])
def test_just_enough_windows(d: int) -> None:
    z = normal(3, d, 30, 4 * d)
    exact = whitening(z, RIDGE)
    assert np.abs(weights(learn(empty(d), z)) - exact).max() < 1e-4 * np.abs(exact).max()
    with pytest.raises(DataError, match=f"{4 * d - 1} windows are too few to freeze {d} inputs") as caught:
        freeze(learn(empty(d), z[1:]), [0] * d)
    assert str(4 * d) in caught.value.hint


def test_saturated_windows() -> None:
    """All at the rails, the hardest for sums: deviations of 511, correlations of one."""
    z = (
        np.where(np.random.default_rng(4).random((5000, 1)) < 0.5, 511, -511)
        .repeat(3, axis=1)
        .astype(np.int16)
    )
    z[:, 2] *= -1
    moments = learn(empty(3), z[: FULL - 1])
    exact = whitening(z[: FULL - 1], RIDGE)
    assert np.abs(weights(moments) - exact).max() < 1e-4 * np.abs(exact).max()


def test_halvings_do_not_move_what_was_learnt() -> None:
    """Means far from 0, 60 halvings: the covariance is that of windows weighed as they fade."""
    z = normal(6, 6, 20, 125_000, mean=400)
    moments = learn(empty(6), z)
    weight = np.ones(len(z))
    for end in range(FULL, len(z) + 1, FULL // 2):
        weight[:end] /= 2
    assert abs(weight.sum() - moments.count) < 1e-6
    mean = np.average(z, axis=0, weights=weight)
    assert np.abs(np.array(moments.sums) / (256 * moments.count) - mean).max() < 1e-4
    spread = np.cov(z.T, aweights=weight, bias=True)
    got = learner.covariances(moments, [0] * 6)
    for i, row in enumerate(got):
        for j, value in enumerate(row):
            assert abs(value / (256 * moments.count) ** 2 - spread[i, j]) < 0.05


def test_a_new_normal_replaces_the_old() -> None:
    old, new = normal(1, 4, 5, 20_000), normal(9, 4, 5, 20_000)
    moments = learn(learn(empty(4), old), new)
    exact = whitening(new[-8000:], RIDGE)
    assert np.abs(weights(moments) - exact).max() < 0.1 * np.abs(exact).max()
    assert freeze(moments, [0] * 4).scores(new[-2000:]).mean() / 1024 < 5


# ---------------------------------------------------------------- refusals


def test_messages() -> None:
    with pytest.raises(DataError, match="cannot learn from shape"):
        learn(empty(3), np.zeros((2, 4), np.int16))
    with pytest.raises(DataError, match="beyond 511"):
        learn(empty(1), np.array([[512]]))
    with pytest.raises(DataError, match="17 sums"):
        empty(17)
    with pytest.raises(DataError, match="0 sums"):
        empty(0)
    with pytest.raises(DataError, match="2 sums and 2 products"):
        Moments(0, 0, (0, 0), (0, 0))
    for fields in (
        (0, 1, (0,), (0,)),
        (9, 1, (0,), (-1,)),
        (9, 1, (511 * 256 + 1,), (0,)),
        (1, FULL, (0,), (0,)),
    ):
        with pytest.raises(DataError, match="beyond what windows can add up to"):
            Moments(*fields)
    data = learner.to_dict(learn(empty(2), np.array([[1, -2], [3, 4]])))
    assert learner.to_dict(learner.from_dict(data)) == data
    for key, value in (("count", 2.0), ("windows", True), ("sums", ["0", 1]), ("products", [0, None, 1])):
        with pytest.raises(DataError, match="is no whole number"):
            learner.from_dict({**data, key: value})


def test_pipelines_that_cannot_learn() -> None:
    from sensorai.features.catalogue import IntFeature

    def pipeline(moments: Moments, detector: Detector, features: int = 2) -> Pipeline:
        channels = tuple(Count(f"acc_{axis}", "mg", 0.1) for axis in "xy")
        picked = tuple(IntFeature("MEAN", (i,)) for i in range(features))
        scaling = Scaling((0, 0), (0, 0), "int16")
        return Pipeline("p", channels, 26.0, 4, 4, (), picked, scaling, detector, CLASSES, 0, moments)

    tables = freeze(learn(empty(2), normal(1, 2, 2, 100)), [0, 0])
    good = Detector("mahalanobis", tables, 5)
    assert pipeline(empty(2), good).learn == empty(2)
    with pytest.raises(ConfigError, match="the device learns 3 inputs, the model has 2"):
        pipeline(empty(3), good)
    points = Detector("prototypes", Prototypes(np.zeros((2, 2), np.int16), 1), 5)
    for other in (Detector("gmm", tables, 5), points):
        with pytest.raises(ConfigError, match="only Mahalanobis detectors of features learn"):
            pipeline(empty(2), other)
