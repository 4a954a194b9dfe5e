"""Rules of layers that join several tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.norm import axis_of
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose

#: Functions by the layers.
FUNCTIONS: Mapping[str, str] = {
    "Add": "add",
    "Subtract": "sub",
    "Multiply": "mul",
    "Average": "add",
    "Maximum": "max",
    "Minimum": "min",
}


def _merged(layer: KerasLayer) -> Tensor:
    """One after the other; the average is divided at the end."""
    if len(layer.inputs) < 2 or (layer.kind == "Subtract" and len(layer.inputs) != 2):
        raise ConfigError(f"{layer.where}: has {len(layer.inputs)} inputs")
    if len({len(x.shape) for x in layer.inputs}) > 1:
        raise ConfigError(f"{layer.where}: its inputs have not the same number of axes")
    y = layer.inputs[0]
    average = layer.kind == "Average"
    for k, x in enumerate(layer.inputs[1:], start=2):
        last = k == len(layer.inputs) and not average
        y = layer.add(Binary(FUNCTIONS[layer.kind]), y, x, last=last)
    if average:
        y = layer.add(Binary("div"), y, layer.scalar("count", len(layer.inputs)))
    return y


def _concatenate(layer: KerasLayer) -> Tensor:
    axis = axis_of(layer, layer.inputs[0])
    return layer.add(Concat(axis), *layer.inputs)


def _dot(layer: KerasLayer) -> Tensor:
    """Products along an axis of each, sample by sample; of vectors one number a sample."""
    if len(layer.inputs) != 2:
        raise ConfigError(f"{layer.where}: has {len(layer.inputs)} inputs, not two")
    axes: Any = layer.option("axes")
    pair = [axes, axes] if type(axes) is int else axes
    if not isinstance(pair, list | tuple) or len(pair) != 2 or any(type(a) is not int for a in pair):
        raise ConfigError(f"{layer.where}: axes={axes!r} are no axes")
    sides = []
    for x, axis in zip(layer.inputs, pair, strict=True):
        rank = len(x.shape)
        if not -rank <= axis < rank or axis % rank == 0 or not 2 <= rank <= 3:
            raise ConfigError(f"{layer.where}: axis {axis} of {x.shape} is not supported")
        y = x
        if layer.option("normalize", False):
            y = layer.add(Normalize("l2", (axis % rank,), 1e-6), y, None, None, last=False)
        sides.append((y, axis % rank))
    (a, i), (b, j) = sides
    a = _matrix(layer, a, i, last=True)
    b = _matrix(layer, b, j, last=False)
    y = layer.add(MatMul(), a, b, last=False)
    left = [layer.inputs[0].shape[k] for k in range(1, len(layer.inputs[0].shape)) if k != i]
    right = [layer.inputs[1].shape[k] for k in range(1, len(layer.inputs[1].shape)) if k != j]
    return layer.add(Reshape((layer.inputs[0].shape[0], *(left + right or [1]))), y)


def _matrix(layer: KerasLayer, x: Tensor, axis: int, *, last: bool) -> Tensor:
    """Matrix of each sample, with an axis as its last or its first."""
    if len(x.shape) == 2:
        shape = (x.shape[0], 1, x.shape[1]) if last else (x.shape[0], x.shape[1], 1)
        return layer.add(Reshape(shape), x, last=False)
    if axis != (2 if last else 1):
        return layer.add(Transpose((0, 2, 1)), x, last=False)
    return x


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(FUNCTIONS, _merged),
    "Concatenate": _concatenate,
    "Dot": _dot,
}
