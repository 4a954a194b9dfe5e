"""From int32 features, or int16 samples, to the input of a model: an offset and a shift per input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError

#: Limits of an input by its type: int8 for nets; int16 on a grid of 10 bits for detectors, so that products
#: of two of them with 16-bit weights add up in int32 (see ``sensorai.model.gaussians``).
LIMITS: Mapping[str, tuple[int, int]] = {"int8": (-128, 127), "int16": (-511, 511)}
#: Smallest shift by type; a negative one multiplies.
LOWEST: Mapping[str, int] = {"int8": 0, "int16": -5}
#: Steps of the int16 grid in a standard deviation of normal data, at least; it has less than twice that.
DEVIATION = 16
#: Share of the int16 grid that several normal states may take up.
ROOM = 0.75


@dataclass(frozen=True, slots=True)
class Scaling:
    """``clip((d + half) >> shift, low, high)`` with ``d = x - offset`` saturated to int32.

    ``half`` is ``1 << (shift - 1)``, 0 for shift 0. In C ``(d >> shift) + ((d >> (shift - 1)) & 1)`` is the
    same without overflow. A negative shift multiplies by a power of two, before the clip.

    Attributes
    ----------
    offset : tuple of int
        int32, one per feature (or channel).
    shift : tuple of int
        0 to 31, from -5 for int16.
    type : str
        ``int8`` (-128 to 127) or ``int16`` (-511 to 511), the keys of ``LIMITS``.
    """

    offset: tuple[int, ...]
    shift: tuple[int, ...]
    type: str = "int8"

    def __post_init__(self) -> None:
        if self.type not in LIMITS:
            raise ConfigError(f"inputs of type {self.type!r} are not known", where="scaling")
        lowest = LOWEST[self.type]
        if len(self.offset) != len(self.shift) or any(not lowest <= s <= 31 for s in self.shift):
            raise ConfigError(
                f"an offset and a shift of {lowest} to 31 are needed for each input", where="scaling"
            )

    def apply(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """Scale the last axis, shape (..., inputs) -> (..., inputs), int8 or int16."""
        wide = np.clip(x.astype(np.int64) - np.array(self.offset, np.int64), -(2**31), 2**31 - 1)
        shift = np.array(self.shift, np.int64)
        half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        moved = ((wide << np.maximum(-shift, 0)) + half) >> np.maximum(shift, 0)
        out: npt.NDArray[np.integer] = np.clip(moved, *LIMITS[self.type]).astype(self.type)
        return out

    @staticmethod
    def fit(x: npt.NDArray[np.integer], spread: float = 3.0) -> Scaling:
        """Learn offset and shift of an int8 input from training data, shape (rows, inputs).

        The offset is the median; the shift is the smallest that keeps ``spread`` robust deviations (1.4826
        times the median absolute one, at least the standard deviation's third) within int8.
        """
        offsets: list[int] = []
        shifts: list[int] = []
        for column in x.astype(np.float64).T:
            middle = float(np.median(column))
            robust = 1.4826 * float(np.median(np.abs(column - middle)))
            size = spread * max(robust, float(column.std()) / 3.0, 1.0)
            offsets.append(int(np.clip(round(middle), -(2**31), 2**31 - 1)))
            shifts.append(int(np.clip(np.ceil(np.log2(size / 127.0)), 0, 31)))
        return Scaling(tuple(offsets), tuple(shifts))

    @staticmethod
    def fit_normal(x: npt.NDArray[np.integer], state: npt.NDArray[np.integer] | None = None) -> Scaling:
        """Learn offset and shift of an int16 input from normal data, shape (rows, inputs).

        The offset is the mean, so that the mean of the scaled values is a whole number as nearly as it can
        be. The shift brings the standard deviation into [16, 32) steps, as far as shifts reach: one of less
        than half a count counts as half a count, so that one count more in a feature that never moves is two
        such deviations.

        Where there are several normal states, ``state`` (shape (rows,)) says which each row is of: then it is
        the deviation within states that is brought there, as far as all of them fit the grid with a quarter
        to spare.
        """
        wide = x.astype(np.float64)
        size = wide.std(axis=0)
        room = np.zeros(wide.shape[1])
        if state is not None and len(np.unique(state)) > 1:
            groups = [wide[state == s] for s in np.unique(state)]
            share = [len(g) / len(wide) for g in groups]
            size = np.sqrt(np.average([g.var(axis=0) for g in groups], axis=0, weights=share))
            room = np.abs(wide - np.rint(wide.mean(axis=0))).max(axis=0) / (ROOM * LIMITS["int16"][1])
        size = np.clip(size, 0.5, None)
        shift = np.maximum(np.floor(np.log2(size / DEVIATION)), np.ceil(np.log2(np.maximum(room, 2.0**-9))))
        shift = np.clip(shift, LOWEST["int16"], 31).astype(int)
        offset = np.clip(np.rint(wide.mean(axis=0)), -(2**31), 2**31 - 1).astype(int)
        return Scaling(tuple(offset.tolist()), tuple(shift.tolist()), "int16")
