"""Weights rounded to a few numbers, so that a place in a dictionary is all that is kept of each.

The numbers are those of least square error: found by dynamic programming over a histogram, then by Lloyd's
steps over the weights themselves.
"""

from __future__ import annotations

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array
from sensorai.ops.nd import dictionary

#: Bars of the histogram; more than int8 numbers have.
_BARS = 256
#: Numbers up to which the histogram is cut in the best way.
_CUT = 16
_STEPS = 40


def check(bits: int, whole: bool) -> None:
    """Raise a ConfigError where places of dictionaries have no such width."""
    allowed = dictionary.BITS[:-1] if whole else dictionary.BITS
    if bits and bits not in allowed:
        hint = f"{', '.join(map(str, allowed))}; 8 with --scheme float32 alone"
        raise ConfigError(f"--dictionary {bits} is no width of a place", hint=hint)


def whole(q: Array, scale: Array, bits: int) -> Array:
    """int8 weights, rounded to ``2**bits`` int8 numbers; as they are where that saves nothing in flash.

    Parameters
    ----------
    q : ndarray of int8
        Outputs first.
    scale : ndarray of float
        Of each output: errors count as those of real weights.
    """
    share = np.broadcast_to(np.asarray(scale, np.float64).reshape(-1, *(1,) * (q.ndim - 1)) ** 2, q.shape)
    made = np.rint(_rounded(q.astype(np.float64), share, 1 << bits)).astype(np.int8)
    return q if dictionary.coded(made) is None else made


def real(w: Array, bits: int) -> Array:
    """float32 weights, rounded to ``2**bits`` of them; as they are where that saves nothing in flash."""
    made = _rounded(w.astype(np.float64), np.ones(w.shape), 1 << bits).astype(np.float32)
    return w if dictionary.coded(made) is None else made


def _rounded(x: Array, share: Array, count: int) -> Array:
    """Every number as the mean of the numbers that it is put together with."""
    order = np.argsort(x, axis=None, kind="stable")
    flat, weight = x.reshape(-1)[order], share.reshape(-1)[order]
    known, first = np.unique(flat, return_index=True)
    if len(known) <= count:
        return x
    sums = _sums(flat, weight)
    cuts = _cuts(flat, weight, first, count)
    for _ in range(_STEPS):
        means = _means(sums, cuts, flat)
        better = np.searchsorted(flat, (means[1:] + means[:-1]) / 2, side="right")
        if np.array_equal(better, cuts[1:-1]):
            break
        cuts = np.concatenate(([0], better, [flat.size]))
    means = _means(sums, cuts, flat)
    out = np.empty(flat.size)
    out[order] = np.repeat(means, np.diff(cuts))
    return out.reshape(x.shape)


def _sums(flat: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Sums, from the start up to each place, of weights, of weighted numbers and of their squares."""
    rows = (weight, weight * flat, weight * flat * flat)
    w, wx, wxx = (np.concatenate(([0.0], np.cumsum(row))) for row in rows)
    return w, wx, wxx


def _means(sums: tuple[Array, Array, Array], cuts: Array, flat: Array) -> Array:
    """Mean of each stretch; of an empty one its place in the row."""
    size, total = (np.diff(one[cuts]) for one in sums[:2])
    there = flat[np.minimum(cuts[:-1], flat.size - 1)]
    return np.asarray(np.where(size > 0, total / np.where(size > 0, size, 1.0), there))


def _cuts(flat: Array, weight: Array, first: Array, count: int) -> Array:
    """Places in a row of sorted numbers at which it is cut into stretches: 0, ..., its length."""
    if count > _CUT:
        return np.linspace(0, flat.size, count + 1).astype(np.int64)
    if len(first) > _BARS:
        edges = np.linspace(flat[0], flat[-1], _BARS + 1)[1:-1]
        first = np.unique(np.concatenate(([0], np.searchsorted(flat, edges))))
        first = first[first < flat.size]
    ends = np.concatenate((first, [flat.size]))
    w, wx, wxx = (one[ends] for one in _sums(flat, weight))
    # error of one stretch from bar i to before bar j
    size = np.maximum(w[None, :] - w[:, None], 1e-300)
    error = (wxx[None, :] - wxx[:, None]) - (wx[None, :] - wx[:, None]) ** 2 / size
    error[np.tril_indices(len(ends))] = np.inf
    best, back = error[0], []
    for _ in range(min(count, len(first)) - 1):
        ways = best[:, None] + error
        back.append(np.argmin(ways, axis=0))
        best = ways.min(axis=0)
    at, cuts = len(ends) - 1, [len(ends) - 1]
    for row in reversed(back):
        at = int(row[at])
        cuts.append(at)
    return np.asarray(ends[[0, *reversed(cuts)]])
