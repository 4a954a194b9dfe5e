"""Rules of pools, channels first in the file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.moves import numbers, small
from sensorai.importers.onnx.products import channels_first, channels_last, ints, margins, step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.windows import AXES


def _kernel(node: OnnxNode, x: Tensor) -> Shape:
    axes = len(x.shape) - 2
    if axes < 1:
        raise ConfigError(f"{node.where}: an input of shape {x.shape} has no axes to pool")
    said = node.attribute("kernel_shape")
    if not said:
        raise ConfigError(f"{node.where}: kernel_shape is missing")
    return ints(node, "kernel_shape", axes, 1)


def beyond_of(
    extents: Shape, kernel: Shape, strides: Shape, dilations: Shape, pads: tuple[Shape, ...]
) -> Shape:
    """Places behind the margins that the last kernel needs where places are rounded up."""
    found = []
    for e, k, s, d, (before, after) in zip(extents, kernel, strides, dilations, pads, strict=True):
        wide, step_ = (k - 1) * d + 1, max(s, 1)
        last = -(-(e + before + after - wide) // step_)
        # no kernel starts in the margin behind
        last -= last * step_ >= e + before
        found.append(max(last * step_ + wide - (e + before + after), 0))
    return tuple(found)


def _kind(node: OnnxNode) -> str:
    if node.kind.endswith("LpPool"):
        node.only("p", 2, 1)
        return f"lp{int(node.attribute('p', 2))}"
    return "max" if node.kind.endswith("MaxPool") else "average"


def _pool(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    kernel = _kernel(node, x)
    axes, extents = len(kernel), x.shape[2:]
    strides, dilations = ints(node, "strides", axes, 1), ints(node, "dilations", axes, 1)
    pads = margins(node, extents, kernel, strides, dilations)
    node.only("ceil_mode", 0, 1)
    beyond = (0,) * axes
    if node.attribute("ceil_mode", 0) and node.attribute("auto_pad", "NOTSET") in ("NOTSET", "VALID"):
        beyond = beyond_of(extents, kernel, strides, dilations, pads)
    places = node.kind == "MaxPool" and len(node.outputs) > 1 and node.outputs[1]
    node.only("storage_order", 0, 1)
    order = ("row", "column")[int(node.attribute("storage_order", 0))] if places else ""
    counted = node.kind == "AveragePool" and bool(node.attribute("count_include_pad", 0))
    op = Pool(_kind(node), kernel, strides, dilations, pads, counted, beyond=beyond, indices=order)
    inner = step(node, Transpose(channels_last(axes + 2)), x, "x")
    made = node.add(op, inner, last=False)
    back = Transpose(channels_first(axes + 2))
    return [node.net.add(back, (y,), (name,))[0] for y, name in zip(made, node.outputs, strict=False)]


def _global(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = len(x.shape) - 2
    if axes < 1:
        raise ConfigError(f"{node.where}: an input of shape {x.shape} has no axes to pool")
    extents = x.shape[2:]
    if axes > AXES:
        extents = (math.prod(extents),)
        x = step(node, Reshape((*x.shape[:2], *extents)), x, "flat")
    rank = len(extents) + 2
    inner = step(node, Transpose(channels_last(rank)), x, "x")
    y = step(node, Pool(_kind(node), extents), inner, "pool")
    if axes <= AXES:
        return node.add(Transpose(channels_first(rank)), y)
    return node.add(
        Reshape((*x.shape[:2], *((1,) * axes))), step(node, Transpose(channels_first(rank)), y, "y")
    )


def _unpool(node: OnnxNode) -> Sequence[Tensor]:
    """Numbers back to the places that a pool found them at, 0 elsewhere."""
    x, places = node.need(0), node.need(1)
    kernel = _kernel(node, x)
    axes = len(kernel)
    strides, pads = ints(node, "strides", axes, 1), ints(node, "pads", 2 * axes, 0)
    ends = zip(x.shape[2:], strides, kernel, pads[:axes], pads[axes:], strict=True)
    own: Shape = (*x.shape[:2], *((e - 1) * s - a - b + k for e, s, k, a, b in ends))
    shape = own if node.input(2) is None else numbers(node, 2, "shape")
    if places.shape != x.shape or len(shape) != len(x.shape):
        raise ConfigError(f"{node.where}: places of {places.shape} for {x.shape} to {shape}")
    if own != shape:
        raise ConfigError(
            f"{node.where}: an output_shape other than {own} is not supported",
            hint="export the net without output_size",
        )
    zeros = node.net.constant(f"{node.outputs[0]}.zeros", np.zeros(math.prod(small(node, shape))), x.dtype)
    flat = step(node, Reshape((x.size,)), x, "flat")
    at = step(node, Reshape((x.size,)), places, "places")
    (made,) = node.add(Scatter(0, "none"), zeros, at, flat, last=False)
    return node.add(Reshape(shape), made)


RULES: Mapping[str, Rule] = {
    "AveragePool": _pool,
    "GlobalAveragePool": _global,
    "GlobalLpPool": _global,
    "GlobalMaxPool": _global,
    "LpPool": _pool,
    "MaxPool": _pool,
    "MaxUnpool": _unpool,
}
