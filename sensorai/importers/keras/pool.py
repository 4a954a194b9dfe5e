"""Rules of pooling under a kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.conv import axes_of, back, channels_last, pads_of
from sensorai.importers.keras.extent import averaged
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.pool import Pool


def _pool(layer: KerasLayer) -> Tensor:
    """Largest number or mean of a window; a mean counts what is inside of the input only."""
    x, first = channels_last(layer, layer.x, axes_of(layer))
    axes = len(x.shape) - 2
    kernel = layer.counts("pool_size", axes, 2)
    strides = layer.counts("strides", axes, list(kernel))
    ones = (1,) * axes
    pads = pads_of(layer, x.shape[1:-1], kernel, strides, ones)
    kind = "max" if "Max" in layer.kind else "average"
    op = Pool(kind, kernel, strides, ones, pads, False)
    if layer.kind == "QAveragePooling2D":
        if any(pair != (0, 0) for pair in pads) and layer.config.get("average_quantizer") is not None:
            raise ConfigError(f"{layer.where}: a quantised mean with padding is not supported")
        return back(layer, averaged(layer, x, op, math.prod(kernel)), first)
    return back(layer, layer.add(op, x, last=not first), first)


RULES: Mapping[str, Rule] = {
    "AveragePooling1D": _pool,
    "AveragePooling2D": _pool,
    "AveragePooling3D": _pool,
    "QAveragePooling2D": _pool,
    "AvgPool1D": _pool,
    "AvgPool2D": _pool,
    "MaxPooling1D": _pool,
    "MaxPooling2D": _pool,
    "MaxPooling3D": _pool,
    "MaxPool1D": _pool,
    "MaxPool2D": _pool,
}
