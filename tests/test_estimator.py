"""The road as a scikit-learn estimator."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import sensorai as sai
from sensorai.errors import ExperimentError
from sensorai.estimator import SensorClassifier
from sensorai.learn import taught
from sensorai.learn.families import registers
from sensorai.recording import Recording
from tests.cli.logs import write_log
from tests.need import need

#: Small and quick: one window length, one sensor.
TOLD: dict[str, Any] = {
    "target": "mlc",
    "window": 16,
    "max_features": 2,
    "end_counters": "off",
    "rate_hz": 52,
    "units": {"acc": "mg"},
}
SAMPLES = 32


class Rows(SensorClassifier):
    """The estimator as scikit-learn's checks can feed it: a row of a table is turned into a recording.

    What is no table of numbers goes to the estimator as it is: refusing it is the estimator's.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Rows:
        return super().fit(recorded(X), y, groups)

    def predict(self, X: Any) -> Any:
        return super().predict(recorded(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(recorded(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def recorded(X: Any) -> Any:
    """Rows as recordings: features are the strengths of swings of several frequencies."""
    table = np.asarray(X)
    if table.ndim != 2:
        return X
    try:
        table = table if table.dtype.kind == "c" else table.astype(np.float64)
    except (TypeError, ValueError):
        return table[:, None, :]
    if table.dtype.kind == "c" or not table.size:
        return table[:, None, :]
    time = np.arange(SAMPLES) * 2 * np.pi / SAMPLES
    swings = np.array([np.sin(time * 4 / (1 + k // 2)) for k in range(table.shape[1])])
    strong = 300 * np.arcsinh(table)
    x, y = (strong[:, k::2] @ swings[k::2] for k in (0, 1))
    return np.stack([x, y, np.full_like(x, 1000)], axis=2)


#: What scikit-learn asks of tables and recordings cannot answer.
NO_TABLE: dict[str, str] = dict.fromkeys(
    ("check_n_features_in_after_fitting", "check_n_features_in", "check_classifiers_train"),
    "n_features_in_ are the channels of a recording, not the columns of the table that the check makes",
)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_the_estimator_itself_passes() -> None:
    # X has three dimensions and says so: scikit-learn then checks what does not depend on X
    check_estimator(SensorClassifier(**TOLD))
    tags = SensorClassifier().__sklearn_tags__().input_tags
    assert (tags.two_d_array, tags.three_d_array) == (False, True)


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [Rows(**TOLD)], expected_failed_checks=lambda one: NO_TABLE
)
def test_scikit_learns_checks(estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # every fold is a whole training again, for figures of a report that no check reads
    monkeypatch.setattr(registers, "folds", lambda *_: ())
    # a small forest teaches as a large one does
    monkeypatch.setattr(taught, "TREES", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


# ---------------------------------------------------------------- recordings


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("estimator")
    for k, kind in enumerate(("rest", "walk")):
        for s, subject in enumerate("abcdef"):
            seconds = 4 if kind == "rest" else 5
            path = folder / f"{kind}_{subject}.csv"
            write_log(path, [kind], subjects=[subject], seconds=seconds, scale=1 + s / 50 + k / 100)
    return list(sai.read(folder))


def labels_of(recordings: list[Recording]) -> npt.NDArray[Any]:
    return np.array([r.labels["label"][0].label for r in recordings])


SMALL: dict[str, Any] = {
    "target": "mlc",
    "window": 16,
    "max_features": 2,
    "end_counters": "off",
    "folds": 2,
}


def test_recordings_of_any_length(recordings: list[Recording], tmp_path: Path) -> None:
    y = labels_of(recordings)
    assert len({len(r) for r in recordings}) > 1
    made = SensorClassifier(**SMALL).fit(recordings, y)
    assert made.classes_.tolist() == ["rest", "walk"]
    assert made.n_features_in_ == 3
    assert made.score(recordings, y) == 1.0
    shares = made.predict_proba(recordings)
    assert shares.shape == (len(y), 2)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (made.classes_[shares.argmax(axis=1)] == made.predict(recordings)).all()
    windows = made.predict_windows(recordings)
    assert list(dict.fromkeys(windows.recording)) == [r.name for r in recordings]
    one = windows[windows.recording == recordings[0].name]
    assert (one.decided1 == y[0]).mean() == shares[0].max()
    # what came of it is a result as any other
    assert isinstance(made.result_, sai.Result)
    made.result_.save(tmp_path / "out")
    assert len(sai.open(tmp_path / "out").simulate(sai.read(recordings[0].source))) == len(one)


def test_the_groups_of_recordings_are_kept_together(recordings: list[Recording]) -> None:
    y = labels_of(recordings)
    own = SensorClassifier(**SMALL).fit(recordings, y).result_.report.figures["data"]
    assert set(own["groups"]) == set("abcdef")
    told = SensorClassifier(**SMALL).fit(recordings, y, groups=[g % 3 for g in range(len(y))])
    assert set(told.result_.report.figures["data"]["groups"]) == {"0", "1", "2"}
    alone = [replace(r, group="", name="") for r in recordings]
    free = SensorClassifier(**SMALL).fit(alone, y).result_.report.figures["data"]
    assert len(free["groups"]) == len(y)


def test_arrays_and_models_in_c(recordings: list[Recording]) -> None:
    need("gcc")
    y = np.array([1 if label == "walk" else 0 for label in labels_of(recordings)])
    lists = [r.samples for r in recordings]
    X = np.stack([samples[:200] for samples in lists])
    tree = SensorClassifier(
        target="stm32", model="tree", net={"leaves": 4}, window=26, rate_hz=52, units={"acc": "mg"}, seed=1
    )
    for data, unit in ((X, "mg"), (lists, "mg"), (X / 1000, "g")):
        made = clone(tree).set_params(units={"acc": unit}).fit(data, y)
        assert made.score(data, y) == 1.0
        assert made.classes_.tolist() == [0, 1]
    assert {"score_0", "score_1"} <= set(made.predict_windows(X / 1000).columns)


def test_a_detector(recordings: list[Recording]) -> None:
    y = labels_of(recordings)
    made = SensorClassifier(task="anomaly", normal=["rest"], **{**SMALL, "folds": None}).fit(recordings, y)
    assert made.classes_.tolist() == ["normal", "anomaly"]
    want = np.where(y == "rest", "normal", "anomaly")
    assert made.score(recordings, want) > 0.9


def test_a_search_over_the_experiment(recordings: list[Recording]) -> None:
    y, groups = labels_of(recordings), [r.group for r in recordings]
    grid = {"window": [16, 26], "sensors": [(), ("acc",)]}
    search = GridSearchCV(SensorClassifier(**SMALL), grid, cv=GroupKFold(3), error_score="raise")
    search.fit(recordings, y, groups=groups)
    assert search.best_score_ == 1.0
    assert search.best_estimator_.result_.experiment.window == search.best_params_["window"]
    assert search.predict(recordings).tolist() == y.tolist()


def test_a_pipeline(recordings: list[Recording]) -> None:
    y = labels_of(recordings)
    to_counts = FunctionTransformer(lambda rows: [np.round(r.samples) for r in rows])
    told = SensorClassifier(rate_hz=52, units={"acc": "mg"}, **SMALL)
    road = make_pipeline(to_counts, told)
    assert road.fit(recordings, y).score(recordings, y) == 1.0
    road.set_params(sensorclassifier__window=26)
    assert road[-1].window == 26
    scores = cross_val_score(road, recordings, y, cv=2)
    assert scores.tolist() == [1.0, 1.0]


def test_pickled_it_says_the_same(recordings: list[Recording]) -> None:
    y = labels_of(recordings)
    made = SensorClassifier(**SMALL).fit(recordings, y)
    again = pickle.loads(pickle.dumps(made))
    assert (again.predict_proba(recordings) == made.predict_proba(recordings)).all()
    assert again.result_.report.figures == made.result_.report.figures
    assert again.result_.files == made.result_.files


def test_parameters_are_the_words_of_an_experiment() -> None:
    told = SensorClassifier(target="ispu", model="mlp", window=52)
    assert told.experiment() == sai.Experiment(target="ispu", model="mlp", window=52)
    assert {"target", "device", "model", "task", "window", "seed", "net", "normal"} <= set(told.get_params())
    assert not {"logs", "label", "test", "tree"} & set(told.get_params())
    assert "window : " in str(SensorClassifier.__doc__)
    with pytest.raises(TypeError, match=r"no parameter 'windw'.*window"):
        SensorClassifier(windw=3)
    with pytest.raises(ValueError, match="windw"):
        told.set_params(windw=3)


def test_what_is_refused(recordings: list[Recording]) -> None:
    y = labels_of(recordings)
    X = np.stack([r.samples[:64] for r in recordings])
    fit = SensorClassifier(**SMALL).fit
    with pytest.raises(ValueError, match="rate_hz"):
        fit(X, y)
    with pytest.raises(ValueError, match="12 recordings"):
        fit(recordings, y[:-1])
    with pytest.raises(ValueError, match="groups has 1 entries"):
        fit(recordings, y, groups=["a"])
    with pytest.raises(ValueError, match="channels names 3"):
        SensorClassifier(rate_hz=52, units={"acc": "mg"}, **SMALL).fit(X[:, :, :2], y)
    with pytest.raises(ValueError, match="sequence of recordings"):
        fit(3, y)
    with pytest.raises(ExperimentError, match="did you mean mlc"):
        SensorClassifier(target="mcl").fit(recordings, y)
    made = fit(recordings, y)
    with pytest.raises(ValueError, match="less than a window"):
        made.predict([recordings[0].slice(0, 10)])
