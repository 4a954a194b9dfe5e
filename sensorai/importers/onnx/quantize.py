"""Rules of operators between real numbers and integers with a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.moves import axis_of
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd import ctext
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.quantize import Dequantize, Quantize, Scaled
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary


def _step(
    node: OnnxNode, name: str, op: Binary | Cast | Clip | Reduce | Reshape | Unary, *inputs: Tensor
) -> Tensor:
    """Append a step on the way to what the node makes."""
    return node.add(op, *inputs, last=False, name=f"{node.outputs[0]}.{name}")[0]


def _axis(node: OnnxNode, x: Tensor, scale: Tensor) -> int | None:
    """Axis along which scales differ, None where there is one scale."""
    if scale.size == 1 and not int(node.attribute("block_size", 0)):
        return None
    axis = axis_of(node, int(node.attribute("axis", 1)), len(x.shape))
    if not int(node.attribute("block_size", 0)) and scale.shape != (x.shape[axis],):
        raise ConfigError(f"{node.where}: scales of shape {scale.shape} for axis {axis} of {x.shape}")
    return axis


def _known(node: OnnxNode, x: Tensor, scale: Tensor, zero: Tensor | None) -> Affine | None:
    """Scales as what numbers mean; None where they are computed, in blocks, or none at all."""
    blocks = int(node.attribute("block_size", 0))
    if blocks or scale.data is None or scale.dtype != "float32" or (zero is not None and zero.data is None):
        return None
    axis = _axis(node, x, scale)
    factors = tuple(float(v) for v in scale.data.reshape(-1))
    zeros = (0,) * len(factors)
    if zero is not None and zero.data is not None:
        zeros = tuple(int(v) for v in zero.data.reshape(-1))
    if len(zeros) != len(factors) or not all(math.isfinite(f) and f > 0 for f in factors):
        return None
    return Affine(factors, zeros, axis)


def _fitted(node: OnnxNode, x: Tensor, scale: Tensor) -> tuple[Shape, Shape]:
    """Shapes of x and of its scales in which they repeat along each other."""
    axis, block = _axis(node, x, scale), int(node.attribute("block_size", 0))
    if axis is None:
        return x.shape, ()
    before, extent, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if not block:
        return x.shape, (extent, *(1,) * len(after))
    wanted = (*before, extent // block if block > 0 else 0, *after)
    if block < 0 or extent % block or scale.shape != wanted:
        raise ConfigError(
            f"{node.where}: scales of shape {scale.shape} for blocks of {block} along axis {axis}"
        )
    return (*before, extent // block, block, *after), (*before, extent // block, 1, *after)


def _columns(
    node: OnnxNode, x: Tensor, scale: Tensor, zero: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Numbers, scales and zero points as float32, in shapes that repeat along each other."""
    shape, small = _fitted(node, x, scale)
    made: list[Tensor | None] = []
    for name, tensor, to in (("x", x, shape), ("scale", scale, small), ("zero", zero, small)):
        if tensor is None:
            made.append(None)
            continue
        one = tensor if tensor.dtype == "float32" else _step(node, f"{name}.real", Cast("float32"), tensor)
        made.append(one if one.shape == to else _step(node, f"{name}.shape", Reshape(to), one))
    first, second, third = made
    if first is None or second is None:
        raise ConfigError(f"{node.where}: an input is missing")
    return first, second, third


def _quantize(node: OnnxNode) -> Sequence[Tensor]:
    """One division, rounded to even; of scales that are computed step by step."""
    x, scale, zero = node.need(0), node.need(1), node.input(2)
    number = int(node.attribute("output_dtype", 0))
    if number and number not in TYPES:
        raise ConfigError(f"{node.where}: output_dtype={number} is not supported")
    dtype = zero.dtype if zero is not None else TYPES[number] if number else "uint8"
    if ctext.real(dtype):
        raise ConfigError(f"{node.where}: {dtype} is not supported")
    quant = _known(node, x, scale, zero)
    if quant is not None and x.dtype == "float32":
        return node.add(Quantize(dtype), x, quants=(quant,))
    v, factor, start = _columns(node, x, scale, zero)
    v = _step(node, "round", Unary("round"), _step(node, "quotient", Binary("div"), v, factor))
    if start is not None:
        v = _step(node, "sum", Binary("add"), v, start)
    if v.shape == x.shape:
        return node.add(Cast(dtype, True), v)
    return node.add(Reshape(x.shape), _step(node, "integer", Cast(dtype, True), v))


def _with(node: OnnxNode, x: Tensor, quant: Affine) -> Tensor:
    """The same integers with a scale."""
    if x.quant == quant:
        return x
    if x.data is not None:
        return node.net.constant(x.name, x.data, x.dtype, quant)
    return node.add(Scaled(), x, quants=(quant,), last=False)[0]


def _dequantize(node: OnnxNode) -> Sequence[Tensor]:
    """Difference and product in float32; of scales that are computed step by step."""
    x, scale, zero = node.need(0), node.need(1), node.input(2)
    number = int(node.attribute("output_dtype", 0))
    to = TYPES.get(number, "") if number else scale.dtype
    quant = _known(node, x, scale, zero)
    if quant is not None and to == "float32":
        return node.add(Dequantize(), _with(node, x, quant))
    v, factor, start = _columns(node, x, scale, zero)
    if start is not None:
        v = _step(node, "difference", Binary("sub"), v, start)
    v = _step(node, "product", Binary("mul"), v, factor)
    if v.shape != x.shape:
        v = _step(node, "shaped", Reshape(x.shape), v)
    if not ctext.real(to):
        raise ConfigError(f"{node.where}: output_dtype={number} is not supported")
    return node.add(Cast(to), v)


def _dynamic(node: OnnxNode) -> Sequence[Tensor]:
    """Scale and zero point of the range of the numbers themselves, which holds 0."""
    x = node.need(0)
    names = [*node.outputs, "", ""][:3]
    axes = tuple(range(len(x.shape)))
    zero = node.net.constant(f"{names[0]}.zero", np.zeros((), np.float32))
    most = _step(node, "most", Binary("max"), _step(node, "max", Reduce("max", axes, False), x), zero)
    least = _step(node, "least", Binary("min"), _step(node, "min", Reduce("min", axes, False), x), zero)
    count = node.net.constant(f"{names[0]}.steps", np.asarray(255, np.float32))
    span = _step(node, "span", Binary("sub"), most, least)
    (scale,) = node.net.add(Binary("div"), (span, count), (names[1] or f"{names[0]}.scale",))
    start = _step(node, "start", Binary("div"), _step(node, "below", Unary("neg"), least), scale)
    start = _step(node, "whole", Unary("round"), _step(node, "inside", Clip(0.0, 255.0), start))
    (point,) = node.net.add(Cast("uint8", True), (start,), (names[2] or f"{names[0]}.point",))
    v = _step(node, "round", Unary("round"), _step(node, "quotient", Binary("div"), x, scale))
    v = _step(node, "sum", Binary("add"), v, start)
    (made,) = node.net.add(Cast("uint8", True), (v,), (names[0],))
    return made, scale, point


RULES: Mapping[str, Rule] = {
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic,
    "QuantizeLinear": _quantize,
}
