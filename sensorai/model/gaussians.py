"""Distance from normal data that are one Gaussian (Mahalanobis) or a mixture of them, in whole numbers.

``z`` are inputs on the int16 grid of ``sensorai.model.scaling`` (-511 to 511). For each component

- ``u = z - mean``, so ``|u| <= 1022``;
- ``y_i = sat16((sum_{j <= i} weight_ij * u_j) >> shift_i)``, rounded half up: the whitened input, where one
  standard deviation is 32 (``YBITS`` fraction bits);
- ``distance = bias + sum_i y_i**2``, saturated to int32; 1024 for one standard deviation in one direction.

The score is the smallest distance of all components: up to a constant, -2048 times the log of the largest
single term ``w_k N(x; mean_k, S_k)`` of the mixture (not of their sum, which would need exponentials; where
components do not overlap there is no difference).

No sum overflows int32: a product is at most 32767 * 1022, and 32 of them stay below 2**30, as does the
half that rounding adds; a square is at most 2**30, so a saturated sum plus a square fits uint32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.graph.rounding import INT32_MAX, saturate, shift_round
from sensorai.model.scaling import LIMITS

MAX_FEATURES, MAX_COMPONENTS = 32, 16
#: Fraction bits of a whitened input.
YBITS = 5
#: Largest shift of a row.
MAX_SHIFT = 30
#: Limit of inputs and means.
Z = LIMITS["int16"][1]


@dataclass(frozen=True, slots=True, eq=False)
class Gaussians:
    """Components with a mean and a whitening matrix each.

    Attributes
    ----------
    mean : ndarray, shape (components, features), int16
        -511 to 511.
    weight : ndarray, shape (components, features, features), int16
        Lower triangular, -32767 to 32767: the inverse Cholesky factor of the covariance, each row scaled by
        ``2**(shift + 5)``.
    shift : ndarray, shape (components, features), uint8
        0 to 30.
    bias : ndarray, shape (components,), int32
        Not negative.
    """

    mean: npt.NDArray[np.int16]
    weight: npt.NDArray[np.int16]
    shift: npt.NDArray[np.uint8]
    bias: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        def refuse(message: str) -> None:
            raise DataError(f"these are no Gaussians: {message}")

        if self.mean.ndim != 2:
            refuse(f"means of shape {self.mean.shape}")
        k, d = self.mean.shape
        if not (1 <= k <= MAX_COMPONENTS and 1 <= d <= MAX_FEATURES):
            refuse(f"{k} components of {d} features; at most {MAX_COMPONENTS} of {MAX_FEATURES} are possible")
        for name, shape, kind in (
            ("mean", (k, d), np.int16),
            ("weight", (k, d, d), np.int16),
            ("shift", (k, d), np.uint8),
            ("bias", (k,), np.int32),
        ):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != kind:
                refuse(f"{name} is {array.dtype} of shape {array.shape}")
        if (np.abs(self.mean.astype(np.int64)) > Z).any():
            refuse(f"a mean is beyond {Z}")
        if np.triu(self.weight, 1).any():
            refuse("a weight above the diagonal is not zero")
        if (self.weight == -32768).any():
            refuse("a weight of -32768")
        if (self.shift > MAX_SHIFT).any() or (self.bias < 0).any():
            refuse(f"a shift above {MAX_SHIFT} or a negative bias")

    @property
    def features(self) -> int:
        """Length of the input vector."""
        return int(self.mean.shape[1])

    @property
    def components(self) -> int:
        """Number of Gaussians."""
        return len(self.mean)

    @property
    def diagonal(self) -> bool:
        """Whether no component mixes inputs; then only the diagonal is stored."""
        return not np.tril(self.weight, -1).any()

    def whitened(self, z: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """``y`` of every component, shape (rows, features) -> (rows, components, features)."""
        # sums stay below 2**30, so float64 holds them exactly
        real, weight = z.astype(np.float64), self.weight.astype(np.float64)
        acc = np.stack([(real - m) @ w.T for m, w in zip(self.mean, weight, strict=True)], axis=1)
        return saturate(shift_round(acc.astype(np.int64), self.shift), -(2**15), 2**15 - 1)

    def distances(self, z: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Distances to every component, shape (rows, features) -> (rows, components)."""
        total = self.bias.astype(np.int64) + (self.whitened(z) ** 2).sum(axis=2)
        return saturate(total, 0, INT32_MAX)

    def scores(self, z: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Smallest distance, shape (rows, features) -> (rows,)."""
        out: npt.NDArray[np.int64] = self.distances(z).min(axis=1)
        return out


def to_dict(core: Gaussians) -> dict[str, Any]:
    """Return the components as plain data for JSON."""
    return {name: getattr(core, name).tolist() for name in ("mean", "weight", "shift", "bias")}


def from_dict(data: Mapping[str, Any]) -> Gaussians:
    """Read what ``to_dict`` wrote."""
    return Gaussians(
        np.array(data["mean"], np.int16),
        np.array(data["weight"], np.int16),
        np.array(data["shift"], np.uint8),
        np.array(data["bias"], np.int32),
    )
