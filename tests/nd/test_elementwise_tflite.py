"""Element-wise operators, softmax and reductions of TensorFlow Lite against its micro runtime, bit for bit.

Float32 functions are compared with the tolerance of their last bits: the runtime's come from a C library.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.tflite.reader import read
from tests.nd import nets, tflite_models
from tests.nd.tflite_file import FileTensor, constant, invoke, single

T = FileTensor


def net_of(data: bytes) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(data)
        return read(path)


def rows(graph: Graph, count: int, seed: int = 0) -> list[dict[str, Array]]:
    """Inputs over the whole range of their types, in the order of the file."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        row: dict[str, Array] = {}
        for name in graph.inputs:
            t = graph.tensors[name]
            if t.dtype == "bool":
                row[name] = rng.integers(0, 2, t.shape).astype(bool)
            elif t.dtype == "float32":
                row[name] = rng.normal(0, 3, t.shape).astype(np.float32)
            else:
                info = np.iinfo(t.dtype)
                span = (max(info.min, -30000), min(info.max, 30000))
                row[name] = rng.integers(span[0], span[1] + 1, t.shape).astype(t.dtype)
        made.append(row)
    return made


def every(graph: Graph) -> list[dict[str, Array]]:
    """All numbers of 8 and 16 bits, where there is one input."""
    t = graph.tensors[graph.inputs[0]]
    info = np.iinfo(t.dtype)
    count = -(-(info.max - info.min + 1) // t.size)
    x = np.resize(np.arange(info.min, info.max + 1), (count, *t.shape)).astype(t.dtype)
    return [{graph.inputs[0]: one} for one in x]


def compare(data: bytes, given: Sequence[dict[str, Array]] | None = None, rtol: float = 0.0) -> None:
    """Reference against the micro runtime, and C against the reference."""
    graph = net_of(data)
    inputs = given or rows(graph, 6)
    for row in inputs:
        wanted = invoke(data, *row.values())
        got = interpret.run(graph, row)
        for name, want in zip(graph.outputs, wanted, strict=True):
            assert got[name].dtype == want.dtype
            assert got[name].shape == want.shape
            if rtol:
                np.testing.assert_allclose(got[name], want, rtol, 1e-6)
            else:
                np.testing.assert_array_equal(got[name], want)
    nets.in_c_later(nets.sample_of("net", graph, inputs[:4]))


def q8(shape: tuple[int, ...], scale: float = 0.05, zero: int = 3, dtype: str = "int8") -> FileTensor:
    return T(shape, dtype, [scale], [zero])


def q16(shape: tuple[int, ...], scale: float = 0.0005) -> FileTensor:
    return T(shape, "int16", [scale], [0])


FLOATS = {
    "ABS": "", "CEIL": "", "ELU": "", "EXP": "ExpOptions", "FLOOR": "", "HARD_SWISH": "HardSwishOptions",
    "LOGISTIC": "", "NEG": "NegOptions", "ROUND": "", "SQUARE": "SquareOptions", "TANH": "", "RELU": "",
    "RELU6": "", "LOG_SOFTMAX": "LogSoftmaxOptions", "SIN": "", "COS": "",
}  # fmt: skip


@pytest.mark.parametrize("kind", list(FLOATS))
def test_float(kind: str) -> None:
    compare(single(kind, [T((2, 9))], [T((2, 9))], FLOATS[kind]), rtol=2e-6)


@pytest.mark.parametrize("kind", ["LOG", "SQRT", "RSQRT"])
def test_float_of_positive(kind: str) -> None:
    data = single(kind, [T((2, 9))], [T((2, 9))])
    given = [{n: np.abs(x) + np.float32(0.01) for n, x in row.items()} for row in rows(net_of(data), 4)]
    compare(data, given, rtol=1e-6)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV"])
@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_float_arithmetic(kind: str, activation: int) -> None:
    options = f"{kind.title()}Options"
    data = single(
        kind, [T((1, 3, 4)), T((1, 3, 4))], [T((1, 3, 4))], options, FusedActivationFunction=activation
    )
    compare(data)
    data = single(
        kind, [T((2, 3, 4)), constant([2.0])], [T((2, 3, 4))], options, FusedActivationFunction=activation
    )
    compare(data)


PAIRS = ["MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_pairs(kind: str, dtype: str) -> None:
    options = "SquaredDifferenceOptions" if kind.startswith("SQ") else "MaximumMinimumOptions"
    compare(single(kind, [T((2, 3, 4), dtype), T((3, 1), dtype)], [T((2, 3, 4), dtype)], options))


COMPARISONS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]


def options_of(kind: str) -> str:
    return "".join(part.title() for part in kind.split("_")) + "Options"


@pytest.mark.parametrize("kind", COMPARISONS)
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "int8"])
def test_comparisons(kind: str, dtype: str) -> None:
    a, b = T((2, 3, 4), dtype), T((1, 3, 1), dtype)
    if dtype == "int8":
        a, b = q8((2, 3, 4), 0.05, 3), q8((1, 3, 1), 0.02, -5)
    compare(single(kind, [a, b], [T((2, 3, 4), "bool")], options_of(kind)))


@pytest.mark.parametrize("kind", ["LOGICAL_AND", "LOGICAL_OR"])
def test_logical(kind: str) -> None:
    compare(single(kind, [T((2, 6), "bool"), T((2, 6), "bool")], [T((2, 6), "bool")], options_of(kind)))


def test_logical_not() -> None:
    compare(single("LOGICAL_NOT", [T((2, 6), "bool")], [T((2, 6), "bool")], "LogicalNotOptions"))


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_scaled_arithmetic(kind: str, activation: int, dtype: str) -> None:
    wide = dtype == "int16"
    make: Any = (lambda s, k, z: q16(s, k / 100)) if wide else q8
    scales = [(0.05, 3, 0.03, -7, 0.07, 5), (0.01, -128, 0.09, 127, 0.011, 0), (0.2, 0, 0.2, 0, 0.2, 0)]
    for a, za, b, zb, y, zy in scales:
        out = y * (a if kind == "MUL" else 1) + (b if kind == "MUL" else 0)
        for shapes in (((1, 4, 5), (1, 4, 5)), ((2, 4, 5), (1, 1, 5))):
            inputs = [make(shapes[0], a, za), make(shapes[1], b, zb)]
            options = f"{kind.title()}Options"
            made = [make(shapes[0], out, zy)]
            compare(single(kind, inputs, made, options, FusedActivationFunction=activation))


@pytest.mark.parametrize("kind", PAIRS)
def test_scaled_pairs(kind: str) -> None:
    squared = kind.startswith("SQ")
    options = "SquaredDifferenceOptions" if squared else "MaximumMinimumOptions"
    out = q8((2, 3, 4), 0.3, -100) if squared else q8((2, 3, 4))
    second = q8((2, 3, 4), 0.03, -7) if squared else q8((2, 3, 4))
    compare(single(kind, [q8((2, 3, 4)), second], [out], options))


def scaled_functions() -> Iterator[tuple[str, bytes]]:
    for scale, zero in ((0.05, 3), (0.1, -128), (0.003, 100), (0.5, 0)):
        x = q8((1, 64), scale, zero)
        yield "logistic", single("LOGISTIC", [x], [q8((1, 64), 1 / 256, -128)])
        yield "tanh", single("TANH", [x], [q8((1, 64), 1 / 128, 0)])
        yield "elu", single("ELU", [x], [q8((1, 64), scale * 0.8, 10)])
        yield "abs", single("ABS", [x], [q8((1, 64), scale, -100)], "AbsOptions")
        yield "abs2", single("ABS", [x], [q8((1, 64), scale * 1.7, -100)], "AbsOptions")
        yield "relu", single("RELU", [x], [q8((1, 64), scale * 0.7, -90)])
        yield "relu_same", single("RELU", [x], [x])
        yield "relu6", single("RELU6", [x], [x])
        yield "hard_swish", single("HARD_SWISH", [x], [q8((1, 64), scale * 1.1, -20)], "HardSwishOptions")
        yield (
            "leaky",
            single("LEAKY_RELU", [x], [q8((1, 64), scale * 0.9, -20)], "LeakyReluOptions", Alpha=0.3),
        )
        yield (
            "leaky2",
            single("LEAKY_RELU", [x], [q8((1, 64), scale * 1.9, 20)], "LeakyReluOptions", Alpha=-0.3),
        )
    for wide in (0.0005, 2.0**-12, 2.0**-11, 0.003, 2.0**-15):
        x = q16((1, 4096), wide)
        yield "logistic16", single("LOGISTIC", [x], [q16((1, 4096), 2.0**-15)])
        yield "tanh16", single("TANH", [x], [q16((1, 4096), 2.0**-15)])
        yield "relu16", single("RELU", [x], [q16((1, 4096), wide * 0.7)])
        yield (
            "leaky16",
            single("LEAKY_RELU", [x], [q16((1, 4096), wide * 0.9)], "LeakyReluOptions", Alpha=0.3),
        )
        yield "abs16", single("ABS", [x], [q16((1, 4096), wide * 1.1)], "AbsOptions")


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(n, d, id=f"{n}_{k}") for k, (n, d) in enumerate(scaled_functions())]
)
def test_scaled_functions(name: str, data: bytes) -> None:
    compare(data, every(net_of(data)))


def test_rsqrt() -> None:
    for scale, out in ((0.05, 0.1), (0.5, 0.01)):
        data = single("RSQRT", [q8((1, 128), scale, -128)], [q8((1, 128), out, -128)])
        compare(data, every(net_of(data)))


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("shape", [(1, 2), (3, 17), (1, 2, 3, 10)])
def test_softmax(dtype: str, shape: tuple[int, ...]) -> None:
    for scale, beta in ((0.1, 1.0), (1.0, 0.5), (0.004, 1.0)):
        x, y = T(shape), T(shape)
        if dtype == "int8":
            x, y = q8(shape, scale, -3), q8(shape, 1 / 256, -128)
        if dtype == "int16":
            x, y = q16(shape, scale / 100), q16(shape, 2.0**-15)
        compare(
            single("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=beta), rtol=0 if scale and x.scale else 1e-6
        )


def test_softmax_of_int8_as_int16() -> None:
    y = T((3, 10), "int16", [1 / 65536], [-32768])
    for scale in (0.1, 1.0):
        compare(single("SOFTMAX", [q8((3, 10), scale, -3)], [y], "SoftmaxOptions", Beta=1.0))


QUANTIZES = [
    (T((4, 64)), q8((4, 64), 0.05, -3)),
    (T((4, 64)), q16((4, 64), 0.0005)),
    *((q8((4, 64), 0.05, 3), q8((4, 64), s, z)) for s, z in ((0.05, -3), (0.013, 7), (0.9, 0))),
    (q8((4, 64), 0.05, 3, "uint8"), q8((4, 64), 0.05, -125)),
    (q8((4, 64), 0.05, 3), q8((4, 64), 0.05, 131, "uint8")),
    (q8((4, 64), 0.05, 3), q16((4, 64), 0.0005)),
    (q16((4, 64)), q8((4, 64), 0.07, 3)),
    (q16((4, 64)), q16((4, 64), 0.0009)),
    (q8((4, 64), 0.05, 3), T((4, 64), "int32", [0.001], [0])),
    (q16((4, 64)), T((4, 64), "int32", [0.0001], [0])),
    (T((4, 64), "int32", [0.001], [0]), q8((4, 64), 0.07, 3)),
    (T((4, 64), "int32", [0.001], [0]), q16((4, 64), 0.002)),
]


@pytest.mark.parametrize("k", range(len(QUANTIZES)))
def test_quantize(k: int) -> None:
    x, y = QUANTIZES[k]
    compare(single("QUANTIZE", [x], [y], "QuantizeOptions"))


@pytest.mark.parametrize("x", [q8((3, 8)), q16((3, 8)), q8((3, 8), 0.1, 128, "uint8")])
def test_dequantize(x: FileTensor) -> None:
    compare(single("DEQUANTIZE", [x], [T((3, 8))], "DequantizeOptions"))


@pytest.mark.parametrize("a", ["float32", "int8", "int16", "int32", "bool"])
@pytest.mark.parametrize("b", ["float32", "int8", "int32", "bool", "int16"])
def test_cast(a: str, b: str) -> None:
    data = single("CAST", [T((3, 8), a)], [T((3, 8), b)], "CastOptions")
    compare(data)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_prelu(dtype: str) -> None:
    x, a, y = T((1, 3, 3, 4)), constant([0.1, -0.2, 0.3, 2.0]), T((1, 3, 3, 4))
    if dtype == "int8":
        alpha = constant([[[3, -5, 100, 7]]], "int8", scale=[0.02], zero=[1])
        x, a, y = q8(x.shape), alpha, q8(x.shape, 0.06, -10)
    compare(single("PRELU", [x, a], [y]))


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_select(dtype: str) -> None:
    t = {"int8": q8((2, 3, 4)), "int16": q16((2, 3, 4))}.get(dtype, T((2, 3, 4)))
    compare(single("SELECT_V2", [T((2, 3, 4), "bool"), t, t], [t], "SelectV2Options"))


def test_floor_division() -> None:
    f, g = T((3, 4)), constant([[3.0, -4.0, 0.7, -1.5]])
    compare(single("FLOOR_DIV", [f, g], [f], "FloorDivOptions"))
    compare(single("FLOOR_MOD", [f, g], [f], "FloorModOptions"))


REDUCTIONS = ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("keep", [True, False])
def test_reduce(kind: str, dtype: str, keep: bool) -> None:
    if dtype == "int16" and kind.startswith("REDUCE"):
        pytest.skip("the micro runtime has no extremes of int16")
    shape = (1, 4, 5, 3)
    for axes in ((1, 2), (3,), (1,), (2, 3), (-1, -2)):
        real = [a % 4 for a in axes]
        out = tuple(1 if k in real else n for k, n in enumerate(shape) if keep or k not in real)
        x, y = T(shape), T(out)
        for scale, to, zero in ((0.05, 0.05, 3), (0.05, 0.02, -100), (0.002, 0.09, 7)):
            same = kind.startswith("REDUCE")
            if dtype == "int8":
                x, y = q8(shape, scale, 3), q8(out, scale if same else to, 3 if same else zero)
            if dtype == "int16":
                x, y = q16(shape, scale / 100), q16(out, to / 100)
            data = single(kind, [x, constant(axes, "int32")], [y], "ReducerOptions", KeepDims=keep)
            compare(data, rtol=0 if x.scale or same else 1e-6)
            if not x.scale:
                break


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_arg(kind: str, dtype: str) -> None:
    x = q8((3, 4, 5)) if dtype == "int8" else T((3, 4, 5))
    option = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
    for axis, out in ((2, (3, 4)), (-1, (3, 4)), (1, (3, 5))):
        compare(single(kind, [x, constant(axis, "int32")], [T(out, "int32")], option, OutputType=2))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_l2_normalization(dtype: str) -> None:
    x, y = T((1, 3, 7)), T((1, 3, 7))
    for scale, zero in ((0.05, 3), (0.5, -128)):
        if dtype == "int8":
            x, y = q8((1, 3, 7), scale, zero), q8((1, 3, 7), 1 / 128, 0)
        compare(single("L2_NORMALIZATION", [x], [y], "L2NormOptions"), rtol=0 if x.scale else 1e-6)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_cumsum(exclusive: bool, reverse: bool) -> None:
    inputs = [T((3, 4, 5)), constant(1, "int32")]
    compare(
        single("CUMSUM", inputs, [T((3, 4, 5))], "CumsumOptions", Exclusive=exclusive, Reverse=reverse),
        rtol=1e-6,
    )


#: Folder of the shared nets of single layers, under the micro runtime's integration tests.
SEANET = "data/models/tflm/tensorflow+tflite-micro/tensorflow/lite/micro/integration_tests/seanet"


@pytest.mark.parametrize("kind", ["add", "leaky_relu", "quantize", "sub"])
def test_layers_of_seanet(kind: str, shared: Path) -> None:
    files = sorted((shared / SEANET / kind).glob("*.tflite"))
    assert files
    assert {path.name: found for path in files if (found := tflite_models.mismatches(path))} == {}
