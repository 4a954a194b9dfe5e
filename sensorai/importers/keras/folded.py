"""Rules of layers of QKeras with a batch normalisation inside, which is part of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.conv import channels_last, finished, read, weight, window
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected

F = np.float32


def _parts(layer: KerasLayer, outputs: int) -> tuple[Array, Array, Array]:
    """Kernel, factor of each output, and folded bias.

    ``.h5`` lists a counter of training between the weights and the statistics, ``.keras`` has the
    normalisation's in a place of their own.
    """
    bias = bool(layer.option("use_bias", True))
    scale, center = bool(layer.option("scale", True)), bool(layer.option("center", True))
    own, normal = list(layer.weights.of(layer.name)), list(layer.weights.of(layer.name, "batchnorm"))
    if len(own) == len(normal) == 1 + bias + scale + center + 1 + 2:
        at = 1 + bias + scale + center
        own, normal = own[: 1 + bias], [*own[1 + bias : at], *own[at + 1 :]]
    need = 2 + scale + center
    if len(own) < 1 + bias or len(normal) != need or any(a.shape != (outputs,) for a in normal):
        have = [list(a.shape) for a in (*own, *normal)]
        raise ConfigError(f"{layer.where}: its weights have the shapes {have}")
    if bias and own[1].shape != (outputs,):
        raise ConfigError(f"{layer.where}: its bias has the shape {list(own[1].shape)}")
    mean, variance = normal[-2:]
    factor = F(1) / np.sqrt(variance + F(layer.real("epsilon", 1e-3)))
    factor = factor * normal[0] if scale else factor
    offset = factor * ((own[1] if bias else F(0)) - mean)
    return own[0], factor, offset + normal[int(scale)] if center else offset


def _finished(
    layer: KerasLayer, op: Conv | FullyConnected, x: Tensor, w: Array, bias: Array, first: bool
) -> Tensor:
    """Append the layer with its folded weights, each through its quantiser."""
    inputs: Sequence[Tensor] = (
        x,
        layer.constant("kernel", np.ascontiguousarray(w)),
        layer.constant("bias", weight(layer, "bias", bias)),
    )
    return finished(layer, op, inputs, first)


def _conv(layer: KerasLayer) -> Tensor:
    x, first = channels_last(layer, layer.x, 2)
    kernel, strides, dilations, pads = window(layer, x)
    filters = layer.whole("filters")
    layer.only("groups", 1, None)
    data, factor, bias = _parts(layer, filters)
    if data.shape != (*kernel, x.shape[-1], filters):
        raise ConfigError(f"{layer.where}: its kernel has the shape {list(data.shape)}")
    w = np.moveaxis(weight(layer, "kernel", factor * data), -1, 0)
    return _finished(layer, Conv(strides, dilations, pads, 1), x, w, bias, first)


def _depthwise(layer: KerasLayer) -> Tensor:
    x, first = channels_last(layer, layer.x, 2)
    kernel, strides, dilations, pads = window(layer, x)
    channels, multiplier = x.shape[-1], layer.whole("depth_multiplier", 1)
    data, factor, bias = _parts(layer, channels * multiplier)
    if data.shape != (*kernel, channels, multiplier):
        raise ConfigError(f"{layer.where}: its kernel has the shape {list(data.shape)}")
    made = weight(layer, "depthwise", factor.reshape(channels, multiplier) * data)
    w = np.moveaxis(made.reshape(*kernel, channels * multiplier), -1, 0)[..., None]
    return _finished(layer, Conv(strides, dilations, pads, channels), x, w, bias, first)


def _dense(layer: KerasLayer) -> Tensor:
    x, units = read(layer, layer.x), layer.whole("units")
    data, factor, bias = _parts(layer, units)
    if not x.shape or data.shape != (x.shape[-1], units):
        raise ConfigError(f"{layer.where}: its kernel has the shape {list(data.shape)}")
    return _finished(layer, FullyConnected(), x, weight(layer, "kernel", factor * data).T, bias, False)


RULES: Mapping[str, Rule] = {
    "QConv2DBatchnorm": _conv,
    "QDenseBatchnorm": _dense,
    "QDepthwiseConv2DBatchnorm": _depthwise,
}
