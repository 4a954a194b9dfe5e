"""The line of a machine that keeps stillest while a state lasts: where a band pass of a box belongs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.cproject.scales import UNITS
from sensorai.learn.steady import BANDS, spreads
from sensorai.recording import Recording

#: Spread of the stillest band beyond which there is no line: four fifths of an octave, in 256ths of one.
STILL = 200.0
#: The lowest band is left out: there the mean of the window ends.
LOWEST = 1


def line(
    logs: Sequence[Recording], column: str, normal: Sequence[str], slot: str, window: int
) -> float | None:
    """Find the line.

    Parameters
    ----------
    logs : sequence of Recording
        What is learnt from, at the rate of the core.
    column : str
        Label column.
    normal : sequence of str
        Labels of the normal states; other windows are not looked at.
    slot : str
        Sensor.
    window : int
        Samples.

    Returns
    -------
    float or None
        Its frequency as a share of the rate; None where no band keeps still.
    """
    power, state = [], []
    for r in logs:
        values = r.xyz(slot, UNITS[slot])
        for i, label in enumerate(r.window_labels(window, column)):
            if label in normal:
                x = values[i * window : (i + 1) * window]
                power.append(np.abs(np.fft.rfft(x - x.mean(axis=0), axis=0)) ** 2)
                state.append(normal.index(label))
    if not power or len(power[0]) <= BANDS:
        return None
    every = np.stack(power)
    edges = np.linspace(0, every.shape[1], BANDS + 1).round().astype(int)
    energy = np.add.reduceat(every, edges[:-1], axis=1)
    logs_of = np.rint(256 * np.log2(np.maximum(energy, 1e-12))).astype(np.int64)
    spread = spreads(logs_of.reshape(len(every), -1), np.array(state)).reshape(BANDS, -1)
    mean = np.exp(np.log(spread).mean(axis=1))
    best = int(mean[LOWEST:].argmin()) + LOWEST
    if mean[best] > STILL:
        return None
    within = np.log(every[:, edges[best] : edges[best + 1]] + 1e-12).mean(axis=(0, 2))
    return float((edges[best] + within.argmax()) / window)
