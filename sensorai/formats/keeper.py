"""Recordings that are kept in files where there are too many for memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from sensorai.kept import file_of, kept
from sensorai.recording import Recording

#: Bytes of samples that stay in memory; what is read beyond them is kept in files.
IN_MEMORY = 1 << 28
#: Bytes that are written as one file: so many short recordings are not as many files.
TOGETHER = 1 << 25


class Keeper:
    """Takes recordings as they are made, and keeps those beyond ``IN_MEMORY`` in files.

    Parameters
    ----------
    limit : int, optional
        Bytes that stay in memory; by default ``IN_MEMORY``.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._room = IN_MEMORY if limit is None else limit
        self._waiting: list[tuple[list[Recording], int]] = []
        self._bytes = 0

    def take(self, recordings: list[Recording]) -> list[Recording]:
        """Return the same list; its recordings may be replaced by kept ones, now or later."""
        for i, r in enumerate(recordings):
            if file_of(r.samples) is not None:
                continue
            size = _size(r)
            if self._room >= size:
                self._room -= size
                continue
            self._room = 0
            self._waiting.append((recordings, i))
            self._bytes += size
        if self._bytes >= TOGETHER:
            self.finish()
        return recordings

    def finish(self) -> None:
        """Write what waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        arrays = []
        for of, i in waiting:
            time = of[i].time_s
            arrays += [of[i].samples, np.zeros(0) if time is None else time]
        pairs = iter(kept(arrays))
        for of, i in waiting:
            samples, time = next(pairs), next(pairs)
            of[i] = replace(of[i], samples=samples, time_s=None if of[i].time_s is None else time)
            of[i].rest()


def keeping(recordings: Iterable[Recording]) -> tuple[Recording, ...]:
    """Go through recordings as they are made, and keep what is too much for memory."""
    keeper, out = Keeper(), []
    for one in recordings:
        out.append(keeper.take([one]))
    keeper.finish()
    return tuple(one[0] for one in out)


def _size(recording: Recording) -> int:
    return recording.samples.nbytes + (0 if recording.time_s is None else recording.time_s.nbytes)
