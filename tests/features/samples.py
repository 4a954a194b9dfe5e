"""Features and windows that the tests of references and of C share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.features.catalogue import IntFeature, names, row, samples

Window = npt.NDArray[np.int16]


def every_feature(n: int, threshold: int = 100) -> list[IntFeature]:
    """All features of a window of n samples of three channels, on several channels, in odd order."""
    out = []
    for name in names():
        signal, quantity = row(IntFeature(name, (0,)))
        if samples(IntFeature(name, (0,)), n) < quantity.shortest:
            continue
        inputs: list[tuple[int, ...]] = [(0,), (2,), (1,)]
        if quantity.inputs == 2:
            inputs = [(0, 1), (2, 1)]
        if signal.inputs == 3:
            inputs = [(0, 1, 2), (2, 2, 0)]
        for group in inputs:
            if quantity.takes == "threshold":
                out += [IntFeature(name, group), IntFeature(name, group, threshold=threshold)]
            else:
                out.append(IntFeature(name, group))
            if quantity.takes == "band":
                last = samples(out[-1], n).bit_length() // 2 + 1
                out += [IntFeature(name, group, band=(0, 0)), IntFeature(name, group, band=(1, min(last, 2)))]
    return out[::2] + out[1::2]


def edge_windows(n: int) -> list[Window]:
    """Windows at the edges of what counts can be, three channels."""
    i = np.arange(n)[:, None]
    rng = np.random.default_rng(n)
    rows = [
        np.zeros((n, 3)),
        np.full((n, 3), -32768),
        np.full((n, 3), 32767),
        np.where((i + np.arange(3)) % 2 == 0, -32768, 32767),
        np.where(i < n // 2, 32767, -32768) + np.zeros((n, 3)),
        np.where(rng.integers(0, 2, (n, 3)) == 1, 32767, -32768),
        np.where(i == n // 2, 1, 0) * np.array([1, -1, 32767]),
        (i % 3 == 0) * np.array([1, 101, -100]) + np.array([0, 0, 100]),
        np.where(i % 2 == 0, 100, -100) * np.array([1, -1, -1]),
        np.arange(3 * n).reshape(n, 3) % 65536 - 32768,
        rng.integers(-32768, 32768, (n, 3)),
        rng.integers(-3, 4, (n, 3)),
        rng.integers(-140, 141, (n, 3)),
        np.rint(9000 * np.sin(0.7 * i + np.arange(3) / 4) + rng.normal(0, 40, (n, 3)) + [0, -50, 8000]),
        np.rint(300 * np.sin(2.1 * i) * np.array([1, 1, -1]) + [5, 5, 5]),
        np.rint(8000 * np.cos(np.pi * (i + np.arange(3) / 2)) + 4000 * np.cos(np.pi * i / 2)),
        np.rint(rng.normal(0, 900, (n, 3)) * (1 + 0.9 * np.sin(0.11 * i)) ** 2),
    ]
    return [np.ascontiguousarray(np.clip(r, -32768, 32767).astype(np.int16)) for r in rows]
