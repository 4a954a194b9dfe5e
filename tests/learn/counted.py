"""Small counted windows, learnable in a second."""

from __future__ import annotations

import numpy as np

from sensorai.learn.counts import Counted
from sensorai.learn.masks import Masks
from sensorai.learn.split import share
from sensorai.model.pipeline import Count
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span

CHANNELS = tuple(Count(f"acc_{a}", "mg", 0.122) for a in "xyz")


def counted(rows: int = 120, classes: int = 3, groups: int = 6, window: int = 16, seed: int = 0) -> Counted:
    """Class k swings with an amplitude of 800 (k + 1) counts around a mean of 2000 k, plus noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    group = (np.arange(rows) // classes) % groups
    t = np.arange(window)
    phase = rng.uniform(0, 6, (rows, 1))
    wave = np.sin(t * (0.4 + 0.5 * y[:, None]) + phase) * 800 * (y[:, None] + 1)
    x = np.stack([wave + 2000 * y[:, None], 0.5 * wave, np.full_like(wave, 8192.0)], axis=2)
    x += rng.normal(0, 150, x.shape)
    names = tuple("abcdefghij"[:groups])
    return Counted(
        np.clip(np.rint(x), -32768, 32767).astype(np.int16),
        y.astype(np.int64),
        group.astype(np.int64),
        np.arange(rows, dtype=np.int64),
        names,
        tuple(f"class{k}" for k in range(classes)),
        CHANNELS,
        52.0,
        window,
    )


def split(made: Counted, seed: int = 0) -> Masks:
    """Rows for learning, choosing and testing, by the groups of the windows."""
    rng = np.random.default_rng(0)
    recordings = []
    for g, name in enumerate(made.groups):
        rows = np.flatnonzero(made.group == g)
        spans = tuple(Span(i, i + 1, made.classes[c]) for i, c in enumerate(made.y[rows].tolist()))
        samples = rng.normal(0, 1, (len(rows), 1))
        recordings.append(
            Recording(samples, (Channel("acc_x", "mg"),), 1.0, {LABEL: spans}, group=name, name=name)
        )
    return made.masks(share(Dataset(tuple(recordings)), [LABEL], seed=seed))
