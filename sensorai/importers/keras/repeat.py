"""Rules of layers that repeat numbers, or look them up."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.conv import axes_of
from sensorai.importers.keras.extent import spatial
from sensorai.importers.keras.images import resized
from sensorai.importers.keras.rules import LARGEST, KerasLayer, Rule
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.repeats import Expand
from sensorai.ops.nd.reshape import Reshape


def _vector(layer: KerasLayer) -> Tensor:
    x, n = layer.x, layer.whole("n")
    if len(x.shape) != 2 or not 1 <= n * x.size <= LARGEST * 16:
        raise ConfigError(f"{layer.where}: {x.shape} is not repeated {n} times")
    one = layer.add(Reshape((x.shape[0], 1, x.shape[1])), x, last=False)
    return layer.add(Expand((x.shape[0], n, x.shape[1])), one)


def _upsampling(layer: KerasLayer) -> Tensor:
    """Every number several times along each axis."""
    x, axes = layer.x, axes_of(layer)
    if layer.only("interpolation", "nearest", "bilinear", None) == "bilinear":
        grown = layer.counts("size", axes, 2)
        return resized(layer, lambda extents: tuple(e * s for e, s in zip(extents, grown, strict=True)))
    sizes = layer.counts("size", axes, 2)
    places = spatial(layer, x, axes)
    narrow: list[int] = []
    wide: list[int] = []
    shape: list[int] = []
    for axis, extent in enumerate(x.shape):
        size = sizes[axis - places.start] if axis in places else 1
        if not 1 <= size <= 1 << 10:
            raise ConfigError(f"{layer.where}: size={sizes} is not supported")
        narrow += [extent, 1] if axis in places else [extent]
        wide += [extent, size] if axis in places else [extent]
        shape.append(extent * size)
    y = layer.add(Reshape(tuple(narrow)), x, last=False)
    y = layer.add(Expand(tuple(wide)), y, last=False)
    return layer.add(Reshape(tuple(shape)), y)


def _embedding(layer: KerasLayer) -> Tensor:
    """Rows of a table by whole numbers; floats are cut."""
    x = layer.x
    if layer.option("mask_zero", False):
        raise ConfigError(
            f"{layer.where}: mask_zero=True is not supported",
            hint="build the model with it off, for inputs of one length; the weights stay the same",
        )
    (table, *_) = layer.arrays((None, layer.whole("output_dim")))
    if x.dtype not in ("int32", "int64"):
        x = layer.add(Cast("int32"), x, last=False)
    return layer.add(Gather(0), layer.constant("embeddings", table), x)


RULES: Mapping[str, Rule] = {
    "Embedding": _embedding,
    "RepeatVector": _vector,
    "UpSampling1D": _upsampling,
    "UpSampling2D": _upsampling,
    "UpSampling3D": _upsampling,
}
