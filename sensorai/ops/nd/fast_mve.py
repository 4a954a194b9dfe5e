"""Kernels for cores with vectors of integers (Cortex-M55, M85): 16 products of 8 bits at once."""

from __future__ import annotations

import math

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd.fast import Kernel, Layer

#: Bytes of a vector, and sums in one.
_BYTES, _SUMS = 16, 4
#: Channels that are laid down at once, and bytes of one of them: places of the last are uint16.
_LAID, _APART = 16, 4096
#: Weights of dense layers that have a kernel of their own.
_MANY = 1024


def pieces(rows: Array) -> Array:
    """Rows (outputs, n) in the order that the kernel reads, int8.

    The first n % 16 weights (16 where that is 0) of four outputs, then 16 of each and so on; the outputs that
    are left have their rows as they are.
    """
    outputs, n = rows.shape
    whole = outputs - outputs % _SUMS
    first = n % _BYTES or _BYTES
    count, more = whole // _SUMS, (n - first) // _BYTES
    blocks = rows[:whole].reshape(count, _SUMS, n)
    head = blocks[:, :, :first].reshape(count, _SUMS * first)
    rest = blocks[:, :, first:].reshape(count, _SUMS, more, _BYTES).swapaxes(1, 2)
    joined = np.concatenate([head, rest.reshape(count, _SUMS * more * _BYTES)], axis=1)
    return np.concatenate([joined.reshape(-1), rows[whole:].reshape(-1)])


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups.

    Where the kernel is one row, values are read where they lie while results of their two places are written.
    """
    rows = layer.weights.reshape(len(layer.weights), -1)
    window = layer.window
    flat = math.prod(window.kernel[:-1]) == 1 and not any(window.before + window.after)
    scratch = 0 if flat or layer.alone else 2 * rows.shape[1]
    # a dense layer that is small goes with the others
    alone = layer.alone and rows.size >= _MANY
    return Kernel(
        layer,
        "sa_nd_matrix_mve",
        pieces(rows),
        layer.sums.astype(np.int32),
        scratch,
        row=rows.shape[1],
        variant="alone" if alone else "",
    )


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel."""
    window, count = layer.window, len(layer.weights)
    columns, stride, out = window.kernel[-1], window.strides[-1], window.out[-1]
    rows = math.prod(window.kernel[:-1])
    if set(window.dilations) > {1}:
        return None
    if rows * columns == 1:
        # places may be one row
        out = layer.at.out.size // count
    apart = ((out - 1) * stride + columns) * rows
    if apart > _APART:
        return None
    weights = layer.weights.reshape(count, rows, columns).swapaxes(1, 2)
    size = rows * columns
    any_ = size > _BYTES or count % _SUMS > 0
    scratch = min(count, _LAID) * apart + _BYTES + (_SUMS * size if any_ else 0)
    # no row of results is longer than one of values, and the first one does not come too early
    behind = all(o <= i for o, i in zip(window.out, window.extents, strict=True))
    here = behind and window.before[0] < max(window.kernel[0], 2)
    return Kernel(
        layer,
        "sa_nd_depth_mve",
        weights.reshape(-1),
        layer.sums.astype(np.int32),
        scratch,
        in_place=here,
        row=size,
        variant="any" if any_ else "",
    )
