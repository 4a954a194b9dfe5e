"""Detectors: their arithmetic against sums in plain integers, their store, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Pow2
from sensorai.model import detector as detectors
from sensorai.model import isolation
from sensorai.model.contributions import contributions
from sensorai.model.detector import Detector, from_dict, to_dict
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.gaussians import Gaussians
from sensorai.model.isolation import Isolation
from sensorai.model.pipeline import Pipeline, run
from sensorai.model.prototypes import Prototypes
from sensorai.model.scaling import Scaling
from tests.codegen.detectors import DETECTORS, TOP, autoencoder, gaussians, rows_of
from tests.verify.pipelines import detector as pipeline
from tests.verify.pipelines import samples

cases = pytest.mark.parametrize("one", DETECTORS.values(), ids=DETECTORS.keys())


def plain(one: Detector, row: list[int]) -> int:
    """The score of one row in Python's own integers, written from the definition."""
    core = one.core
    if isinstance(core, Gaussians):
        best = TOP
        for k in range(core.components):
            total = int(core.bias[k])
            for i in range(core.features):
                acc = sum(int(core.weight[k, i, j]) * (row[j] - int(core.mean[k, j])) for j in range(i + 1))
                assert abs(acc) < 2**30
                shift = int(core.shift[k, i])
                y = (acc + ((1 << shift) >> 1)) >> shift
                total += min(max(y, -32768), 32767) ** 2
            best = min(best, total)
        return best
    if isinstance(core, Prototypes):
        squares = [sum((a - int(b)) ** 2 for a, b in zip(row, p, strict=True)) for p in core.points]
        return sum(sorted(squares)[: core.neighbours])
    if isinstance(core, Isolation):
        total = 0
        for tree in core.trees.trees:
            at = tree.root
            while at >= 0:
                left = row[tree.feature[at]] <= tree.threshold[at]
                at = int(tree.left[at] if left else tree.right[at])
            total += core.trees.total - int(core.trees.votes[~at, 0])
        return total
    made = detectors.reconstruct(core, np.array([row]))[0]
    return sum((a - int(b)) ** 2 for a, b in zip(row, made, strict=True))


@cases
def test_scores_are_those_of_the_definition(one: Detector) -> None:
    rows = rows_of(one, 8)
    got = one.scores(rows)
    assert got.dtype == np.int32
    assert (got[:, 0] == one.threshold).all()
    assert got[:, 1].tolist() == [plain(one, row) for row in rows.tolist()]
    assert (got >= 0).all()


@cases
def test_store(one: Detector) -> None:
    again = from_dict(json.loads(json.dumps(to_dict(one))))
    rows = rows_of(one, 5)
    assert np.array_equal(again.scores(rows), one.scores(rows))
    assert (again.kind, again.threshold, again.input_type) == (one.kind, one.threshold, one.input_type)
    assert to_dict(again) == to_dict(one)


@cases
def test_no_rows(one: Detector) -> None:
    empty = np.zeros((0, one.inputs), one.input_type)
    assert one.scores(empty).shape == (0, 2)
    assert contributions(one, empty).shape == (0, one.inputs)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_the_threshold_itself_is_normal(offset: int) -> None:
    one = pipeline("mahalanobis", wins=0)
    assert isinstance(one.model, Detector)
    trace = run(one, samples(1))
    assert (trace.scores[:, 1] == one.model.threshold).any()
    moved = replace(one, model=one.model.with_threshold(one.model.threshold + offset))
    answer = run(moved, samples(1)).answer
    assert answer.tolist() == (trace.scores[:, 1] > one.model.threshold + offset).astype(int).tolist()
    assert 0 < answer.sum() < len(answer)


@cases
def test_contributions_add_up(one: Detector) -> None:
    rows = rows_of(one, 10)
    shares, scores = contributions(one, rows), one.distances(rows)
    assert shares.shape == rows.shape
    if isinstance(one.core, Gaussians):
        distances = one.core.distances(rows)
        squares = (one.core.whitened(rows).astype(float) ** 2).sum(axis=2)
        expected = squares[np.arange(len(rows)), distances.argmin(axis=1)]
        assert np.allclose(shares.sum(axis=1), expected, rtol=1e-9, atol=1e-6)
    elif not isinstance(one.core, Isolation):
        assert np.array_equal(shares.sum(axis=1), scores)
    else:
        assert (shares <= scores[:, None]).all()


@pytest.mark.parametrize("kind", ["mahalanobis", "prototypes", "isolation-forest"])
def test_the_feature_that_moved_is_named(kind: str) -> None:
    from sensorai.learn.detectors import fit_detector

    rng = np.random.default_rng(4)
    x = np.rint(rng.normal(0, [1e3, 1e5, 30, 1e7], (400, 4))).astype(np.int32)
    found = fit_detector(kind, x)
    rows = np.tile(np.median(x, axis=0), (4, 1)).astype(np.int32)
    rows[np.arange(4), np.arange(4)] += np.array([8e3, -8e5, 240, 8e7]).astype(np.int32)
    inputs = rows if found.scaling is None else found.scaling.apply(rows)
    assert contributions(found.detector, inputs).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_bad_inputs_are_refused() -> None:
    one = DETECTORS["usual"]
    with pytest.raises(DataError, match="beyond 511"):
        one.scores(np.full((1, 12), 512, np.int16))
    with pytest.raises(DataError, match="rows of 12 values"):
        one.scores(np.zeros((1, 11), np.int16))
    with pytest.raises(DataError, match="rows of 12 values"):
        contributions(one, np.zeros((1, 11), np.int16))


def good() -> Any:
    return json.loads(json.dumps(to_dict(DETECTORS["mixture"])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(kind="svm"), "KeyError"),
        (lambda d: d.update(kind="mahalanobis"), "have no bias"),
        (lambda d: d.update(kind="prototypes"), "KeyError"),
        (lambda d: d.update(threshold=-1), "threshold of -1"),
        (lambda d: d.update(threshold=2**31), "threshold of 2147483648"),
        (lambda d: d.update(threshold=1.5), "threshold of 1.5"),
        (lambda d: d.update(threshold=True), "threshold of True"),
        (lambda d: d.pop("core"), "KeyError"),
        (lambda d: d["core"].pop("bias"), "KeyError"),
        (lambda d: d["core"]["bias"].pop(), "bias is int32 of shape"),
        (lambda d: d["core"]["bias"].__setitem__(0, -1), "negative bias"),
        (lambda d: d["core"]["shift"][0].__setitem__(0, 31), "shift above 30"),
        (lambda d: d["core"]["mean"][0].__setitem__(0, 512), "mean is beyond 511"),
        (lambda d: d["core"]["mean"][0].__setitem__(0, 40000), "OverflowError"),
        (lambda d: d["core"]["weight"][0][0].__setitem__(1, 1), "above the diagonal"),
        (lambda d: d["core"]["weight"][0][0].__setitem__(0, -32768), "-32768"),
        (lambda d: d.update(core=[]), "TypeError"),
    ],
)
def test_a_damaged_store_is_refused(change: Any, message: str) -> None:
    data = good()
    change(data)
    with pytest.raises(DataError, match=message) as caught:
        from_dict(data, "model.sai")
    assert caught.value.where == "model.sai"


def test_a_threshold_is_a_whole_number() -> None:
    one = DETECTORS["usual"]
    assert one.with_threshold(np.int32(7)).threshold == 7
    with pytest.raises(TypeError):
        one.with_threshold(7.0)  # type: ignore[arg-type]


def test_what_cannot_be_a_detector() -> None:
    with pytest.raises(ConfigError, match="'svm' are not known"):
        Detector("svm", gaussians(0, 1, 1, bias=0), 0)
    with pytest.raises(DataError, match="cannot be made of Prototypes"):
        Detector("gmm", Prototypes(np.zeros((1, 1), np.int16)), 0)
    with pytest.raises(DataError, match="17 components"):
        gaussians(0, 17, 2)
    with pytest.raises(DataError, match="of 33 features"):
        gaussians(0, 1, 33)
    with pytest.raises(DataError, match="257 prototypes"):
        Prototypes(np.zeros((257, 1), np.int16))
    with pytest.raises(DataError, match="2 neighbours of 1 prototypes"):
        Prototypes(np.zeros((1, 1), np.int16), 2)
    with pytest.raises(DataError, match="rows of int16"):
        Prototypes(np.zeros((1, 1), np.int32))
    with pytest.raises(DataError, match="beyond 511"):
        Prototypes(np.full((1, 1), 512, np.int16))
    tree = Tree.from_nodes([(0, 1.0, ~0, ~1)])
    with pytest.raises(DataError, match="votes are no paths"):
        Isolation(build([tree], np.eye(2), "ab", 1), (0,))
    with pytest.raises(DataError, match="centre"):
        isolation.build([tree], np.array([1, 2]), [2**31])
    with pytest.raises(DataError, match="shorter than 0"):
        isolation.build([tree], np.array([-1, 2]), [0])
    graph = autoencoder(1, 3, 2).core
    assert isinstance(graph, Graph)
    scored = Graph(graph.inputs, ("dense_0",), graph.tensors, graph.nodes)
    with pytest.raises(DataError, match="differ in shape or scale"):
        Detector("autoencoder", scored, 0)
    out = replace(graph.tensors[graph.outputs[0]], quant=Pow2(4))
    coarse = Graph(graph.inputs, graph.outputs, {**graph.tensors, out.name: out}, graph.nodes)
    with pytest.raises(DataError, match="differ in shape or scale"):
        Detector("autoencoder", coarse, 0)


def test_what_does_not_fit_a_pipeline() -> None:
    one = pipeline("mahalanobis")
    forest = pipeline("isolation-forest")
    assert one.scaling is not None

    def refused(base: Pipeline, message: str, **change: Any) -> None:
        with pytest.raises(ConfigError, match=message):
            replace(base, **change)

    refused(one, "needs a scaling to int16", scaling=None)
    refused(one, "takes int16, but is given int8", scaling=Scaling((0,) * 4, (0,) * 4))
    refused(forest, "takes int32, but is given int16", scaling=one.scaling)
    refused(
        one, "takes 4 inputs, not 3", features=one.features[:3], scaling=Scaling((0,) * 3, (0,) * 3, "int16")
    )
    refused(one, "two classes apart, not 3", classes=("a", "b", "c"))


def test_the_int16_grid() -> None:
    scaling = Scaling((10, 0, -(2**31)), (-5, 1, 31), "int16")
    x = np.array([[10, 1, 0], [11, 2, 2**31 - 1], [9, -1, -(2**31)], [26, 3, -1], [2**31 - 1, -3, 0]])
    assert scaling.apply(x).tolist() == [[0, 1, 1], [32, 1, 1], [-32, 0, 0], [511, 2, 1], [511, -1, 1]]
    assert scaling.apply(x).dtype == np.int16
    for bad in ({"type": "int32"}, {"type": "int8"}):
        with pytest.raises(ConfigError):
            Scaling((0,), (-1,), **bad)
    with pytest.raises(ConfigError, match="-5 to 31"):
        Scaling((0,), (-6,), "int16")


def test_normal_data_lie_on_the_grid() -> None:
    rng = np.random.default_rng(1)
    sizes = 10.0 ** np.arange(-1, 9)
    x = np.rint(np.clip(rng.normal(3 * sizes, sizes, (4000, 10)), -(2**31), 2**31 - 1)).astype(np.int32)
    x[:, 0] = 5
    scaling = Scaling.fit_normal(x)
    z = scaling.apply(x).astype(float)
    assert scaling.shift[0] == -5
    assert (z[:, 0] == 0).all()
    moving = z[:, 1:]
    # rounding adds a little
    assert (moving.std(axis=0) > 15.9).all()
    assert (moving.std(axis=0) < 32.1).all()
    assert (np.abs(moving[:, 3:].mean(axis=0)) < 0.2).all()
