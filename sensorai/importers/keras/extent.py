"""Rules of layers that add and take away at the ends of axes, or take axes together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.activation import activated
from sensorai.importers.keras.conv import axes_of
from sensorai.importers.keras.quantised import quantised
from sensorai.importers.keras.rules import LARGEST, KerasLayer, Rule
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.slices import Slice


def spatial(layer: KerasLayer, x: Tensor, axes: int) -> range:
    """Axes of a picture or signal; a ConfigError for other shapes."""
    if len(x.shape) != axes + 2:
        raise ConfigError(f"{layer.where}: reads {axes + 2} axes, not the shape {x.shape}")
    first = layer.only("data_format", "channels_last", "channels_first", None) == "channels_first"
    return range(2, axes + 2) if first else range(1, axes + 1)


def _ends(layer: KerasLayer, name: str, axes: int) -> list[tuple[int, int]]:
    """How many before and after each axis, from a number, one for each axis, or pairs."""
    value: Any = layer.option(name, 1)
    many = value if isinstance(value, list | tuple) else [value] * axes
    if axes == 1 and len(many) == 2 and all(type(v) is int for v in many):
        many = [many]
    pairs = [v if isinstance(v, list | tuple) else (v, v) for v in many]
    numbers = [n for pair in pairs for n in pair]
    good = len(pairs) == axes and all(len(pair) == 2 for pair in pairs)
    if not good or any(type(n) is not int or not 0 <= n <= LARGEST for n in numbers):
        raise ConfigError(f"{layer.where}: {name}={value!r} is not supported")
    return [(int(pair[0]), int(pair[1])) for pair in pairs]


def _padding(layer: KerasLayer) -> Tensor:
    x, axes = layer.x, axes_of(layer)
    pads = [(0, 0)] * len(x.shape)
    for axis, pair in zip(spatial(layer, x, axes), _ends(layer, "padding", axes), strict=True):
        pads[axis] = pair
    return layer.add(Pad(tuple(pads)), x)


def _cropping(layer: KerasLayer) -> Tensor:
    x, axes = layer.x, axes_of(layer)
    starts, stops = [0] * len(x.shape), list(x.shape)
    for axis, (before, after) in zip(spatial(layer, x, axes), _ends(layer, "cropping", axes), strict=True):
        starts[axis], stops[axis] = before, x.shape[axis] - after
        if starts[axis] >= stops[axis]:
            raise ConfigError(f"{layer.where}: nothing is left of axis {axis} of {x.shape}")
    return layer.add(Slice(tuple(starts), tuple(stops), (1,) * len(x.shape)), x)


def _whole_pool(layer: KerasLayer) -> Tensor:
    x = layer.x
    axes = tuple(spatial(layer, x, axes_of(layer)))
    function = "max" if "Max" in layer.kind else "mean"
    op = Reduce(function, axes, bool(layer.option("keepdims", False)))
    if layer.kind == "QGlobalAveragePooling2D":
        return averaged(layer, x, op, math.prod(x.shape[axis] for axis in axes))
    return layer.add(op, x)


def averaged(layer: KerasLayer, x: Tensor, op: NdOperator, area: int) -> Tensor:
    """A mean of QKeras: where it has a quantiser, the sum times what that makes of 1 / area."""
    if layer.config.get("average_quantizer") is not None:
        factor = np.asarray(1 / area, np.float32).reshape(1)
        factor = quantised(layer, layer.config["average_quantizer"], factor)
        x = layer.add(Binary("mul"), x, layer.scalar("area", area), last=False)
        x = layer.add(op, x, last=False)
        y = layer.add(Binary("mul"), x, layer.constant("factor", factor.reshape(())), last=False)
    else:
        y = layer.add(op, x, last=False)
    return activated(layer, y, layer.config.get("activation"))


RULES: Mapping[str, Rule] = {
    "ZeroPadding1D": _padding,
    "ZeroPadding2D": _padding,
    "ZeroPadding3D": _padding,
    "Cropping1D": _cropping,
    "Cropping2D": _cropping,
    "Cropping3D": _cropping,
    "GlobalAveragePooling1D": _whole_pool,
    "GlobalAveragePooling2D": _whole_pool,
    "GlobalAveragePooling3D": _whole_pool,
    "GlobalMaxPooling1D": _whole_pool,
    "GlobalMaxPooling2D": _whole_pool,
    "GlobalMaxPooling3D": _whole_pool,
    "QGlobalAveragePooling2D": _whole_pool,
    "GlobalAvgPool1D": _whole_pool,
    "GlobalAvgPool2D": _whole_pool,
    "GlobalMaxPool1D": _whole_pool,
    "GlobalMaxPool2D": _whole_pool,
}
