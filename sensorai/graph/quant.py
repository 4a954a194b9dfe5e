"""What the numbers of a tensor mean: a value of its own, none where they are the real numbers themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError

Float = npt.NDArray[np.float64]

#: Most binary places, to either side of the point.
PLACES = 100


@dataclass(frozen=True, slots=True)
class Pow2:
    """Scale by a power of two: ``value = q * 2**-places``."""

    places: int

    def __post_init__(self) -> None:
        if type(self.places) is not int or not -PLACES <= self.places <= PLACES:
            raise ConfigError(f"{self.places!r} binary places make no sense", hint=f"-{PLACES} to {PLACES}")

    def real(self, q: npt.ArrayLike) -> Float:
        """Real values of numbers."""
        return np.asarray(q, np.float64) * 2.0**-self.places


@dataclass(frozen=True, slots=True)
class Affine:
    """Real scale and zero point: ``value = (q - zero) * scale``, for all or for each index of an axis."""

    scale: tuple[float, ...]
    zero: tuple[int, ...] = (0,)
    axis: int | None = None

    def __post_init__(self) -> None:
        positive = [type(s) is float and math.isfinite(s) and s > 0 for s in self.scale]
        if not positive or not all(positive):
            raise ConfigError(f"scales of {list(self.scale)} make no sense", hint="positive numbers")
        if len(self.zero) != len(self.scale) or any(
            type(z) is not int or not -(2**31) <= z < 2**31 for z in self.zero
        ):
            raise ConfigError(f"zero points of {list(self.zero)} do not go with {len(self.scale)} scales")
        if self.axis is None and len(self.scale) != 1:
            raise ConfigError(f"{len(self.scale)} scales need an axis")
        if self.axis is not None and (type(self.axis) is not int or self.axis < 0):
            raise ConfigError(f"{self.axis!r} is no axis", hint="axes count from 0")

    def real(self, q: npt.ArrayLike) -> Float:
        """Real values of numbers; the axis is counted without a batch axis in front."""
        wide = np.asarray(q, np.float64)
        scale, zero = np.asarray(self.scale, np.float64), np.asarray(self.zero, np.float64)
        if self.axis is not None:
            shape = [1] * wide.ndim
            shape[self.axis] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return np.asarray((wide - zero) * scale)


@dataclass(frozen=True, slots=True)
class Sign:
    """Two values, +1 and -1. Of a float tensor: only its sign counts, 0 as +1."""

    def real(self, q: npt.ArrayLike) -> Float:
        """Real values of numbers."""
        return np.where(np.asarray(q) >= 0, 1.0, -1.0)


Quant: TypeAlias = Pow2 | Affine | Sign | None
