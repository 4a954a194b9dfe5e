"""Kernels for cores with products of two 16-bit numbers alone, as the ISPU: they multiply nothing else."""

from __future__ import annotations

import numpy as np

from sensorai.graph.operator import Applied
from sensorai.ops.nd.fast import Kernel, Layer

#: Size that no tensor reaches: places in them are numbers of 16 bits.
_LARGEST = 1 << 15


def fits(at: Applied) -> bool:
    """Whether places in the tensors of a layer are numbers of 16 bits."""
    return max(at.x.size, at.out.size) < _LARGEST


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups."""
    if not fits(layer.at):
        return None
    rows, window = layer.rows(1), layer.window
    margins = any(window.before) or any(window.after)
    # values that do not lie in a row are copied into one
    apart = not layer.alone and (margins or set(window.kernel[:-1]) - {1})
    bias, row = layer.sums.astype(np.int32), rows.shape[1]
    return Kernel(layer, "sa_nd_matrix_ispu", rows, bias, row if apart else 0, row=row)


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel."""
    rows = layer.rows(1)
    if not fits(layer.at) or rows.size >= _LARGEST:
        return None
    taps = np.ascontiguousarray(rows.T)
    # of each tap, two places of 16 bits
    return Kernel(layer, "sa_nd_depth_ispu", taps, layer.bias.astype(np.int32), 4 * len(taps))
