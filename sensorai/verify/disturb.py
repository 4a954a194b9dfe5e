"""Made-up faults: normal recordings changed as a machine may change, for detectors without logs of faults.

What moves in a recording (each axis less its running mean) becomes stronger or weaker, noise is added to it,
or its strongest line moves to another frequency. The sensor's counts and saturation follow, as for any
recording. No real fault is claimed to look like that; but a detector that sees none of it sees little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.recording import Recording

Float = npt.NDArray[np.float64]
Change = Callable[[Float, float, np.random.Generator], Float]

#: Samples of each normal label that are changed, at most.
MOST = 20_000
#: Bins beside the strongest line that move with it, and lowest bin that counts as a line, as a share of all.
BESIDE, LOWEST = 0.01, 0.02


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to change what moves in a recording.

    Attributes
    ----------
    name : str
        For the report; the size follows.
    sizes : tuple of (float, str)
        Smallest first, each with its words.
    change : callable
        What moves, shape (samples, channels), a size, and a source of chance, to what moves then.
    """

    name: str
    sizes: tuple[tuple[float, str], ...]
    change: Change


def _scaled(moving: Float, size: float, random: np.random.Generator) -> Float:
    return moving * size


def _noisy(moving: Float, size: float, random: np.random.Generator) -> Float:
    noise: Float = size * moving.std(axis=0) * random.standard_normal(moving.shape)
    return moving + noise


def _moved(moving: Float, size: float, random: np.random.Generator) -> Float:
    """Move the strongest line of each channel, with its nearest neighbours, by a share of its frequency."""
    lines = np.fft.rfft(moving, axis=0)
    count = len(lines)
    lowest, beside = max(int(LOWEST * count), 1), max(int(BESIDE * count), 1)
    if count <= lowest + 2 * beside:
        return moving
    out = lines.copy()
    for c in range(lines.shape[1]):
        at = lowest + int(np.abs(lines[lowest:, c]).argmax())
        by = max(round(size * at), 1)
        by = -by if at + by + beside >= count else by
        first, last = max(at - beside, 1), min(at + beside + 1, count)
        taken = lines[first:last, c].copy()
        out[first:last, c] = 0
        start = max(first + by, 1)
        out[start : start + len(taken), c] += taken[: count - start]
    made: Float = np.fft.irfft(out, len(moving), axis=0)
    return made


KINDS = (
    Kind("stronger", ((1.25, "1.25 times"), (1.5, "1.5 times"), (2.0, "twice")), _scaled),
    Kind("weaker", ((0.8, "four fifths"), (0.667, "two thirds"), (0.5, "half")), _scaled),
    Kind(
        "noise added",
        ((0.25, "a quarter of what moves"), (0.5, "half of it"), (1.0, "as much again")),
        _noisy,
    ),
    Kind("strongest line moved", ((0.05, "5 %"), (0.1, "10 %"), (0.2, "20 %")), _moved),
)


def disturbed(
    recordings: Sequence[Recording], window: int, column: str, seed: int
) -> Iterator[tuple[Kind, int, list[Recording]]]:
    """Every kind in every size, with the changed recordings.

    Parameters
    ----------
    recordings : sequence of Recording
    window : int
        Samples; what changes more slowly than a window does not count as moving.
    column : str
        Label column: of each first label only so much is taken.
    seed : int
    """
    some = _some(recordings, window, column)
    parts = [(r, *_parts(r.samples, window)) for r in some]
    for kind in KINDS:
        for i, (size, _) in enumerate(kind.sizes):
            random = np.random.default_rng(seed)
            yield (
                kind,
                i,
                [
                    replace(r, samples=still + kind.change(moving, size, random), time_s=r.time_s)
                    for r, still, moving in parts
                ],
            )


def _some(recordings: Sequence[Recording], window: int, column: str) -> list[Recording]:
    """Take recordings label by label, until there are samples enough; long ones are cut."""
    taken: dict[str, int] = {}
    out = []
    for r in recordings:
        spans = r.labels.get(column, ())
        label = spans[0].label if spans else ""
        left = MOST - taken.get(label, 0)
        if left < window or len(r) < window:
            continue
        out.append(r.slice(0, min(len(r), left)))
        taken[label] = taken.get(label, 0) + len(out[-1])
    return out


def _parts(samples: Float, window: int) -> tuple[Float, Float]:
    """Running mean over a window, and what moves around it."""
    half = window // 2
    at = np.arange(len(samples))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(samples))
    sums = np.concatenate([np.zeros((1, samples.shape[1])), np.cumsum(samples - samples[0], axis=0)])
    still: Float = samples[0] + (sums[high] - sums[low]) / (high - low)[:, None]
    return still, samples - still
