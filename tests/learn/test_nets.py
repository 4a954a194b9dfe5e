"""Nets: what is learnt with is what the integer net computes; tiny trainings; refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.cli.fields import table
from sensorai.errors import ConfigError, DataError, TargetError
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.learn import qat, shapes
from sensorai.learn.description import options_from
from sensorai.learn.lower import lower, lower_float
from sensorai.learn.masks import Masks
from sensorai.learn.nets import NetOptions, TrainedNet, class_weights, train_net
from sensorai.ops.add import Add
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.dense import Dense
from sensorai.ops.relu import Relu
from sensorai.road import Need
from tests.codegen.nets import linear
from tests.learn.counted import counted, split

QUICK = NetOptions(sizes=(8, 8), epochs=12, tune_epochs=3, features=8, batch=16, rate=2e-2, taught=False)


def random_net(family: str, binary: bool, seed: int) -> tuple[Graph, qat.Params]:
    if family == "mlp":
        graph = shapes.mlp(11, (40, 9), 4, binary=binary, seed=seed)
    else:
        graph = shapes.cnn(13, 3, (6, 8, 5), 4, kernel=3, binary=binary, seed=seed)
    rng = np.random.default_rng(seed)
    params: qat.Params = {}
    for node in graph.nodes:
        own = {k: np.asarray(v) for k, v in graph.constants(node).items()}
        # in front of batch normalisation biases stay at their first value, 0
        if "weights" in own and (not binary or node.output in graph.outputs):
            own["bias"] = rng.normal(0, 0.3, own["bias"].shape).astype(np.float32)
        if isinstance(node.op, BatchNorm):
            own = {k: rng.normal(0, 0.8, v.shape).astype(np.float32) for k, v in own.items()}
            own["variance"] = np.abs(own["variance"]) + np.float32(0.5)
        if own:
            params[node.output] = own
    return graph, params


def scores(graph: Graph, params: qat.Params, x: Any, scales: qat.Scales) -> np.ndarray[Any, Any]:
    import jax

    run = jax.jit(lambda p, x: qat.forward(graph, p, x, scales)[0][graph.outputs[0]])
    return np.asarray(run(params, x), np.float64)


@pytest.mark.parametrize("family", ["mlp", "cnn"])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_forward_pass_of_training_is_the_integer_net(family: str, binary: bool, seed: int) -> None:
    """Every score of the rounded forward pass, times its scale, is the accumulator of the device."""
    graph, params = random_net(family, binary, seed)
    rng = np.random.default_rng(seed)
    q = np.clip(np.rint(rng.normal(0, 50, (60, *graph.tensors["input"].shape))), -128, 127).astype(np.int8)
    x = (q / np.float32(32)).astype(np.float32)
    scales = qat.Scales({"input": 5}) if binary else qat.calibrate(graph, params, x, 5)
    net = lower(graph, params, scales)
    got = interpret.output(net, q)
    score = net.tensors[net.outputs[0]]
    assert score.dtype == "int32"
    values = scores(graph, params, x, scales)
    # a batch norm at its threshold in float32 may fall on the other side
    same = (values * 2.0**score.places == got).all(axis=1)
    assert same.mean() >= (0.95 if binary else 1.0)
    assert len(np.unique(got)) > 4
    if not binary:
        off = replace(scales, places={k: v - (k != "input") for k, v in scales.places.items()})
        assert not np.array_equal(interpret.output(lower(graph, params, off), q), got)


@pytest.mark.parametrize("seed", range(3))
def test_forward_pass_of_a_residual_net_is_the_integer_net(seed: int) -> None:
    """Sums of two tensors are rounded while learning where the device rounds them."""
    rng = np.random.default_rng(seed)
    b = Builder((7,))
    first = b.add(Dense(), params=linear(rng, 7, 7))
    first = b.add(Relu())
    b.add(Dense(), params=linear(rng, 7, 7))
    b.add(Add(), first, b.last)
    b.add(Relu())
    b.add(Dense(), params=linear(rng, 3, 7))
    graph = b.graph()
    params = {n.output: graph.constants(n) for n in graph.nodes if n.roles}
    q = np.clip(np.rint(rng.normal(0, 50, (60, 7))), -128, 127).astype(np.int8)
    x = (q / np.float32(32)).astype(np.float32)
    scales = qat.calibrate(graph, params, x, 5)
    net = lower(graph, params, scales)
    got = interpret.output(net, q)
    values = scores(graph, params, x, scales)
    assert np.array_equal(values * 2.0 ** net.tensors[net.outputs[0]].places, got)


@pytest.mark.parametrize("family", ["mlp", "cnn"])
def test_float_net_on_the_device_is_the_float_net(family: str) -> None:
    graph, params = random_net(family, False, 5)
    q = np.random.default_rng(0).integers(-128, 128, (20, *graph.tensors["input"].shape)).astype(np.int8)
    net = lower_float(graph, params, 5)
    values = scores(graph, params, q / np.float32(32), qat.Scales())
    assert np.allclose(interpret.output(net, q), values, rtol=1e-4, atol=1e-4)


def test_gradients_pass_through_rounding_and_signs() -> None:
    import jax

    for family in ("mlp", "cnn"):
        for binary in (False, True):
            graph, params = random_net(family, binary, 3)
            x = np.random.default_rng(1).normal(0, 1, (30, *graph.tensors["input"].shape)).astype(np.float32)
            scales = qat.Scales({"input": 5}) if binary else qat.calibrate(graph, params, x, 5)

            def total(p: qat.Params, graph: Graph = graph, x: Any = x, scales: qat.Scales = scales) -> Any:
                values, _ = qat.forward(graph, p, x, scales, training=True)
                return (values[graph.outputs[0]][:, 0] ** 2).sum()

            slopes = jax.jit(jax.grad(total))(params)
            for node in graph.nodes:
                if "weights" in node.roles:
                    assert (np.abs(np.asarray(slopes[node.output]["weights"])) > 0).any(), node.output


def trained(**changes: Any) -> tuple[TrainedNet, Masks]:
    data = counted()
    parts = split(data)
    return train_net(data, parts, replace(QUICK, **changes)), parts


@pytest.mark.parametrize("precision", ["int8", "binary", "float32"])
def test_small_mlp_learns(precision: str) -> None:
    net, _ = trained(precision=precision, sizes=(32, 16) if precision == "binary" else (8, 8))
    assert net.accuracy["test"] >= 0.9
    assert net.float_accuracy["test"] >= 0.9
    stages = {"int8": {"float", "int8"}, "binary": {"float", "binary"}, "float32": {"float"}}
    assert {e.stage for e in net.curve} == stages[precision]
    assert net.graph.tensors[net.graph.inputs[0]].dtype == "int8"
    assert 0 < len(net.features) <= QUICK.features
    kinds = {t.dtype for t in net.graph.tensors.values()}
    assert ("binary" in kinds) == (precision == "binary")


def test_small_cnn_learns() -> None:
    net, _ = trained(family="cnn", sizes=(4, 6), kernel=3)
    assert net.accuracy["test"] >= 0.9
    assert net.features == ()


def test_the_seed_decides() -> None:
    def bits(t: TrainedNet) -> list[bytes]:
        return [v.tobytes() for n in t.graph.nodes for v in t.graph.constants(n).values()]

    net, again, other = (trained(precision="float32", sizes=(6,), epochs=2, seed=s)[0] for s in (0, 0, 1))
    assert bits(again) == bits(net)
    assert again.curve == net.curve
    assert bits(other) != bits(net)


def test_sizes_for_a_memory() -> None:
    net, _ = trained(precision="float32", sizes=(), flash_bytes=300, epochs=1)
    assert net.options.sizes == (8,)
    assert [one.size for one in net.choice.tried] == [
        "layers of 48 on 8 features",
        "layers of 40 on 8 features",
        "layers of 40 on 7 features",
        "layers of 32 on 5 features",
        "layers of 16 on 4 features",
        "layers of 8 on 2 features",
    ]
    assert "bytes too large" in net.choice.tried[0].verdict
    assert net.choice.tried[-1].verdict == "taken"
    with pytest.raises(TargetError, match="bytes too large") as caught:
        trained(sizes=(), flash_bytes=30)
    assert "dense_0" in str(caught.value)


@pytest.mark.parametrize(("precision", "sizes"), [("int8", (40,)), ("binary", (128, 64))])
def test_unasked_a_binary_net_may_take_more(
    monkeypatch: pytest.MonkeyPatch, precision: str, sizes: tuple[int, ...]
) -> None:
    """Of 12 kB an int8 net is too large; a binary one says as much only when it is as large."""
    monkeypatch.setattr(qat, "learn", lambda graph, params, *_: (params, []))

    def needs(graph: Graph, features: Any, scaling: Any) -> Need:
        return Need(12_000 if graph.tensors["dense_0"].shape[-1] > 40 else 8_000, 0, "counted")

    data = counted()
    wanted = replace(QUICK, precision=precision, sizes=(), any_side=True)
    assert train_net(data, split(data), wanted, needs=needs).options.sizes == sizes


def test_rare_classes_weigh_more_but_not_without_end() -> None:
    weights = class_weights(np.array([0] * 90 + [1] * 10), 2)
    assert weights.tolist() == pytest.approx([0.5 / 0.9, 5.0])
    assert class_weights(np.array([0] * 999 + [1]), 2)[1] == 8


def test_too_little_to_learn_from() -> None:
    data = counted(rows=18)
    with pytest.raises(DataError, match="too few"):
        train_net(data, split(data), QUICK)
    data = counted()
    parts = split(data)
    lost = replace(parts, train=parts.train & (data.y != 1))
    with pytest.raises(DataError, match="class1"):
        train_net(data, lost, QUICK)


def described(tmp_path: Path, text: str) -> NetOptions:
    """Options of a net in a file, as ``--net`` takes them."""
    file = tmp_path / "net.toml"
    file.write_text(text)
    return options_from(table(file, "--net"), NetOptions, "net")


def test_net_description_in_toml(tmp_path: Path) -> None:
    text = 'family = "cnn"\nsizes = [4, 8]\nrate = 0.01\nprecision = "binary"\n'
    assert described(tmp_path, text) == NetOptions("cnn", "binary", (4, 8), rate=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size = [4]", "no setting 'size'"),
        ("sizes = [0]", r"layers of \[0\]"),
        ("sizes = 4", "wrong type"),
        ("epochs = true", "wrong type"),
        ("epochs = 0", "at least 1"),
        ("rate = 2.0", "learning rate"),
        ('family = "rnn"', "family 'rnn'"),
        ("family =", "this is no TOML"),
    ],
)
def test_bad_net_descriptions(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        described(tmp_path, text)
