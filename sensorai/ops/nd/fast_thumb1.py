"""Kernels for cores without long products (Cortex-M0, M0+): a product of 32 bits is two of int8 numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd.fast import Kernel, Layer
from sensorai.ops.nd.windows import Window

#: Size that no sum reaches, so that products of its halves stay within 32 bits.
_MOST = 1 << 29
#: Bytes that a ring of rows may have beyond half of its input.
_SCRATCH = 1024
#: Weights that a group of taps has at most, and what their sizes make: products stay within 16 bits.
_TAPS, _LARGEST = 3, 255


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups."""
    if layer.most >= _MOST:
        return None
    rows, bias = layer.rows(), layer.sums.astype(np.int32)
    row = rows.shape[1]
    if layer.alone:
        return Kernel(layer, "sa_nd_dense_thumb1", rows, bias, row=row)
    if (rows.reshape(-1, 2) == -128).all(axis=1).any():
        # the two products may make 2**15, which is no number of 16 bits
        return None
    # words of two places, one more for every two, and bytes; both are read before either is written
    width = layer.weights.shape[-1] * (1, *layer.window.kernel)[-1]
    scratch = 6 * row + 2 * (row if width % 2 else -(-width // 2) * 2)
    behind = not any(layer.window.before) and layer.shrinks and rows.shape[0] <= layer.weights.shape[-1]
    weights = rows ^ np.int8(-128)
    return Kernel(layer, "sa_nd_matrix_thumb1", weights, bias, scratch, in_place=behind, row=row)


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel."""
    window = layer.window
    if layer.most >= _MOST or set(window.kernel) <= {1}:
        return None
    turned = _turned(window)
    if turned:
        window = Window(*(values[::-1] for values in (getattr(window, name) for name in Window.__slots__)))
        layer = replace(layer, window=window, weights=layer.weights.swapaxes(1, 2))
    high, wide = (1, *window.kernel)[-2:]
    stride, down = (1, *window.strides)[-2:], (1, *window.dilations)[-2]
    tall = (high - 1) * down + 1
    words = (window.out[-1] - 1) * stride[1] + wide + max(stride[1], 2)
    lines = max(tall, stride[0])
    behind = layer.shrinks and (0, *window.before)[-2] < tall
    rows = layer.rows()
    # other weights have at most a group for every tap
    groups = high * wide if layer.at.changing else _groups(layer.weights.reshape(-1, high, wide))
    scratch = 4 * lines * words + 16 * groups
    if scratch > layer.at.x.size // 2 + _SCRATCH:
        # long rows of few channels
        return None
    bias = layer.sums.astype(np.int32)
    return Kernel(
        layer,
        "sa_nd_depth_thumb1",
        rows,
        bias,
        scratch,
        in_place=behind,
        row=rows.shape[1],
        variant="turned" if turned else "",
    )


def _turned(window: Window) -> bool:
    """Whether columns go for rows: they are longer, and results stay in their column."""
    if len(window.kernel) < 2 or window.dilations[0] > 1:
        return False
    return bool(window.out[0] > window.out[1] == window.extents[1])


def _groups(weights: Array) -> int:
    """Groups of taps of the channel that has most of them, as C makes them."""
    sizes = np.abs(weights.astype(np.int64))
    count = np.zeros(len(weights), np.int64)
    for row in range(weights.shape[1]):
        most, taps = np.full(len(weights), _LARGEST + 1), np.zeros(len(weights), np.int64)
        for tap in range(weights.shape[2]):
            one = sizes[:, row, tap]
            new = (most + one > _LARGEST) | (taps == _TAPS)
            count += new
            most, taps = np.where(new, one, most + one), np.where(new, 1, taps + 1)
    return int(count.max())
