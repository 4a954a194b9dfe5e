"""Rules of transforms of signals: products with tables of sines that are made while reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.graph.limits import CONSTANT
from sensorai.graph.tensor import DTYPES, Tensor
from sensorai.importers.known import known, single
from sensorai.importers.moves import axis_of, numbers
from sensorai.importers.onnx.products import step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose

Floats: TypeAlias = npt.NDArray[np.float64]


def _one(node: OnnxNode, place: int, what: str, default: int | None = None) -> int:
    if node.input(place) is None and default is not None:
        return default
    found = numbers(node, place, what)
    if len(found) != 1:
        raise ConfigError(f"{node.where}: its {what} is no single number")
    return found[0]


def _table(node: OnnxNode, count: int, parts: int, bins: int, inverse: bool) -> Floats:
    """Weights (bins * 2, count * parts) from (real, imaginary) numbers in pairs to such."""
    if count * parts * bins * 2 > CONSTANT or count < 1:
        raise ConfigError(f"{node.where}: a transform of {count} numbers is too large")
    turn = np.outer(np.arange(bins), np.arange(count)) % count * (2 * math.pi / count)
    c, s = np.cos(turn), np.sin(turn) * (1 if inverse else -1)
    made = np.empty((bins, 2, count, parts))
    made[:, 0, :, 0], made[:, 1, :, 0] = c, s
    if parts == 2:
        made[:, 0, :, 1], made[:, 1, :, 1] = -s, c
    return made.reshape(bins * 2, count * parts) / (count if inverse else 1)


def _spectra(node: OnnxNode, rows: Tensor, table: Floats) -> Tensor:
    """Products of rows (..., count * parts) with a table."""
    weights = node.net.constant(f"{node.outputs[0]}.table", table.astype(DTYPES[rows.dtype]), rows.dtype)
    return node.add(FullyConnected(), rows, weights, last=False, name=f"{node.outputs[0]}.spectra")[0]


def _dft(node: OnnxNode) -> Sequence[Tensor]:
    """Real or complex numbers, their parts on the last axis."""
    x = node.need(0)
    rank, inverse = len(x.shape), bool(node.attribute("inverse", 0))
    single = bool(node.attribute("onesided", 0))
    said = int(node.attribute("axis", 1)) if node.opset < 20 else _one(node, 2, "axis", -2)
    axis = axis_of(node, said, rank)
    parts = x.shape[-1] if x.shape else 0
    if axis == rank - 1 or parts not in (1, 2) or x.dtype not in ("float32", "float64"):
        raise ConfigError(f"{node.where}: axis {said} of {x.dtype}{list(x.shape)} is not supported")
    half = single and inverse
    count = _one(node, 1, "dft_length", 0) or (2 * (x.shape[axis] - 1) if half else x.shape[axis])
    bins = count // 2 + 1 if single else count
    order = (*(k for k in range(rank - 1) if k != axis), axis, rank - 1)
    x = step(node, Transpose(order), x, "turned")
    kept = min(count // 2 + 1 if half else count, x.shape[-2])
    # what lies behind is cut off, what is missing is 0
    table = _table(node, count, parts, count if half else bins, inverse)[:, : kept * parts]
    if half:
        bins = count
        # real numbers: every bin but the outer ones stands for its mirror image too
        twice = 1.0 + ((np.arange(kept) > 0) & (2 * np.arange(kept) != count))
        table = table[::2] * np.repeat(twice, parts)
    if kept < x.shape[-2]:
        places = node.net.constant(f"{node.outputs[0]}.places", np.arange(kept, dtype=np.int32))
        (x,) = node.add(Gather(rank - 2), x, places, last=False)
    rows = step(node, Reshape((*x.shape[:-2], kept * parts)), x, "rows")
    shape = (*x.shape[:-2], bins, 1 if half else 2)
    y = step(node, Reshape(shape), _spectra(node, rows, table), "pairs")
    return node.add(Transpose(tuple(int(k) for k in np.argsort(order))), y)


def _stft(node: OnnxNode) -> Sequence[Tensor]:
    """Frames at every step, times the window, transformed."""
    x, window = node.need(0), node.input(2)
    if len(x.shape) == 2:
        x = step(node, Reshape((*x.shape, 1)), x, "parts")
    weighed = None if window is None else known(node.where, window, "window")
    stride = _one(node, 1, "frame_step")
    length = _one(node, 3, "frame_length", 0) or (window.size if window is not None else 0)
    if len(x.shape) != 3 or x.shape[2] not in (1, 2) or not 1 <= length <= x.shape[1] or stride < 1:
        raise ConfigError(f"{node.where}: frames of {length} every {stride} of {x.shape} make no sense")
    weights = np.ones(length) if weighed is None else weighed.reshape(-1)
    if len(weights) > length:
        raise ConfigError(f"{node.where}: a window of {len(weights)} for frames of {length}")
    before = (length - len(weights)) // 2
    weights = np.pad(weights.astype(np.float64), (before, length - len(weights) - before))
    single = bool(node.attribute("onesided", 1)) and x.shape[2] == 1
    bins, count = length // 2 + 1 if single else length, 1 + (x.shape[1] - length) // stride
    if count * length > CONSTANT:
        raise ConfigError(f"{node.where}: {count} frames of {length} are too many")
    at = (np.arange(count)[:, None] * stride + np.arange(length)).astype(np.int32)
    (frames,) = node.add(
        Gather(1),
        x,
        node.net.constant(f"{node.outputs[0]}.places", at),
        last=False,
        name=f"{node.outputs[0]}.frames",
    )
    parts = x.shape[2]
    rows = step(node, Reshape((x.shape[0], count, length * parts)), frames, "rows")
    table = _table(node, length, parts, bins, False) * np.repeat(weights, parts)
    return node.add(Reshape((x.shape[0], count, bins, 2)), _spectra(node, rows, table))


def _mel(node: OnnxNode) -> Sequence[Tensor]:
    """Triangles over the bins of a spectrum, as ONNX's reference makes them."""
    bins, length, rate = (_one(node, k, what) for k, what in enumerate(("bins", "length", "rate")))
    low, high = (_real(node, k, what) for k, what in ((3, "lower edge"), (4, "upper edge")))
    number = int(node.attribute("output_datatype", 1))
    rows = length // 2 + 1
    if TYPES.get(number, "") not in ("float32", "float64") or not 0 < bins * rows <= CONSTANT or rate < 1:
        raise ConfigError(f"{node.where}: {bins} bands of {length} numbers are not supported")
    mels = 2595 * np.log1p(np.array([low, high]) / 700) / math.log(10)
    edges = np.arange(bins + 2) * ((mels[1] - mels[0]) / (bins + 2)) + mels[0]
    places = ((length + 1) * (700 * np.expm1(edges / 2595 * math.log(10))) // rate).astype(np.int64)
    if not np.isfinite(mels).all() or places.min() < 0 or places.max() > rows:
        raise ConfigError(f"{node.where}: bands from {low} to {high} Hz at {rate} Hz make no sense")
    made = np.zeros((rows, bins))
    for k in range(bins):
        left, middle, right = places[k : k + 3]
        up = middle - left
        if up == 0:
            made[middle : middle + 1, k] = 1
        else:
            made[left : middle + 1, k] = np.arange(up + 1)[: rows - left] / up
        if right > middle:
            made[middle:right, k] = (right - np.arange(middle, right)[: rows - middle]) / (right - middle)
    dtype = TYPES[number]
    return (node.net.constant(node.outputs[0], made.astype(DTYPES[dtype]), dtype),)


def _real(node: OnnxNode, place: int, what: str) -> float:
    return float(single(node.where, node.need(place), what))


RULES: Mapping[str, Rule] = {"DFT": _dft, "MelWeightMatrix": _mel, "STFT": _stft}
