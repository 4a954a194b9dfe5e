"""Detectors from logs: in C, on the MLC, and classifiers of known faults judged as alarms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.decode import decode
from sensorai.mlc.regfile import parse_register_file
from sensorai.model.decision import NONE
from sensorai.model.detector import Detector
from sensorai.model.forest import Tree
from sensorai.recording import Channel, Dataset, Recording, Span
from sensorai.train import envelope, mlcbox, supervised
from sensorai.train.anomaly import AnomalyOptions, train_anomaly
from sensorai.train.cdeliver import ProjectDelivery, ProjectOptions
from sensorai.train.deliver import deliver
from sensorai.train.options import MlcOptions
from sensorai.verify import alarms, anomaly
from tests.need import need

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
RATE = 52.0
STATES = {"slow": (60.0, 3.0), "fast": (150.0, 8.0), "broken": (400.0, 5.0)}


def recording(label: str, number: int, seconds: float = 16.0) -> Recording:
    random = np.random.default_rng(100 * list(STATES).index(label) + number)
    size, hz = STATES[label]
    t = np.arange(int(seconds * RATE)) / RATE
    swing = size * (1 + random.normal(0, 0.003)) * np.sin(2 * np.pi * hz * t + random.uniform(0, 6))
    samples = np.stack([swing, 0.5 * swing, 1000 + 0.2 * swing], axis=1) + random.normal(0, 6, (len(t), 3))
    name = f"{label}_{number}"
    return Recording(samples, ACC, RATE, {"label": (Span(0, len(t), label),)}, name, name, f"{name}.csv")


def machine(normal: int = 8, faults: int = 3) -> Dataset:
    runs = [(label, i) for label in ("slow", "fast") for i in range(normal)]
    return Dataset(tuple(recording(*run) for run in [*runs, *(("broken", i) for i in range(faults))]))


NORMAL = ("slow", "fast")
SMALL = ProjectOptions(target="stm32", device="cortex-m4", name="toy", window=52, stride=26)


@pytest.fixture(scope="module")
def delivery() -> ProjectDelivery:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    return train_anomaly(machine(), SMALL, AnomalyOptions("gmm", NORMAL))


def test_faults_are_found_and_normal_runs_are_quiet(delivery: ProjectDelivery) -> None:
    verdict = delivery.report["alarms"]
    assert verdict["detection"]["found"] == verdict["detection"]["anomalies"] == 3
    # what the test shows does not contradict what the calibration claims
    claimed = delivery.report["threshold"]["calibration"]["high_per_hour"]
    assert verdict["false_alarms"]["low_per_hour"] <= claimed
    assert verdict["curve"]["auc"] > 0.99
    assert abs(verdict["curve"]["auc"] - verdict["float"]["auc"]) < 0.01
    assert [level["first_divergence"] for level in delivery.report["proof"]["levels"]] == [None, None]
    assert delivery.report["cost"]["library"]["flash"] > 0


def test_the_threshold_is_what_is_emitted_and_what_the_claim_says(delivery: ProjectDelivery) -> None:
    chosen = delivery.report["threshold"]
    model = delivery.pipeline.model
    assert isinstance(model, Detector)
    assert model.threshold == chosen["value"] == delivery.traces[0].scores[0, 0]
    assert chosen["calibration"]["events"] == 0
    calibration = chosen["calibration"]
    assert calibration["high_per_hour"] == pytest.approx(2.9957 / calibration["hours"], rel=1e-3)
    # the answer is an alarm exactly above it
    for trace in delivery.traces:
        assert (trace.answer == (trace.scores[:, 1] > chosen["value"])).all()


def test_alarms_are_explained(delivery: ProjectDelivery) -> None:
    alarms = [a for a in delivery.report["alarms"]["list"] if a["state"] == "anomaly"]
    assert {a["recording"] for a in alarms} == {f"broken_{i}" for i in range(3)}
    for alarm in alarms:
        assert alarm["score"] > delivery.report["threshold"]["value"]
        shares = [part["share"] for part in alarm["because"]]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1.0001
        assert {part["feature"] for part in alarm["because"]} <= {
            one["name"] for one in delivery.report["features"]["each"]
        }


def test_no_group_is_on_two_sides(delivery: ProjectDelivery) -> None:
    index = json.loads(delivery.files["model.sai"])
    assert not set(index["test_groups"]) & set(index["train_groups"])
    assert {r.group for r in delivery.recordings} == set(index["test_groups"])


def test_the_same_seed_gives_the_same_bytes(delivery: ProjectDelivery) -> None:
    again = train_anomaly(machine(), SMALL, AnomalyOptions("gmm", NORMAL))
    assert again.files == delivery.files


def test_anomalies_shape_nothing(delivery: ProjectDelivery) -> None:
    """A detector learnt where other faults are tested is the same detector."""
    others = tuple(
        replace(r, samples=1000 - 0.5 * r.samples[::-1]) if r.name.startswith("broken") else r
        for r in machine()
    )
    other = train_anomaly(Dataset(others), SMALL, AnomalyOptions("gmm", NORMAL))
    assert other.report["anomaly"]["alarms"] != delivery.report["anomaly"]["alarms"]
    assert other.files["toy_data.c"] == delivery.files["toy_data.c"]
    assert other.report["threshold"] == delivery.report["threshold"]


def test_learning_on_the_device_is_proved() -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    made = train_anomaly(machine(6, 1), SMALL, AnomalyOptions("mahalanobis", NORMAL, learn=True))
    levels = [level["level"] for level in made.report["proof"]["levels"]]
    assert sum(level.endswith(", learning") for level in levels) == 2
    assert made.report["cost"]["learning"]["learn"] > 0
    assert b"toy_learn(" in made.files["toy.h"]


def test_features_by_name() -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    names = ("KURTOSIS", "CREST_FACTOR", "NORM_STD", "ENVELOPE_STD", "DOMINANT_BIN_2", "BAND_RMS")
    made = train_anomaly(machine(8, 1), SMALL, AnomalyOptions("isolation-forest", NORMAL, features=names))
    said = [one["name"] for one in made.report["features"]["each"]]
    for name in names:
        assert any(feature.startswith(f"{name}_") for feature in said), name
    assert sum(feature.startswith("NORM_STD_") for feature in said) == 1
    assert all(level["first_divergence"] is None for level in made.report["proof"]["levels"])
    with pytest.raises(ConfigError, match="window of"):
        train_anomaly(
            machine(4, 1),
            replace(SMALL, window=12, stride=12),
            AnomalyOptions("gmm", NORMAL, features=("ENVELOPE_DOMINANT_BIN",)),
        )


def test_refusals() -> None:
    with pytest.raises(DataError, match="cannot be claimed") as caught:
        train_anomaly(machine(), SMALL, AnomalyOptions("gmm", NORMAL, false_alarms=1 / 24))
    assert "held out" in (caught.value.hint or "")
    with pytest.raises(DataError, match="too few"):
        train_anomaly(machine(3), replace(SMALL, window=416, stride=416), AnomalyOptions("gmm", NORMAL))
    with pytest.raises(ConfigError, match="cannot learn on the device"):
        train_anomaly(machine(), SMALL, AnomalyOptions("gmm", NORMAL, learn=True))
    with pytest.raises(ConfigError, match="unknown detector"):
        train_anomaly(machine(), SMALL, AnomalyOptions("svm", NORMAL))
    short = [recording("slow", i, 16.0) for i in range(3)] + [recording("fast", 0, 20.0)]
    with pytest.raises(DataError, match="as long as a window of 900 samples"):
        train_anomaly(
            Dataset(tuple(short)), replace(SMALL, window=900, stride=900), AnomalyOptions("gmm", ("slow",))
        )
    still = Dataset(tuple(replace(recording("slow", i), samples=np.ones((832, 3))) for i in range(4)))
    with pytest.raises(DataError, match="no feature of the normal windows varies"):
        train_anomaly(still, SMALL, AnomalyOptions("gmm", ("slow",)))
    bad = machine()
    bad.recordings[0].samples[5, 1] = np.nan
    with pytest.raises(DataError, match="no numbers"):
        train_anomaly(bad, SMALL, AnomalyOptions("gmm", NORMAL))


# ---------------------------------------------------------------- box


def test_bounds_are_exact_at_the_edge() -> None:
    middle, reach = np.array([[1.0]]), np.array([[0.5]])
    box = envelope.Envelope(None, middle, reach, reach).box(envelope.STEPS - 1)
    # a margin of one half range: from 0.5 to 1.5, both within
    inside = np.array([[0.5], [1.5], [1.0]])
    assert box.predict(inside).tolist() == [0, 0, 0]
    above = half.to_float(half.nearest(1.5) + 1)
    below = half.to_float(half.below(half.nearest(0.5)))
    assert box.predict(np.array([[above], [below]])).tolist() == [1, 1]
    assert half.to_float(half.nearest(float(box.upper[0, 0]))) == box.upper[0, 0]
    assert half.to_float(half.nearest(float(box.lower[0, 0]))) == box.lower[0, 0]


def test_the_tree_decides_as_the_box() -> None:
    random = np.random.default_rng(3)
    x = random.normal(0, 1, (200, 3)) * [1, 5, 0.1] + [0, 20, 3]
    learnt = envelope.Envelope.of(x)
    box = learnt.box(envelope.STEPS)
    tree = box.tree((1, 4))
    probe = np.concatenate([x * 1.4, box.lower, box.upper, np.nextafter(box.upper, np.inf), x - 2])
    codes = [_walk(tree, row) for row in probe]
    assert [int(c == 4) for c in codes] == box.predict(probe).tolist()


def _walk(tree: Tree, row: npt.NDArray[np.float64]) -> int:
    node = tree.root
    while node >= 0:
        left = row[tree.feature[node]] <= tree.threshold[node]
        node = int(tree.left[node] if left else tree.right[node])
    return ~node


def test_a_box_for_every_state_from_the_registers() -> None:
    made = mlcbox.train_box(machine(), MlcOptions(name="toy", window=52), "label", NORMAL)
    done = deliver(made.trained, "toy", 0)
    (level,) = done.report["proof"]["levels"]
    assert level["windows"] > 50
    assert level["first_divergence"] is None
    report = mlcbox.report_of(made, done, "label", 0)
    assert report["alarms"]["detection"]["found"] == 3
    assert report["alarms"]["false_alarms"]["events"] <= 1
    assert made.envelope.states is not None
    # what is judged is what the registers say
    emitted = decode(parse_register_file(done.files["toy.json"], "toy.json")).config
    labels = emitted.trees[0].labels
    trace = next(t for r, t in zip(done.recordings, done.traces, strict=True) if r.name == "broken_0")
    assert labels[int(trace.decided[-1, 0])] == "anomaly"
    assert mlcbox.decisions(np.array([0]), emitted).tolist() == [NONE]
    with pytest.raises(DataError, match="cannot be claimed"):
        mlcbox.train_box(machine(), MlcOptions(name="toy", window=52), "label", NORMAL, false_alarms=1 / 24)


# ---------------------------------------------------------------- known faults


def test_a_classifier_is_judged_by_its_alarms() -> None:
    with pytest.raises(ConfigError, match="needs logs of faults"):
        supervised.check_faults(machine(faults=0), "label", NORMAL)
    assert supervised.check_faults(machine(), "label", NORMAL) == NORMAL


def test_a_claim_that_the_test_contradicts_is_said() -> None:
    chosen = alarms.Threshold(5, None, alarms.rate(0, 1.0), 60.0)
    rows = [{"label": "slow", "events": 30, "hours": 1.0}, {"label": "moved", "events": 90, "hours": 1.0}]
    verdict = {"false_alarms": {"by_label": rows}}
    (note,) = anomaly.contradiction(chosen, verdict, ("moved",))
    assert "does not hold on the test: at least 21" in note
    rows[0]["events"] = 3
    assert anomaly.contradiction(chosen, verdict, ("moved",)) == []


def test_alarms_of_a_classifier_name_its_faults() -> None:
    verdict = {"false_alarms": {}, "detection": {"by_label": [{"label": "broken"}, {"label": "bent"}]}}
    report = supervised.with_alarms({"name": "pump", "task": "classify"}, verdict, ("slow",))
    labels = {"normal": ["slow"], "unseen": [], "faults": ["broken", "bent"]}
    assert report == {"name": "pump", "task": "anomaly", "alarms": {**labels, **verdict}}
