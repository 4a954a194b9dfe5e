"""From int32 features, or int16 samples, to the int8 input of a net: an offset and a shift per input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Scaling:
    """``clip((d + half) >> shift, -128, 127)`` with ``d = x - offset`` saturated to int32.

    ``half`` is ``1 << (shift - 1)``, 0 for shift 0. In C ``(d >> shift) + ((d >> (shift - 1)) & 1)`` is the
    same without overflow.

    Attributes
    ----------
    offset : tuple of int
        int32, one per feature (or channel).
    shift : tuple of int
        0 to 31.
    """

    offset: tuple[int, ...]
    shift: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.offset) != len(self.shift) or any(not 0 <= s <= 31 for s in self.shift):
            raise ConfigError("an offset and a shift of 0 to 31 are needed for each input", where="scaling")

    def apply(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
        """Scale the last axis, shape (..., inputs) -> (..., inputs), int8."""
        wide = np.clip(x.astype(np.int64) - np.array(self.offset, np.int64), -(2**31), 2**31 - 1)
        shift = np.array(self.shift, np.int64)
        half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        out: npt.NDArray[np.int8] = np.clip((wide + half) >> shift, -128, 127).astype(np.int8)
        return out

    @staticmethod
    def fit(x: npt.NDArray[np.integer], spread: float = 3.0) -> Scaling:
        """Learn offset and shift from training data, shape (rows, inputs).

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
