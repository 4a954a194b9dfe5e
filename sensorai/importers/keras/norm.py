"""Rules of layers that scale and shift, with numbers that are known, and of normalisations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.files import ELEMENTS
from sensorai.importers.keras.quantised import quantised
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.reshape import Reshape

F = np.float32


def axis_of(layer: KerasLayer, x: Tensor, name: str = "axis", default: int = -1) -> int:
    """Axis that a setting names, from 0; a list of one is one."""
    value: Any = layer.option(name, default)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if type(value) is not int or not -len(x.shape) <= value < len(x.shape):
        raise ConfigError(f"{layer.where}: {name}={value!r} is no axis of {x.shape}")
    return value % len(x.shape)


def along(values: Array, axis: int, rank: int) -> Array:
    """Numbers of an axis, ready to be broadcast."""
    shape = [1] * rank
    shape[axis] = -1
    return np.asarray(values, F).reshape(shape)


def scaled(layer: KerasLayer, x: Tensor, factor: Array | None, offset: Array | None) -> Tensor:
    """Return x * factor + offset, each step rounded."""
    y = x
    if factor is not None:
        y = layer.add(Binary("mul"), y, layer.constant("factor", factor), last=offset is None)
    return y if offset is None else layer.add(Binary("add"), y, layer.constant("offset", offset))


def batch_norm(
    layer: KerasLayer,
    x: Tensor,
    weights: tuple[Array | None, Array | None, Array, Array],
    epsilon: float,
    axis: int,
) -> Tensor:
    """Return x * factor + offset, factor = gamma / sqrt(variance + epsilon), as TensorFlow computes it."""
    gamma, beta, mean, variance = weights
    factor = F(1) / np.sqrt(variance + F(epsilon))
    factor = factor if gamma is None else factor * gamma
    offset = -mean * factor if beta is None else beta - mean * factor
    rank = len(x.shape)
    return scaled(layer, x, along(factor, axis, rank), along(offset, axis, rank))


def batch_weights(layer: KerasLayer, count: int) -> tuple[Array | None, Array | None, Array, Array]:
    """Gamma, beta, mean and variance; None for what the layer has not."""
    scale, center = bool(layer.option("scale", True)), bool(layer.option("center", True))
    found = layer.arrays(*((count,),) * (2 + scale + center))
    rest = list(found)
    gamma = _weight(layer, "gamma", rest.pop(0)) if scale else None
    beta = _weight(layer, "beta", rest.pop(0)) if center else None
    return gamma, beta, _weight(layer, "mean", rest[0]), _weight(layer, "variance", rest[1])


def _weight(layer: KerasLayer, role: str, data: Array) -> Array:
    """Weight through its quantiser, which QBatchNormalization may have."""
    return quantised(layer, layer.config.get(f"{role}_quantizer"), data)


def _batch_norm(layer: KerasLayer) -> Tensor:
    x = layer.x
    axis = axis_of(layer, x)
    return batch_norm(layer, x, batch_weights(layer, x.shape[axis]), layer.real("epsilon", 1e-3), axis)


def _rescaling(layer: KerasLayer) -> Tensor:
    def numbers(name: str, default: float) -> Array:
        value = np.asarray(layer.option(name, default))
        if value.dtype.kind not in "fiu" or value.ndim > 1 or not np.all(np.isfinite(value)):
            raise ConfigError(f"{layer.where}: {name}={layer.option(name)!r} is not supported")
        return value.astype(F)

    return scaled(layer, layer.x, numbers("scale", 1.0), numbers("offset", 0.0))


def _normalization(layer: KerasLayer) -> Tensor:
    """(x - mean) / max(sqrt(variance), 1e-7), from weights or from the configuration."""
    x = layer.x
    axes = layer.option("axis", [-1])
    axes = [] if layer.config.get("axis", -1) is None else (axes if isinstance(axes, list) else [axes])
    if any(type(a) is not int or not -len(x.shape) <= a < len(x.shape) for a in axes):
        raise ConfigError(f"{layer.where}: axis={axes!r} of {x.shape} is not supported")
    kept = [a % len(x.shape) for a in axes]
    shape = [x.shape[k] if k in kept else 1 for k in range(len(x.shape))]
    given = layer.config.get("mean"), layer.config.get("variance")
    found: Sequence[Any] = given if given[0] is not None else layer.weights.of(layer.name)
    if len(found) < 2 or found[1] is None:
        raise ConfigError(f"{layer.where}: its mean and variance are not in the file")
    mean, variance = (np.asarray(v, F) for v in found[:2])
    size = math.prod(shape)
    if size > ELEMENTS:
        raise ConfigError(f"{layer.where}: {size} features are too many")
    if mean.size not in (1, size) or variance.size not in (1, size):
        raise ConfigError(f"{layer.where}: {mean.size} means for {size} features")
    mean = np.broadcast_to(mean.reshape(-1), (size,)).reshape(shape)
    deviation = np.maximum(np.sqrt(np.broadcast_to(variance.reshape(-1), (size,)).reshape(shape)), F(1e-7))
    steps = (
        (("mul", deviation), ("add", mean))
        if layer.option("invert", False)
        else (("sub", mean), ("div", deviation))
    )
    y = x
    for k, (function, values) in enumerate(steps):
        y = layer.add(
            Binary(function), y, layer.constant(function, np.ascontiguousarray(values)), last=k == 1
        )
    return y


def _layer_norm(layer: KerasLayer) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) over some axes, times gamma, plus beta."""
    x = layer.x
    value: Any = layer.option("axis", -1)
    many = value if isinstance(value, list | tuple) else [value]
    if any(type(a) is not int or not -len(x.shape) <= a < len(x.shape) for a in many):
        raise ConfigError(f"{layer.where}: axis={value!r} of {x.shape} is not supported")
    axes = tuple(sorted(a % len(x.shape) for a in many))
    layer.only("rms_scaling", False, None)
    shape = tuple(x.shape[a] for a in axes)
    scale, center = bool(layer.option("scale", True)), bool(layer.option("center", True))
    found = layer.arrays(*(shape,) * (scale + center))
    full = tuple(x.shape[k] if k in axes else 1 for k in range(len(x.shape)))
    gamma = layer.constant("gamma", found[0].reshape(full)) if scale else None
    beta = layer.constant("beta", found[int(scale)].reshape(full)) if center else None
    return layer.add(Normalize("layer", axes, layer.real("epsilon", 1e-3)), x, gamma, beta)


def _group_norm(layer: KerasLayer) -> Tensor:
    """As of a layer, over the places and the channels of a group."""
    x = layer.x
    axis = axis_of(layer, x)
    channels, groups = x.shape[axis], layer.option("groups", 32)
    groups = channels if groups == -1 else groups
    if type(groups) is not int or not 1 <= groups <= channels or channels % groups or not axis:
        raise ConfigError(f"{layer.where}: {channels} channels in {groups!r} groups")
    split = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
    scale, center = bool(layer.option("scale", True)), bool(layer.option("center", True))
    found = layer.arrays(*((channels,),) * (scale + center))
    full = tuple(n if k in (axis, axis + 1) else 1 for k, n in enumerate(split))
    gamma = layer.constant("gamma", found[0].reshape(full)) if scale else None
    beta = layer.constant("beta", found[int(scale)].reshape(full)) if center else None
    axes = tuple(k for k in range(1, len(split)) if k != axis)
    y = layer.add(Reshape(split), x, last=False)
    y = layer.add(Normalize("layer", axes, layer.real("epsilon", 1e-3)), y, gamma, beta, last=False)
    return layer.add(Reshape(x.shape), y)


def _unit(layer: KerasLayer) -> Tensor:
    x = layer.x
    axis = axis_of(layer, x)
    return layer.add(Normalize("l2", (axis,), 1e-6), x, None, None)


RULES: Mapping[str, Rule] = {
    "BatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "BatchNormalizationV2": _batch_norm,
    "QBatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm,
    "UnitNormalization": _unit,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
}
