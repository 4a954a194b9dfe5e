"""Rules of images that are resized, as TensorFlow Lite Micro's reference does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.known import integers
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.bilinear import Bilinear, table
from sensorai.ops.nd.gather import Gather

#: Rows or columns above which tables could fill the memory.
MOST = 1 << 16


def _asked(node: TfliteNode) -> tuple[Tensor, tuple[int, int], bool, bool]:
    """Image, rows and columns, and how centres lie."""
    x, said = node.need(0), node.options
    size = integers(node.where, node.need(1), "size")
    if len(x.shape) != 4 or min(x.shape) < 1 or len(size) != 2 or not 1 <= min(size) <= max(size) <= MOST:
        raise ConfigError(f"{node.where}: {x.shape} resized to {list(size)} makes no sense")
    corners = said is not None and bool(said.AlignCorners())
    half = said is not None and bool(said.HalfPixelCenters())
    return x, (size[0], size[1]), corners, half


def _nearest_places(extent: int, count: int, corners: bool, half: bool) -> Array:
    aligned = corners and count > 1
    over, under = (extent - 1, count - 1) if aligned else (extent, count)
    scale = np.float32(over) / np.float32(under)
    at = (np.arange(count).astype(np.float32) + np.float32(0.5 if half else 0.0)) * scale
    # C's round(): half away from zero; exact in float64
    found = np.floor(at.astype(np.float64) + (0.5 if corners else 0.0))
    return np.clip(found, 0, extent - 1).astype(np.int32)


def _nearest(node: TfliteNode) -> Sequence[Tensor]:
    x, (rows, columns), corners, half = _asked(node)
    name = node.outputs[0].name
    down = node.net.constant(f"{name}.rows", _nearest_places(x.shape[1], rows, corners, half))
    along = node.net.constant(f"{name}.columns", _nearest_places(x.shape[2], columns, corners, half))
    (tall,) = node.add(Gather(1), x, down, last=False, quant=x.quant)
    return node.add(Gather(2), tall, along)


def _bilinear(node: TfliteNode) -> Sequence[Tensor]:
    x, size, corners, half = _asked(node)
    tables = []
    for what, extent, count in zip(("rows", "columns"), x.shape[1:3], size, strict=True):
        places, parts = table(extent, count, corners, half, x.dtype)
        name = f"{node.outputs[0].name}.{what}"
        tables += [node.net.constant(name, places), node.net.constant(f"{name}.parts", parts)]
    return node.add(Bilinear(), x, *tables)


RULES: Mapping[str, Rule] = {
    "RESIZE_BILINEAR": _bilinear,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
}
