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
    rows = layer.rows()
    if (rows.reshape(-1, 2) == -128).all(axis=1).any():
        # the two products may make 2**15, which is no number of 16 bits
        return None
    # bytes of two places, words of both, and one more word for every two
    scratch = 8 * layer.row
    return Kernel(layer, "sa_nd_matrix_thumb1", rows ^ np.int8(-128), layer.sums.astype(np.int32), scratch)


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel."""
    return None
