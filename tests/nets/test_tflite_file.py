"""Nets written as TensorFlow Lite: read back to the bit, run by its micro runtime to the bit, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorai.cli import app
from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.importers.net import NetBuilder
from sensorai.importers.open import read_net
from sensorai.nets.model import open_model
from sensorai.nets.onnx_file import export as export_onnx
from sensorai.nets.tflite_file import export
from sensorai.ops.nd import _testing
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from tests.nd.test_recurrent_tflite import svdf

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("tflite")

OPERATORS = (Binary, Clip, Concat, Conv, FullyConnected, Pad, Pool, Reduce, Slice, Softmax, Transpose, Unary)


def cases() -> Iterator[tuple[str, Graph]]:
    """Every third small net of the operators that are written, of layers of sums all that are alike here."""
    for op in OPERATORS:
        yield from list(op.cases())[::3]


def outputs(graph: Graph, x: dict[str, Array]) -> list[Array]:
    values = interpret.run(graph, x)
    return [values[n] for n in graph.outputs]


def test_operators_are_read_back_to_the_bit_or_refused(tmp_path: Path) -> None:
    file, same = tmp_path / "net.tflite", 0
    messages: list[str] = []
    differ: list[str] = []
    steps: dict[str, float] = {}
    for name, graph in cases():
        try:
            file.write_bytes(export(graph))
        except ConfigError as error:
            messages.append(str(error))
            continue
        back = read_net(file)
        given = dict(_testing.inputs(graph, 2, seed=3))
        read = {new: given[old] for old, new in zip(graph.inputs, back.inputs, strict=True)}
        pairs = list(zip(outputs(graph, given), outputs(back, read), strict=True))
        if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
            same += 1
        elif getattr(graph.nodes[0].op, "rounding", "") == "even":
            # what is rounded once here, and twice there
            gap = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)
            steps[name] = gap
        else:
            differ.append(name)
    assert differ == []
    # TensorFlow Lite's exponentials of 16 bits lie on straight lines
    assert all(gap <= (16 if "softmax" in name else 1) for name, gap in steps.items()), steps
    assert same > 100
    assert len(messages) > 20
    assert all("TensorFlow Lite" in said for said in messages)


def net(kind: str) -> Graph:
    """Layers of a small convolutional net, all of one type."""
    rng, made = np.random.default_rng(4), NetBuilder()
    whole = kind == "int8"

    def scale(size: float) -> Affine | None:
        return Affine((size,), (3,)) if whole else None

    def known(name: str, *shape: int) -> tuple[Array, Affine | None]:
        if not whole:
            return rng.normal(0, 0.3, shape).astype(np.float32), None
        each = tuple(float(np.float32(v)) for v in rng.uniform(0.005, 0.02, shape[0]))
        return rng.integers(-127, 128, shape).astype(np.int8), Affine(each, (0,) * shape[0], 0)

    def layer(op: Conv | FullyConnected, name: str, x, *shape: int, size: float = 0.1):  # type: ignore[no-untyped-def]
        data, quant = known(name, *shape)
        bias = rng.integers(-500, 500, shape[0]).astype(np.int32) if whole else known(name, shape[0])[0]
        given = (x, made.constant(f"{name}.w", data, quant=quant), made.constant(f"{name}.b", bias))
        return made.add(op, given, (name,), (scale(size),))[0]

    x = made.input("x", (1, 7, 6, 3), "int8" if whole else "float32", scale(0.05))
    # margins that the file has no name for, an end that no operator has in itself
    a = layer(Conv((2, 1), (), ((2, 0), (1, 1)), lo=0.0), "a", x, 4, 3, 3, 3)
    b = layer(Conv((), (), ((1, 1), (1, 1)), 4, hi=2.0), "b", a, 4, 3, 3, 1)
    (c,) = made.add(Binary("add", lo=-1.5, hi=4.0), (a, b), ("c",), (scale(0.08),))
    (d,) = made.add(Pool("max", (2, 2), (2, 2)), (c,), ("d",), (scale(0.08),))
    (e,) = made.add(Reshape((1, d.size // 4, 4)), (d,), ("e",), (scale(0.08),))
    # along one axis: a convolution over two in the file
    f = layer(Conv((1,), (), ((1, 1),)), "f", e, 5, 3, 4)
    (g,) = made.add(Reduce("mean", (1,), False), (f,), ("g",), (scale(0.05),))
    h = layer(FullyConnected(lo=0.0, hi=6.0), "h", g, 3, 5)
    quant = Affine((1 / 256,), (-128,)) if whole else None
    return made.graph(made.add(Softmax(1), (h,), ("y",), (quant,)))


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_a_net_is_that_of_the_micro_runtime(tmp_path: Path, kind: str) -> None:
    graph = net(kind)
    data = export(graph)
    assert data == export(net(kind))
    (tmp_path / "net.tflite").write_bytes(data)
    back = read_net(tmp_path / "net.tflite")
    given = dict(_testing.inputs(graph, 6, seed=2))
    (made,) = outputs(graph, given)
    np.testing.assert_array_equal(outputs(back, given)[0], made)
    pytest.importorskip("tflite_micro")
    from tests.nd.tflite_file import invoke

    theirs = np.stack([invoke(data, one)[0] for one in given["x"]])
    if kind == "int8":
        np.testing.assert_array_equal(theirs, made)
        assert len(np.unique(made)) > 4
    else:
        np.testing.assert_allclose(theirs, made, rtol=1e-5, atol=1e-6)


def test_int8_weights_of_a_float_layer_are_written_as_floats(tmp_path: Path) -> None:
    made = NetBuilder()
    x = made.input("x", (1, 4), "float32")
    w = np.arange(-6, 6).astype(np.int8).reshape(3, 4)
    scales = Affine((0.5, 0.25, 2.0), (0, 0, 0), 0)
    graph = made.graph(made.add(FullyConnected(), (x, made.constant("w", w, quant=scales)), ("y",)))
    (tmp_path / "net.tflite").write_bytes(export(graph))
    back = read_net(tmp_path / "net.tflite")
    assert {t.dtype for t in back.tensors.values()} == {"float32"}
    given = {"x": np.random.default_rng(1).normal(0, 1, (3, 1, 4)).astype(np.float32)}
    np.testing.assert_array_equal(outputs(back, given)[0], outputs(graph, given)[0])


def test_what_has_no_counterpart_says_what_to_do() -> None:
    made = NetBuilder()
    x = made.input("x", (2, 1, 2), "float32")
    w, r = (made.constant(n, np.ones((1, 8, 2), np.float32)) for n in "wr")
    graph = made.graph(made.add(Lstm(), (x, w, r), ("h",))[:1])
    with pytest.raises(ConfigError, match=r"layer h \(lstm\) is not written") as caught:
        export(graph)
    assert "ONNX" in str(caught.value.hint)


def test_a_layer_that_keeps_states_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.tflite").write_bytes(svdf("int8", 2))
    graph = open_model(tmp_path / "s.tflite").graph
    for write, form in ((export, "TensorFlow Lite"), (export_onnx, "ONNX")):
        with pytest.raises(ConfigError, match=rf"layer \S+ \(svdf\) keeps a state .* {form}") as error:
            write(graph)
        assert "--target stm32" in error.value.hint


def test_the_verb_tells_how_the_file_compares(tmp_path: Path) -> None:
    made = NetBuilder()
    x = made.input("x", (1, 6), "float32")
    (q,) = made.add(Quantize("int8"), (x,), ("q",), (Affine((0.05,), (0,)),))
    w = made.constant("w", np.arange(-12, 12).astype(np.int8).reshape(4, 6), quant=Affine((0.1,), (0,)))
    b = made.constant("b", np.arange(4).astype(np.int32))
    (s,) = made.add(FullyConnected(rounding="even"), (q, w, b), ("s",), (Affine((0.2,), (0,)),))
    graph = made.graph(made.add(Dequantize(), (s,), ("y",)))
    (tmp_path / "net.onnx").write_bytes(export_onnx(graph))
    run, out = typer_testing.CliRunner(), tmp_path / "out.tflite"
    said = run.invoke(app.app, ["generate", str(tmp_path / "net.onnx"), "--hand-over", str(out)])
    assert said.exit_code == 0, said.output
    assert "3 layers" in said.output
    assert "read back" in said.output
    assert "tflite-micro" in said.output
    assert out.read_bytes()[4:8] == b"TFL3"
