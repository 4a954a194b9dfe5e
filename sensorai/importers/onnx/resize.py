"""Rules that resize along axes, as ONNX's reference computes it: in tables, while reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.known import integers, known
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.resample import Resample
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary

#: Most numbers of a table.
MOST = 1 << 22


def _reals(node: OnnxNode, place: int, what: str) -> list[float]:
    tensor = node.input(place)
    return [] if tensor is None else [float(v) for v in known(node.where, tensor, what).reshape(-1)]


def _cubic(ratio: float, a: float) -> list[float]:
    r = [ratio + 1, ratio, 1 - ratio, 2 - ratio]
    outer = [((a * v - 5 * a) * v + 8 * a) * v - 4 * a for v in (r[0], r[3])]
    near = [((a + 2) * v - (a + 3)) * v * v + 1 for v in (r[1], r[2])]
    return [outer[0], *near, outer[1]]


def _weights(node: OnnxNode, ratio: float, scale: float) -> Array:
    """Weights of the numbers around a place, ``ratio`` behind the one before it."""
    mode, smooth = node.attribute("mode", "nearest"), bool(node.attribute("antialias", 0))
    if mode == "nearest":
        way = "floor" if node.opset < 11 else node.attribute("nearest_mode", "round_prefer_floor")
        first = {
            "round_prefer_floor": ratio <= 0.5,
            "round_prefer_ceil": ratio < 0.5,
            "floor": ratio < 1,
            "ceil": False,
        }[way]
        return np.array([1.0, 0.0] if first and ratio != 1 else [0.0, 1.0])
    a, less = float(node.attribute("cubic_coeff_a", -0.75)), min(scale, 1.0)
    if mode == "linear":
        if not smooth:
            return np.array([1 - ratio, ratio])
        start = int(np.floor(-1 / less) + 1)
        found = np.clip(1 - np.abs((np.arange(start, 2 - start) - ratio) * less), 0, 1)
        return np.asarray(found / found.sum())
    if not smooth:
        return np.array(_cubic(ratio, a))
    start = int(np.floor(-2 / less) + 1)
    v = np.abs(less * (np.arange(start, 2 - start) - ratio))
    near, far = (a + 2) * v**3 - (a + 3) * v**2 + 1, a * v**3 - 5 * a * v**2 + 8 * a * v - 4 * a
    found = np.where(v <= 1, near, np.where(v < 2, far, 0.0))
    return np.asarray(found / found.sum())


def _origins(node: OnnxNode, extent: int, count: int, scale: float, roi: tuple[float, float]) -> Array:
    """Place in the input of every number of the result."""
    mode = node.attribute(
        "coordinate_transformation_mode", "half_pixel" if node.opset >= 11 else "asymmetric"
    )
    y, wide = np.arange(count, dtype=np.float64), scale * extent
    half = (y + 0.5) / scale - 0.5
    if mode == "align_corners":
        return np.zeros(count) if wide == 1 else y * (extent - 1) / (wide - 1)
    if mode == "asymmetric":
        return y / scale
    if mode == "tf_crop_and_resize":
        span = (roi[1] - roi[0]) * (extent - 1)
        return (np.full(count, span / 2) if wide == 1 else y * span / (wide - 1)) + roi[0] * (extent - 1)
    if mode == "pytorch_half_pixel":
        return np.full(count, -0.5) if wide == 1 else half
    return half + (extent / 2) * (1 - count / wide) if mode == "half_pixel_symmetric" else half


def _table(
    node: OnnxNode, extent: int, count: int, scale: float, roi: tuple[float, float]
) -> tuple[Array, Array, Array]:
    """Places and weights of the taps of every number, and whether it lies outside."""
    x = _origins(node, extent, count, scale, roi)
    whole = np.floor(x).astype(np.int64)
    ratios = np.where(x == whole, 1.0, x - whole)
    taps = 4 / min(scale, 1.0) + 4 if node.attribute("antialias", 0) else 4
    if count * taps > MOST:
        raise ConfigError(f"{node.where}: {count} numbers of {taps:.0f} taps along an axis are too many")
    w = np.stack([_weights(node, float(r), scale) for r in ratios])
    n = w.shape[1]
    even, odd = np.where(x == whole, -(n // 2), 1 - n // 2), (x - whole > 0.5) - (n - 1) // 2
    first = odd if n % 2 else even
    places = (whole + first)[:, None] + np.arange(n)
    if node.attribute("exclude_outside", 0):
        w = np.where((places < 0) | (places >= extent), 0.0, w)
        total = w.sum(axis=1, keepdims=True)
        w = w / np.where(total == 0, 1.0, total)
    crop = node.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    outside = (x < 0) | (x > extent - 1) if crop else np.zeros(count, bool)
    return places.clip(0, extent - 1), w, outside


def _along(
    node: OnnxNode, x: Tensor, axis: int, count: int, scale: float, roi: tuple[float, float]
) -> Tensor:
    places, w, outside = _table(node, x.shape[axis], count, scale, roi)
    name = f"{node.outputs[0]}.axis{axis}"
    if node.attribute("mode", "nearest") == "nearest" and not outside.any():
        index = places[np.arange(count), w.argmax(axis=1)].astype(np.int32)
        said = node.net.constant(f"{name}.places", index)
        return node.add(Gather(axis), x, said, last=False, name=name)[0]
    if x.dtype != "float32":
        raise ConfigError(
            f"{node.where}: {x.dtype} is resized by 'nearest' only", hint="float32, int8, uint8"
        )
    value = np.float32(node.attribute("extrapolation_value", 0.0))
    tables = [
        node.net.constant(f"{name}.places", places.astype(np.int32)),
        node.net.constant(f"{name}.weights", np.where(outside[:, None], 0.0, w).astype(np.float32)),
        node.net.constant(f"{name}.start", np.where(outside, value, np.float32(0)).astype(np.float32)),
    ]
    return node.add(Resample(axis), x, *tables, last=False, name=name)[0]


def _resize(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    rank, old = len(x.shape), node.opset < 11 or node.kind == "Upsample"
    node.only("mode", "nearest", "linear", "cubic")
    node.only("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    node.only("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller")
    node.only(
        "coordinate_transformation_mode",
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
        "tf_crop_and_resize",
    )
    scales = [float(v) for v in node.attribute("scales") or _reals(node, 1 if old else 2, "scales")]
    roi = [] if old else _reals(node, 1, "roi")
    said = None if old else node.input(3)
    sizes = list(integers(node.where, said, "sizes")) if said is not None else []
    axes = [int(a) % max(rank, 1) for a in node.attribute("axes") or range(rank)]
    if (
        len(sizes or scales) != len(axes)
        or (roi and len(roi) != 2 * len(axes))
        or len(set(axes)) != len(axes)
    ):
        raise ConfigError(
            f"{node.where}: sizes {sizes}, scales {scales}, roi {roi} do not go with axes {axes}"
        )
    if x.size == 0 or any(not math.isfinite(v) or v <= 0 for v in (*scales, *sizes)):
        raise ConfigError(
            f"{node.where}: an input of {x.shape}, sizes {sizes} or scales {scales} make no sense"
        )
    extents = [x.shape[a] for a in axes]
    if sizes:
        scales = [s / e for s, e in zip(sizes, extents, strict=True)]
        policy = node.attribute("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            scales = [min(scales) if policy == "not_larger" else max(scales)] * len(axes)
            sizes = [int(s * e + 0.5) for s, e in zip(scales, extents, strict=True)]
    else:
        sizes = [int(s * e) for s, e in zip(scales, extents, strict=True)]
    if min(sizes, default=1) < 1 or max(sizes, default=1) > MOST:
        raise ConfigError(f"{node.where}: sizes {sizes} make no sense")
    crop = node.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    y = x
    # as real numbers that are rounded at the end: what ONNX's reference does; onnxruntime cuts them off
    whole = x.dtype in ("int8", "uint8") and node.attribute("mode", "nearest") != "nearest"
    if whole:
        (y,) = node.add(Cast("float32"), x, last=False, name=f"{node.outputs[0]}.real")
    for k, axis in enumerate(axes):
        part = (roi[k], roi[k + len(axes)]) if roi and crop else (0.0, 1.0)
        if sizes[k] != extents[k] or not math.isclose(scales[k], 1.0) or part != (0.0, 1.0):
            y = _along(node, y, axis, sizes[k], scales[k], part)
    if not whole:
        return node.add(Reshape(y.shape), y)
    return node.add(Cast(x.dtype, True), *node.add(Unary("round"), y, last=False))


RULES: Mapping[str, Rule] = {"Resize": _resize, "Upsample": _resize}
