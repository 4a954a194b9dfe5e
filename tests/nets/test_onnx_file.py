"""Every operator with an ONNX counterpart: written, read back, and computed the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import Refused
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets.inputs import spread
from sensorai.nets.onnx_file import writable
from sensorai.nets.onnx_layers import since, write_layer, written
from sensorai.nets.onnx_writer import OPSET, OPSET_16, OnnxWriter
from sensorai.nets.port import ports
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
