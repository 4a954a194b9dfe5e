"""Weights in the order in which the kernels of ``sensorai/runtime/nn`` read them."""

from __future__ import annotations

import numpy as np

from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array

#: Words of bits that the kernel of binary layers takes at a time (sa_nn_binary.h).
LISTED = 4


def pack_int8(weights: Array) -> Array:
    """Weights (rows, inputs) as the int8 kernel reads them: int16, two rows to a number.

    Blocks of 8 rows, then of 2; in a block [group of 4 inputs][inputs 0 2, then 1 3][pair][2].
    Missing rows and inputs are zero. ``h = 256 * second + first``; it fits since weights are above -128.
    """
    rows, n = weights.shape
    full = np.zeros((rows + rows % 2, n + -n % 4), np.int64)
    full[:rows, :n] = weights
    blocks, row = [], 0
    while row < full.shape[0]:
        size = 8 if rows - row >= 8 else 2
        block = full[row : row + size]
        h = 256 * block[1::2] + block[0::2]
        grouped = h.reshape(size // 2, -1, 4)[:, :, [0, 2, 1, 3]].reshape(size // 2, -1, 2, 2)
        blocks.append(grouped.transpose(1, 2, 0, 3).reshape(-1))
        row += size
    return np.concatenate(blocks).astype(np.int16)


def pack_pairs(weights: Array) -> Array:
    """Weights (rows, inputs) as int16 numbers of two rows, (pairs, inputs): ``256 * second + first``.

    A missing row and inputs to a multiple of 4 are zero. It fits since weights are above -128.
    """
    rows, n = weights.shape
    full = np.zeros((rows + rows % 2, n + -n % 4), np.int64)
    full[:rows, :n] = weights
    return np.asarray(256 * full[1::2] + full[0::2], np.int16)


def pack_bits(values: Array) -> Array:
    """+1 and -1 (..., n) as words (..., ceil(n / 32)): bit 1 is +1, the first value in bit 0, padding 0."""
    n = values.shape[-1]
    bits = np.zeros((*values.shape[:-1], -(-n // 32) * 32), np.uint64)
    bits[..., :n] = values > 0
    lanes = bits.reshape(*values.shape[:-1], -1, 32) << np.arange(32, dtype=np.uint64)
    return np.asarray(lanes.sum(axis=-1), np.uint32)


def pack_lanes(weights: Array) -> Array:
    """Binary weights (rows, taps, channels) for 32 rows at a time: [block][tap][channel], a lane per row.

    Missing rows are zeros. A word of zeros follows the inputs of every ``LISTED`` words of bits.
    """
    rows, taps, channels = weights.shape
    full = -np.ones((-(-rows // 32) * 32, taps, channels), np.int8)
    full[:rows] = weights
    lanes = pack_bits(full.reshape(-1, 32, taps * channels).transpose(0, 2, 1))[..., 0]
    words = -(-channels // 32)
    # where each word of bits ends, in inputs
    ends = [tap * channels + min(32 * (k + 1), channels) for tap in range(taps) for k in range(words)]
    chunks = [*ends[LISTED - 1 :: LISTED], *(ends[-1:] if len(ends) % LISTED else [])]
    return np.insert(lanes, chunks, 0, axis=1)


def pack_wide(weights: Array) -> Array:
    """int8 weights (rows, inputs) for bits: (words, rows, 8), as `sa_nn_binary_wide_scores` says."""
    rows, n = weights.shape
    full = np.zeros((rows, n + -n % 32), np.uint32)
    full[:, :n] = 127 - weights.astype(np.int64)
    lanes = full.reshape(rows, -1, 4, 8) << np.array([0, 8, 16, 24], np.uint32)[:, None]
    return np.asarray(lanes.sum(axis=2).transpose(1, 0, 2), np.uint32)


def lane_starts(at: Applied, weights: Array) -> tuple[Array, int, int]:
    """Starting planes and answer words for weights (rows, inputs), ``last`` and ``above``.

    The first has the shape (blocks, last + 1). A plane counts what `sa_nn_binary.h` calls the left side; 0 is
    below the right side whatever the input.
    """
    rows, n = weights.shape
    limit, answer, fixed = _limits_of(at, n, rows)
    plus = (weights > 0).sum(axis=1)
    start = limit - plus
    # twice what is met is at most what is set and what is +1 in the row
    least = np.where(fixed, plus + 1, -start).max()
    above = max(int(least), 1)
    start = np.where(fixed, 0, start + above)
    most = max(int((start + 2 * plus).max()), n + above)
    last = max(most.bit_length(), 5)
    return _planes(start, np.where(fixed, answer, ~answer), last), last, above


def lane_limits(at: Applied, n: int, rows: int) -> tuple[Array, int]:
    """Starting planes and answer words for ``n`` taps of a depthwise layer: (blocks, last + 1), and ``last``.

    The planes start at ``2^last - 1 - limit``, so the next one says whether the count is above the limit.
    """
    limit, answer, fixed = _limits_of(at, n, rows)
    last = max(int(n).bit_length(), 4)
    return _planes(np.where(fixed, 0, (1 << last) - 1 - limit), answer, last), last


def _limits_of(at: Applied, n: int, rows: int) -> tuple[Array, Array, Array]:
    """Most bits of ``n`` that may differ, answer at or below that turned over, where the count is no matter.

    The bit is set when ``acc >= T``, where ``acc = n - 2 * count + bias``: when the count is not above
    ``(n + bias - T) // 2``. With flip it is set when ``acc <= T``: when the count is above
    ``ceil((n + bias - T) / 2) - 1``. The second array holds the bit for a count that is not above.
    """
    bias = np.asarray(at.constants.get("bias", np.zeros(rows)), np.int64)
    slack = n + bias - at.constants["threshold"].astype(np.int64)
    flip = at.constants["flip"] != 0
    limit = np.where(flip, -(-slack // 2) - 1, slack // 2)
    # outside 0 <= limit < n the answer does not depend on the count
    always = np.where(flip, limit < 0, limit >= n)
    never = np.where(flip, limit >= n, limit < 0)
    return limit, np.where(always, True, np.where(never, False, ~flip)), always | never


def _planes(start: Array, answer: Array, last: int) -> Array:
    """Bits of ``start`` as ``last`` words, then ``answer``, for blocks of 32 rows; missing rows are zeros."""
    fill = -len(start) % 32
    start = np.concatenate([start, np.zeros(fill, np.int64)]).reshape(-1, 32)
    answer = np.concatenate([answer, np.zeros(fill, bool)]).reshape(-1, 32)
    planes = [(start >> b) & 1 for b in range(last)] + [answer.astype(np.int64)]
    return np.stack([pack_bits(2 * p - 1)[:, 0] for p in planes], axis=1)
