"""Rules of layers that change the shape, and of those that do nothing when a net runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose

#: Layers that do something only while a model learns.
NOTHING = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)


def _nothing(layer: KerasLayer) -> Sequence[Tensor]:
    return layer.inputs


def _flatten(layer: KerasLayer) -> Tensor:
    x = layer.x
    if layer.option("data_format") == "channels_first" and len(x.shape) > 2:
        # the channels come to the end before
        perm = (0, *range(2, len(x.shape)), 1)
        x = layer.add(Transpose(perm), x, last=False, name=f"{layer.name}.last")
    return layer.add(Reshape((x.shape[0] if x.shape else 1, math.prod(x.shape[1:]))), x)


def _reshape(layer: KerasLayer) -> Tensor:
    x = layer.x
    wanted = layer.option("target_shape", [])
    if not isinstance(wanted, list | tuple) or any(type(v) is not int or v < -1 for v in wanted):
        raise ConfigError(f"{layer.where}: target_shape={wanted!r} is no shape")
    size, known = math.prod(x.shape[1:]), math.prod(v for v in wanted if v != -1)
    if list(wanted).count(-1) > 1 or known < 1:
        raise ConfigError(f"{layer.where}: {x.shape} cannot become {list(wanted)}")
    return layer.add(Reshape((x.shape[0], *(size // known if v == -1 else v for v in wanted))), x)


def _permute(layer: KerasLayer) -> Tensor:
    dims: Any = layer.option("dims", [])
    if not isinstance(dims, list | tuple) or sorted(dims) != list(range(1, len(layer.x.shape))):
        raise ConfigError(f"{layer.where}: dims={dims!r} is no order of the axes of {layer.x.shape}")
    return layer.add(Transpose((0, *dims)), layer.x)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(NOTHING, _nothing),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
}
