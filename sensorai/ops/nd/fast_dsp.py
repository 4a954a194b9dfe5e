"""Kernels for cores with the DSP extension (Cortex-M4, M7, M33): two products of 16 bits at once."""

from __future__ import annotations

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd.fast import Kernel, Layer

#: Size that no sum reaches: they come 256 times as large.
_MOST = 1 << 23


def paired(rows: Array) -> Array | None:
    """Words (uint32) of two numbers of 16 bits, each of which is 256 times the second weight plus the first.

    None where a number would not be one of 16 bits.
    """
    low, high = (rows[:, k::2].astype(np.int64) for k in (0, 1))
    whole = 256 * high + low
    if whole.size and whole.min() < -(2**15):
        return None
    return np.asarray(((whole[:, 1::2] & 0xFFFF) << 16 | (whole[:, ::2] & 0xFFFF)).astype(np.uint32))


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups."""
    rows = paired(layer.rows())
    if rows is None or layer.most >= _MOST:
        return None
    # on the way sums may wrap; bytes of the bias that do not count are lost
    bias = layer.sums + 127 * layer.rows()[:, 1::2].astype(np.int64).sum(axis=1)
    scratch = 4 * layer.row + (layer.row if layer.weights.shape[-1] % 4 else 0)
    return Kernel(layer, "sa_nd_matrix_dsp", rows, (bias * 256).astype(np.int32), scratch)


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel."""
    return None
