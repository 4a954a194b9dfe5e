"""Keras models as people have them: attention, functions, cells, images, messages of what is not read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.nets.model import open_model
from sensorai.passes.imported import simplify
from tests.nd import keras_file
from tests.nd.keras_file import Layer, given, tensor
from tests.nd.test_keras import conv, conv_transpose, files, pooled, same_in_c, w
from tests.nd.test_keras_recurrent import recurrent_weights, steps_of

#: Nets of the tests above the one that compiles them.
NETS: list[Graph] = []


def agree(
    folder: Path, layers: list[Layer], x: Mapping[str, Array], want: Mapping[str, Any], **more: Any
) -> None:
    """Every layout of a model computes this."""
    kind = "Functional" if any(one.reads or one.calls for one in layers) else "Sequential"
    for path in files(folder, kind, layers, list(want) if kind == "Functional" else (), **more):
        graph = read_net(path)
        values = interpret.run(graph, x)
        for name, (out, y) in zip(graph.outputs, want.items(), strict=True):
            assert values[name].shape == np.shape(y), out
            np.testing.assert_allclose(values[name], y, rtol=2e-5, atol=1e-5, err_msg=out)
    NETS.append(simplify(graph)[0])


def softmax(x: Array) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# -- attention


@pytest.mark.parametrize(("causal", "bias", "under"), [(False, True, ""), (True, False, "_")])
def test_heads(causal: bool, bias: bool, under: str, tmp_path: Path) -> None:
    """Two heads over another sequence; Keras 2 has underscores before the names of what is inside."""
    kernels = {"query": w(5, 2, 3), "key": w(4, 2, 3), "value": w(4, 2, 6), "output": w(2, 6, 7)}
    biases = {"query": w(2, 3), "key": w(2, 3), "value": w(2, 6), "output": w(7)}
    parts = {f"{under}{n}_dense": [k, *([biases[n]] if bias else [])] for n, k in kernels.items()}
    named = {"use_causal_mask": causal}
    calls = {
        2: [[["a", 0, 0, {"value": ["b", 0, 0], **named}]]],
        3: [{"args": [tensor("a"), tensor("b")], "kwargs": named}],
    }
    config = {"num_heads": 2, "key_dim": 3, "value_dim": 6, "use_bias": bias, "attention_axes": [1]}
    layers = [
        given("a", (4, 5)),
        given("b", (4, 4)),
        Layer("MultiHeadAttention", "m", config, calls=calls, parts=parts),
    ]
    x = {"a": w(1, 4, 5), "b": w(1, 4, 4)}

    def through(name: str, of: Array) -> Any:
        return np.einsum("btc,chd->bthd", of, kernels[name]) + (biases[name] if bias else 0)

    q, k, v = through("query", x["a"]), through("key", x["b"]), through("value", x["b"])
    scores = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(3)
    scores = np.where(np.tri(4, dtype=bool) | (not causal), scores, -1e9)
    made = np.einsum("bhts,bshd->bthd", softmax(scores), v)
    agree(
        tmp_path,
        layers,
        x,
        {"m": np.einsum("bthd,hdo->bto", made, kernels["output"]) + (biases["output"] if bias else 0)},
    )


def test_attention(tmp_path: Path) -> None:
    scale, scales = np.array(0.7, np.float32), w(5)
    layers = [
        given("a", (3, 5)),
        given("b", (4, 5)),
        Layer("Attention", "dot", {"use_scale": True}, (scale,), ["a", "b"]),
        Layer("AdditiveAttention", "sum", {"use_scale": True}, (scales,), ["a", "b"]),
    ]
    x = {"a": w(1, 3, 5), "b": w(1, 4, 5)}
    q, v = x["a"], x["b"]
    dot = softmax(q @ v.transpose(0, 2, 1) * scale) @ v
    added = softmax((np.tanh(q[:, :, None] + v[:, None]) * scales).sum(-1)) @ v
    agree(tmp_path, layers, x, {"dot": dot, "sum": added})


def test_groups_of_channels(tmp_path: Path) -> None:
    gamma, beta = w(6), w(6)
    layers = [given("x", (3, 2, 6)), Layer("GroupNormalization", "g", {"groups": 2}, (gamma, beta))]
    x = w(1, 3, 2, 6).astype(np.float64)
    parts = x.reshape(1, 6, 2, 3)
    parts = (parts - parts.mean((1, 3), keepdims=True)) / np.sqrt(parts.var((1, 3), keepdims=True) + 1e-3)
    want = parts.reshape(1, 3, 2, 6) * gamma + beta
    agree(tmp_path, layers, {"x": x.astype(np.float32)}, {"g": want})


# -- functions


def function(kind: str, name: str, args: list[Any], own: Mapping[str, Any] | None = None) -> Layer:
    """One of Keras 3, whose files ``.h5`` leave the module out."""
    call = [{"args": args, "kwargs": {}}]
    return Layer(kind, name, own or {}, calls={2: call, 3: call}, module="keras.src.ops.numpy")


X = tensor("x")
SLICE = {"class_name": "__slice__", "config": {"start": 1, "stop": 3, "step": None}}
WHOLE = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}

FUNCTIONS: dict[str, tuple[Layer, Callable[[Array], Any]]] = {
    "number": (function("Multiply", "f", [X, 2.5]), lambda x: x * 2.5),
    "before": (function("Subtract", "f", [1, X]), lambda x: 1 - x),
    "divided": (function("TrueDivide", "f", [X, tensor("x")]), np.ones_like),
    "abs": (function("Absolute", "f", [X]), np.abs),
    "mean": (function("Mean", "f", [X], {"axis": 1, "keepdims": False}), lambda x: x.mean(1)),
    "sum": (function("Sum", "f", [X], {"axis": [-1], "keepdims": True}), lambda x: x.sum(-1, keepdims=True)),
    "reshape": (function("Reshape", "f", [X], {"newshape": [-1, 8]}), lambda x: x.reshape(-1, 8)),
    "transpose": (function("Transpose", "f", [X], {"axes": [0, 2, 1]}), lambda x: x.transpose(0, 2, 1)),
    "clip": (function("Clip", "f", [X], {"x_min": -0.2, "x_max": 0.3}), lambda x: x.clip(-0.2, 0.3)),
    "item": (function("GetItem", "f", [X, [WHOLE, SLICE]]), lambda x: x[:, 1:3]),
    "place": (function("GetItem", "f", [X, [WHOLE, -1, None]]), lambda x: x[:, -1, None]),
    "joined": (function("Concatenate", "f", [[X, X]], {"axis": 1}), lambda x: np.concatenate([x, x], 1)),
    "stacked": (function("Stack", "f", [[X, X]], {"axis": 1}), lambda x: np.stack([x, x], 1)),
    "longer": (function("ExpandDims", "f", [X], {"axis": 1}), lambda x: x[:, None]),
    "softmax": (function("Softmax", "f", [X], {"axis": -1}), softmax),
    "matmul": (function("Matmul", "f", [X, np.eye(4).tolist()]), lambda x: x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, tmp_path: Path) -> None:
    layer, want = FUNCTIONS[name]
    layers = [given("x", (6, 4)), layer]
    x = w(1, 6, 4)
    for path in (
        keras_file.write_h5(tmp_path / "net.h5", "Functional", layers, 3),
        keras_file.write_keras(tmp_path / "net.keras", "Functional", layers),
    ):
        graph = open_model(path).read
        np.testing.assert_allclose(interpret.output(graph, x), want(x), rtol=1e-5, atol=1e-6)
    NETS.append(simplify(graph)[0])


def test_functions_of_tensorflow(tmp_path: Path) -> None:
    """Of Keras 2: numbers before and behind, a second tensor, slices, several tensors."""

    def one(name: str, which: str, call: Any, kind: str = "TFOpLambda") -> Layer:
        return Layer(kind, name, {"function": which}, calls={2: [call]})

    spec = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 5, "step": 2}]
    layers = [
        given("x", (6, 4)),
        one("a", "math.multiply", ["x", 0, 0, {"y": 2.0, "name": None}]),
        one("b", "__operators__.sub", ["_CONSTANT_VALUE", -1, 1, {"y": ["a", 0, 0]}]),
        one("c", "math.add", ["b", 0, 0, {"y": ["x", 0, 0]}]),
        one("d", "__operators__.getitem", ["c", 0, 0, {"slice_spec": spec}], "SlicingOpLambda"),
        one("e", "concat", [["d", 0, 0, {"axis": 1}], ["d", 0, 0, {"axis": 1}]]),
        one("f", "math.reduce_mean", ["e", 0, 0, {"axis": 1, "keepdims": True}]),
        one("g", "nn.relu", ["f", 0, 0, {}]),
    ]
    x = w(1, 6, 4)
    graph = read_net(keras_file.write_h5(tmp_path / "net.h5", "Functional", layers, 2))
    want = np.maximum((1 - 2 * x + x)[:, 1:5:2].mean(1, keepdims=True), 0)
    np.testing.assert_allclose(interpret.output(graph, x), want, rtol=1e-5, atol=1e-6)


# -- recurrent layers


def test_cells(tmp_path: Path) -> None:
    """One, and several on top of each other."""
    gru, lstm = recurrent_weights("GRU", True), recurrent_weights("LSTM", True)
    lstm = (w(4, 16), *lstm[1:])

    def cell(kind: str, name: str) -> Any:
        return {"class_name": kind, "config": {"name": name, "units": 4}}

    stack = {
        "class_name": "StackedRNNCells",
        "config": {"cells": [cell("GRUCell", "g"), cell("LSTMCell", "l")]},
    }
    x = w(1, 5, 3)
    first = steps_of("GRU", x, gru)
    alone = [given("x", (5, 3)), Layer("RNN", "r", {"cell": cell("GRUCell", "g")}, parts={"cell": gru})]
    agree(tmp_path, alone, {"x": x}, {"r": first[:, -1]})
    parts = {"cell/cells/gru_cell": gru, "cell/cells/lstm_cell": lstm}
    both = [given("x", (5, 3)), Layer("RNN", "r", {"cell": stack, "return_sequences": True}, parts=parts)]
    agree(tmp_path, both, {"x": x}, {"r": steps_of("LSTM", first, lstm)})


def test_states_of_both_directions(tmp_path: Path) -> None:
    one, two = recurrent_weights("GRU", True), recurrent_weights("GRU", True)
    inner = {"class_name": "GRU", "config": {"name": "f", "units": 4, "return_state": True}}
    parts = {"forward_layer/cell": one, "backward_layer/cell": two}
    layers = [given("x", (6, 3)), Layer("Bidirectional", "b", {"layer": inner}, (), ["x"], parts)]
    x = w(1, 6, 3)
    left, right = steps_of("GRU", x, one)[:, -1], steps_of("GRU", x[:, ::-1], two)[:, -1]
    wanted = [np.concatenate([left, right], -1), left, right]
    for path in files(tmp_path, "Functional", layers, [("b", 0, 0), ("b", 0, 1), ("b", 0, 2)]):
        graph = read_net(path)
        values = interpret.run(graph, x)
        for name, want in zip(graph.outputs, wanted, strict=True):
            np.testing.assert_allclose(values[name], want, rtol=1e-4, atol=1e-6)


# -- images and volumes


def near(x: Array, size: tuple[int, int]) -> Array:
    """Between the nearest rows and columns, centres over centres."""
    for axis, count in enumerate(size, start=1):
        extent = x.shape[axis]
        at = np.clip((np.arange(count) + 0.5) * extent / count - 0.5, 0, extent - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape([-1 if k == axis else 1 for k in range(4)])
        high = np.minimum(low + 1, extent - 1)
        x = x.take(low, axis) * (1 - part) + x.take(high, axis) * part
    return x


IMAGES: dict[str, tuple[Layer, tuple[int, ...], Callable[[Array], Any]]] = {
    "training_only": (Layer("RandomFlip", "i", {"mode": "horizontal"}), (4, 4, 2), lambda x: x),
    "resizing": (Layer("Resizing", "i", {"height": 7, "width": 3}), (5, 6, 2), lambda x: near(x, (7, 3))),
    "nearest": (
        Layer("Resizing", "i", {"height": 8, "width": 4, "interpolation": "nearest"}),
        (4, 8, 2),
        lambda x: x.repeat(2, 1)[:, :, 1::2],
    ),
    "crop": (Layer("CenterCrop", "i", {"height": 3, "width": 4}), (6, 4, 2), lambda x: x[:, 1:4]),
    "up": (
        Layer("UpSampling2D", "i", {"size": [2, 3], "interpolation": "bilinear"}),
        (3, 4, 2),
        lambda x: near(x, (6, 12)),
    ),
    "pool": (
        Layer("MaxPooling3D", "i", {"pool_size": [2, 2, 1]}),
        (4, 5, 3, 2),
        lambda x: pooled(x, (2, 2, 1), (2, 2, 1), "valid", True),
    ),
    "mean": (Layer("GlobalAveragePooling3D", "i", {}), (4, 3, 2, 2), lambda x: x.mean((1, 2, 3))),
    "channels_first": (
        Layer("Flatten", "i", {"data_format": "channels_first"}),
        (2, 3, 4),
        lambda x: x.transpose(0, 2, 3, 1).reshape(1, -1),
    ),
    "celu": (
        Layer("Activation", "i", {"activation": "celu"}),
        (3, 4),
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    ),
    "log_sigmoid": (
        Layer("Activation", "i", {"activation": "log_sigmoid"}),
        (3, 4),
        lambda x: -np.log1p(np.exp(-x)),
    ),
    "hard_tanh": (Layer("Activation", "i", {"activation": "hard_tanh"}), (3, 4), lambda x: x.clip(-1, 1)),
    "tanh_shrink": (
        Layer("Activation", "i", {"activation": "tanh_shrink"}),
        (3, 4),
        lambda x: x - np.tanh(x),
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images(name: str, tmp_path: Path) -> None:
    layer, shape, want = IMAGES[name]
    x = w(1, *shape, scale=1.0)
    agree(tmp_path, [given("x", shape), layer], {"x": x}, {"i": want(x)})


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_with_more_behind(padding: str, tmp_path: Path) -> None:
    """``output_padding`` says how far a result reaches; what is the same for all is not added again."""
    kernel, x = w(3, 2, 4), w(1, 5, 4)
    config = {"filters": 2, "kernel_size": [3], "strides": [2], "padding": padding, "use_bias": False}
    layer = Layer("Conv1DTranspose", "t", {**config, "output_padding": [1]}, (kernel,))
    whole = conv_transpose(x, kernel, (2,), "valid")
    # of "same" 5 * 2 of the 11 that all kernels cover, from the first or the second on
    want = whole[:, :10] if padding == "same" else np.pad(whole, ((0, 0), (0, 1), (0, 0)))
    agree(tmp_path, [given("x", (5, 4)), layer], {"x": x}, {"t": want})


def test_models_inside_are_counted_from_one(tmp_path: Path) -> None:
    """As Keras 2 does: the call that built them is one."""
    k = w(3, 2)
    inner = [given("i", (3,)), Layer("Dense", "d", {"units": 2, "use_bias": False}, (k,), ["i"])]
    layers = [
        given("x", (3,)),
        given("z", (3,)),
        Layer("Functional", "net", {}, (), [["x"], ["z"]], layers=inner),
        Layer("Subtract", "s", {}, (), [("net", 1, 0), ("net", 2, 0)]),
    ]
    x = {"x": w(1, 3), "z": w(1, 3)}
    path = keras_file.write_h5(tmp_path / "net.h5", "Functional", layers, 2)
    got = interpret.run(read_net(path), x)["s"]
    np.testing.assert_allclose(got, (x["x"] - x["z"]) @ k, rtol=1e-5, atol=1e-6)


def test_separable_on_volumes(tmp_path: Path) -> None:
    kernel, x = w(2, 2, 2, 2, 3), w(1, 3, 4, 3, 2)
    layer = Layer("Conv3D", "c", {"filters": 3, "kernel_size": [2, 2, 2], "use_bias": False}, (kernel,))
    agree(
        tmp_path,
        [given("x", (3, 4, 3, 2)), layer],
        {"x": x},
        {"c": conv(x, kernel, (1, 1, 1), "valid", (1, 1, 1))},
    )


# -- QKeras


def test_batch_normalisation_inside(tmp_path: Path) -> None:
    """It is part of the weights before they are quantised; each file keeps its statistics elsewhere."""
    kernel, bias, gamma, beta, mean = w(2, 2, 3, 4), w(4), w(4), w(4), w(4)
    variance = np.abs(w(4)) + np.float32(0.5)
    taps = w(3, 3, 4, 1)
    config = {"kernel_size": [2, 2], "kernel_quantizer": "quantized_bits(6,1,alpha=1.0)", "filters": 4}
    count = np.array(7, np.int64)
    full = [gamma, beta, mean, variance]
    first = Layer("QConv2DBatchnorm", "c", config, (kernel, bias, count), parts={"batchnorm": full})
    config = {"kernel_size": [3, 3], "use_bias": False, "scale": False}
    rest = {"batchnorm": full[1:]}
    second = Layer("QDepthwiseConv2DBatchnorm", "d", config, (taps, count), parts=rest)
    x = w(1, 5, 5, 3)
    factor = gamma / np.sqrt(variance + np.float32(1e-3))
    folded = np.clip(np.rint(kernel * factor * 16), -32, 31) / 16
    y = conv(x, folded, (1, 1), "valid", (1, 1)) + factor * (bias - mean) + beta
    factor = 1 / np.sqrt(variance + np.float32(1e-3))
    each = taps.transpose(0, 1, 3, 2) * factor
    want = conv(y, each, (1, 1), "valid", (1, 1), groups=4) - factor * mean + beta
    listed = [
        replace(first, weights=(kernel, bias, gamma, beta, count, mean, variance), parts={}),
        replace(second, weights=(taps, beta, count, mean, variance), parts={}),
    ]
    for path in (
        keras_file.write_h5(tmp_path / "net.h5", "Sequential", [given("x", (5, 5, 3)), *listed]),
        keras_file.write_keras(tmp_path / "net.keras", "Sequential", [given("x", (5, 5, 3)), first, second]),
    ):
        got = interpret.output(read_net(path), x)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_means_with_quantisers(tmp_path: Path) -> None:
    config = {"average_quantizer": "quantized_bits(4,0,alpha=1.0)", "activation": "quantized_relu(4,1)"}
    layer = Layer("QGlobalAveragePooling2D", "q", config)
    x = np.abs(w(1, 3, 2, 2))
    # 1 / 6 in steps of 1 / 8, and the mean in steps of 1 / 8
    want = np.clip(np.rint(x.astype(np.float64).sum((1, 2)) * 0.125 * 8), 0, 15) / 8
    agree(tmp_path, [given("x", (3, 2, 2)), layer], {"x": x}, {"q": want})


# -- what is not read


@pytest.mark.parametrize(
    ("layer", "said", "hint"),
    [
        (Layer("Lambda", "l", {"function": "code"}), "code of Python", "keras.ops"),
        (Layer("Masking", "l", {"mask_value": 0.0}), "which steps count", "one length"),
        (Layer("Scale", "l", {}, registered="Mine>Scale"), "not supported", "class of your own"),
        (Layer("ConvLSTM2D", "l", {}), "not supported", "TFLiteConverter"),
        (Layer("QLSTM", "l", {}), "quantised at every step", "without quantisers"),
        (Layer("Dens", "l", {}), "not supported", "did you mean Dense"),
        (
            Layer("Embedding", "l", {"output_dim": 3, "mask_zero": True}, (w(5, 3),)),
            "mask_zero=True",
            "weights stay the same",
        ),
        (Layer("MultiHeadAttention", "l", {"num_heads": 2, "key_dim": 3}), "query, value and key", ""),
        (Layer("GroupNormalization", "l", {"groups": 3}, (w(4), w(4))), "4 channels in 3 groups", ""),
        (Layer("CenterCrop", "l", {"height": 9, "width": 1}), "axes", ""),
        (Layer("RNN", "l", {"cell": {"class_name": "Own", "config": {}}}), "cells of Own", "LSTM"),
        (Layer("RNN", "l", {}), "its cell cannot be read", ""),
    ],
)
def test_refused(layer: Layer, said: str, hint: str, tmp_path: Path) -> None:
    """Of every layout one message, with what to do."""
    for path in files(tmp_path, "Sequential", [given("x", (3, 4)), layer]):
        with pytest.raises(SensoraiError, match=said) as error:
            open_model(path)
        assert hint in str(error.value)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (function("Roll", "f", [X]), "function Roll is not supported"),
        (function("Multiply", "f", [X, "three"]), "argument 'three'"),
        (function("Multiply", "f", [X]), "argument 'None'"),
        (function("Reshape", "f", [X], {"newshape": [-1, 7]}), "cannot become"),
        (function("Mean", "f", [X], {"axis": 9}), "axis=9"),
        (function("GetItem", "f", [X, [WHOLE, 17]]), "no place 17"),
        (function("GetItem", "f", [X, [WHOLE] * 9]), "takes 9 axes"),
        (function("GetItem", "f", [X, [{"start": "a"}]]), "takes"),
        (function("Concatenate", "f", [X], {"axis": 1}), "no tensors"),
        (function("Clip", "f", [X], {"x_min": None, "x_max": "b"}), "no numbers"),
        (function("Multiply", "f", [3, 4]), "reads nothing"),
        (Layer("Concatenate", "f", {}, calls={3: [{"args": [], "kwargs": {}}]}), "reads nothing"),
    ],
)
def test_functions_that_are_refused(layer: Layer, said: str, tmp_path: Path) -> None:
    path = keras_file.write_keras(tmp_path / "net.keras", "Functional", [given("x", (6, 4)), layer])
    with pytest.raises(SensoraiError, match=said):
        read_net(path)


def test_all_of_them_in_c(tmp_path: Path) -> None:
    """One of each kind, if this test runs alone."""
    layer, _ = FUNCTIONS["item"]
    path = keras_file.write_keras(tmp_path / "net.keras", "Functional", [given("x", (6, 4)), layer])
    same_in_c([*NETS, read_net(path)])
