"""Features of a detector where none are named: logarithms of bands in which its normal states keep still.

A fault changes a line of a machine by some share of its energy, whatever the line. What shows it is how
little the same line moves while all is well: so the bands are taken that differ least within a state, however
much they differ from state to state, and one of the whole norm, so that energy where none was is seen too.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.features.spectrum import MIN_SAMPLES, spectrum_length
from sensorai.learn.counts import Counted

#: Bands of equal width that the spectrum of an axis is cut into, and how many of all axes are taken.
BANDS, TAKEN = 16, 6
#: Spread below which bands are equally still, in 256ths of an octave: a few percent of the energy.
STILL = 8.0
#: Median deviation to standard deviation.
NORMAL = 1.4826
#: Lowest median of a band that counts: below it a count more or less is most of the energy.
QUIET = 512


def bands(window: int) -> list[tuple[int, int]]:
    """First and last bins of equal bands, bin 0 left out."""
    last = spectrum_length(window) // 2
    edges = np.unique(np.linspace(0, last + 1, min(BANDS, last) + 1).round().astype(int))
    return [(max(int(a), 1), int(b) - 1) for a, b in pairwise(edges) if b > 1]


def steady(normal: Counted, state: npt.NDArray[np.int64]) -> tuple[IntFeature, ...]:
    """Logarithms of bands for a detector; none where the window is too short for a spectrum.

    Parameters
    ----------
    normal : Counted
        Normal windows to learn from.
    state : ndarray, shape (windows,), int64
        Which normal state each window is of.
    """
    if normal.window < MIN_SAMPLES or not len(normal.x):
        return ()
    axes = range(len(normal.channels))
    offered = [IntFeature("BAND_LOG", (i,), band=band) for band in bands(normal.window) for i in axes]
    values = catalogue.table(offered, normal.x)
    spread = np.maximum(spreads(values, state), STILL)
    moves = (values != values[0]).any(axis=0) & (np.median(values, axis=0) >= QUIET)
    order = [i for i in np.argsort(spread, kind="stable").tolist() if moves[i]]
    chosen = [offered[i] for i in sorted(order[:TAKEN])]
    whole = [IntFeature("NORM_BAND_LOG", (k, k + 1, k + 2)) for k in range(0, len(normal.channels), 3)]
    column = catalogue.table(whole, normal.x)
    chosen += [f for f, v in zip(whole, column.T, strict=True) if (v != v[0]).any()]
    return tuple(chosen)


def spreads(values: npt.NDArray[np.integer], state: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """How much each column moves within a state, shape (features,): the geometric mean of all states.

    Medians of deviations, so that a knock now and then changes nothing.
    """
    logs = []
    for s in np.unique(state):
        of = values[state == s].astype(np.float64)
        deviation = NORMAL * np.median(np.abs(of - np.median(of, axis=0)), axis=0)
        logs.append(np.log(np.maximum(deviation, 0.5)))
    out: npt.NDArray[np.float64] = np.exp(np.mean(logs, axis=0))
    return out
