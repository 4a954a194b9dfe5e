"""Small windows and recordings for the tests of the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorai.learn.table import Windows
from sensorai.recording import Channel, Dataset, Recording, Span
from tests.cli.logs import CLASSES, signal

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def windows(
    values: Sequence[Sequence[float]] | np.ndarray[tuple[int, int], np.dtype[np.float64]],
    classes: Sequence[int] | Sequence[Sequence[int]],
    groups: Sequence[int],
) -> Windows:
    """Windows with these features, classes (one task, or rows of several) and groups."""
    y = np.array(classes, np.int64).reshape(len(values), -1)
    group = np.array(groups, np.int64)
    names = tuple("abcdefghij"[: int(group.max()) + 1])
    return Windows(np.array(values, np.float16).astype(np.float32), y, group, group.copy(), names)


def random_windows(count: int, features: int, classes: int, groups: int, seed: int) -> Windows:
    """Feature 0 tells the classes apart, feature 1 half so well, the others are noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count)
    x = rng.normal(0, 1, (count, features))
    x[:, 0] += 4 * y
    if features > 1:
        x[:, 1] += 1.5 * y
    return windows(x, y.tolist(), (np.arange(count) % groups).tolist())


def recording(
    kinds: Sequence[str], *, group: str = "a", count: int = 104, rate: float = 52.0, seed: int = 0
) -> Recording:
    """One recording with ``count`` samples of each kind, labelled."""
    parts = [signal(k, count, rate, seed + i)[:, :3] for i, k in enumerate(kinds) if k in CLASSES]
    spans = tuple(Span(i * count, (i + 1) * count, k) for i, k in enumerate(kinds))
    return Recording(
        np.concatenate(parts), ACC, rate, {"label": spans}, group=group, name=group, source=group
    )


def dataset(
    groups: str = "abcd", kinds: Sequence[str] = ("rest", "walk", "shake"), count: int = 104
) -> Dataset:
    """One recording of all kinds per group."""
    return Dataset(tuple(recording(kinds, group=g, count=count, seed=10 * i) for i, g in enumerate(groups)))


def answerable(tree: Any) -> int:
    """Classes that some leaf of a fitted scikit-learn tree answers with."""
    grown = tree.tree_
    return len(np.unique(np.argmax(grown.value[grown.children_left < 0][:, 0, :], axis=1)))
