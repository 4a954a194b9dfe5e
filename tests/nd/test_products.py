"""Convolutions and products of matrices: rules, settings that make no sense, counts, nets made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.ops.nd import leaving
from sensorai.ops.nd._testing import given, known, one
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.toolchain import host
from tests.nd import tflite_models
from tests.nd.nets import differences, sample_of, stream, unit


def naive(op: Conv, x: Array, w: Array, bias: Array) -> Array:
    """Definition of a convolution over two axes, number by number."""
    (top, bottom), (left, right) = op.pads
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    kh, kw, inputs = w.shape[1:]
    dh, dw = op.dilations
    rows = (x.shape[1] - (kh - 1) * dh - 1) // op.strides[0] + 1
    columns = (x.shape[2] - (kw - 1) * dw - 1) // op.strides[1] + 1
    y = np.zeros((x.shape[0], rows, columns, w.shape[0]), np.int64)
    for n, r, c, o in np.ndindex(*y.shape):
        lane = o // (w.shape[0] // op.groups) * inputs
        total = int(bias[o])
        for i, j, k in np.ndindex(kh, kw, inputs):
            total += int(x[n, r * op.strides[0] + i * dh, c * op.strides[1] + j * dw, lane + k]) * int(
                w[o, i, j, k]
            )
        y[n, r, c, o] = total
    return y


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((2, 1), (0, 3)), ((5, 5), (1, 1))])
@pytest.mark.parametrize("strides", [(1, 1), (3, 2)])
def test_definition(groups: int, pads: Any, strides: tuple[int, int]) -> None:
    rng = np.random.default_rng(groups)
    op = Conv(strides, (1, 2), pads, groups, to="int32")
    w, b = rng.integers(-128, 128, (4, 3, 2, 4 // groups)), rng.integers(-999, 999, 4)
    tensors = (given("x", (2, 6, 5, 4), "int8"), known("w", w, "int8"), known("b", b, "int32"))
    x = rng.integers(-128, 128, (2, 6, 5, 4)).astype(np.int8)
    got = interpret.run(one(op, tensors), {"x": x[None]})["y0"][0]
    assert np.array_equal(got, naive(op, x.astype(np.int64), w, b))


def test_transposed_undoes_the_shape() -> None:
    """A transposed convolution is the transposed matrix of the convolution."""
    rng = np.random.default_rng(0)
    w = rng.normal(0, 1, (3, 3, 2, 2))
    forward = Conv((2, 1), (1, 2), ((1, 1), (0, 1)))
    back = ConvTranspose((2, 1), (1, 2), ((1, 1), (0, 1)), (1, 0))
    x, y = rng.normal(0, 1, (1, 6, 5, 2)), rng.normal(0, 1, (1, 3, 4, 3))
    there = one(forward, (given("x", x.shape, "float64"), known("w", w, "float64")))
    again = one(back, (given("x", y.shape, "float64"), known("w", w.transpose(3, 1, 2, 0).copy(), "float64")))
    first = np.sum(interpret.run(there, x)["y0"] * y)
    second = np.sum(interpret.run(again, y)["y0"] * x)
    assert first == pytest.approx(second)


def test_even_rounds_ties_to_even() -> None:
    half = leaving.Exit("even", "int8", np.array([1 << 30]), np.array([0]), 0, -128, 127)
    assert half.apply(np.arange(-5, 6)).tolist() == [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("op", "x", "w"),
    [
        (Conv(), (1, 4, 2), (3, 5, 2)),
        (Conv(groups=3), (1, 4, 2), (3, 2, 2)),
        (Conv(strides=(0,)), (1, 4, 2), (3, 2, 2)),
        (Conv(pads=((-1, 0),)), (1, 4, 2), (3, 2, 2)),
        (Conv(pads=((1 << 40, 0),)), (1, 4, 2), (3, 2, 2)),
        (Conv(strides=(1 << 30,), pads=((1 << 31, 0),)), (1, 4, 2), (3, 2, 2)),
        (Conv(), (4, 2), (3, 2)),
        (Conv(), (1, 2, 2, 2, 2, 2), (3, 1, 1, 1, 1, 2)),
        (ConvTranspose(pads=((9, 9),)), (1, 4, 2), (3, 2, 2)),
        (ConvTranspose(strides=(1 << 40,)), (1, 4, 2), (3, 2, 2)),
        (FullyConnected(), (4, 3), (3, 4)),
        (MatMul(), (4, 3), (4, 3)),
        (MatMul(), (2, 4, 3), (3, 3, 1)),
    ],
)
def test_what_does_not_fit(op: Any, x: tuple[int, ...], w: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        op.infer(Applied("y", (given("x", x), given("w", w)), {}))


def test_scales_are_needed() -> None:
    tensors = (given("x", (2, 3), "int8", Affine((0.1,))), known("w", np.ones((2, 3)), "int8"))
    with pytest.raises(ConfigError, match="no scale is known for int8 tensor w"):
        one(FullyConnected(), tensors)


def test_counts() -> None:
    """What ST's tool counts: the bias once for each channel, margins as values."""
    op = Conv(pads=((1, 1), (1, 1)), lo=0.0)
    graph = one(op, (given("x", (1, 5, 4, 3)), known("w", np.zeros((8, 3, 3, 3)))))
    at = graph.applied(graph.nodes[0])
    assert op.macs(at) == 5 * 4 * 8 * 27
    assert op.macc(at) == 5 * 4 * 8 * 27 + 8 + 5 * 4 * 8
    dense = one(FullyConnected(), (given("x", (1, 9)), known("w", np.zeros((4, 9)))))
    assert dense.nodes[0].op.macc(dense.applied(dense.nodes[0])) == 9 * 4 + 4


MODELS = (
    ("ad01_fp32", 2),
    ("ad01_int8", 6),
    *((f"conv{k}", 3) for k in (0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21)),
    *((f"transpose_conv{k}", 3) for k in (0, 1, 3, 4)),
    ("hello_world_float", 3),
    ("hello_world_int8", 3),
    ("kws_ref_model", 3),
    ("mobilenet_v2_quantized_1x3x224x224", 1),
    *((f"pad{k}", 2) for k in (0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18)),
    ("micro_speech_quantized", 3),
    ("model_ToyCar_quant_fullint", 3),
    ("pretrainedResnet_quant", 2),
    ("ptq_mnist_lenet-300-100", 3),
    ("vww", 2),
    ("vww_96_int8", 2),
)


@pytest.mark.parametrize(("name", "count"), MODELS)
def test_as_tensorflow_lite_micro(name: str, count: int, shared: Path) -> None:
    (path,) = (shared / "data" / "models").rglob(f"{name}.tflite")
    assert tflite_models.mismatches(path, count) == []


def test_models_as_c(shared: Path) -> None:
    samples = []
    for name, _ in MODELS:
        (path,) = (shared / "data" / "models").rglob(f"{name}.tflite")
        graph = read_net(path)
        samples.append(sample_of(name, graph, tflite_models.random_inputs(graph, 2)))
    program = host.build_program(unit(samples), opt="-O1", harness=True)
    assert differences(samples, program.run(stream(samples))) == []


def test_hybrid_weights_stay_bytes() -> None:
    """A float layer with int8 weights computes what one with the same numbers as floats does."""
    rng = np.random.default_rng(1)
    q, scale = rng.integers(-128, 128, (3, 8)), Affine((0.1, 0.02, 3.0), (0, 5, -7), 0)
    real = ((q - np.array(scale.zero)[:, None]) * 1.0).astype(np.float32)
    real *= np.array(scale.scale, np.float32)[:, None]
    x = rng.normal(0, 1, (4, 8)).astype(np.float32)
    hybrid = one(FullyConnected(), (given("x", (4, 8)), known("w", q, "int8", scale)))
    plain = one(FullyConnected(), (given("x", (4, 8)), known("w", real)))
    assert np.array_equal(interpret.run(hybrid, x)["y0"], interpret.run(plain, x)["y0"])


def test_count_of_a_net_as_st_reports_it(shared: Path) -> None:
    """Dense 9-64-32-4 in float: 3,008 in ST's report of this file."""
    (path,) = (shared / "data" / "models").rglob("dense_64x32.onnx")
    graph = read_net(path)
    assert sum(node.op.macc(graph.applied(node)) for node in graph.nodes) == 3008
