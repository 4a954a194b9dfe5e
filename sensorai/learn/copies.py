"""Recordings that hold the same samples: on both sides of a split they would be a leak."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from sensorai.errors import DataError
from sensorai.recording import Dataset, Recording


def without_copies(dataset: Dataset, columns: Sequence[str]) -> tuple[Dataset, list[str]]:
    """Drop recordings whose samples are those of an earlier one; also returns what is to be said of it.

    Raises
    ------
    DataError
        The same samples carry different labels.
    """
    first: dict[bytes, Recording] = {}
    kept: list[Recording] = []
    copies: list[str] = []
    for r in dataset:
        key = fingerprint(r)
        other = None if key is None else first.get(key)
        if other is None:
            if key is not None:
                first[key] = r
            kept.append(r)
        elif any(r.labels.get(c, ()) != other.labels.get(c, ()) for c in columns):
            raise DataError(
                f"{r.name} and {other.name} hold the same samples under different labels",
                where=r.source,
                hint=f"drop one of them; the other is {other.source}",
            )
        else:
            copies.append(f"{r.name} (as {other.name})")
    if not copies:
        return dataset, []
    more = f" and {len(copies) - 1} more" if len(copies) > 1 else ""
    return Dataset(tuple(kept)), [f"left out as a copy of another recording: {copies[0]}{more}"]


def fingerprint(recording: Recording) -> bytes | None:
    """Return what is the same for the same samples; None where all rows are alike, which proves nothing."""
    x = recording.samples
    if not x.size or bool((x == x[0]).all()):
        return None
    return hashlib.sha256(np.ascontiguousarray(x).data).digest()
