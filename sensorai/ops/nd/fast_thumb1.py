"""Kernels for cores without long products (Cortex-M0, M0+): a product of 32 bits is two of int8 numbers."""

from __future__ import annotations

import numpy as np

from sensorai.ops.nd.fast import Kernel, Layer

#: Size that no sum reaches, so that products of its halves stay within 32 bits.
_MOST = 1 << 29


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups."""
    if layer.most >= _MOST:
        return None
    rows, bias = layer.rows(), layer.sums.astype(np.int32)
    if _single(layer):
        return Kernel(layer, "sa_nd_dense_thumb1", rows, bias)
    if (rows.reshape(-1, 2) == -128).all(axis=1).any():
        # the two products may make 2**15, which is no number of 16 bits
        return None
    # bytes of two places, words of both, and one more word for every two
    return Kernel(layer, "sa_nd_matrix_thumb1", rows ^ np.int8(-128), bias, 8 * layer.row)


def _single(layer: Layer) -> bool:
    """Whether all of the input meets all weights of an output once."""
    window = layer.window
    plain = set(window.dilations) <= {1} and not any(window.before + window.after)
    return plain and layer.at.x.size == layer.weights[0].size and window.kernel == window.extents


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel: weights column by column."""
    if layer.most >= _MOST:
        return None
    shape = (len(layer.weights), *(1,) * (2 - len(layer.window.kernel)), *layer.window.kernel)
    columns = layer.weights.reshape(shape).swapaxes(1, 2).reshape(len(layer.weights), -1)
    rows = np.pad(columns, ((0, 0), (0, layer.row - columns.shape[1])))
    bias = layer.sums.astype(np.int32)
    return Kernel(layer, "sa_nd_depth_thumb1", rows, bias, 8 * columns.shape[1])
