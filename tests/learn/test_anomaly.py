"""Detectors from logs: in C, on the MLC, and classifiers of known faults judged as alarms."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.errors import ConfigError, DataError, ExperimentError
from sensorai.learn import envelope, faults
from sensorai.learn.lines import line
from sensorai.learn.mlcbox import RegisterBox
from sensorai.mlc import half
from sensorai.mlc.decode import decode
from sensorai.mlc.regfile import parse_register_file
from sensorai.model.decision import NONE
from sensorai.model.detector import Detector
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Pipeline
from sensorai.recording import NO_RESULT, Channel, Dataset, Recording, Span
from sensorai.result import Result
from sensorai.verify import alarms, anomaly
from tests import roads
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
SMALL: dict[str, Any] = {"target": "stm32", "window": 52, "stride": 26}


def detect(data: Dataset, model: str = "gmm", normal: tuple[str, ...] = NORMAL, **more: Any) -> Result:
    """What comes of learning a detector."""
    return roads.made(data, task="anomaly", model=model, normal=normal, **{**SMALL, **more})


@pytest.fixture(scope="module")
def made() -> Result:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    return detect(machine())


def test_faults_are_found_and_normal_runs_are_quiet(made: Result) -> None:
    report = made.report.figures
    verdict = report["alarms"]
    assert verdict["detection"]["found"] == verdict["detection"]["anomalies"] == 3
    # what the test shows does not contradict what the calibration claims
    claimed = report["threshold"]["calibration"]["high_per_hour"]
    assert verdict["false_alarms"]["low_per_hour"] <= claimed
    assert verdict["curve"]["auc"] > 0.99
    assert abs(verdict["curve"]["auc"] - verdict["float"]["auc"]) < 0.01
    assert [level["first_divergence"] for level in report["proof"]["levels"]] == [None, None]
    assert report["cost"]["library"]["flash"] > 0
    stronger = verdict["made_up"][0]
    assert stronger["kind"] == "stronger"
    assert [size["found"] == size["windows"] > 0 for size in stronger["sizes"]][-2:] == [True, True]
    assert made.report.text().count("most normal windows that were changed are above the threshold") == 1


def test_the_threshold_is_what_is_emitted_and_what_the_claim_says(made: Result) -> None:
    chosen = made.report.figures["threshold"]
    pipeline, traces = made.artifact.model, [trace.raw for trace in made.proof.traces]
    assert isinstance(pipeline, Pipeline)
    model = pipeline.model
    assert isinstance(model, Detector)
    assert model.threshold == chosen["value"] == traces[0].scores[0, 0]
    assert chosen["calibration"]["events"] == 0
    calibration = chosen["calibration"]
    assert calibration["high_per_hour"] == pytest.approx(2.9957 / calibration["hours"], rel=1e-3)
    # the answer is an alarm exactly above it
    for trace in traces:
        assert (trace.answer == (trace.scores[:, 1] > chosen["value"])).all()


def test_alarms_are_explained(made: Result) -> None:
    report = made.report.figures
    features = {one["name"] for one in report["features"]["each"]}
    alarms = [a for a in report["alarms"]["list"] if a["state"] == "anomaly"]
    assert {a["recording"] for a in alarms} == {f"broken_{i}" for i in range(3)}
    for alarm in alarms:
        assert alarm["score"] > report["threshold"]["value"]
        shares = [part["share"] for part in alarm["because"]]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1.0001
        assert {part["feature"] for part in alarm["because"]} <= features


def test_no_group_is_on_two_sides(made: Result) -> None:
    index = json.loads(made.files["model.sai"])
    assert not set(index["test_groups"]) & set(index["train_groups"])
    assert {trace.recording.group for trace in made.proof.traces} == set(index["test_groups"])


def test_the_same_seed_gives_the_same_bytes(made: Result) -> None:
    assert detect(machine()).files == made.files


def test_anomalies_shape_nothing(made: Result) -> None:
    """A detector learnt where other faults are tested is the same detector."""
    others = tuple(
        replace(r, samples=1000 - 0.5 * r.samples[::-1]) if r.name.startswith("broken") else r
        for r in machine()
    )
    other = detect(Dataset(others))
    mine, theirs = made.report.figures, other.report.figures
    assert theirs["alarms"]["list"] != mine["alarms"]["list"]
    assert other.files["toy_data.c"] == made.files["toy_data.c"]
    assert theirs["threshold"] == mine["threshold"]


def test_learning_on_the_device_is_proved() -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    made = detect(machine(6, 1), "mahalanobis", learn="on-device")
    report = made.report.figures
    levels = [level["level"] for level in report["proof"]["levels"]]
    assert sum(level.endswith(", learning") for level in levels) == 2
    assert report["cost"]["learning"]["learn"] > 0
    assert report["model"]["learns"]
    assert b"toy_learn(" in made.files["toy.h"]


def test_features_by_name() -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    names = ("KURTOSIS", "CREST_FACTOR", "NORM_STD", "ENVELOPE_STD", "DOMINANT_BIN_2", "BAND_RMS")
    report = detect(machine(8, 1), features=names).report.figures
    said = [one["name"] for one in report["features"]["each"]]
    for name in names:
        assert any(feature.startswith(f"{name}_") for feature in said), name
    assert sum(feature.startswith("NORM_STD_") for feature in said) == 1
    assert all(level["first_divergence"] is None for level in report["proof"]["levels"])
    with pytest.raises(ConfigError, match="window of"):
        detect(machine(4, 1), window=12, stride=12, features=("ENVELOPE_DOMINANT_BIN",))


def test_refusals() -> None:
    with pytest.raises(DataError, match="cannot be claimed") as caught:
        detect(machine(), false_alarms="1/day")
    assert "held out" in (caught.value.hint or "")
    with pytest.raises(DataError, match="too few"):
        detect(machine(3), window=416, stride=416)
    with pytest.raises(ConfigError, match="learns one normal state, and of 2 it is blind"):
        detect(machine(), "isolation-forest")
    with pytest.raises(ExperimentError, match="--learn on-device is for --model mahalanobis, not for gmm"):
        detect(machine(), learn="on-device")
    with pytest.raises(ExperimentError, match="--model 'svm' is none of tree, box, forest"):
        detect(machine(), "svm")
    short = [recording("slow", i, 16.0) for i in range(3)] + [recording("fast", 0, 20.0)]
    with pytest.raises(DataError, match="as long as a window of 900 samples"):
        detect(Dataset(tuple(short)), normal=("slow",), window=900, stride=900)
    still = Dataset(tuple(replace(recording("slow", i), samples=np.ones((832, 3))) for i in range(4)))
    with pytest.raises(DataError, match="no feature of the normal windows varies"):
        detect(still, normal=("slow",))
    bad = machine()
    bad.recordings[0].samples[5, 1] = np.nan
    with pytest.raises(DataError, match="no numbers"):
        detect(bad)


# ---------------------------------------------------------------- box


def test_bounds_are_exact_at_the_edge() -> None:
    middle, reach = np.array([[1.0]]), np.array([[0.5]])
    box = envelope.Envelope(None, middle, reach, reach, np.zeros(1, bool)).box(envelope.STEPS - 1)
    # a margin of one half range: from 0.5 to 1.5, both within
    inside = np.array([[0.5], [1.5], [1.0]])
    assert box.predict(inside).tolist() == [0, 0, 0]
    above = half.to_float(half.nearest(1.5) + 1)
    below = half.to_float(half.below(half.nearest(0.5)))
    assert box.predict(np.array([[above], [below]])).tolist() == [1, 1]
    assert half.to_float(half.nearest(float(box.upper[0, 0]))) == box.upper[0, 0]
    assert half.to_float(half.nearest(float(box.lower[0, 0]))) == box.lower[0, 0]


def test_energies_are_bounded_by_ratio() -> None:
    """From half to four times as much is one half range each way; the other feature is as far in steps."""
    x = np.array([[2.0, 2.0], [4.0, 4.0], [16.0, 16.0]])
    learnt = envelope.Envelope.of(x, ratio=[True, False])
    assert learnt.away(np.array([[1.0, 4.0], [64.0, 4.0]]))[:, 0] == pytest.approx([2, 2])
    assert learnt.away(np.array([[4.0, 0.0], [4.0, 28.0]]))[:, 1] == pytest.approx([2, 2])
    box = learnt.box(2 * envelope.STEPS - 1)
    assert box.upper[0] == pytest.approx([64, 28], rel=1e-3)
    assert box.lower[0] == pytest.approx([1, 0], abs=1e-3)
    # zero is a number where it is usual, and no bound leaves the halves
    assert box.predict(np.array([[0.0, 4.0]])).tolist() == [1]
    at_rest = envelope.Envelope.of(np.array([[0.0], [0.0], [1.0]]), ratio=[True]).box(envelope.STEPS)
    assert at_rest.predict(np.array([[0.0], [1.0]])).tolist() == [0, 0]
    assert learnt.box(2**20).upper[0, 0] <= 65504


def test_the_tree_decides_as_the_box() -> None:
    random = np.random.default_rng(3)
    x = random.normal(0, 1, (200, 3)) * [1, 5, 0.1] + [0, 20, 3]
    learnt = envelope.Envelope.of(x, ratio=[False, True, False])
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
    box: dict[str, Any] = {"target": "mlc", "stride": None}
    made = detect(machine(), "box", **box)
    report = made.report.figures
    levels = {level["level"]: level for level in report["proof"]["levels"]}
    assert levels["the trained box"]["windows"] > 50
    assert {level["first_divergence"] for level in levels.values()} == {None}
    assert report["alarms"]["detection"]["found"] == 3
    assert report["alarms"]["false_alarms"]["events"] <= 1
    detector = made.learnt.detector
    assert isinstance(detector, RegisterBox)
    assert detector.envelope.states is not None
    # what is judged is what the registers say
    emitted = decode(parse_register_file(made.files["toy.json"], "toy.json")).config
    labels = emitted.trees[0].labels
    trace = next(t for t in made.proof.traces if t.recording.name == "broken_0")
    assert labels[int(trace.raw.decided[-1, 0])] == trace.decided[0][-1] == "anomaly"
    # before a decision there is neither
    assert alarms.decisions([NO_RESULT]).tolist() == [NONE]
    with pytest.raises(DataError, match="cannot be claimed"):
        detect(machine(), "box", false_alarms="1/day", **box)


# ---------------------------------------------------------------- known faults


def test_a_classifier_is_judged_by_its_alarms() -> None:
    with pytest.raises(ConfigError, match="needs logs of faults"):
        faults.check_faults(machine(faults=0), "label", NORMAL)
    assert faults.check_faults(machine(), "label", NORMAL) == NORMAL


def test_a_claim_that_the_test_contradicts_is_said() -> None:
    chosen = alarms.Threshold(5, None, alarms.rate(0, 1.0), 60.0)
    rows = [{"label": "slow", "events": 30, "hours": 1.0}, {"label": "moved", "events": 90, "hours": 1.0}]
    verdict = {"false_alarms": {"by_label": rows}}
    (note,) = anomaly.contradiction(chosen, verdict, ("moved",))
    assert "does not hold on the test: at least 21" in note
    rows[0]["events"] = 3
    assert anomaly.contradiction(chosen, verdict, ("moved",)) == []


@pytest.mark.parametrize("target", ["mlc", "stm32"])
def test_what_a_classifier_of_faults_says_as_alarms(target: str) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    options: dict[str, Any] = {"target": target, "task": "anomaly", "model": "tree", "normal": NORMAL}
    figures = roads.made(machine(8, 8), window=52, folds=2, **options).report.figures
    verdict = figures["alarms"]
    assert (verdict["normal"], verdict["faults"]) == (list(NORMAL), ["broken"])
    assert verdict["detection"]["found"] == verdict["detection"]["anomalies"] > 0
    assert {row["label"] for row in verdict["false_alarms"]["by_label"]} == set(NORMAL)
    assert verdict["false_alarms"]["events"] == 0
    # it still says which class it is
    (classifier,) = figures["classifiers"]
    assert {one["name"] for one in classifier["classes"]} == set(STATES)
    assert classifier["held_out"]["answer"]["balanced_accuracy"] > 0.9


def test_the_line_that_keeps_still_is_found() -> None:
    """Of two lines the one that keeps its size is taken, although the other is stronger; of noise none."""
    random = np.random.default_rng(2)
    t = np.arange(520) / RATE
    logs = []
    for i in range(8):
        still, wild = np.sin(2 * np.pi * 17.0 * t + i), random.uniform(0.1, 9) * np.sin(2 * np.pi * 6.0 * t)
        samples = 100 * (still + wild)[:, None] + random.normal(0, 3, (520, 3))
        logs.append(Recording(samples, ACC, RATE, {"label": (Span(0, 520, "slow"),)}, f"{i}", f"{i}"))
    at = line(logs, "label", ("slow",), "acc", 104)
    assert at is not None
    assert at == pytest.approx(17.0 / RATE, abs=0.5 / 104)
    assert line(logs, "label", ("other",), "acc", 104) is None
    # a window of fewer bins than bands says nothing
    assert line(logs, "label", ("slow",), "acc", 20) is None
