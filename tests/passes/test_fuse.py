"""What belongs together is found once: the same for float32, for integers and while learning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Pow2
from sensorai.graph.spec import Level
from sensorai.ops.add import Add
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.flatten import Flatten
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.passes.annotate import Annotate
from sensorai.passes.change import Changed, run
from sensorai.passes.fuse import Fuse, chains, members
from sensorai.passes.take_int8 import TakeInt8
from sensorai.passes.trained import to_float32
from tests.codegen.nets import linear, norm, random_float_net


def conv_net(*after: object, head: bool = True) -> Graph:
    """A convolution, then what is given, then a dense layer."""
    rng = np.random.default_rng(0)
    b = Builder((9, 2))
    b.add(Conv1d(padding="same"), params=linear(rng, 4, 3, 2))
    for op in after:
        b.add(op, params=norm(rng, 4) if isinstance(op, BatchNorm) else None)  # type: ignore[arg-type]
    b.add(Flatten())
    b.add(Dense(), params=linear(rng, 3, b.shape[0]))
    return b.graph()


@pytest.mark.parametrize("seed", range(20))
def test_fused_nets_have_the_same_bits(seed: int) -> None:
    graph = random_float_net(seed, "float32")
    fused, (step,) = run(graph, (Fuse(),))
    x = np.random.default_rng(seed).normal(0, 2, (7, *graph.tensors["input"].shape)).astype(np.float32)
    assert interpret.output(fused, x).tobytes() == interpret.output(graph, x).tobytes()
    assert step.before - step.after == sum(line.count(",") + 1 for line in step.said)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ((Relu(),), 0),
        ((Relu(6.0),), 0),
        ((Relu(), MaxPool(2)), 0),
        ((MaxPool(2), Relu(0.25)), 0),
        ((MaxPool(3, 3),), 0),
        ((MaxPool(3, 2),), 1),
        ((Relu(), MaxPool(3, 2)), 1),
        ((Relu(), Relu()), 1),
        ((MaxPool(2), MaxPool(2)), 1),
        ((BatchNorm(), Relu()), 2),
        ((Sign(),), 1),
    ],
)
def test_what_is_taken_in(after: tuple[object, ...], left: int) -> None:
    graph = conv_net(*after)
    fused, _ = run(graph, (Fuse(),))
    assert len(fused.nodes) == 3 + left
    x = np.random.default_rng(1).normal(0, 1, (5, 9, 2)).astype(np.float32)
    assert interpret.output(fused, x).tobytes() == interpret.output(graph, x).tobytes()
    assert set(fused.tensors) == {t for n in fused.nodes for t in (*n.inputs, *n.outputs)}


def test_a_tensor_that_others_read_stays() -> None:
    rng = np.random.default_rng(0)
    b = Builder((4,))
    first = b.add(Dense(), params=linear(rng, 4, 4))
    b.add(Relu())
    b.add(Add(), first, b.last)
    b.add(Relu())
    graph = b.graph()
    assert chains(graph)[first].end == first
    assert members(graph, chains(graph)["add_2"]) == ["relu_3"]
    fused, _ = run(graph, (Fuse(),))
    assert [n.output for n in fused.nodes] == ["dense_0", "relu_1", "add_2", "relu_3"]


def test_an_output_ends_a_chain() -> None:
    graph = conv_net(Relu(), MaxPool(2))
    both = Graph(graph.inputs, ("relu_1", *graph.outputs), graph.tensors, graph.nodes)
    assert chains(both)["conv1d_0"].end == "relu_1"
    fused, _ = run(both, (Fuse(),))
    assert fused.outputs == ("conv1d_0", graph.outputs[0])
    x = np.random.default_rng(1).normal(0, 1, (5, 9, 2)).astype(np.float32)
    got, want = interpret.run(fused, x), interpret.run(both, x)
    for a, b in zip(fused.outputs, both.outputs, strict=True):
        assert got[a].tobytes() == want[b].tobytes()


def test_where_a_chain_is_rounded_while_learning() -> None:
    assert chains(conv_net(Relu(), MaxPool(2)))["conv1d_0"].rounded == "relu_1"
    assert chains(conv_net(MaxPool(2)))["conv1d_0"].rounded == "conv1d_0"
    assert chains(conv_net(MaxPool(2), Relu()))["conv1d_0"].rounded == "conv1d_0"


def test_the_road_of_float32_nets() -> None:
    graph = conv_net(Relu(6.0), MaxPool(2))
    net, steps = run(graph, to_float32(5))
    assert [step.name for step in steps] == ["Fuse", "TakeInt8"]
    q = np.random.default_rng(1).integers(-128, 128, (6, 9, 2)).astype(np.int8)
    real = (q * np.float32(2.0**-5)).astype(np.float32)
    assert interpret.output(net, q).tobytes() == interpret.output(graph, real).tobytes()
    assert net.tensors["input"].quant == Pow2(5)


@dataclass(frozen=True)
class Lose:
    """A pass that is wrong."""

    level: Level = Level.FLOAT

    def run(self, graph: Graph) -> Changed:
        return Changed(Graph(graph.inputs, graph.outputs, graph.tensors, graph.nodes[:-1]))


def test_every_pass_is_checked() -> None:
    graph = conv_net(Relu())
    with pytest.raises(ConfigError, match="nothing makes the output"):
        run(graph, (Lose(),))
    with pytest.raises(ConfigError, match="still float"):
        run(graph, (replace(TakeInt8(5), level=Level.FLOAT),))
    with pytest.raises(ConfigError, match="no scale is known for tensor input"):
        run(graph, (Annotate({}),))
    before = dict(graph.tensors)
    scaled, _ = run(graph, (Annotate({"input": 5, "relu_1": 3}),))
    assert graph.tensors == before
    assert {t.name: t.quant for t in scaled.activations if t.quant} == {"input": Pow2(5), "relu_1": Pow2(3)}
