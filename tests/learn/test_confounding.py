"""What tells classes apart beside the movement: said where it does, and not where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import SensoraiError
from sensorai.features.catalogue import IntFeature
from sensorai.formats import ReadOptions, read_dataset
from sensorai.learn.confounding import confounded, mounting, oriented_integer, oriented_register
from sensorai.mlc.config import Feature, Source
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from tests import roads

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
DOWN = (0.0, 0.0, 1000.0)


def log(
    label: str,
    number: int,
    *,
    rate: float = 52.0,
    gravity: tuple[float, float, float] = DOWN,
    size: float = 100.0,
    step: float = 0.0,
    seconds: float = 10.0,
) -> Recording:
    rng = np.random.default_rng([ord(label[0]), number])
    x = rng.normal(0, size, (round(seconds * rate), 3)) + np.array(gravity)
    if step:
        x = np.rint(x / step) * step
    name = f"{label}_{number}"
    return Recording(x, ACC, rate, {LABEL: (Span(0, len(x), label),)}, name, name, f"{name}.csv")


def logs(change: Callable[[str, int], Recording] = log, each: int = 4) -> Dataset:
    return Dataset(tuple(change(c, i) for c in ("a", "b", "c") for i in range(each)))


def test_logs_recorded_alike_have_no_warning() -> None:
    assert confounded(logs(), [LABEL]) == []
    assert confounded(logs(each=1), [LABEL]) == []


def test_a_rate_of_its_own() -> None:
    (text,) = confounded(logs(lambda c, i: log(c, i, rate=104.0 if c == "b" else 52.0)), [LABEL])
    assert text.startswith("the rate of the logs tells classes apart (")
    assert "'a', 'c': 52 Hz" in text
    assert "'b': 104 Hz" in text
    # one log of it at the usual rate, and no rate says which class it is
    assert confounded(logs(lambda c, i: log(c, i, rate=104.0 if c == "b" and i else 52.0)), [LABEL]) == []
    # clocks that differ are no rates that differ
    assert (
        confounded(logs(lambda c, i: log(c, i, rate=52.0 + {"a": 0.0, "b": 0.9, "c": 1.8}[c])), [LABEL]) == []
    )
    unknown = logs(lambda c, i: replace(log(c, i), rate_hz=None if i == 0 else 52.0 + 52 * (c == "b")))
    assert confounded(unknown, [LABEL]) == []


def test_units_sensors_and_formats_of_their_own() -> None:
    def unit(c: str, i: int) -> Recording:
        one = log(c, i)
        g = tuple(Channel(x.name, "g") for x in ACC)
        return replace(one, samples=one.samples / 1000, channels=g) if c == "a" else one

    (text,) = confounded(logs(unit), [LABEL])
    assert "the unit of the logs tells classes apart" in text
    assert "'a': acc in g" in text

    def gyro(c: str, i: int) -> Recording:
        one = log(c, i)
        more = (*ACC, *(Channel(f"gyro_{x}", "dps") for x in "xyz"))
        return replace(one, samples=np.tile(one.samples, 2), channels=more) if c == "c" else one

    texts = confounded(logs(gyro), [LABEL])
    assert any("the sensors of the logs tells" in t and "'c': acc, gyro" in t for t in texts)

    (text,) = confounded(
        logs(lambda c, i: replace(log(c, i), source=f"{i}.json" if c == "b" else f"{i}.csv.gz")), [LABEL]
    )
    assert "the file format of the logs tells" in text
    assert "'b': .json" in text


def test_a_full_scale_of_its_own() -> None:
    (text,) = confounded(logs(lambda c, i: log(c, i, step=0.244 if c == "b" else 0.061)), [LABEL])
    assert "resolution (full scale)" in text
    assert "0.061 mg" in text
    assert "0.244 mg" in text
    assert confounded(logs(lambda c, i: log(c, i, step=0.061)), [LABEL]) == []
    # large movements leave gaps between the values that occur, but the same grid
    assert (
        confounded(logs(lambda c, i: log(c, i, step=0.061, size=9000.0 if c == "b" else 20.0)), [LABEL]) == []
    )
    # values on no grid say nothing
    assert confounded(logs(lambda c, i: log(c, i, step=0.0 if c == "b" else 0.061)), [LABEL]) == []


TILTS = {"a": DOWN, "b": (700.0, 0.0, 700.0), "c": (0.0, -800.0, 600.0)}


@pytest.mark.parametrize(("each", "said"), [(1, True), (2, True), (3, False), (6, False)])
def test_gravity_of_few_recordings(each: int, said: bool) -> None:
    """What every one of many recordings shows is the class; what one recording shows may be its mounting."""
    texts = confounded(logs(lambda c, i: log(c, i, gravity=TILTS[c]), each), [LABEL])
    assert len(texts) == said
    if said:
        assert "the direction of gravity alone tells 'a', 'b', 'c'" in texts[0]
        assert ("one recording" if each == 1 else "at most 2 recordings") in texts[0]


def test_gravity_that_tells_nothing_is_not_said() -> None:
    # the same mounting; one a little crooked; movements that swing through all directions
    assert (
        confounded(logs(lambda c, i: log(c, i, gravity=(60.0 * (c == "b"), 0.0, 1000.0)), 1), [LABEL]) == []
    )
    assert confounded(logs(lambda c, i: log(c, i, gravity=TILTS[c], size=8000.0), 1), [LABEL]) == []
    # one session in which everything was done: what changes there is the posture
    parts = [log(c, 0, gravity=TILTS[c]) for c in TILTS]
    edges = np.cumsum([0, *(len(p) for p in parts)]).tolist()
    spans = tuple(Span(a, b, c) for c, a, b in zip(TILTS, edges[:-1], edges[1:], strict=True))
    whole = Recording(
        np.concatenate([p.samples for p in parts]), ACC, 52.0, {LABEL: spans}, "g", "g", "g.csv"
    )
    assert confounded(Dataset((whole,)), [LABEL]) == []
    # only one class was mounted otherwise
    (text,) = confounded(logs(lambda c, i: log(c, i, gravity=TILTS["b"] if c == "b" else DOWN), 1), [LABEL])
    assert "gravity alone tells 'b' from the other classes, and it comes from one" in text


def test_logs_without_an_accelerometer_or_samples() -> None:
    gyro = tuple(Channel(f"gyro_{a}", "dps") for a in "xyz")
    assert (
        confounded(logs(lambda c, i: replace(log(c, i, gravity=TILTS[c]), channels=gyro), 1), [LABEL]) == []
    )
    empty = logs(
        lambda c, i: replace(log(c, i), samples=np.zeros((0, 3)), labels={LABEL: (Span(0, 0, c),)}), 1
    )
    assert confounded(empty, [LABEL]) == []
    assert confounded(logs(lambda c, i: replace(log(c, i), labels={})), [LABEL]) == []


def test_features_of_gravity_that_decide_alone() -> None:
    (text,) = mounting(["MEAN_acc_x", "STD_acc_y"], [True, False], [0.95, 0.05])
    assert text.startswith("this model depends on how the sensor is mounted: it decides by MEAN_acc_x (95%")
    assert mounting(["MEAN_acc_x", "STD_acc_y"], [True, False], [0.8, 0.2]) == []
    assert mounting(["MEAN_acc_x"], [True], [0.0]) == []
    assert mounting([], [], []) == []


def test_which_features_are_the_direction_of_gravity() -> None:
    for kind in ("MEAN", "MINIMUM", "MAXIMUM", "ENERGY"):
        assert oriented_register(Feature(kind, Source("acc", "X")))
    for other in (
        Feature("VARIANCE", Source("acc", "X")),
        Feature("MEAN", Source("acc", "V")),
        Feature("MEAN", Source("gyro", "X")),
        Feature("MEAN", Source("acc", "X", 0)),
    ):
        assert not oriented_register(other)
    channels = ("acc_x", "acc_y", "acc_z", "gyro_x")
    assert oriented_integer(IntFeature("MEAN", (1,)), channels)
    for feature in (IntFeature("NORM_MEAN", (0, 1, 2)), IntFeature("MEAN", (3,)), IntFeature("STD", (0,))):
        assert not oriented_integer(feature, channels)


@pytest.mark.parametrize("target", ["mlc", "tree", "anomaly"])
def test_every_road_says_it(target: str) -> None:
    """Two logs of each class, mounted by class: said of the logs and of the tree."""
    made = logs(lambda c, i: log(c, i, gravity=TILTS[c], seconds=30.0), 2)
    roads_of: dict[str, dict[str, Any]] = {
        "mlc": {"target": "mlc", "folds": 2},
        "tree": {"target": "stm32", "model": "tree", "folds": 2},
        "anomaly": {"target": "stm32", "task": "anomaly", "model": "mahalanobis", "normal": ("a", "b")},
    }
    report = roads.made(made, window=52, **roads_of[target]).report.figures
    assert any("the direction of gravity alone tells" in text for text in report["warnings"])
    if target != "anomaly":
        assert any("this model depends on how the sensor is mounted" in text for text in report["warnings"])


REAL = {
    "ceiling-fan": ReadOptions(rate_hz=200.0, header="acc_x,acc_y,acc_z", units={"acc": "g"}),
    "wand-gestures": ReadOptions(units={"gyro": "rad/s"}),
    "sp-sw-har": ReadOptions(units={"acc": "m/s2", "gyro": "rad/s"}, group_path=r"(s\d\d)_\d\d_s[wp]"),
    "seglearn-watch": ReadOptions(),
    "edge-impulse-gestures": ReadOptions(),
}


@pytest.mark.parametrize("name", REAL)
def test_real_logs_of_many_sessions_have_no_warning(shared: Path, name: str) -> None:
    folder = shared / "data" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    files = sorted(p for p in folder.rglob("*") if p.name.endswith((".csv", ".csv.gz", ".json")))[::7]
    found: list[Recording] = []
    for file in files:
        try:
            found += read_dataset([file], REAL[name]).recordings
        except SensoraiError:
            continue
    assert len(found) > 5
    assert confounded(Dataset(tuple(found)), [LABEL]) == []
