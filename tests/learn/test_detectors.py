"""Detectors learnt from normal rows rank as their float models, and the same rows give the same bits."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from sensorai.errors import ConfigError, DataError
from sensorai.learn.detectors import ONE_STATE, DetectorOptions, average_path, fit_detector
from sensorai.learn.forests import narrow, narrowed
from sensorai.learn.gaussians import from_covariances
from sensorai.model.detector import KINDS, to_dict
from sensorai.model.gaussians import Gaussians
from sensorai.model.isolation import STEPS, Isolation
from tests.need import need

QUICK = DetectorOptions(components=(1, 2, 3), prototypes=24, neighbours=2, trees=16, samples=64, epochs=20)


def rows(seed: int, count: int, moved: float = 0.0) -> npt.NDArray[np.int32]:
    """Two states of six correlated features of very different sizes; ``moved`` breaks their relation."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, 2, count)[:, None] * np.array([4.0, 0, -4, 0, 0, 0])
    base = rng.normal(0, 1, (count, 3))
    x = np.concatenate([base, base[:, ::-1] + rng.normal(0, 0.3, (count, 3))], axis=1) + state
    x[:, 4] += moved
    x[:, 5] = np.rint(np.abs(x[:, 5]) * (0.4 + moved))  # a small count, as zero crossings are
    sizes = np.array([1e2, 1e4, 3e6, 5e7, 1e3, 1.0])
    out: npt.NDArray[np.int32] = np.rint(x * sizes + 2 * sizes).astype(np.int32)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_as_the_float_model(kind: str) -> None:
    if kind == "autoencoder":
        need("jax")
    normal, other, moved = rows(1, 600), rows(2, 300), rows(3, 300, 2.5)
    found = fit_detector(kind, normal, QUICK, validation=rows(4, 200))
    x = np.concatenate([other, moved])
    y = np.arange(len(x)) >= len(other)
    scores, real = found.scores(x), found.float_scores(x)
    assert roc_auc_score(y, scores) > 0.8
    assert abs(roc_auc_score(y, scores) - roc_auc_score(y, real)) < 0.01
    assert spearmanr(scores, real).statistic > 0.98
    # nothing is an alarm before a threshold is chosen
    assert found.detector.threshold == 2**31 - 1
    again = fit_detector(kind, normal, QUICK, validation=rows(4, 200))
    assert to_dict(again.detector) == to_dict(found.detector)
    assert again.scaling == found.scaling
    assert again.notes == found.notes


def test_a_deviation_is_32_and_distances_are_chi_squared() -> None:
    normal = rows(1, 4000)[:, 1:5]
    normal = normal[np.abs(normal[:, 1] - 6e6) < 9e6]
    found = fit_detector("mahalanobis", normal)
    mean = found.scores(normal).mean() / 1024
    # the ridge and the shrinkage make distances a little smaller
    assert 0.8 * 4 < mean < 1.02 * 4


def test_weights_are_the_inverse_of_the_covariance() -> None:
    rng = np.random.default_rng(2)
    mix = rng.normal(0, 20, (12, 12))
    covariance = (mix @ mix.T + 16 * np.eye(12))[None]
    core = from_covariances(np.zeros((1, 12)), covariance, np.ones(1))
    drawn = rng.multivariate_normal(np.zeros(12), covariance[0], 500)
    z = np.rint(np.clip(drawn, -511, 511)).astype(np.int16)
    exact = np.einsum("ri,ij,rj->r", z.astype(float), np.linalg.inv(covariance[0]), z.astype(float))
    # rounding y: half a step of 32 a deviation
    assert np.abs(np.sqrt(core.scores(z) / 1024) - np.sqrt(exact)).max() < 0.5 / 32 * np.sqrt(12) + 0.005


def test_bias_orders_components_by_density() -> None:
    """Half-way in deviations between a wide and a narrow component, the narrow one is denser."""
    covariance = np.array([[[400.0]], [[100.0]]])
    core = from_covariances(np.array([[0.0], [90.0]]), covariance, np.array([0.5, 0.5]))
    assert core.bias.tolist() == [round(1024 * np.log(4)), 0]
    more = from_covariances(np.array([[0.0], [90.0]]), covariance, np.array([0.9, 0.1]))
    assert more.bias.tolist() == [0, round(1024 * (2 * np.log(9) - np.log(4)))]


def test_isolation_scores_are_scikit_learns() -> None:
    """The sum of paths, rounded in each leaf to 1/16, behind the same decisions."""
    normal, x = rows(1, 300), rows(5, 200, 1.0)
    found = fit_detector("isolation-forest", normal, QUICK)
    core = found.detector.core
    assert isinstance(core, Isolation)
    shifts = narrow(normal)
    model = IsolationForest(n_estimators=16, max_samples=64, random_state=0)
    model.fit(narrowed(normal, shifts).astype(np.float32))
    share = model.score_samples(narrowed(x, shifts).astype(np.float32))
    # -2 ** (-mean path / c(samples)), so the paths follow from the score
    paths = -np.log2(-share) * float(average_path(np.array(64))) * 16
    own = (16 * core.trees.total - found.scores(x)) / STEPS
    assert np.abs(own - paths).max() <= 16 * 0.5 / STEPS + 1e-6


def test_average_path() -> None:
    n = np.array([0, 1, 2, 3, 256])
    assert np.allclose(
        average_path(n), [0, 0, 1, 2 * (np.log(2) + np.euler_gamma) - 4 / 3, 10.2447], atol=1e-4
    )


def test_a_feature_that_never_moves() -> None:
    """One count more is two deviations of half a count, not an endless distance."""
    normal = rows(1, 400)
    normal[:, 5] = 7
    x = np.median(normal, axis=0).astype(np.int32)[None].repeat(3, axis=0)
    x[:, 5] = [7, 8, 10]
    for kind in ("mahalanobis", "gmm"):
        same, one, three = fit_detector(kind, normal, QUICK).scores(x) / 1024
        assert same < one < same + 5
        assert same + 30 < three < same + 40


def test_few_rows_and_many_components() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_detector("gmm", rows(1, 30), DetectorOptions(components=(1, 16)))
    assert isinstance(found.detector.core, Gaussians)
    assert found.detector.core.components == 1
    few = np.repeat(rows(1, 3), 10, axis=0)
    points = fit_detector("prototypes", few, DetectorOptions(prototypes=8, neighbours=8))
    assert points.notes == ("3 centres of k-means, the nearest 3 count",)
    assert fit_detector("mahalanobis", few).scores(few).max() < 1024 * 40


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_covariance_is_chosen(covariance: str) -> None:
    found = fit_detector("gmm", rows(1, 300), DetectorOptions(components=(2,), covariance=covariance))
    core = found.detector.core
    assert isinstance(core, Gaussians)
    assert core.diagonal == (covariance == "diag")
    assert core.components == 2


def test_refusals() -> None:
    normal = rows(1, 60)
    with pytest.raises(ConfigError, match="'svm' are not known"):
        fit_detector("svm", normal)
    with pytest.raises(DataError, match="19 normal windows are too few"):
        fit_detector("gmm", normal[:19])
    with pytest.raises(DataError, match="no feature moves"):
        fit_detector("gmm", np.repeat(normal[:1], 40, axis=0))
    with pytest.raises(ConfigError, match="at most 32 features, not 36"):
        fit_detector("prototypes", np.tile(normal, (1, 6)))
    with pytest.raises(DataError, match="not positive definite"):
        from_covariances(np.zeros((1, 2)), np.ones((1, 2, 2)), np.ones(1))
    with pytest.raises(DataError, match="leaves 16 bits"):
        from_covariances(np.zeros((1, 1)), np.full((1, 1, 1), 1e-8), np.ones(1))
    for options in (
        {"components": ()},
        {"components": (17,)},
        {"covariance": "tied"},
        {"prototypes": 257},
        {"neighbours": 9},
        {"prototypes": 2, "neighbours": 3},
        {"trees": 0},
        {"samples": 1},
        {"hidden": -1},
        {"epochs": 0},
    ):
        with pytest.raises(ConfigError):
            DetectorOptions(**options)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_labels_of_states_make_a_gaussian_each(covariance: str) -> None:
    """Between two far and still states nothing is normal, however wide both together are."""
    rng = np.random.default_rng(7)
    state = np.repeat([0, 1, 2], 60)
    normal = np.rint(4000 * state[:, None] + rng.normal(0, 40, (180, 3)).cumsum(axis=1)).astype(np.int32)
    between = np.rint(2000 + rng.normal(0, 40, (50, 3))).astype(np.int32)
    found = fit_detector("gmm", normal, DetectorOptions(covariance=covariance), state=state)
    assert isinstance(found.detector.core, Gaussians)
    assert found.detector.core.components == 3
    assert found.detector.core.diagonal == (covariance == "diag")
    assert found.scores(between).min() > 10 * found.scores(normal).max()
    with pytest.raises(DataError, match="has 3 windows"):
        fit_detector("gmm", normal, state=np.where(np.arange(180) < 3, 5, state))
    with pytest.raises(ConfigError, match="more than the 16"):
        fit_detector("gmm", normal, state=np.arange(180) % 17)


def test_an_ellipsoid_of_each_state() -> None:
    """What a restless state may do is not normal for a still one: the spread of each is what counts."""
    rng = np.random.default_rng(8)
    state = np.repeat([0, 1], 160)
    sizes = np.where(state == 0, 40, 400)[:, None]
    normal = np.rint(4000 * state[:, None] + rng.normal(0, 1, (320, 3)) * sizes).astype(np.int32)
    moved = np.rint(240 + rng.normal(0, 40, (60, 3))).astype(np.int32)
    found, one = (fit_detector("mahalanobis", normal, state=s) for s in (state, None))
    shares = [(f.scores(moved) > np.quantile(f.scores(normal), 0.98)).mean() for f in (found, one)]
    assert shares[0] > 0.9
    assert shares[1] < 0.1
    mixed = np.concatenate([normal, moved])
    # the still state has but a few steps of the grid
    assert spearmanr(found.scores(mixed), found.float_scores(mixed)).statistic > 0.98
    for kind in ONE_STATE:
        with pytest.raises(ConfigError, match="learns one normal state, and of 2 it is blind"):
            fit_detector(kind, normal, state=state)
