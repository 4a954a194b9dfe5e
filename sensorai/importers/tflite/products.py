"""Rules of convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

Clamp = tuple[float | None, float | None]

#: Ends that a fused activation sets.
_CLAMPS: Mapping[str, Clamp] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
    "TANH": (None, None),
}


def _activation(node: TfliteNode) -> str:
    number = node.options.FusedActivationFunction() if node.options is not None else 0
    kinds = vars(library("tflite").ActivationFunctionType)
    return next((k for k, v in kinds.items() if isinstance(v, int) and v == number), str(number))


def clamp_of(node: TfliteNode) -> Clamp:
    """Ends of the fused activation; a ConfigError for another one."""
    name = _activation(node)
    if name not in _CLAMPS:
        raise ConfigError(
            f"{node.where}: the fused activation {name} is not supported",
            hint=f"supported: {', '.join(_CLAMPS)}",
        )
    return _CLAMPS[name]


def placed(
    node: TfliteNode, op: Conv | ConvTranspose | FullyConnected, *inputs: Tensor | None, to: Shape = ()
) -> Sequence[Tensor]:
    """The layer, its result in another shape where ``to`` says so.

    A fused tanh, which only real numbers have, is an operator of its own.
    """
    after: list[NdOperator] = []
    if _activation(node) == "TANH":
        if node.outputs[0].dtype != "float32":
            raise ConfigError(f"{node.where}: the fused activation TANH of integers is not supported")
        after.append(Unary("tanh"))
    if to:
        after.append(Reshape(to))
    made = node.add(op, *inputs, last=not after, quant=node.outputs[0].quant)
    for k, one in enumerate(after):
        made = node.add(one, made[0], last=k == len(after) - 1, quant=node.outputs[0].quant)
    return made


def margins(
    extents: Shape, kernel: Shape, strides: Shape, dilations: Shape, same: bool
) -> tuple[tuple[int, int], ...]:
    """Margins before and after each axis; the odd one of ``same`` is behind."""
    if not same:
        return ((0, 0),) * len(extents)
    found = []
    for e, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        total = max((-(-e // s) - 1) * s + (k - 1) * d + 1 - e, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _same(node: TfliteNode) -> bool:
    return bool(node.options.Padding() == library("tflite").Padding.SAME)


def _axes(node: TfliteNode, *names: str) -> Shape:
    """Numbers of the options along each axis; a ConfigError for one below 1."""
    found = tuple(int(getattr(node.options, name)()) for name in names)
    if min(found) < 1:
        raise ConfigError(f"{node.where}: {', '.join(names)} of {found} make no sense")
    return found


def _need_options(node: TfliteNode) -> None:
    if node.options is None:
        raise ConfigError(f"{node.where}: its options are missing")


def _extents(node: TfliteNode, x: Tensor, w: Tensor, axes: int) -> None:
    if len(x.shape) != axes + 2 or len(w.shape) != axes + 2:
        raise ConfigError(f"{node.where}: weights of shape {w.shape} cannot take an input of shape {x.shape}")


def _conv(node: TfliteNode, op_axes: int) -> Sequence[Tensor]:
    _need_options(node)
    x, w = node.need(0), node.need(1)
    _extents(node, x, w, op_axes)
    names = ("D", "H", "W")[-op_axes:]
    strides = _axes(node, *(f"Stride{n}" for n in names))
    dilations = _axes(node, *(f"Dilation{n}Factor" for n in names))
    if op_axes == 3:
        # weights of 3 axes have their outputs last
        w = rearranged(node, w, (4, 0, 1, 2, 3))
    if w.shape[-1] < 1 or x.shape[-1] % w.shape[-1]:
        raise ConfigError(f"{node.where}: {x.shape[-1]} channels cannot meet weights of shape {w.shape}")
    lo, hi = clamp_of(node)
    pads = margins(x.shape[1:-1], w.shape[1:-1], strides, dilations, _same(node))
    op = Conv(strides, dilations, pads, x.shape[-1] // w.shape[-1], lo, hi)
    return placed(node, op, x, w, node.input(2))


def _conv2d(node: TfliteNode) -> Sequence[Tensor]:
    return _conv(node, 2)


def _conv3d(node: TfliteNode) -> Sequence[Tensor]:
    return _conv(node, 3)


def _depthwise(node: TfliteNode) -> Sequence[Tensor]:
    _need_options(node)
    x, w = node.need(0), node.need(1)
    _extents(node, x, w, 2)
    strides = _axes(node, "StrideH", "StrideW")
    dilations = _axes(node, "DilationHFactor", "DilationWFactor")
    channels = x.shape[-1]
    if w.shape[0] != 1 or not channels or w.shape[-1] % channels:
        raise ConfigError(f"{node.where}: {channels} channels cannot meet weights of shape {w.shape}")
    w = rearranged(node, w, (3, 1, 2, 0))
    lo, hi = clamp_of(node)
    pads = margins(x.shape[1:-1], w.shape[1:-1], strides, dilations, _same(node))
    return placed(node, Conv(strides, dilations, pads, channels, lo, hi), x, w, node.input(2))


def rearranged(node: TfliteNode, w: Tensor, order: Shape) -> Tensor:
    """Constant weights with their axes in another order; a ConfigError where they are computed."""
    if w.data is None:
        raise ConfigError(f"{node.where}: its weights are computed while the net runs")
    quant: Quant = w.quant
    if isinstance(quant, Affine) and quant.axis is not None:
        quant = Affine(quant.scale, quant.zero, order.index(quant.axis))
    data = np.ascontiguousarray(w.data.transpose(order))
    return node.net.constant(w.name, data, w.dtype, quant)


def _fully_connected(node: TfliteNode) -> Sequence[Tensor]:
    _need_options(node)
    if node.options.WeightsFormat():
        raise ConfigError(f"{node.where}: shuffled weights are not supported")
    x, w = node.need(0), node.need(1)
    if len(w.shape) != 2 or min(w.shape) < 1 or x.size % w.shape[1]:
        raise ConfigError(f"{node.where}: weights of shape {w.shape} cannot take an input of shape {x.shape}")
    if not node.options.KeepNumDims() or not x.shape or x.shape[-1] != w.shape[1]:
        x = reshaped(node, x, (x.size // w.shape[1], w.shape[1]), "rows")
    lo, hi = clamp_of(node)
    op = FullyConnected(lo, hi)
    # what comes out has the shape that the file declares
    said = node.outputs[0]
    rows = (*x.shape[:-1], w.shape[0])
    if said.shape == rows or np.prod(said.shape, dtype=np.int64) != np.prod(rows, dtype=np.int64):
        return placed(node, op, x, w, node.input(2))
    return placed(node, op, x, w, node.input(2), to=said.shape)


def _transpose_conv(node: TfliteNode) -> Sequence[Tensor]:
    _need_options(node)
    w, x, bias = node.need(1), node.need(2), node.input(3)
    _extents(node, x, w, 2)
    strides = _axes(node, "StrideH", "StrideW")
    # the file says the shape of the result; margins are those of the convolution that it undoes
    size = node.need(0)
    out = node.outputs[0].shape if size.data is None else tuple(int(v) for v in size.data.reshape(-1))
    if len(out) != 4 or min(out) < 1:
        raise ConfigError(f"{node.where}: a result of shape {out} makes no sense")
    pads, extra = [], []
    around = margins(out[1:3], w.shape[1:3], strides, (1, 1), _same(node))
    for e, k, s, n, (before, _) in zip(x.shape[1:3], w.shape[1:3], strides, out[1:3], around, strict=True):
        behind = (e - 1) * s + k - before - n
        pads.append((before, max(behind, 0)))
        extra.append(max(-behind, 0))
    if bias is not None and bias.dtype == "int16" and bias.data is not None:
        bias = node.net.constant(bias.name, bias.data.astype(np.int64), "int64", bias.quant)
    lo, hi = clamp_of(node)
    return placed(node, ConvTranspose(strides, (1, 1), tuple(pads), tuple(extra), 1, lo, hi), x, w, bias)


def _batch_matmul(node: TfliteNode) -> Sequence[Tensor]:
    _need_options(node)
    a, b = node.need(0), node.need(1)
    for name, turned in (("a", node.options.AdjX()), ("b", node.options.AdjY())):
        if turned:
            x = a if name == "a" else b
            axes = len(x.shape)
            if axes < 2:
                raise ConfigError(f"{node.where}: {x.shape} is no matrix")
            op = Transpose((*range(axes - 2), axes - 1, axes - 2))
            (x,) = node.add(op, x, last=False, name=f"{node.outputs[0].name}.{name}")
            a, b = (x, b) if name == "a" else (a, x)
    return node.add(MatMul(), a, b)


def reshaped(node: TfliteNode, x: Tensor, to: Shape, name: str) -> Tensor:
    """The same numbers in another shape."""
    if x.shape == to:
        return x
    return node.add(Reshape(to), x, last=False, name=f"{node.outputs[0].name}.{name}")[0]


RULES: Mapping[str, Rule] = {
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _conv2d,
    "CONV_3D": _conv3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
}
