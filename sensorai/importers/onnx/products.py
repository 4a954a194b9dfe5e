"""Rules of convolutions and products of matrices, real, of plain integers and of integers with scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.importers.known import known
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose

Pads = tuple[tuple[int, int], ...]


def channels_last(axes: int) -> Shape:
    """Order of axes from (first, channels, extents) to (first, extents, channels)."""
    return (0, *range(2, axes), 1)


def channels_first(axes: int) -> Shape:
    """The way back."""
    return (0, axes - 1, *range(1, axes - 1))


def step(node: OnnxNode, op: NdOperator, x: Tensor, name: str, quant: Quant = None) -> Tensor:
    """One operator on the way."""
    wish = f"{next((n for n in node.outputs if n), 't')}.{name}"
    return node.add(op, x, last=False, name=wish, quants=(quant,))[0]


def ints(node: OnnxNode, name: str, count: int, default: int) -> Shape:
    """Attribute with a number for each axis; a ConfigError where their count or size makes no sense."""
    found = node.attribute(name)
    values = tuple(int(v) for v in found) if found else (default,) * count
    if len(values) != count or min(values, default=0) < 0 or max(values, default=0) >= 2**31:
        raise ConfigError(f"{node.where}: {name}={list(values)} does not go with {count} axes")
    return values


def margins(node: OnnxNode, extents: Shape, kernel: Shape, strides: Shape, dilations: Shape) -> Pads:
    """Margins of a moving kernel, as ``pads`` or ``auto_pad`` says."""
    node.only("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    way, axes = node.attribute("auto_pad", "NOTSET"), len(extents)
    if way == "VALID":
        return ((0, 0),) * axes
    if way == "NOTSET":
        pads = ints(node, "pads", 2 * axes, 0)
        return tuple(zip(pads[:axes], pads[axes:], strict=True))
    found = []
    for e, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        total = max((-(-e // max(s, 1)) - 1) * s + (k - 1) * d + 1 - e, 0)
        found.append(_halves(total, way == "SAME_UPPER"))
    return tuple(found)


def _halves(total: int, odd_behind: bool) -> tuple[int, int]:
    small, large = total // 2, total - total // 2
    return (small, large) if odd_behind else (large, small)


def _kernel(node: OnnxNode, x: Tensor, w: Tensor) -> int:
    """Axes of the kernel; a ConfigError where input, weights and attributes do not fit."""
    axes = len(x.shape) - 2
    if axes < 1 or len(w.shape) != len(x.shape):
        raise ConfigError(f"{node.where}: weights of shape {w.shape} cannot take an input of shape {x.shape}")
    said = node.attribute("kernel_shape")
    if said and tuple(int(v) for v in said) != w.shape[2:]:
        raise ConfigError(f"{node.where}: kernel_shape={list(said)}, but the weights have {w.shape[2:]}")
    return axes


def convolve(
    node: OnnxNode, x: Tensor, w: Tensor, bias: Tensor | None, rounding: str, to: str, quant: Quant
) -> Sequence[Tensor]:
    """Append a convolution, channels last inside, as the attributes say."""
    axes = _kernel(node, x, w)
    strides, dilations = ints(node, "strides", axes, 1), ints(node, "dilations", axes, 1)
    pads = margins(node, x.shape[2:], w.shape[2:], strides, dilations)
    op = Conv(strides, dilations, pads, int(node.attribute("group", 1)), rounding=rounding, to=to)
    last = channels_last(axes + 2)
    inner = step(node, Transpose(last), x, "x")
    weights = step(node, Transpose(last), w, "w")
    (y,) = node.add(op, inner, weights, bias, last=False, quants=(quant,))
    return node.add(Transpose(channels_first(axes + 2)), y)


def _conv(node: OnnxNode) -> Sequence[Tensor]:
    return convolve(node, node.need(0), node.need(1), node.input(2), "tflite", "", None)


def _conv_transpose(node: OnnxNode) -> Sequence[Tensor]:
    x, w = node.need(0), node.need(1)
    axes = _kernel(node, x, w)
    groups = int(node.attribute("group", 1))
    strides, dilations = ints(node, "strides", axes, 1), ints(node, "dilations", axes, 1)
    if groups < 1 or w.shape[0] % groups or w.shape[0] != x.shape[1]:
        raise ConfigError(f"{node.where}: weights of shape {w.shape} do not go with {groups} groups")
    pads, extra = _cut(node, x.shape[2:], w.shape[2:], strides, dilations)
    # (inputs, outputs of a group, kernel) -> (outputs, kernel, inputs of a group)
    inputs, outputs, kernel = w.shape[0] // groups, w.shape[1], w.shape[2:]
    parted = step(node, Reshape((groups, inputs, outputs, *kernel)), w, "groups")
    turned = step(node, Transpose((0, 2, *range(3, axes + 3), 1)), parted, "turned")
    weights = step(node, Reshape((groups * outputs, *kernel, inputs)), turned, "w")
    inner = step(node, Transpose(channels_last(axes + 2)), x, "x")
    op = ConvTranspose(strides, dilations, pads, extra, groups)
    (y,) = node.add(op, inner, weights, node.input(2), last=False)
    return node.add(Transpose(channels_first(axes + 2)), y)


def _cut(
    node: OnnxNode, extents: Shape, kernel: Shape, strides: Shape, dilations: Shape
) -> tuple[Pads, Shape]:
    """What a transposed convolution cuts off, and what it adds behind."""
    node.only("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    axes, way = len(extents), node.attribute("auto_pad", "NOTSET")
    extra = ints(node, "output_padding", axes, 0)
    wanted = node.attribute("output_shape")
    if not wanted and not way.startswith("SAME"):
        pads = ints(node, "pads", 2 * axes, 0) if way == "NOTSET" else (0,) * (2 * axes)
        return tuple(zip(pads[:axes], pads[axes:], strict=True)), extra
    goal = ints(node, "output_shape", axes, 0) if wanted else None
    cut, more = [], []
    for k, (e, n, s, d) in enumerate(zip(extents, kernel, strides, dilations, strict=True)):
        total = (e - 1) * s + (n - 1) * d + 1 + extra[k] - (goal[k] if goal else e * s)
        cut.append(_halves(max(total, 0), way == "SAME_UPPER"))
        more.append(extra[k] + max(-total, 0))
    return tuple(cut), tuple(more)


def _gemm(node: OnnxNode) -> Sequence[Tensor]:
    """``alpha * a @ b + beta * c``: a dense layer, and what is left of the factors round it."""
    a, b, c = node.need(0), node.need(1), node.input(2)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ConfigError(f"{node.where}: {a.shape} and {b.shape} are no matrices")
    if node.attribute("transA", 0):
        a = step(node, Transpose((1, 0)), a, "a")
    if not node.attribute("transB", 0):
        b = step(node, Transpose((1, 0)), b, "b")
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    if a.dtype not in ("float16", "float32", "float64"):
        raise ConfigError(f"{node.where}: {a.dtype} matrices are not supported", hint="float16 to float64")
    if alpha != 1.0:
        # on the smaller of both; a constant is computed now
        side = b if b.data is not None or b.size <= a.size else a
        scaled = _times(node, side, alpha, "alpha")
        a, b = (a, scaled) if side is b else (scaled, b)
    if c is None or beta == 0.0:
        return node.add(FullyConnected(), a, b)
    if beta != 1.0:
        c = _times(node, c, beta, "beta")
    outputs = b.shape[0]
    if c.size in (1, outputs) and (c.size == 1 or c.shape[-1] == outputs) and c.data is not None:
        values = np.broadcast_to(c.data.reshape(-1), (outputs,))
        c = node.net.constant(f"{c.name}.bias", values, c.dtype)
    if c.shape in ((outputs,), (1, outputs)):
        return node.add(FullyConnected(), a, b, step(node, Reshape((outputs,)), c, "bias"))
    (y,) = node.add(FullyConnected(), a, b, last=False)
    return node.add(Binary("add"), y, c)


def _times(node: OnnxNode, x: Tensor, factor: float, name: str) -> Tensor:
    wish = f"{node.outputs[0]}.{name}"
    number = node.net.constant(f"{wish}.factor", np.asarray(factor, np.float64), x.dtype)
    return node.add(Binary("mul"), x, number, last=False, name=wish)[0]


def multiply(
    node: OnnxNode, a: Tensor, b: Tensor, rounding: str, to: str, quant: Quant = None
) -> Sequence[Tensor]:
    """A constant matrix on the right makes a dense layer, whose weights have their outputs first."""
    floats = a.dtype in ("float16", "float32", "float64")
    if b.data is not None and len(b.shape) == 2 and (floats or rounding == "even"):
        weights = step(node, Transpose((1, 0)), b, "w")
        return node.add(FullyConnected(rounding=rounding, to=to), a, weights, quants=(quant,))
    return node.add(MatMul(rounding, to), a, b, quants=(quant,))


def _matmul(node: OnnxNode) -> Sequence[Tensor]:
    return multiply(node, node.need(0), node.need(1), "tflite", "")


# -- integers with scales


def values(node: OnnxNode, place: int, what: str) -> Array | None:
    """Numbers of a constant input, None where it is left out; ``what`` names it in the message."""
    tensor = node.input(place)
    return None if tensor is None else known(node.where, tensor, what).reshape(-1)


def scale_of(node: OnnxNode, scale: Array | None, zero: Array | None, axis: int) -> Affine:
    """Scale by the inputs that hold it; several go along ``axis``. Without a scale: 1."""
    scales = np.ones(1) if scale is None else scale.astype(np.float64)
    zeros = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64)
    count = max(len(scales), len(zeros))
    if {len(scales), len(zeros)} - {1, count} or not count:
        raise ConfigError(f"{node.where}: {len(scales)} scales do not go with {len(zeros)} zero points")
    both = np.broadcast_to(scales, (count,)), np.broadcast_to(zeros, (count,))
    return Affine(
        tuple(float(v) for v in both[0]), tuple(int(v) for v in both[1]), axis if count > 1 else None
    )


def tagged(node: OnnxNode, x: Tensor, quant: Affine, name: str) -> Tensor:
    """The same numbers, with what they mean."""
    if x.data is not None:
        return node.net.constant(x.name, x.data, x.dtype, quant)
    return step(node, Reshape(x.shape), x, name, quant)


def _scaled(node: OnnxNode, places: tuple[int, int, int], axis: int, name: str) -> Tensor:
    x, scale, zero = (
        node.need(places[0]),
        values(node, places[1], "scale"),
        values(node, places[2], "zero point"),
    )
    return tagged(node, x, scale_of(node, scale, zero, axis), name)


def _result(node: OnnxNode) -> tuple[str, Affine]:
    """Type and scale of the output, inputs 6 and 7."""
    quant = scale_of(node, values(node, 6, "scale"), values(node, 7, "zero point"), 0)
    if quant.axis is not None:
        raise ConfigError(f"{node.where}: its output has several scales")
    return node.need(7).dtype, quant


def _qlinear_conv(node: OnnxNode) -> Sequence[Tensor]:
    x = _scaled(node, (0, 1, 2), 1, "x.scaled")
    w = _scaled(node, (3, 4, 5), 0, "w.scaled")
    to, quant = _result(node)
    return convolve(node, x, w, node.input(8), "even", to, quant)


def _qlinear_matmul(node: OnnxNode) -> Sequence[Tensor]:
    a = _scaled(node, (0, 1, 2), len(node.need(0).shape) - 2, "a.scaled")
    b = _scaled(node, (3, 4, 5), len(node.need(3).shape) - 1, "b.scaled")
    to, quant = _result(node)
    return multiply(node, a, b, "even", to, quant)


RULES: Mapping[str, Rule] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
}
