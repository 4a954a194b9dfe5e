"""Types of inputs and outputs that are asked for: the same numbers, with conversions gone or come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.importers.net import NetBuilder
from sensorai.nets.onnx_file import export
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.softmax import Softmax
from sensorai.passes.border import with_types
from tests.cli.call import call

IN, W, OUT = Affine((0.05,), (-7,)), Affine((0.01,), (0,)), Affine((0.125,), (3,))


def net(*, whole: bool = False, last: bool = False) -> Graph:
    """A dense layer of int8, with float ends or without."""
    rng = np.random.default_rng(5)
    made = NetBuilder()
    x = made.input("x", (1, 6), "int8" if whole else "float32", IN if whole else None)
    q = x if whole else made.add(Quantize("int8"), (x,), ("q",), (IN,))[0]
    w = made.constant("w", rng.integers(-127, 128, (4, 6)).astype(np.int8), "", W)
    (y,) = made.add(FullyConnected(), (q, w), ("s",), (OUT,))
    if not whole:
        (y,) = made.add(Dequantize(), (y,), ("y",))
    if last:
        (y,) = made.add(Softmax(1), (y,), ("p",))
    return made.graph((y,))


def run(graph: Graph, x: Array) -> Array:
    return np.asarray(interpret.run(graph, x)[graph.outputs[0]])


def test_conversions_go() -> None:
    """The file's net on real numbers is the bare one on the integers that these are."""
    graph = net()
    bare = with_types(graph, ("int8",), ("int8",))
    assert [node.op.NAME for node in bare.nodes] == ["fully_connected"]
    assert (bare.inputs, bare.outputs) == (graph.inputs, graph.outputs)
    assert bare.tensors["x"].quant == IN
    q = np.random.default_rng(1).integers(-128, 128, (5, 1, 6)).astype(np.int8)
    np.testing.assert_array_equal(OUT.real(run(bare, q)), run(graph, IN.real(q).astype(np.float32)))


def test_conversions_come() -> None:
    """A net of integers takes and gives real numbers, or bytes of the other kind."""
    graph = net(whole=True)
    q = np.random.default_rng(2).integers(-128, 128, (5, 1, 6)).astype(np.int8)
    want = run(graph, q)
    real = with_types(graph, ("float32",), ("float32",))
    np.testing.assert_array_equal(run(real, IN.real(q).astype(np.float32)), OUT.real(want).astype(np.float32))
    for one in (graph, net()):
        other = with_types(one, ("uint8",), ("uint8",))
        assert other.tensors[other.inputs[0]].quant == Affine((0.05,), (121,))
        np.testing.assert_array_equal(run(other, (q.astype(np.int16) + 128).astype(np.uint8)), want + 128.0)


@pytest.mark.parametrize(
    "graph, types, words",
    [
        (net(last=True), ((), ("int8",)), "softmax makes it"),
        (with_types(net(whole=True), ("float32",)), (("int16",), ()), "no form as int16"),
        (net(), (("int9",), ()), "'int9' is not known"),
        (net(), (("int8", "int8"), ()), "2 types for 1"),
    ],
)
def test_what_is_float_in_itself_stays(
    graph: Graph, types: tuple[tuple[str, ...], tuple[str, ...]], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        with_types(graph, *types)


def test_the_verbs(tmp_path: Path) -> None:
    """analyze counts it, a project remembers it, and every level agrees."""
    pytest.importorskip("onnx")
    model = tmp_path / "net.onnx"
    model.write_bytes(export(net()))
    said = ("--input-data-type", "int8", "--output-data-type", "int8")
    assert "int8 1x6, 6 bytes" in call("analyze", model, *said).out
    assert call("generate", model, "--target", "stm32", "--out", tmp_path / "c", *said).code == 0
    assert "int8_t *net_in_1(net_t *ctx)" in (tmp_path / "c" / "net.h").read_text()
    made = call("validate", tmp_path / "c", "--model", model)
    assert made.code == 0
    assert "agree bit by bit" in made.out
    assert " yes " in made.out
