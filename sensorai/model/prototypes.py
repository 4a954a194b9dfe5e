"""Distance to the nearest prototypes of normal data, in whole numbers.

Inputs and prototypes lie on the int16 grid of ``sensorai.model.scaling`` (-511 to 511). The score is the sum
of the ``neighbours`` smallest squared distances: at most 8 * 32 * 1022**2, so it always fits int32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.model.scaling import LIMITS

MAX_FEATURES, MAX_PROTOTYPES, MAX_NEIGHBOURS = 32, 256, 8


@dataclass(frozen=True, slots=True, eq=False)
class Prototypes:
    """Points that stand for normal data.

    Attributes
    ----------
    points : ndarray, shape (prototypes, features), int16
        -511 to 511.
    neighbours : int
        1 to 8, at most as many as there are points.
    """

    points: npt.NDArray[np.int16]
    neighbours: int = 1

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.dtype != np.int16:
            raise DataError(
                f"prototypes are rows of int16, not {self.points.dtype} of shape {self.points.shape}"
            )
        m, d = self.points.shape
        if not (1 <= m <= MAX_PROTOTYPES and 1 <= d <= MAX_FEATURES):
            raise DataError(
                f"{m} prototypes of {d} features; at most {MAX_PROTOTYPES} of {MAX_FEATURES} are possible"
            )
        if not 1 <= self.neighbours <= min(m, MAX_NEIGHBOURS):
            raise DataError(
                f"{self.neighbours} neighbours of {m} prototypes; 1 to {min(m, MAX_NEIGHBOURS)} are possible"
            )
        if (np.abs(self.points.astype(np.int64)) > LIMITS["int16"][1]).any():
            raise DataError(f"a prototype is beyond {LIMITS['int16'][1]}")

    @property
    def features(self) -> int:
        """Length of the input vector."""
        return int(self.points.shape[1])

    def scores(self, z: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Sum of the smallest squared distances, shape (rows, features) -> (rows,)."""
        wide, points = z.astype(np.int64), self.points.astype(np.int64)
        squares = np.stack([((wide - point) ** 2).sum(axis=1) for point in points], axis=1)
        nearest = np.partition(squares, self.neighbours - 1, axis=1)[:, : self.neighbours]
        out: npt.NDArray[np.int64] = nearest.sum(axis=1)
        return out


def to_dict(core: Prototypes) -> dict[str, Any]:
    """Return the prototypes as plain data for JSON."""
    return {"points": core.points.tolist(), "neighbours": core.neighbours}


def from_dict(data: Mapping[str, Any]) -> Prototypes:
    """Read what ``to_dict`` wrote."""
    return Prototypes(np.array(data["points"], np.int16), int(data["neighbours"]))
