"""Keras models: files written in every layout, read, and computed against NumPy; files of others."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from tests.nd import keras_file, nets
from tests.nd.keras_file import Layer, given
from tests.nd.onnx_nodes import has_c

RNG = np.random.default_rng(5)


def w(*shape: int, scale: float = 0.5) -> Array:
    return RNG.normal(0, scale, shape).astype(np.float32)


def files(folder: Path, kind: str, layers: Sequence[Layer], outputs: Sequence[Any] = ()) -> list[Path]:
    """One model in every layout."""
    return [
        keras_file.write_h5(folder / "two.h5", kind, layers, 2, outputs),
        keras_file.write_h5(folder / "three.h5", kind, layers, 3, outputs),
        keras_file.write_keras(folder / "named.keras", kind, layers, outputs),
        keras_file.write_keras(folder / "plain.keras", kind, layers, outputs, names=False),
    ]


def same_in_c(graphs: Sequence[Graph]) -> None:
    """The C of nets computes the bits of the reference."""
    samples = [nets.sample(f"net{k}", graph) for k, graph in enumerate(graphs) if has_c(graph)]
    assert samples
    nets.in_c_later(*samples)


# -- what layers compute, in float64, from their definitions


def conv(
    x: Array, kernel: Array, strides: Sequence[int], padding: str, dilations: Sequence[int], groups: int = 1
) -> Array:
    """Convolution with channels last."""
    axes = x.ndim - 2
    pads, outs = [], []
    for e, k, s, d in zip(x.shape[1:-1], kernel.shape, strides, dilations, strict=False):
        wide = (k - 1) * d + 1
        if padding == "valid":
            pads.append((0, 0))
        elif padding == "causal":
            pads.append((wide - 1, 0))
        else:
            whole = max((-(-e // s) - 1) * s + wide - e, 0)
            pads.append((whole // 2, whole - whole // 2))
        outs.append((e + sum(pads[-1]) - wide) // s + 1)
    full: Any = np.pad(x.astype(np.float64), [(0, 0), *pads, (0, 0)])
    cin, cout = kernel.shape[-2], kernel.shape[-1]
    y: Any = np.zeros((len(x), *outs, cout))
    for place in itertools.product(*map(range, outs)):
        for tap in itertools.product(*map(range, kernel.shape[:axes])):
            at = tuple(p * s + t * d for p, s, t, d in zip(place, strides, tap, dilations, strict=True))
            for g in range(groups):
                a = slice(g * cin, (g + 1) * cin)
                b = slice(g * cout // groups, (g + 1) * cout // groups)
                y[(slice(None), *place, b)] += full[(slice(None), *at, a)] @ kernel[tap][:, b].astype(
                    np.float64
                )
    return np.asarray(y)


def conv_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: str) -> Array:
    """Each value adds its kernel (*taps, outputs, inputs)."""
    axes = x.ndim - 2
    taps = kernel.shape[:axes]
    outs = [
        e * s if padding == "same" else (e - 1) * s + max(k, s)
        for e, s, k in zip(x.shape[1:-1], strides, taps, strict=True)
    ]
    cut = [max(k - s, 0) // 2 if padding == "same" else 0 for k, s in zip(taps, strides, strict=True)]
    y: Any = np.zeros((len(x), *outs, kernel.shape[-2]))
    wide: Any = x.astype(np.float64)
    for place in itertools.product(*map(range, x.shape[1:-1])):
        for tap in itertools.product(*map(range, taps)):
            at = tuple(p * s + t - c for p, s, t, c in zip(place, strides, tap, cut, strict=True))
            if all(0 <= a < o for a, o in zip(at, outs, strict=True)):
                y[(slice(None), *at)] += wide[(slice(None), *place)] @ kernel[tap].T
    return np.asarray(y)


Case = tuple[str, Layer, tuple[int, ...], Callable[[Array], Array]]


def pooled(x: Array, kernel: Sequence[int], strides: Sequence[int], padding: str, largest: bool) -> Array:
    """Largest or mean of what is inside of the input under a kernel."""
    marks = np.pad(
        x.astype(np.float64), [(0, 0), *pads_of(x, kernel, strides, padding), (0, 0)], constant_values=np.nan
    )
    outs = [(e - k) // s + 1 for e, k, s in zip(marks.shape[1:-1], kernel, strides, strict=True)]
    y: Any = np.zeros((len(x), *outs, x.shape[-1]))
    for place in itertools.product(*map(range, outs)):
        cut: Any = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides, kernel, strict=True))
        block = marks[(slice(None), *cut)].reshape(len(x), -1, x.shape[-1])
        y[(slice(None), *place)] = np.nanmax(block, axis=1) if largest else np.nanmean(block, axis=1)
    return np.asarray(y)


def pads_of(x: Array, kernel: Sequence[int], strides: Sequence[int], padding: str) -> list[tuple[int, int]]:
    pads = []
    for e, k, s in zip(x.shape[1:-1], kernel, strides, strict=True):
        whole = max((-(-e // s) - 1) * s + k - e, 0) if padding == "same" else 0
        pads.append((whole // 2, whole - whole // 2))
    return pads


def more() -> list[Any]:
    """Layers without weights that change extents."""
    return [
        ("ZeroPadding1D", {"padding": [1, 2]}, (3, 2), lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0)))),
        ("ZeroPadding1D", {"padding": 1}, (3, 2), lambda x: np.pad(x, ((0, 0), (1, 1), (0, 0)))),
        (
            "ZeroPadding2D",
            {"padding": [[1, 0], [0, 2]]},
            (3, 2, 2),
            lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))),
        ),
        ("Cropping1D", {"cropping": [1, 2]}, (6, 2), lambda x: x[:, 1:-2]),
        ("Cropping2D", {"cropping": [[1, 1], [0, 2]]}, (5, 4, 2), lambda x: x[:, 1:-1, :-2]),
        ("GlobalAveragePooling1D", {"keepdims": False}, (5, 3), lambda x: x.mean(1)),
        ("GlobalMaxPooling1D", {"keepdims": True}, (5, 3), lambda x: x.max(1, keepdims=True)),
        ("GlobalAveragePooling2D", {"data_format": "channels_first"}, (2, 3, 4), lambda x: x.mean((2, 3))),
        ("RepeatVector", {"n": 3}, (4,), lambda x: np.repeat(x[:, None], 3, axis=1)),
        ("UpSampling1D", {"size": 3}, (4, 2), lambda x: np.repeat(x, 3, axis=1)),
        (
            "UpSampling2D",
            {"size": [2, 3]},
            (4, 2, 3),
            lambda x: np.repeat(np.repeat(x, 2, axis=1), 3, axis=2),
        ),
        ("UnitNormalization", {"axis": -1}, (2, 3), lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)),
    ]


def single() -> list[Case]:
    """Layers alone: name, layer, shape of the input without a batch, what it computes."""
    found: list[Any] = []
    k, b = w(4, 3), w(3)
    found.append(
        (
            "dense",
            Layer("Dense", "d", {"units": 3, "activation": "relu"}, (k, b)),
            (4,),
            lambda x: np.maximum(x @ k + b, 0),
        )
    )
    found.append(
        ("dense_rows", Layer("Dense", "d", {"units": 3, "use_bias": False}, (k,)), (2, 4), lambda x: x @ k)
    )
    for padding in ("valid", "same", "causal"):
        for stride, dilation in ((1, 1), (2, 1), (1, 2)):
            kernel, bias = w(3, 2, 4), w(4)
            config = {
                "filters": 4,
                "kernel_size": [3],
                "strides": [stride],
                "dilation_rate": [dilation],
                "padding": padding,
                "activation": {"class_name": "function", "config": "tanh"},
            }
            found.append(
                (
                    f"conv1d_{padding}_{stride}_{dilation}",
                    Layer("Conv1D", "c", config, (kernel, bias)),
                    (9, 2),
                    lambda x, k=kernel, b=bias, s=stride, d=dilation, p=padding: np.tanh(
                        conv(x, k, (s,), p, (d,)) + b
                    ),
                )
            )
    for padding in ("valid", "same"):
        kernel, bias = w(3, 2, 2, 6), w(6)
        config = {"filters": 6, "kernel_size": [3, 2], "strides": [2, 1], "padding": padding, "groups": 2}
        found.append(
            (
                f"conv2d_{padding}",
                Layer("Conv2D", "c", config, (kernel, bias)),
                (7, 5, 4),
                lambda x, k=kernel, b=bias, p=padding: conv(x, k, (2, 1), p, (1, 1), 2) + b,
            )
        )
        deep, bias = w(3, 3, 2, 2), w(4)
        config = {"kernel_size": [3, 3], "strides": [1, 1], "padding": padding, "depth_multiplier": 2}
        found.append(
            (
                f"depthwise_{padding}",
                Layer("DepthwiseConv2D", "c", config, (deep, bias)),
                (5, 6, 2),
                lambda x, k=deep, b=bias, p=padding: conv(x, k.reshape(3, 3, 1, 4), (1, 1), p, (1, 1), 2) + b,
            )
        )
        thin, point, bias = w(3, 2, 2), w(1, 4, 5), w(5)
        config = {"filters": 5, "kernel_size": [3], "strides": [2], "padding": padding, "depth_multiplier": 2}
        found.append(
            (
                f"separable_{padding}",
                Layer("SeparableConv1D", "c", config, (thin, point, bias)),
                (8, 2),
                lambda x, k=thin, q=point, b=bias, p=padding: (
                    conv(x, k.reshape(3, 1, 4), (2,), p, (1,), 2) @ q[0] + b
                ),
            )
        )
        for size, stride in ((3, 2), (2, 3), (4, 2)):
            kernel, bias = w(size, 3, 2), w(3)
            config = {"filters": 3, "kernel_size": [size], "strides": [stride], "padding": padding}
            found.append(
                (
                    f"transposed_{padding}_{size}_{stride}",
                    Layer("Conv1DTranspose", "c", config, (kernel, bias)),
                    (4, 2),
                    lambda x, k=kernel, b=bias, s=stride, p=padding: conv_transpose(x, k, (s,), p) + b,
                )
            )
    kernel, bias = w(3, 3, 2, 4), w(4)
    config = {"filters": 4, "kernel_size": [3, 3], "padding": "same", "data_format": "channels_first"}
    found.append(
        (
            "channels_first",
            Layer("Conv2D", "c", config, (kernel, bias)),
            (2, 4, 5),
            lambda x, k=kernel, b=bias: np.moveaxis(
                conv(np.moveaxis(x, 1, -1), k, (1, 1), "same", (1, 1)) + b, -1, 1
            ),
        )
    )
    gamma, beta, mean, var = w(3), w(3), w(3), np.abs(w(3)) + 0.1
    norm = {"axis": [2], "epsilon": 1e-3, "scale": True, "center": True}
    found.append(
        (
            "batch_norm",
            Layer("BatchNormalization", "n", norm, (gamma, beta, mean, var)),
            (4, 3),
            lambda x: (x - mean) / np.sqrt(var + 1e-3) * gamma + beta,
        )
    )
    found.append(
        (
            "batch_norm_plain",
            Layer("BatchNormalization", "n", {"axis": -1, "scale": False, "center": False}, (mean, var)),
            (3,),
            lambda x: (x - mean) / np.sqrt(var + 1e-3),
        )
    )
    found.append(
        ("rescaling", Layer("Rescaling", "r", {"scale": 0.5, "offset": -1.0}), (3,), lambda x: x * 0.5 - 1)
    )
    found.append(
        (
            "normalization",
            Layer("Normalization", "n", {"axis": [-1]}, (mean, var)),
            (2, 3),
            lambda x: (x - mean) / np.sqrt(var),
        )
    )
    layer_norm = Layer("LayerNormalization", "n", {"axis": [-1], "epsilon": 1e-3}, (gamma, beta))
    found.append(
        (
            "layer_norm",
            layer_norm,
            (4, 3),
            lambda x: (
                (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta
            ),
        )
    )
    for padding, size, apart in itertools.product(("valid", "same"), (2, 3), (None, 1, 2)):
        for kind in ("MaxPooling1D", "AveragePooling1D"):
            found.append(
                (
                    f"{kind}_{padding}_{size}_{apart}",
                    Layer(kind, "l", {"pool_size": [size], "strides": apart, "padding": padding}),
                    (7, 2),
                    lambda x, k=size, s=apart or size, p=padding, m=kind[0] == "M": pooled(x, [k], [s], p, m),
                )
            )
    for kind in ("MaxPooling2D", "AveragePooling2D"):
        found.append(
            (
                kind,
                Layer(kind, "l", {"pool_size": [2, 3], "strides": [2, 2], "padding": "same"}),
                (5, 6, 2),
                lambda x, m=kind[0] == "M": pooled(x, [2, 3], [2, 2], "same", m),
            )
        )
    alpha = w(4)
    found.append(("prelu", Layer("PReLU", "p", {}, (alpha,)), (4,), lambda x: np.where(x < 0, x * alpha, x)))
    plain: tuple[tuple[str, dict[str, Any], Any], ...] = (
        ("ReLU", {"max_value": 1.5}, lambda x: np.clip(x, 0, 1.5)),
        ("ReLU", {"negative_slope": 0.25}, lambda x: np.where(x < 0, x * 0.25, x)),
        ("LeakyReLU", {"negative_slope": 0.3}, lambda x: np.where(x < 0, x * 0.3, x)),
        ("ELU", {"alpha": 1.0}, lambda x: np.where(x < 0, np.expm1(x), x)),
        ("Softmax", {"axis": -1}, lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
        ("Activation", {"activation": "sigmoid"}, lambda x: 1 / (1 + np.exp(-x))),
        ("Activation", {"activation": "softplus"}, lambda x: np.log1p(np.exp(x))),
        ("Activation", {"activation": "softsign"}, lambda x: x / (1 + np.abs(x))),
        ("Activation", {"activation": "swish"}, lambda x: x / (1 + np.exp(-x))),
        ("Activation", {"activation": "relu6"}, lambda x: np.clip(x, 0, 6)),
        ("Activation", {"activation": "linear"}, lambda x: x),
        ("Dropout", {"rate": 0.5}, lambda x: x),
        ("Flatten", {}, lambda x: x.reshape(1, -1)),
        ("Reshape", {"target_shape": [2, -1]}, lambda x: x.reshape(1, 2, -1)),
    )
    for name, config, function in plain:
        found.append((f"{name}_{len(found)}", Layer(name, "l", config), (4,), function))
    for name, config, shape, function in more():
        found.append((f"{name}_{len(found)}", Layer(name, "l", config), shape, function))
    found.append(("Permute", Layer("Permute", "l", {"dims": [2, 1]}), (2, 3), lambda x: x.transpose(0, 2, 1)))
    return found


SINGLE = single()


@pytest.mark.parametrize("name", [case[0] for case in SINGLE])
def test_layer(name: str, tmp_path: Path) -> None:
    _, layer, shape, want = next(case for case in SINGLE if case[0] == name)
    x = np.random.default_rng(2).normal(0, 1, (1, *shape)).astype(np.float32)
    for path in files(tmp_path, "Sequential", [given("x", shape), layer]):
        y = interpret.output(read_net(path), x)
        np.testing.assert_allclose(y, want(x), rtol=2e-5, atol=2e-6, err_msg=path.name)


def test_layers_as_c(tmp_path: Path) -> None:
    graphs = []
    for name, layer, shape, _ in SINGLE:
        path = keras_file.write_keras(tmp_path / f"{name}.keras", "Sequential", [given("x", shape), layer])
        graphs.append(read_net(path))
    same_in_c(graphs)


def test_hard_sigmoid_is_that_of_its_version(tmp_path: Path) -> None:
    layers = [given("x", (5,)), Layer("Activation", "a", {"activation": "hard_sigmoid"})]
    x = np.array([[-4, -1, 0, 0.5, 3]], np.float32)
    two, three, *_ = (interpret.output(read_net(p), x) for p in files(tmp_path, "Sequential", layers))
    np.testing.assert_allclose(two, np.clip(0.2 * x + 0.5, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(three, np.clip(x / 6 + 0.5, 0, 1), rtol=1e-6)


def test_branches_and_shared_layers(tmp_path: Path) -> None:
    """Two inputs through one dense layer, joined in several ways; two outputs."""
    k, b, q = w(3, 4), w(4), w(4, 2)
    layers = [
        given("left", (3,)),
        given("right", (3,)),
        Layer("Dense", "shared", {"units": 4}, (k, b), [["left"], ["right"]]),
        Layer("Add", "sum", {}, (), [("shared", 0, 0), ("shared", 1, 0), ("shared", 0, 0)]),
        Layer("Average", "mean", {}, (), [("shared", 0, 0), ("shared", 1, 0)]),
        Layer("Maximum", "most", {}, (), ["sum", "mean"]),
        Layer("Subtract", "rest", {}, (), ["most", "mean"]),
        Layer("Multiply", "product", {}, (), ["rest", "sum"]),
        Layer("Dense", "last", {"units": 2, "use_bias": False}, (q,), ["product"]),
    ]
    x = {"left": w(1, 3), "right": w(1, 3)}
    one, two = x["left"] @ k + b, x["right"] @ k + b
    most = np.maximum(2 * one + two, (one + two) / 2)
    want = (most - (one + two) / 2) * (2 * one + two) @ q
    graphs = []
    for path in files(tmp_path, "Functional", layers, ["last", "most"]):
        graphs.append(read_net(path))
        values = interpret.run(graphs[-1], x)
        np.testing.assert_allclose(values["last"], want, rtol=1e-5)
        np.testing.assert_allclose(values["most"], most, rtol=1e-5)
    same_in_c(graphs)


def test_joined(tmp_path: Path) -> None:
    layers = [
        given("a", (2, 3)),
        given("b", (2, 4)),
        given("c", (3, 5)),
        Layer("Concatenate", "both", {"axis": -1}, (), ["a", "b"]),
        Layer("Dot", "product", {"axes": [2, 1]}, (), ["a", "c"]),
        Layer("Flatten", "flat", {}, (), ["a"]),
        Layer("Dot", "square", {"axes": 1, "normalize": True}, (), ["flat", "flat"]),
    ]
    x = {"a": w(1, 2, 3), "b": w(1, 2, 4), "c": w(1, 3, 5)}
    graphs = []
    for path in files(tmp_path, "Functional", layers, ["both", "product", "square"]):
        graphs.append(read_net(path))
        values = interpret.run(graphs[-1], x)
        assert values["both"].tolist() == np.concatenate([x["a"], x["b"]], axis=-1).tolist()
        np.testing.assert_allclose(values["product"], x["a"] @ x["c"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(values["square"], [[1]], rtol=1e-5)
    same_in_c(graphs[:1])


def test_embedding(tmp_path: Path) -> None:
    table = w(10, 4)
    layer = Layer("Embedding", "e", {"input_dim": 10, "output_dim": 4}, (table,))
    graphs = []
    for dtype in ("int32", "float32"):
        x = np.array([[1, 9, 0, 3]], dtype)
        for path in files(tmp_path, "Sequential", [given("x", (4,), dtype), layer]):
            graphs.append(read_net(path))
            assert interpret.output(graphs[-1], x).tolist() == table[x.astype(int)].tolist()
    assert has_c(graphs[0])


def test_each_step(tmp_path: Path) -> None:
    k, b = w(3, 4), w(4)
    inner = {"class_name": "Dense", "config": {"name": "d", "units": 4, "activation": "relu"}}
    layers = [given("x", (5, 3)), Layer("TimeDistributed", "t", {"layer": inner}, parts={"layer": (k, b)})]
    x = w(1, 5, 3)
    for path in files(tmp_path, "Sequential", layers):
        np.testing.assert_allclose(interpret.output(read_net(path), x), np.maximum(x @ k + b, 0), rtol=1e-5)


def test_models_inside_models(tmp_path: Path) -> None:
    k, b, q, r = w(3, 4), w(4), w(4, 4), w(4, 2)
    inner = [Layer("Dense", "first", {"units": 4, "activation": "relu"}, (k, b))]
    more = [
        given("in", (4,)),
        Layer("Dense", "second", {"units": 4, "use_bias": False}, (q,), ["in"]),
        Layer("Add", "skip", {}, (), ["in", "second"]),
    ]
    layers = [
        given("x", (3,)),
        Layer("Sequential", "row", {}, (), ["x"], layers=inner),
        Layer("Functional", "net", {}, (), ["row"], layers=more),
        Layer("Dense", "third", {"units": 2, "use_bias": False}, (r,), ["net"]),
    ]
    x = w(1, 3)
    h = np.maximum(x @ k + b, 0)
    for path in files(tmp_path, "Functional", layers):
        np.testing.assert_allclose(interpret.output(read_net(path), x), (h + h @ q) @ r, rtol=1e-5, atol=1e-6)


# -- QKeras and Larq


def test_quantised_layers(tmp_path: Path) -> None:
    """Weights and activations by the formulas of QKeras, in float64."""
    k, b = w(4, 3), w(3)
    config = {
        "units": 3,
        "kernel_quantizer": "quantized_bits(4,0,1,alpha=1.0)",
        "bias_quantizer": {
            "class_name": "quantized_bits",
            "config": {"bits": 6, "integer": 2, "symmetric": 0},
        },
        "activation": "quantized_relu(3,1)",
    }
    layers = [given("x", (4,)), Layer("QDense", "q", config, (k, b))]
    x = w(1, 4)
    kq = np.clip(np.rint(k.astype(np.float64) * 8), -7, 7) / 8
    bq = np.clip(np.rint(b.astype(np.float64) * 8), -32, 31) / 8
    want = np.clip(np.rint((x.astype(np.float64) @ kq + bq) * 4), 0, 7) / 4
    graphs = [read_net(path) for path in files(tmp_path, "Sequential", layers)]
    for graph in graphs:
        np.testing.assert_array_equal(interpret.output(graph, x), want.astype(np.float32))
    same_in_c(graphs)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("quantized_bits(8,0)", lambda x: np.clip(np.rint(x * 128), -128, 127) / 128),
        ("quantized_bits(4,1,1)", lambda x: np.clip(np.rint(x * 4), -7, 7) / 4),
        ("quantized_bits(4,1,keep_negative=False,alpha=0.5)", lambda x: np.clip(np.rint(x * 8), 0, 15) / 16),
        ("quantized_bits(1,0)", lambda x: np.where(x >= 0, 1, -1)),
        ("quantized_relu(4)", lambda x: np.clip(np.rint(x * 16), 0, 15) / 16),
        ("quantized_relu(8,2)", lambda x: np.clip(np.rint(x * 64), 0, 255) / 64),
        (
            "quantized_relu(6,1,negative_slope=0.25)",
            lambda x: np.clip(np.rint(np.where(x < 0, x / 4, x) * 16), -8, 31) / 16,
        ),
        ("quantized_tanh(4)", lambda x: np.clip(np.rint(np.clip(x, -1, 1) * 8), -8, 7) / 8),
        (
            "quantized_tanh(4,symmetric=1,use_real_tanh=1)",
            lambda x: np.clip(np.rint(np.tanh(x) * 8), -7, 7) / 8,
        ),
        ("quantized_sigmoid(4)", lambda x: np.clip(np.rint(np.clip(x / 2 + 0.5, 0, 1) * 16), 0, 15) / 16),
        ("binary(alpha=1)", lambda x: np.where(x >= 0, 1, -1)),
        ("binary(use_01=1)", lambda x: np.where(x >= 0, 1, 0)),
        ("ternary(alpha=0.5,threshold=0.4)", lambda x: 0.5 * np.sign(x) * (np.abs(x) >= 0.4)),
        ("ste_sign", lambda x: np.where(x >= 0, 1, -1)),
        ("ste_heaviside", lambda x: np.where(x > 0, 1, 0)),
        ("ste_tern", lambda x: np.sign(np.sign(x + 0.05) + np.sign(x - 0.05))),
        ("dorefa_quantizer", lambda x: np.rint(np.clip(x, 0, 1) * 3) / 3),
    ],
)
def test_quantised_activation(text: str, function: Callable[[Array], Array], tmp_path: Path) -> None:
    layers = [given("x", (101,)), Layer("QActivation", "q", {"activation": text})]
    x = np.linspace(-2.6, 2.6, 101).astype(np.float32)[None]
    graphs = [read_net(path) for path in files(tmp_path, "Sequential", layers)]
    for graph in graphs:
        np.testing.assert_allclose(interpret.output(graph, x), function(x.astype(np.float64)), rtol=1e-6)
    same_in_c(graphs[:1])


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("quantized_bits(4,0,alpha='auto')", 15),
        ("quantized_bits(4,0,alpha='auto_po2')", 15),
        ("binary(alpha='auto')", 2),
        ("ternary(alpha='auto_po2')", 3),
        ("quantized_po2(4)", 16),
        ("magnitude_aware_sign", 2),
    ],
)
def test_quantised_weights_have_few_levels(text: str, levels: int, tmp_path: Path) -> None:
    k = w(40, 2)
    config = {"units": 2, "use_bias": False, "kernel_quantizer": text}
    path = keras_file.write_keras(
        tmp_path / "a.keras", "Sequential", [given("x", (40,)), Layer("QDense", "q", config, (k,))]
    )
    kernel = next(t.data for t in read_net(path).tensors.values() if t.data is not None)
    for row in kernel:
        assert len(np.unique(row)) <= levels
    assert np.corrcoef(kernel.reshape(-1), k.T.reshape(-1))[0, 1] > 0.75


def test_larq(tmp_path: Path) -> None:
    k = w(3, 3, 2, 4)
    config = {
        "filters": 4,
        "kernel_size": [3, 3],
        "use_bias": False,
        "input_quantizer": {"class_name": "SteSign", "config": {"clip_value": 1.0}},
        "kernel_quantizer": "ste_sign",
    }
    layers = [given("x", (5, 5, 2)), Layer("Larq>QuantConv2D", "q", config, (k,))]
    x = w(1, 5, 5, 2)

    def sign(v: Array) -> Array:
        return np.where(v >= 0, 1.0, -1.0)

    want = conv(sign(x), sign(k), (1, 1), "valid", (1, 1))
    for path in (
        keras_file.write_h5(tmp_path / "a.h5", "Sequential", layers),
        keras_file.write_keras(tmp_path / "a.keras", "Sequential", layers),
    ):
        np.testing.assert_array_equal(interpret.output(read_net(path), x), want.astype(np.float32))


# -- models of others

ST = "data/models/st_ispu/STMicroelectronics+st-mems-ispu/tutorials/st_edge_ai_keras/output_ipynb"
TINY = "data/models/mlperf_tiny/mlcommons+tiny/benchmark/training/image_classification/trained_models"


def lite(path: Path, x: Array) -> Array:
    """Output of LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(str(path))
    net.allocate_tensors()
    net.set_tensor(net.get_input_details()[0]["index"], x)
    net.invoke()
    return np.asarray(net.get_tensor(net.get_output_details()[0]["index"]))


def test_residual_net_as_its_tflite(shared: Path) -> None:
    """MLPerf Tiny's ResNet from ``.h5``, against LiteRT with the file that was made of it."""
    graph = read_net(shared / TINY / "pretrainedResnet.h5")
    rng = np.random.default_rng(0)
    for _ in range(2):
        x = rng.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
        want = lite(shared / TINY / "pretrainedResnet.tflite", x)
        np.testing.assert_allclose(interpret.output(graph, x), want, rtol=1e-4, atol=1e-6)


def test_net_of_st(shared: Path) -> None:
    """ST's tutorial net from ``.keras``: as NumPy, nearly as its int8 file, and the same bits as C."""
    import h5py

    path = shared / ST / "cnn_8x8x8.keras"
    graph = read_net(path)
    with zipfile.ZipFile(path) as box, h5py.File(io.BytesIO(box.read("model.weights.h5"))) as file:
        of = {
            f"{layer}_{k}": file[f"layers/{layer}/vars/{k}"][()]
            for layer in file["layers"]
            for k in range(4)
            if str(k) in file[f"layers/{layer}/vars"]
        }
    x = np.random.default_rng(1).normal(0, 0.5, (1, 52, 3)).astype(np.float32)
    y = x.astype(np.float64)
    for end in ("", "_1", "_2"):
        y = conv(y, of[f"conv1d{end}_0"], (1,), "same", (1,)) + of[f"conv1d{end}_1"]
        gamma, beta, mean, var = (of[f"batch_normalization{end}_{k}"] for k in range(4))
        y = np.maximum((y - mean) / np.sqrt(var + 1e-3) * gamma + beta, 0)
        y = pooled(y, [2], [2], "valid", True)
    y = np.exp(y.reshape(1, -1) @ of["dense_0"] + of["dense_1"])
    got = interpret.output(graph, x)
    np.testing.assert_allclose(got, y / y.sum(), rtol=1e-5)
    assert np.abs(got - lite(shared / ST / "qcnn_8x8x8.tflite", x)).max() < 0.15
    same_in_c([graph])


# -- refused and hostile files


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer("Lambda", "l"), "Lambda"),
        (Layer("Dense", "l", {"units": 3}, (w(4, 2),)), r"shapes \[\[4, 2\]\]"),
        (Layer("Dense", "l", {"units": 3, "activation": "wave"}, (w(4, 3), w(3))), "wave"),
        (Layer("Dense", "l", {"units": 3, "dtype": "mixed_float16"}, (w(4, 3), w(3))), "mixed_float16"),
        (Layer("Dense", "l", {"units": -3}, (w(4, 3), w(3))), "units=-3"),
        (Layer("QActivation", "l", {"activation": "bernoulli()"}), "bernoulli"),
        (Layer("QActivation", "l", {"activation": "quantized_relu(__import__('os'))"}), "no quantiser"),
        (Layer("QActivation", "l", {"activation": "quantized_bits(99)"}), "bits=99"),
    ],
)
def test_refused(layer: Layer, said: str, tmp_path: Path) -> None:
    for path in files(tmp_path, "Sequential", [given("x", (4,)), layer]):
        with pytest.raises(ConfigError, match=said):
            read_net(path)


def small() -> list[Layer]:
    return [given("x", (4,)), Layer("Dense", "d", {"units": 3, "activation": "relu"}, (w(4, 3), w(3)))]


def zipped(path: Path, config: bytes, weights: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("config.json", config)
        box.writestr("model.weights.h5", weights)
    return path


def test_damaged_files(tmp_path: Path) -> None:
    good = keras_file.write_keras(
        tmp_path / "good.keras",
        "Sequential",
        small(),
    )
    config = zipfile.ZipFile(good).read("config.json")
    weights = zipfile.ZipFile(good).read("model.weights.h5")
    deep = b"[" * 200_000 + b"]" * 200_000
    bad = [
        zipped(tmp_path / "a.keras", b"", weights),
        zipped(tmp_path / "b.keras", b"[]", weights),
        zipped(tmp_path / "c.keras", deep, weights),
        zipped(tmp_path / "d.keras", config, weights[: len(weights) // 2]),
        zipped(tmp_path / "e.keras", config, b""),
        zipped(tmp_path / "f.keras", b" " * (1 << 27), weights),
        zipped(tmp_path / "g.keras", json.dumps({"class_name": "Sequential", "config": 5}).encode(), weights),
        zipped(
            tmp_path / "h.keras",
            b'{"class_name": "Sequential", "config": {"layers": [{"config": 3}]}}',
            weights,
        ),
    ]
    (tmp_path / "i.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    (tmp_path / "j.keras").write_bytes(good.read_bytes()[:-40])
    for path in (*bad, tmp_path / "i.h5", tmp_path / "j.keras"):
        with pytest.raises(SensoraiError):
            read_net(path)


@pytest.mark.parametrize("how", ["empty", "external", "soft", "huge", "file"])
def test_weights_that_are_elsewhere(how: str, tmp_path: Path) -> None:
    import h5py

    path = keras_file.write_h5(
        tmp_path / "a.h5",
        "Sequential",
        small(),
    )
    with h5py.File(path, "r+") as file:
        group = file["model_weights/d/d"]
        del group["w0:0"]
        if how == "empty":
            group.create_dataset("w0:0", (4, 3), "f4")
        elif how == "huge":
            group.create_dataset("w0:0", (1 << 40, 3), "f4", chunks=(1024, 3))
        elif how == "external":
            group["w0:0"] = h5py.ExternalLink("other.h5", "/secret")
        elif how == "soft":
            group["w0:0"] = h5py.SoftLink("/model_weights/d/d/w1:0")
        else:
            (tmp_path / "raw").write_bytes(b"\0" * 48)
            group.create_dataset("w0:0", (4, 3), "f4", external=[(str(tmp_path / "raw"), 0, 48)])
    with pytest.raises(DataError):
        read_net(path)


def test_changed_configurations_raise_only_our_errors(tmp_path: Path) -> None:
    """Bytes and words of the configuration changed: read, or refused in one message."""
    layers = [
        given("x", (6, 4)),
        Layer(
            "Conv1D", "c", {"filters": 3, "kernel_size": [3], "padding": "same"}, (w(3, 4, 3), w(3)), ["x"]
        ),
        Layer("QActivation", "q", {"activation": "quantized_relu(4,1)"}, (), ["c"]),
        Layer("Add", "a", {}, (), ["q", "c"]),
        Layer("Softmax", "s", {"axis": -1}, (), ["a"]),
    ]
    good = keras_file.write_keras(tmp_path / "good.keras", "Functional", layers)
    config = zipfile.ZipFile(good).read("config.json")
    weights = zipfile.ZipFile(good).read("model.weights.h5")
    words = [b"null", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'"x"', b"99999999999999999999", b"true", b"0"]
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(30):
        data = bytearray(config)
        if rng.integers(0, 2):
            for place in rng.integers(0, len(data), 2):
                data[place] = int(rng.integers(32, 127))
        else:
            tokens = list(re.finditer(rb'(?<=[:\[,] )("[^"]*"|-?[0-9.]+|true|false|null)', bytes(data)))
            token = tokens[int(rng.integers(0, len(tokens)))]
            data[token.start() : token.end()] = words[int(rng.integers(0, len(words)))]
        path = zipped(tmp_path / "b.keras", bytes(data), weights)
        with contextlib.suppress(SensoraiError):
            read_net(path)
            read += 1
    assert read > 3


def test_changed_files_raise_only_our_errors(tmp_path: Path) -> None:
    """Bytes of HDF5 changed: some of these files end a process that opens them."""
    whole = keras_file.write_h5(tmp_path / "a.h5", "Sequential", small()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(30):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = int(rng.integers(0, 256))
        path = tmp_path / "b.h5"
        path.write_bytes(bytes(data))
        with contextlib.suppress(SensoraiError):
            read_net(path)
