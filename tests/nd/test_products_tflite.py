"""Convolutions and dense layers of TensorFlow Lite against its micro runtime, bit for bit, and as C."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tflite

from sensorai.graph import interpret
from sensorai.toolchain import host
from tests.nd import nets
from tests.nd.test_elementwise_tflite import net_of, rows
from tests.nd.tflite_file import FileTensor, constant, invoke, single

T = FileTensor
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
ACTS = tflite.ActivationFunctionType
RNG = np.random.default_rng(5)

#: Scales of the types: values, results, largest weight, bias.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "float32": ({}, {}, "float32", "float32"),
    "int8": ({"scale": [0.05], "zero": [-9]}, {"scale": [0.4], "zero": [5]}, "int8", "int32"),
    "int4": ({"scale": [0.05], "zero": [-9]}, {"scale": [0.1], "zero": [5]}, "int4", "int32"),
    "int16": ({"scale": [0.001]}, {"scale": [0.004]}, "int8", "int64"),
    "int16_32": ({"scale": [0.001]}, {"scale": [0.004]}, "int8", "int32"),
}


def weights(kind: str, shape: tuple[int, ...], axis: int | None) -> FileTensor:
    dtype = KINDS[kind][2]
    if dtype == "float32":
        return constant(RNG.normal(0, 1, shape))
    top = 7 if dtype == "int4" else 127
    data = RNG.integers(-top, top + 1, shape)
    if axis is None:
        return constant(data, dtype, scale=[0.013], zero=[0])
    scale = RNG.uniform(0.001, 0.05, shape[axis]).astype(np.float32).tolist()
    return constant(data, dtype, scale=scale, zero=[0], axis=axis)


def bias(kind: str, outputs: int) -> FileTensor:
    dtype = KINDS[kind][3]
    data = RNG.normal(0, 2 if dtype == "float32" else 2000, outputs)
    if dtype == "float32":
        return constant(data)
    # the runtime checks that it is the product of the other two
    return constant(data.astype(dtype), dtype, scale=[KINDS[kind][0]["scale"][0] * 0.013])


def layer(
    kind: str,
    operator: str,
    x: tuple[int, ...],
    w: FileTensor,
    y: tuple[int, ...],
    biased: bool,
    options: str,
    version: int = 1,
    **values: Any,
) -> bytes:
    dtype = "int8" if kind == "int4" else kind.partition("_")[0]
    given, made = KINDS[kind][:2]
    outputs = y[-1]
    inputs: list[FileTensor | None] = [T(x, dtype, **given), w, bias(kind, outputs) if biased else None]
    return single(
        operator, inputs if biased else inputs[:2], [T(y, dtype, **made)], options, version, **values
    )


def files() -> Iterator[tuple[str, bytes]]:
    activations = {"none": ACTS.NONE, "relu": ACTS.RELU, "relu6": ACTS.RELU6, "n1": ACTS.RELU_N1_TO_1}
    for kind in ("float32", "int8", "int4", "int16", "int16_32"):
        for name, act in activations.items():
            w = weights(kind, (6, 10), None)
            options = {"FusedActivationFunction": act}
            made = layer(
                kind, "FULLY_CONNECTED", (3, 10), w, (3, 6), True, "FullyConnectedOptions", 4, **options
            )
            yield f"dense_{kind}_{name}", made
    for kind in ("float32", "int8"):
        w = weights(kind, (4, 5), None)
        keep = {"KeepNumDims": True}
        made = layer(
            kind, "FULLY_CONNECTED", (2, 3, 5), w, (2, 3, 4), False, "FullyConnectedOptions", 5, **keep
        )
        yield f"dense_keep_{kind}", made
        made = layer(kind, "FULLY_CONNECTED", (2, 3, 5), w, (6, 4), True, "FullyConnectedOptions", 2)
        yield f"dense_rows_{kind}", made
        made = layer(kind, "FULLY_CONNECTED", (1, 2, 2, 5), w, (4, 4), False, "FullyConnectedOptions", 2)
        yield f"dense_no_bias_{kind}", made
    w = weights("int8", (4, 5), 0)
    yield (
        "dense_channels",
        layer("int8", "FULLY_CONNECTED", (2, 5), w, (2, 4), True, "FullyConnectedOptions", 4),
    )
    for kind in ("float32", "int8", "int4", "int16"):
        for k, (padding, (sh, sw), (dh, dw), size) in enumerate(
            (
                (SAME, (1, 1), (1, 1), (5, 6)),
                (SAME, (2, 2), (1, 1), (3, 3)),
                (VALID, (1, 2), (1, 1), (3, 3)),
                (SAME, (1, 1), (2, 1), (5, 6)),
                (VALID, (1, 1), (1, 2), (3, 4)),
            )
        ):
            both = {
                "Padding": padding,
                "StrideH": sh,
                "StrideW": sw,
                "DilationHFactor": dh,
                "DilationWFactor": dw,
                "FusedActivationFunction": ACTS.RELU6 if k % 2 else ACTS.NONE,
            }
            if kind != "int4":
                w = weights(kind, (4, 3, 3, 3), 0)
                x, y = (1, 5, 6, 3), (1, *size, 4)
                if padding == VALID:
                    y = (1, (5 - 2 * dh - 1) // sh + 1, (6 - 2 * dw - 1) // sw + 1, 4)
                yield f"conv_{kind}_{k}", layer(kind, "CONV_2D", x, w, y, True, "Conv2DOptions", 3, **both)
            w = weights(kind, (1, 3, 3, 6), 3)
            deep = (*y[:3], 6) if kind != "int4" else None
            if deep is None:
                deep = (1, *size, 6)
                if padding == VALID:
                    deep = (1, (5 - 2 * dh - 1) // sh + 1, (6 - 2 * dw - 1) // sw + 1, 6)
            made = layer(
                kind,
                "DEPTHWISE_CONV_2D",
                (1, 5, 6, 3),
                w,
                deep,
                True,
                "DepthwiseConv2DOptions",
                3,
                DepthMultiplier=2,
                **both,
            )
            yield f"depthwise_{kind}_{k}", made
    w = weights("int16_32", (4, 3, 3, 3), 0)
    one = {"Padding": VALID, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    yield (
        "conv_int16_32",
        layer("int16_32", "CONV_2D", (1, 5, 6, 3), w, (1, 3, 4, 4), True, "Conv2DOptions", 3, **one),
    )
    yield from transposed()
    yield from batches()


def transposed() -> Iterator[tuple[str, bytes]]:
    for kind in ("float32", "int8", "int16"):
        dtype, (given, made) = kind, KINDS[kind][:2]
        for k, (padding, stride, out) in enumerate(
            ((SAME, 2, (6, 8)), (VALID, 2, (7, 9)), (SAME, 1, (3, 4)), (SAME, 2, (5, 7)), (VALID, 3, (9, 12)))
        ):
            w = weights(kind, (4, 3, 3, 2), 0)
            inputs = [constant([1, *out, 4], "int32"), w, T((1, 3, 4, 2), dtype, **given), bias(kind, 4)]
            options = {"Padding": padding, "StrideH": stride, "StrideW": stride}
            y = T((1, *out, 4), dtype, **made)
            yield (
                f"transposed_{kind}_{k}",
                single("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", 3, **options),
            )


def batches() -> Iterator[tuple[str, bytes]]:
    for kind in ("float32", "int8", "int16"):
        dtype, (given, made) = kind, KINDS[kind][:2]
        for k, (a, b, y) in enumerate(
            (((2, 3, 4), (2, 4, 5), (2, 3, 5)), ((2, 1, 3, 4), (1, 3, 4, 2), (2, 3, 3, 2)))
        ):
            tensors = [T(a, dtype, **given), T(b, dtype, **given)]
            out = T(y, dtype, **made)
            yield f"batch_{kind}_{k}", single("BATCH_MATMUL", tensors, [out], "BatchMatMulOptions", 3)
        turned = [T((2, 4, 3), dtype, **given), T((2, 5, 4), dtype, **given)]
        options = {"AdjX": True, "AdjY": True}
        out = T((2, 3, 5), dtype, **made)
        yield (
            f"batch_{kind}_turned",
            single("BATCH_MATMUL", turned, [out], "BatchMatMulOptions", 3, **options),
        )


FILES = dict(files())


@pytest.mark.parametrize("name", FILES)
def test_bits(name: str) -> None:
    graph = net_of(FILES[name])
    for row in rows(graph, 5):
        (want,) = invoke(FILES[name], *row.values())
        assert np.array_equal(interpret.run(graph, row)[graph.outputs[0]], want)


def test_c() -> None:
    samples = []
    for name, data in FILES.items():
        graph = net_of(data)
        samples.append(nets.sample_of(name, graph, rows(graph, 3)))
    for at in range(0, len(samples), 40):
        chunk = samples[at : at + 40]
        program = host.build_program(nets.unit(chunk), opt="-O2", harness=True)
        assert nets.differences(chunk, program.run(nets.stream(chunk))) == []


def unsigned(shape: tuple[int, ...]) -> FileTensor:
    return constant(RNG.integers(0, 256, shape), "uint8", scale=[0.013], zero=[117])


def elsewhere() -> Iterator[tuple[str, bytes]]:
    """Layers that the micro runtime does not have."""
    KINDS["uint8"] = ({"scale": [0.05], "zero": [120]}, {"scale": [0.4], "zero": [130]}, "uint8", "int32")
    act = {"FusedActivationFunction": ACTS.RELU6}
    two = {"Padding": SAME, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, **act}
    x, conv, deep = (1, 5, 6, 3), "Conv2DOptions", "DepthwiseConv2DOptions"
    w = unsigned((6, 10))
    yield (
        "dense",
        layer("uint8", "FULLY_CONNECTED", (3, 10), w, (3, 6), True, "FullyConnectedOptions", 2, **act),
    )
    w = unsigned((4, 3, 3, 3))
    yield "conv", layer("uint8", "CONV_2D", x, w, (1, 5, 6, 4), True, conv, 2, **two)
    w = unsigned((1, 3, 3, 6))
    two["DepthMultiplier"] = 2
    yield "depthwise", layer("uint8", "DEPTHWISE_CONV_2D", x, w, (1, 5, 6, 6), True, deep, 2, **two)
    for padding, width, out in ((SAME, 2, (2, 3, 2)), (VALID, 1, (1, 2, 2))):
        three = {"Padding": padding, "StrideD": 2, "StrideH": 2, "StrideW": width, **act}
        three |= {f"Dilation{axis}Factor": 1 for axis in "DHW"}
        w, y = constant(RNG.normal(0, 1, (2, 2, 3, 3, 4))), (1, *out, 4)
        made = layer("float32", "CONV_3D", (1, 3, 5, 4, 3), w, y, True, "Conv3DOptions", 1, **three)
        yield f"conv_3d_{padding}", made


ELSEWHERE = dict(elsewhere())


@pytest.mark.parametrize("name", ELSEWHERE)
def test_bits_of_litert(name: str) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    way = OpResolverType.BUILTIN_REF
    interpreter: Any = Interpreter(model_content=ELSEWHERE[name], experimental_op_resolver_type=way)
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    graph = net_of(ELSEWHERE[name])
    for row in rows(graph, 5):
        interpreter.set_tensor(given["index"], row[graph.inputs[0]])
        interpreter.invoke()
        got = interpret.run(graph, row)[graph.outputs[0]]
        assert np.array_equal(got, interpreter.get_tensor(made["index"]))
