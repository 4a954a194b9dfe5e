"""Rules of layers that bring images to another size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.keras.conv import back, channels_last
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.bilinear import Bilinear, table
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.slices import Slice

#: Rows or columns above which tables could fill the memory.
MOST = 1 << 16


def resized(layer: KerasLayer, size: Callable[[Shape], Shape]) -> Tensor:
    """Rows and columns between their nearest ones, or nearest ones, with centres over centres."""
    x, first = channels_last(layer, layer.x, 2)
    to = size(x.shape[1:3])
    if not 1 <= min(to) <= max(to) <= MOST or min(x.shape) < 1:
        raise ConfigError(f"{layer.where}: {x.shape} cannot become {to}")
    if layer.only("interpolation", "bilinear", "nearest") == "nearest":
        for axis, (extent, count) in enumerate(zip(x.shape[1:3], to, strict=True), start=1):
            at = (np.arange(count).astype(np.float32) + np.float32(0.5)) * (
                np.float32(extent) / np.float32(count)
            )
            places = np.clip(np.floor(at), 0, extent - 1).astype(np.int32)
            known = layer.net.constant(f"{layer.name}.places{axis}", places)
            x = layer.add(Gather(axis), x, known, last=axis == 2 and not first)
        return back(layer, x, first)
    tables = []
    for what, extent, count in zip(("rows", "columns"), x.shape[1:3], to, strict=True):
        places, parts = table(extent, count, False, True, "float32")
        tables += [layer.net.constant(f"{layer.name}.{what}", places), layer.constant(f"{what}.parts", parts)]
    return back(layer, layer.add(Bilinear(), x, *tables, last=not first), first)


def _resizing(layer: KerasLayer) -> Tensor:
    for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"):
        layer.only(name, False, None)
    size = (layer.whole("height"), layer.whole("width"))
    return resized(layer, lambda _: size)


def _center_crop(layer: KerasLayer) -> Tensor:
    """What lies in the middle; a smaller image would be resized."""
    x, first = channels_last(layer, layer.x, 2)
    size = (layer.whole("height"), layer.whole("width"))
    if any(not 1 <= s <= e for s, e in zip(size, x.shape[1:3], strict=True)):
        raise ConfigError(f"{layer.where}: {size} of {x.shape[1:3]} is not supported")
    starts = tuple(int((e - s) / 2) for s, e in zip(size, x.shape[1:3], strict=True))
    stops = tuple(a + s for a, s in zip(starts, size, strict=True))
    op = Slice((0, *starts, 0), (x.shape[0], *stops, x.shape[3]), (1, 1, 1, 1))
    return back(layer, layer.add(op, x, last=not first), first)


RULES: Mapping[str, Rule] = {"CenterCrop": _center_crop, "Resizing": _resizing}
