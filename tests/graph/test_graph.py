"""Graphs with several inputs and outputs, shared constants, scales; what each level asks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from sensorai.codegen.net import emit_net
from sensorai.errors import ConfigError, DataError
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.quant import Affine, Pow2, Sign
from sensorai.graph.spec import Level, check
from sensorai.graph.tensor import Array, Shape, Tensor, constant
from sensorai.model.store import from_dict, to_dict
from sensorai.ops import sign
from sensorai.ops.add import Add
from sensorai.ops.dense import Dense
from sensorai.ops.relu import Relu
from sensorai.passes.change import run as fusing
from sensorai.passes.fuse import Fuse
from sensorai.passes.trained import quantize


@dataclass(frozen=True, slots=True)
class Split(Operator):
    """The first ``left`` values, and the others."""

    left: int

    NAME: ClassVar[str] = "split"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int8"), ("float32", "float32")})

    def shapes(self, at: Applied) -> tuple[Shape, ...]:
        return (self.left,), (at.x.size - self.left,)

    def results(self, at: Applied, *arrays: Array) -> tuple[Array, ...]:
        return arrays[0][:, : self.left], arrays[0][:, self.left :]

    def float_forms(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> tuple[Any, ...]:
        return arrays[0][:, : self.left], arrays[0][:, self.left :]


def two_by_two() -> Graph:
    """Two inputs, a node with two outputs, two outputs of the net."""
    b = Builder((6,), "int8", Pow2(5))
    other = b.input("other", (2,), "int8", Pow2(5))
    b.add(Split(4), "input", dtype="int8", quant=Pow2(5), name="parts")
    total = b.add(Add(), "parts_1", other, dtype="int8", quant=Pow2(5))
    return b.graph("parts", total)


def test_several_inputs_and_outputs() -> None:
    graph = two_by_two()
    x = np.arange(6, dtype=np.int8)
    values = interpret.run(graph, {"input": x, "other": np.array([10, 127], np.int8)})
    assert values["parts"].tolist() == [0, 1, 2, 3]
    assert values["add_1"].tolist() == [14, 127]
    batch = {"input": np.stack([x, x + 1]), "other": np.zeros((2, 2), np.int8)}
    assert interpret.run(graph, batch)["add_1"].tolist() == [[4, 5], [5, 6]]
    real = interpret.forward(np, graph, {name: v / 32.0 for name, v in batch.items()})
    assert real["add_1"].tolist() == [[4 / 32, 5 / 32], [5 / 32, 6 / 32]]
    assert graph.producer("parts_1") is graph.nodes[0]
    with pytest.raises(ConfigError, match="one input and one output"):
        emit_net(graph, "net")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({"input": np.zeros(6, np.int8)}, "takes input, other"),
        (np.zeros(6, np.int8), "takes input, other"),
        ({"input": np.zeros((1, 6), np.int8), "other": np.zeros(2, np.int8)}, "have a batch axis"),
        ({"input": np.zeros((3, 6), np.int8), "other": np.zeros((2, 2), np.int8)}, "differ in length"),
        ({"input": np.zeros(6, np.int8), "other": np.zeros(2, np.int16)}, "takes int8"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        interpret.run(two_by_two(), x)


def test_layers_may_share_constants() -> None:
    b = Builder((3,))
    weights = np.arange(9, dtype=np.float32).reshape(3, 3)
    b.add(Dense(), params={"weights": weights, "bias": np.ones(3, np.float32)})
    b.add(Relu())
    graph = b.graph()
    again = Node(Dense(), ("relu_1", *graph.nodes[0].inputs[1:]), ("twice",))
    tensors = {**graph.tensors, "twice": Tensor("twice", (3,))}
    both = check(Graph(graph.inputs, ("twice",), tensors, (*graph.nodes, again)), Level.FLOAT)
    x = np.array([1, 2, 3], np.float32)
    once = np.maximum(weights @ x + 1, 0)
    assert np.array_equal(interpret.output(both, x), weights @ once + 1)
    changed = both.with_tensors([constant("dense_0.bias", np.zeros(3, np.float32))])
    assert np.array_equal(interpret.output(changed, x), weights @ (weights @ x))
    assert len(both.consumers("dense_0.weights")) == 2
    assert {t.name for t in both.activations} == {"input", "dense_0", "relu_1", "twice"}


def test_scales_say_what_numbers_mean() -> None:
    assert Pow2(3).real([8, -4]).tolist() == [1.0, -0.5]
    assert Affine((0.5,), (3,)).real([3, 5]).tolist() == [0.0, 1.0]
    per_row = Affine((0.5, 2.0), (0, 1), 1)
    assert per_row.real(np.array([[4, 4], [0, 1]])).tolist() == [[2.0, 6.0], [0.0, 0.0]]
    assert Sign().real([5, 0, -1]).tolist() == [1.0, 1.0, -1.0]
    assert Tensor("t", (1,), "int8", Pow2(-2)).places == -2
    assert Tensor("t", (1,), "binary", Sign()).places == 0
    with pytest.raises(ConfigError, match="no scale that is a power of two"):
        _ = Tensor("t", (1,), "int8", Affine((0.5,))).places


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pow2(101), "places"),
        (lambda: Pow2(True), "places"),
        (lambda: Affine(()), "scales of"),
        (lambda: Affine((0.0,)), "scales of"),
        (lambda: Affine((float("nan"),)), "scales of"),
        (lambda: Affine((0.5, 0.5), (0, 0)), "need an axis"),
        (lambda: Affine((0.5,), (0, 0)), "zero points"),
        (lambda: Affine((0.5,), (2**31,)), "zero points"),
        (lambda: Affine((0.5,), (0,), -1), "no axis"),
        (lambda: Tensor("t", (2,), "binary").check(), "bits are"),
        (lambda: Tensor("t", (2,), "uint1").check(), "unknown type"),
        (lambda: Tensor("t", (2,), "int8", Affine((0.5,), (0,), 1)).check(), "along axis 1"),
        (lambda: Tensor("t", (2,), "int8", Affine((0.5,), (0,), 0)).check(), "1 scales along axis 0"),
        (lambda: Tensor("t", (2,), "int8", None, np.zeros(3, np.int8)).check(), "its data are"),
        (lambda: Tensor("t", (2,), "int8", None, np.zeros(2, np.int16)).check(), "its data are"),
    ],
)
def test_tensors_that_make_no_sense_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_constants_by_role() -> None:
    b = Builder((2,), "int8", Pow2(5))
    b.add(Dense(), params={"weights": np.ones((1, 2), np.int8)}, dtype="int32")
    graph = b.graph()
    (node,) = graph.nodes
    assert node.roles == {"weights": "dense_0.weights"}
    for inputs, message in (
        (("input", "nowhere"), "is no constant"),
        (("input", "input"), "is no constant"),
        (("input",) * 9, "reads 9 tensors"),
        ((), "reads 0 tensors"),
    ):
        bad = Graph(graph.inputs, graph.outputs, graph.tensors, (replace(node, inputs=inputs),))
        with pytest.raises(ConfigError, match=message):
            check(bad)
    held = Graph(("dense_0.weights",), graph.outputs, graph.tensors, graph.nodes)
    with pytest.raises(ConfigError, match="is a constant"):
        check(held)
    with pytest.raises(ConfigError, match="no input or no output"):
        check(Graph((), ("dense_0",), graph.tensors, graph.nodes))


def test_levels() -> None:
    b = Builder((2,))
    b.add(sign.Sign())
    graph = b.graph()
    check(graph, Level.FLOAT)
    with pytest.raises(ConfigError, match="no scale is known for tensor input"):
        check(graph, Level.QUANTISED)
    with pytest.raises(ConfigError, match="stands in float nets only"):
        check(graph, Level.INTEGER)
    scaled = graph.with_tensors([replace(graph.tensors["input"], quant=Pow2(5))])
    check(scaled, Level.QUANTISED)
    with pytest.raises(ConfigError, match="has a scale"):
        check(scaled, Level.FLOAT)
    b = Builder((2,), "int8", Pow2(5))
    b.add(Relu(), dtype="int8", quant=Pow2(5))
    check(b.graph(), Level.INTEGER)
    for level in (Level.FLOAT, Level.QUANTISED):
        with pytest.raises(ConfigError, match="still float"):
            check(b.graph(), level)


def running_sum(dtype: str = "int8", quant: Pow2 | Affine | None = None) -> Graph:
    """Add each input to what was there before: out and state are the sum."""
    quant = Pow2(0) if quant is None and dtype == "int8" else quant
    b = Builder((2,), dtype, quant)
    b.tensors["before"] = Tensor("before", (2,), dtype, quant)
    b.add(Add(), "input", "before", dtype=dtype, quant=quant, name="sum")
    return check(Graph(("input",), ("sum",), b.tensors, tuple(b.nodes), (State("before", "sum"),)))


def test_states_are_kept_between_calls() -> None:
    graph = running_sum()
    state = None
    seen = []
    for x in ([1, 2], [10, 20], [100, 100]):
        values = interpret.run(graph, np.array(x, np.int8), state)
        state = interpret.following(graph, values)
        seen.append(values["sum"].tolist())
    assert seen == [[1, 2], [11, 22], [111, 122]]
    batch = interpret.run(graph, np.ones((3, 2), np.int8))
    again = interpret.run(graph, np.ones((3, 2), np.int8), interpret.following(graph, batch))
    assert again["sum"].tolist() == [[2, 2]] * 3
    assert graph.given == ("input", "before")
    assert graph.kept == {"sum"}


def test_a_first_state_means_zero() -> None:
    x = np.array([1, 2], np.int8)
    assert interpret.run(running_sum(quant=Affine((0.5,), (-3,))), x)["before"].tolist() == [-3, -3]
    assert interpret.run(running_sum("float32"), x.astype(np.float32))["before"].tolist() == [0.0, 0.0]


def test_nets_with_states_come_back_from_the_store() -> None:
    graph = running_sum()
    again = from_dict(to_dict(graph))
    assert again.states == graph.states
    assert to_dict(again) == to_dict(graph)


def test_states_that_do_not_fit_are_refused() -> None:
    graph = running_sum()
    for states, message in (
        ((State("before", "nowhere"),), "does not have: nowhere"),
        ((State("input", "sum"),), "given twice"),
        ((State("before", "sum"), State("before", "sum")), "given twice"),
        ((), "reads before, which nothing"),
    ):
        with pytest.raises(ConfigError, match=message):
            check(replace(graph, states=states))
    other = graph.with_tensors([Tensor("before", (2,), "int8", Pow2(1))])
    with pytest.raises(ConfigError, match="differ"):
        check(other)
    unmade = {**graph.tensors, "later": replace(graph.tensors["sum"], name="later")}
    with pytest.raises(ConfigError, match="nothing makes the state later"):
        check(replace(graph, tensors=unmade, states=(State("before", "later"),)))
    with pytest.raises(ConfigError, match="no states"):
        emit_net(graph, "net")
    with pytest.raises(ConfigError, match="keeps before between calls"):
        quantize(running_sum("float32"), {"input": 3})
    x = np.zeros((3, 2), np.int8)
    for state, error in (
        ({}, "keeps before, not"),
        ({"before": np.zeros((2, 2), np.int8)}, "differ in length"),
        ({"before": np.zeros((3, 2), np.int16)}, "takes int8"),
    ):
        with pytest.raises(DataError, match=error):
            interpret.run(graph, x, state)


def test_a_state_ends_a_chain() -> None:
    b = Builder((2,))
    b.tensors["before"] = Tensor("before", (2,))
    b.add(Dense(), params={"weights": np.eye(2, dtype=np.float32), "bias": np.zeros(2, np.float32)})
    b.add(Relu())
    b.add(Add(), "relu_1", "before")
    graph = check(Graph(("input",), ("add_2",), b.tensors, tuple(b.nodes), (State("before", "dense_0"),)))
    fused, _ = fusing(graph, (Fuse(),))
    assert fused.states == graph.states
    assert len(fused.nodes) == 3
    ends = replace(graph, states=(State("before", "relu_1"),))
    fused, _ = fusing(ends, (Fuse(),))
    assert fused.states == (State("before", "dense_0"),)
    assert len(fused.nodes) == 2
