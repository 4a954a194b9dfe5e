"""Weighted sums as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd import affine
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul


def _bias(file: OnnxWriter, node: Node) -> list[str]:
    """Bias as real numbers: integers have the scale of the sums."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return []
    bias, x, w = (file.tensor(node.inputs[k]) for k in (2, 0, 1))
    if bias.dtype == "float32":
        return [bias.name]
    if not isinstance(x.quant, Affine) or not isinstance(w.quant, Affine):
        raise ConfigError("the scale of its bias is not known")
    scale = np.broadcast_to(np.asarray(w.quant.scale) * x.quant.scale[0], bias.shape)
    name = bias.name
    if bias.dtype == "int64":
        if bias.data is None or np.abs(bias.data).max(initial=0) >= 2**31:
            raise ConfigError("its bias of int64 is not written as ONNX")
        name = file.integers(f"{name}.narrow", bias.data.astype(np.int32))
    quant = Affine(tuple(map(float, scale)), (0,) * len(scale), 0)
    return [file.dequantised(name, quant, file.fresh(f"{bias.name}.real"))]


def _conv(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, w = (file.tensor(n) for n in node.inputs[:2])
    rank = len(x.shape)
    last, first = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
    axes = rank - 2
    _sums_only(op, node)
    strides, dilations = op.strides or (1,) * axes, op.dilations or (1,) * axes
    pads = op.pads or ((0, 0),) * axes
    inner = file.turned(file.real(x.name), last, file.fresh(f"{node.output}.x"))
    if w.data is not None:
        weights = _weights_first(file, w, last)
    else:
        weights = file.turned(file.real(w.name), last, file.fresh(f"{w.name}.first"))
    given = [inner, weights, *_bias(file, node)]
    said = {
        "kernel_shape": list(w.shape[1:-1]),
        "strides": list(strides),
        "dilations": list(dilations),
        "pads": [p[0] for p in pads] + [p[1] for p in pads],
        "group": op.groups,
    }
    made = file.held(
        op, lambda name: file.add("Conv", given, name, **said), file.fresh(f"{node.output}.first")
    )
    file.finish(lambda name: file.turned(made, first, name), node)


def _conv_transpose(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, w = (file.tensor(n) for n in node.inputs[:2])
    rank, axes = len(x.shape), len(x.shape) - 2
    outputs, kernel, inputs = w.shape[0], w.shape[1:-1], w.shape[-1]
    parted = (op.groups, outputs // op.groups, *kernel, inputs)
    perm = (0, axes + 2, 1, *range(2, axes + 2))
    to = (op.groups * inputs, outputs // op.groups, *kernel)
    one = not isinstance(w.quant, Affine) or w.quant.axis is None
    if w.data is not None and (one or op.groups == 1):
        data = np.ascontiguousarray(w.data.reshape(parted).transpose(perm).reshape(to))
        like = w if not isinstance(w.quant, Affine) or one else replace(w, quant=replace(w.quant, axis=1))
        weights = file.real(file.integers(f"{w.name}.first", data, like))
    else:
        weights = file.reshaped(file.real(w.name), parted, file.fresh(f"{w.name}.parted"))
        weights = file.turned(weights, perm, file.fresh(f"{w.name}.turned"))
        weights = file.reshaped(weights, to, file.fresh(f"{w.name}.first"))
    pads = op.pads or ((0, 0),) * axes
    said = {
        "kernel_shape": list(kernel),
        "strides": list(op.strides or (1,) * axes),
        "dilations": list(op.dilations or (1,) * axes),
        "pads": [p[0] for p in pads] + [p[1] for p in pads],
        "output_padding": list(op.extra or (0,) * axes),
        "group": op.groups,
    }
    last, first = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
    given = [
        file.turned(file.real(x.name), last, file.fresh(f"{node.output}.x")),
        weights,
        *_bias(file, node),
    ]
    made = file.held(
        op, lambda name: file.add("ConvTranspose", given, name, **said), file.fresh(f"{node.output}.first")
    )
    file.finish(lambda name: file.turned(made, first, name), node)


def _weights_first(file: OnnxWriter, w: Tensor, perm: Sequence[int]) -> str:
    """Constant weights with their channels before their kernel."""
    if w.data is None:
        raise ConfigError(f"weights {w.name} are not known")
    data = np.ascontiguousarray(w.data.transpose(perm))
    if not affine.scaled(w):
        return file.constant(f"{w.name}.first", data)
    return file.real(file.integers(f"{w.name}.first", data, w))


def _sums_only(op: Any, node: Node) -> None:
    if op.to == "int32":
        raise ConfigError("sums as they are are not written as ONNX")


def _dense(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, w = (file.tensor(n) for n in node.inputs[:2])
    _sums_only(op, node)
    given, bias = [file.real(x.name), file.real(w.name)], _bias(file, node)

    def made(name: str) -> str:
        if len(x.shape) == 2:
            return file.add("Gemm", [*given, *bias], name, transB=1)
        turned = file.turned(given[1], (1, 0), file.fresh(f"{name}.w"))
        if not bias:
            return file.add("MatMul", [given[0], turned], name)
        product = file.add("MatMul", [given[0], turned], file.fresh(f"{name}.sums"))
        return file.add("Add", [product, *bias], name)

    file.finish(lambda name: file.held(op, made, name), node)


def _matmul(file: OnnxWriter, node: Node) -> None:
    _sums_only(node.op, node)
    file.finish(lambda name: file.add("MatMul", [file.real(n) for n in node.inputs[:2]], name), node)


WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    Conv: _conv,
    ConvTranspose: _conv_transpose,
    FullyConnected: _dense,
    MatMul: _matmul,
}
