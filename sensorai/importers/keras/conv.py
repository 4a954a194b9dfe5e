"""Rules of convolutions, and of dense layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.importers.keras.activation import activated, plain
from sensorai.importers.keras.quantised import quantised
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.transpose import Transpose

Pads = tuple[tuple[int, int], ...]


def axes_of(layer: KerasLayer) -> int:
    """Number of axes of a layer that has it in its name, such as ``Conv2D``."""
    return next((int(c) for c in layer.kind if c in "123"), 1)


def read(layer: KerasLayer, x: Tensor) -> Tensor:
    """Input as the layer uses it: through its quantiser where it has one."""
    return activated(layer, x, layer.config.get("input_quantizer"), last=False)


def channels_last(layer: KerasLayer, x: Tensor, axes: int) -> tuple[Tensor, bool]:
    """Input with its channels last, and whether they were first; a ConfigError for other shapes."""
    x = read(layer, x)
    if len(x.shape) != axes + 2:
        raise ConfigError(f"{layer.where}: reads {axes + 2} axes, not the shape {x.shape}")
    if layer.only("data_format", "channels_last", "channels_first", None) != "channels_first":
        return x, False
    perm = (0, *range(2, axes + 2), 1)
    return layer.add(Transpose(perm), x, last=False, name=f"{layer.name}.last"), True


def back(layer: KerasLayer, y: Tensor, first: bool) -> Tensor:
    """Output with the channels where the layer has them."""
    axes = len(y.shape) - 2
    return layer.add(Transpose((0, axes + 1, *range(1, axes + 1))), y) if first else y


def pads_of(layer: KerasLayer, extents: Shape, kernel: Shape, strides: Shape, dilations: Shape) -> Pads:
    """Margins of a window: none, as many as give ceil(extent / stride) places, or all before."""
    kind = str(layer.option("padding", "valid")).lower()
    if kind not in ("valid", "same") and not (kind == "causal" and layer.kind.endswith("Conv1D")):
        raise ConfigError(f"{layer.where}: padding={kind!r} is not supported")
    if min(strides + dilations + kernel, default=1) < 1:
        raise ConfigError(f"{layer.where}: kernel {kernel}, strides {strides}, dilations {dilations}")
    if kind == "valid":
        return ((0, 0),) * len(extents)
    if kind == "causal":
        return (((kernel[0] - 1) * dilations[0], 0),)
    pads = []
    for extent, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        whole = max((-(-extent // s) - 1) * s + (k - 1) * d + 1 - extent, 0)
        pads.append((whole // 2, whole - whole // 2))
    return tuple(pads)


def weight(layer: KerasLayer, role: str, data: Array) -> Array:
    """Weight as the layer uses it: through its quantiser where it has one."""
    return quantised(layer, layer.config.get(f"{role}_quantizer"), data)


def _bias(layer: KerasLayer, weights: Sequence[Array], place: int, count: int) -> Tensor | None:
    if not layer.option("use_bias", True):
        return None
    if len(weights) <= place or weights[place].shape != (count,):
        raise ConfigError(f"{layer.where}: its weights hold no bias of {count} numbers")
    return layer.constant("bias", weight(layer, "bias", weights[place]))


def finished(layer: KerasLayer, op: NdOperator, inputs: Sequence[Tensor | None], first: bool) -> Tensor:
    """Append sums of products and the layer's activation; the last step has the layer's name."""
    value = layer.option("activation")
    y = layer.add(op, *inputs, last=plain(value) and not first)
    return back(layer, activated(layer, y, value, last=not first), first)


def window(layer: KerasLayer, x: Tensor) -> tuple[Shape, Shape, Shape, Pads]:
    """Kernel, strides, dilations and margins of a layer."""
    axes = len(x.shape) - 2
    kernel = layer.counts("kernel_size", axes)
    strides, dilations = layer.counts("strides", axes, 1), layer.counts("dilation_rate", axes, 1)
    return kernel, strides, dilations, pads_of(layer, x.shape[1:-1], kernel, strides, dilations)


def _conv(layer: KerasLayer) -> Tensor:
    x, first = channels_last(layer, layer.x, axes_of(layer))
    kernel, strides, dilations, pads = window(layer, x)
    groups, filters = layer.whole("groups", 1), layer.whole("filters")
    if not groups or x.shape[-1] % groups or not filters:
        raise ConfigError(f"{layer.where}: {x.shape[-1]} channels in {groups} groups, {filters} filters")
    found = layer.arrays((*kernel, x.shape[-1] // groups, filters))
    w = layer.constant("kernel", np.moveaxis(weight(layer, "kernel", found[0]), -1, 0))
    op = Conv(strides, dilations, pads, groups)
    return finished(layer, op, (x, w, _bias(layer, found, 1, filters)), first)


def _depthwise_weights(layer: KerasLayer, kernel: Array) -> Tensor:
    """Kernel (*kernel, channels, multiplier) as one of channels * multiplier filters."""
    *taps, channels, multiplier = kernel.shape
    role = "depthwise" if layer.config.get("depthwise_quantizer") is not None else "kernel"
    flat = weight(layer, role, kernel).reshape(*taps, channels * multiplier)
    return layer.constant("depthwise_kernel", np.moveaxis(flat, -1, 0)[..., None])


def _depthwise(layer: KerasLayer) -> Tensor:
    x, first = channels_last(layer, layer.x, axes_of(layer))
    kernel, strides, dilations, pads = window(layer, x)
    channels, multiplier = x.shape[-1], layer.whole("depth_multiplier", 1)
    found = layer.arrays((*kernel, channels, multiplier))
    w = _depthwise_weights(layer, found[0])
    op = Conv(strides, dilations, pads, channels)
    return finished(layer, op, (x, w, _bias(layer, found, 1, channels * multiplier)), first)


def _separable(layer: KerasLayer) -> Tensor:
    x, first = channels_last(layer, layer.x, axes_of(layer))
    kernel, strides, dilations, pads = window(layer, x)
    channels, multiplier, filters = x.shape[-1], layer.whole("depth_multiplier", 1), layer.whole("filters")
    ones = (1,) * len(kernel)
    found = layer.arrays((*kernel, channels, multiplier), (*ones, channels * multiplier, filters))
    middle = layer.add(
        Conv(strides, dilations, pads, channels),
        x,
        _depthwise_weights(layer, found[0]),
        None,
        last=False,
        name=f"{layer.name}.depthwise",
    )
    w = layer.constant("pointwise_kernel", np.moveaxis(weight(layer, "pointwise", found[1]), -1, 0))
    op = Conv(ones, ones, ((0, 0),) * len(kernel))
    return finished(layer, op, (middle, w, _bias(layer, found, 2, filters)), first)


def _transposed(layer: KerasLayer) -> Tensor:
    """Gradient of a convolution: "same" makes extent * stride, "valid" what all kernels cover."""
    x, first = channels_last(layer, layer.x, axes_of(layer))
    axes = len(x.shape) - 2
    kernel, strides = layer.counts("kernel_size", axes), layer.counts("strides", axes, 1)
    dilations = layer.counts("dilation_rate", axes, 1)
    behind = None if layer.config.get("output_padding") is None else layer.counts("output_padding", axes)
    layer.only("groups", 1, None)
    same = str(layer.option("padding", "valid")).lower() == "same"
    if not same:
        layer.only("padding", "valid", "VALID")
    pads, extra = [], []
    for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
        wide = (k - 1) * d + 1
        if behind is not None:
            # how much longer the result is than with half a kernel, or none, cut off at both ends
            less = (wide // 2 * 2 if same else 0) - behind[axis]
            before = max(less, 0) // 2 if same else 0
            pads.append((before, max(less - before, 0)))
            extra.append(max(before - less, 0))
            continue
        # all kernels cover (extent - 1) * stride + wide; of "same" extent * stride are left, of "valid" the
        # rest up to the stride is added
        cut = max(wide - s, 0) if same else 0
        pads.append((cut // 2, cut - cut // 2))
        extra.append(max(s - wide, 0))
    filters = layer.whole("filters")
    found = layer.arrays((*kernel, filters, x.shape[-1]))
    w = layer.constant("kernel", np.moveaxis(weight(layer, "kernel", found[0]), -2, 0))
    op = ConvTranspose(strides, dilations, tuple(pads), tuple(extra))
    return finished(layer, op, (x, w, _bias(layer, found, 1, filters)), first)


def _dense(layer: KerasLayer) -> Tensor:
    x, units = read(layer, layer.x), layer.whole("units")
    if not x.shape:
        raise ConfigError(f"{layer.where}: a single number has no features")
    found = layer.arrays((x.shape[-1], units))
    w = layer.constant("kernel", np.ascontiguousarray(weight(layer, "kernel", found[0]).T))
    return finished(layer, FullyConnected(), (x, w, _bias(layer, found, 1, units)), False)


RULES: Mapping[str, Rule] = {
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "Convolution1D": _conv,
    "Convolution2D": _conv,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "Conv1DTranspose": _transposed,
    "Conv2DTranspose": _transposed,
    "Conv3DTranspose": _transposed,
    "Dense": _dense,
    # QKeras
    "QConv1D": _conv,
    "QConv2D": _conv,
    "QConv2DTranspose": _transposed,
    "QDense": _dense,
    "QDepthwiseConv2D": _depthwise,
    "QSeparableConv1D": _separable,
    "QSeparableConv2D": _separable,
    # Larq
    "QuantConv1D": _conv,
    "QuantConv2D": _conv,
    "QuantConv2DTranspose": _transposed,
    "QuantDense": _dense,
    "QuantDepthwiseConv2D": _depthwise,
    "QuantSeparableConv1D": _separable,
    "QuantSeparableConv2D": _separable,
}
