"""Kernels for cores with the DSP extension (Cortex-M4, M7, M33): two products of 16 bits at once."""

from __future__ import annotations

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd.fast import Kernel, Layer

#: Size that no sum reaches: they come 256 times as large.
_MOST = 1 << 23
#: Bytes that spread rows may take beside as many as the input.
_SPREAD = 1024
#: Weights of an output come in steps of so many.
_STEP = 8
#: Largest shift of sums that come 256 times as large, where the zero point is added before they are shifted.
_LONGEST = 16
#: The same of a kernel for each channel, and the size that no sum of it reaches: they come 4 times as large.
_LONGEST_DEPTH, _MOST_DEPTH = 22, 1 << 29
#: Words that describe four channels of kernels of three by three.
_TOLD = 60


def paired(rows: Array) -> Array | None:
    """Words (uint32) of two numbers of 16 bits, each of which is 256 times a weight less the next one.

    None where a number would not be one of 16 bits, or the next weight has no negative of 8 bits.
    """
    first, second = (rows[:, k::2].astype(np.int64) for k in (0, 1))
    whole = 256 * first - second
    if whole.min(initial=0) < -(2**15) or second.min(initial=0) == -128:
        return None
    return np.asarray(((whole[:, 1::2] & 0xFFFF) << 16 | (whole[:, ::2] & 0xFFFF)).astype(np.uint32))


def matrix(layer: Layer) -> Kernel | None:
    """Convolution or dense layer without groups."""
    rows = layer.rows(_STEP)
    words = paired(rows)
    if words is None or layer.most >= _MOST:
        return None
    first, second = (rows[:, k::2].astype(np.int64).sum(axis=1) for k in (0, 1))
    # on the way sums may wrap
    bias = (256 * (layer.sums - 128 * first) - second).astype(np.int32)
    row = rows.shape[1]
    if layer.alone:
        filled = row if row != layer.weights[0].size else 0
        return Kernel(layer, "sa_nd_dense_dsp", words, bias, filled, row=row)
    # bytes of three places where rows of the kernel are no words, of one where values are none
    channels = layer.weights.shape[-1]
    places = 3 if (1, *layer.window.kernel)[-1] * channels % 4 else int(channels % 4 > 0)
    scratch = (6 + places) * row
    # the values of three places are copied before their results are stored
    behind = not any(layer.window.before) and layer.shrinks and len(rows) <= channels
    cut = above(layer, _LONGEST)
    return Kernel(
        layer,
        "sa_nd_matrix_dsp",
        in_turns(words),
        bias,
        scratch,
        in_place=behind,
        row=row,
        variant="odd" if len(rows) % 2 else "",
        twice=True,
        rounding="above" if cut else "",
        more=6 if cut else 0,
    )


def in_turns(words: Array) -> Array:
    """Rows of two outputs word by word, a last one as it is."""
    even = len(words) // 2 * 2
    pairs = words[:even].reshape(even // 2, 2, words.shape[1]).transpose(0, 2, 1)
    return np.concatenate([pairs.reshape(-1), words[even:].reshape(-1)])


def above(layer: Layer, longest: int) -> bool:
    """Whether all below the zero point is cut off, so that rounding twice is one step (``SA_ND_FLOORED``).

    Parameters
    ----------
    longest : int
        Largest shift to the right.
    """
    way = layer.exit
    return way.rounding == "tflite" and way.lo >= way.zero and int(-way.shift.min()) <= longest


def depth(layer: Layer) -> Kernel | None:
    """One kernel for each channel; four channels at a time, their weights of a tap together."""
    window, channels = layer.window, len(layer.weights)
    down = window.dilations[0] if len(window.dilations) > 1 else 1
    if channels % 4 or down > 1 or not window.kernel:
        return None
    taps = layer.weights.reshape(channels // 4, 4, -1)
    weights = np.ascontiguousarray(taps.transpose(0, 2, 1))
    high, wide = (*(1,) * (2 - len(window.kernel)), *window.kernel)
    row = (layer.told[1][1] - 1) * window.strides[-1] + wide
    three = (high, wide) == (3, 3)
    words = (_TOLD if three else 4 * high * (-(-wide // 2))) + 4 * high * row
    if 4 * words > layer.at.x.size + _SPREAD:
        # long rows of few channels
        return None
    bias = layer.sums.astype(np.int32)
    here = layer.shrinks and (0, *window.before)[-2] < high
    # sums come 4 times as large, not twice
    cut = above(layer, _LONGEST_DEPTH) and layer.most < _MOST_DEPTH
    way = "above" if cut else ""
    stem = "sa_nd_depth_three_dsp" if three else "sa_nd_depth_dsp"
    return Kernel(layer, stem, weights, bias, 4 * words, in_place=here, rounding=way)
