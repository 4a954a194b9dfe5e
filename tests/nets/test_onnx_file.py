"""Every operator with an ONNX counterpart: written, read back, and computed the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import Refused
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets.inputs import spread
from sensorai.nets.onnx_file import export, writable
from sensorai.nets.onnx_layers import since, write_layer, written
from sensorai.nets.onnx_turns import fewer_turns
from sensorai.nets.onnx_writer import OPSET, OPSET_16, OnnxWriter
from sensorai.nets.port import ports
from sensorai.nets.quantizing import Settings, quantize
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.rows import RowNorm
from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.passes.imported import simplify

pytest.importorskip("onnx")


#: Cases that have no form in ONNX.
UNWRITTEN = (
    "binary_floor_div_int",
    "binary_mod_float32",
    "binary_shift",
    "cast_",
    "gather_batch",
    "lstm_norm",
    "lstm_projection",
    "pool_average_float32",
    "reduce_none",
)
#: Operators that changed between the two versions.
CHANGED = ("reduce", "pad", "pool", "normalize", "softmax", "scatter", "resample", "thresholds")
#: Types of which one stands for all.
_OTHERS = ("float64", "int8", "uint8", "int16", "uint16", "uint32", "uint64", "int4", "float16")


def nets() -> Iterator[tuple[str, Graph]]:
    """Test cases of operators that are written: float, or what goes with it."""
    for _, one in sorted(ND_OPERATORS.items()):
        if not written(one):
            continue
        for name, graph in one.cases():
            tensors = graph.tensors.values()
            if graph.states or any(t.quant is not None or t.dtype in _OTHERS for t in tensors):
                continue
            yield name, graph


def bits(graph: Graph, given: Sequence[Array]) -> list[Array]:
    values = interpret.run(graph, dict(zip(graph.inputs, given, strict=True)))
    return [values[name] for name in graph.outputs]


@pytest.mark.parametrize("least", [OPSET, OPSET_16])
def test_operators_are_written_and_read_back_to_the_bit(tmp_path: Path, least: int) -> None:
    path, unwritten, parted, count = tmp_path / "net.onnx", [], [], 0
    for name, graph in nets():
        if least != OPSET and not name.startswith(CHANGED):
            continue
        count += 1
        try:
            made = OnnxWriter(graph, max(least, *(since(node) for node in graph.nodes))).model(write_layer)
        except Refused:
            unwritten.append(name)
            continue
        path.write_bytes(made.SerializeToString())
        back, _ = simplify(read_net(path))
        given = spread(ports(graph, graph.inputs), 2).arrays
        for x, y in zip(bits(graph, given), bits(back, given), strict=True):
            same = x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
            parted += [] if same else [name]
    assert not parted
    assert [name for name in unwritten if not name.startswith(UNWRITTEN)] == []
    assert len(unwritten) < 20
    assert count > (300 if least == OPSET else 60)


def test_everything_unwritable_is_named_before_calibration(tmp_path: Path) -> None:
    """Two layers, one message, one remedy."""
    made = NetBuilder()
    x = made.input("x", (1, 4), "float32")
    w = made.constant("w", np.ones((4, 4), np.float32))
    (y,) = made.add(FullyConnected(), (x, w))
    for _ in range(2):
        (y,) = made.add(RowNorm(), (y,))
    with pytest.raises(Refused) as caught:
        writable(made.graph((y,)))
    assert len(caught.value.problems) == 2
    assert str(caught.value).count("operators.md") == 1


def channels_first() -> Any:
    """A net whose layers have their channels first, as files have them."""
    onnx = pytest.importorskip("onnx")
    helper, rng = onnx.helper, np.random.default_rng(3)
    sizes = {"w1": (4, 3, 3), "w2": (4, 4, 1), "c": (4, 1), "w3": (5, 8), "w4": (6, 48)}
    made = [
        onnx.numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in sizes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1]),
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["a", "s"], ["m"]),
        helper.make_node("Conv", ["m", "w2"], ["b"]),
        helper.make_node("Add", ["b", "m"], ["d"]),
        helper.make_node("PRelu", ["d", "c"], ["k"]),
        helper.make_node("Concat", ["k", "m"], ["e"], axis=1),
        helper.make_node("MaxPool", ["e"], ["p"], kernel_shape=[2], strides=[2]),
        helper.make_node("ReduceMean", ["p"], ["g"], axes=[2], keepdims=0),
        helper.make_node("Gemm", ["g", "w3"], ["y"], transB=1),
        helper.make_node("Relu", ["p"], ["z"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w4"], ["v"], transB=1),
    ]
    ends = [
        [helper.make_tensor_value_info(n, 1, s) for n, s in which]
        for which in ([("x", (1, 3, 12))], [("z", (1, 8, 6)), ("y", (1, 5)), ("v", (1, 6))])
    ]
    graph = helper.make_graph(nodes, "net", *ends, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_channels_first_need_no_transposes(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"
    path.write_bytes(channels_first().SerializeToString())
    graph, _ = simplify(read_net(path))
    path.write_bytes(export(graph))
    there = onnx.load(str(path)).graph
    assert [node.op_type for node in there.node if node.op_type == "Transpose"] == []
    assert [one.name for one in (*there.input, *there.output)] == ["x", "z", "y", "v"]
    back, _ = simplify(read_net(path))
    given = spread(ports(graph, graph.inputs), 2).arrays
    for x, y in zip(bits(graph, given), bits(back, given), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_quantised_channels_first_need_no_transposes(tmp_path: Path, scheme: str) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"
    path.write_bytes(channels_first().SerializeToString())
    source, _ = simplify(read_net(path))
    given = spread(ports(source, source.inputs), 8)
    graph = quantize(source, given, Settings(scheme, "minmax")).graph
    path.write_bytes(export(graph))
    assert not [node for node in onnx.load(str(path)).graph.node if node.op_type == "Transpose"]
    back, _ = simplify(read_net(path))
    for x, y in zip(bits(graph, given.arrays), bits(back, given.arrays), strict=True):
        np.testing.assert_array_equal(x, y)


def turned(nodes: Sequence[Any], constants: Sequence[Any], **shapes: tuple[int, ...]) -> list[Any]:
    names = iter(range(100))
    onnx = pytest.importorskip("onnx")
    return fewer_turns(onnx, nodes, list(constants), shapes, ["y"], lambda wish: f"{wish}.{next(names)}")


def test_scales_of_an_axis_move_with_it() -> None:
    onnx = pytest.importorskip("onnx")
    make = onnx.helper.make_node
    there, back = [0, 2, 1], [0, 2, 1]
    nodes = [
        make("Transpose", ["x"], ["a"], perm=there),
        make("QuantizeLinear", ["a", "scale", "zero"], ["b"], axis=2),
        make("DequantizeLinear", ["b", "scale", "zero"], ["c"], axis=2),
        make("Transpose", ["c"], ["y"], perm=back),
    ]
    made = turned(nodes, (), x=(1, 3, 8))
    assert [node.op_type for node in made] == ["QuantizeLinear", "DequantizeLinear"]
    assert [node.attribute[0].i for node in made] == [1, 1]
    assert made[-1].output[0] == "y"


def test_transposes_that_do_not_meet_stay_as_they_were() -> None:
    """Behind two operators there would be two."""
    onnx = pytest.importorskip("onnx")
    make = onnx.helper.make_node
    nodes = [
        make("Transpose", ["x"], ["a"], perm=[0, 2, 1]),
        make("Relu", ["a"], ["b"]),
        make("Abs", ["a"], ["c"]),
        make("MatMul", ["b", "w"], ["d"]),
        make("MatMul", ["c", "w"], ["e"]),
        make("Add", ["d", "e"], ["y"]),
    ]
    assert turned(nodes, (), x=(1, 3, 8)) == nodes
