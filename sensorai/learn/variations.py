"""Windows as they would have been had the sensor lain otherwise: one rotation or mirror for all its axes.

A sensor that is worn on the other arm, put into a pocket upside down or strapped on a little askew measures
the same movement in other axes. Accelerations turn as vectors do. Rates turn as well, but in a mirror they
also change their sense, as axial vectors do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sensorai.features.integer import INT16_MAX, INT16_MIN
from sensorai.model.pipeline import Count

Int16 = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

#: How far a sensor may be askew, in degrees.
TILT = 15.0


@dataclass(frozen=True, slots=True)
class Variation:
    """Ways in which a sensor may lie, one of which is drawn for each window.

    Attributes
    ----------
    name : str
        As reports show it.
    signs : tuple of (int, int, int)
        Signs of the axes, one triple of which is drawn; an odd number of -1 is a mirror.
    tilt : float
        Degrees that it is turned at most, about any axis, before that.
    free : bool
        Any rotation instead of a tilt.
    """

    name: str
    signs: tuple[tuple[int, int, int], ...] = ((1, 1, 1),)
    tilt: float = 0.0
    free: bool = False

    def matrices(self, count: int, seed: int) -> Floats:
        """Return a matrix for each of many windows, shape (count, 3, 3); the same for the same seed."""
        rng = np.random.default_rng(seed)
        drawn = np.array(self.signs, np.float64)[rng.integers(len(self.signs), size=count)]
        turns = _any(rng, count) if self.free else _tilted(rng, count, self.tilt)
        out: Floats = drawn[:, :, None] * turns
        return out


_SIGNS = tuple((a, b, c) for a, b, c in product((1, -1), repeat=3))
_HALF_TURNS = tuple((a, b, c) for a, b, c in _SIGNS if a * b * c > 0)

#: As it was recorded.
NONE = Variation("as recorded")
#: Ways that folds choose from, the least change first.
VARIATIONS = (
    NONE,
    Variation("askew", tilt=TILT),
    Variation("askew, mirrored in x", ((1, 1, 1), (-1, 1, 1)), TILT),
    Variation("askew, mirrored in y", ((1, 1, 1), (1, -1, 1)), TILT),
    Variation("askew, mirrored in z", ((1, 1, 1), (1, 1, -1)), TILT),
    Variation("askew, half turns", _HALF_TURNS, TILT),
    Variation("askew, half turns and mirrored", _SIGNS, TILT),
    Variation("any way", free=True),
)
#: Both sides of the body and any half turn, where that is promised.
ANY_SIDE = VARIATIONS[6]
#: Any rotation, where that is promised.
ANY_ORIENTATION = VARIATIONS[7]
#: Both.
ANY = Variation("any way, mirrored", ((1, 1, 1), (-1, 1, 1)), free=True)


def promised(side: bool, orientation: bool) -> Variation | None:
    """Return what windows must stand for whatever the groups say; None where nothing is promised."""
    if orientation:
        return ANY if side else ANY_ORIENTATION
    return ANY_SIDE if side else None


def varied(x: Int16, channels: Sequence[Count], variation: Variation, seed: int) -> Int16:
    """Turn each window on its own, rounded to counts and saturated.

    Parameters
    ----------
    x : ndarray, shape (windows, n, channels), int16
        Three axes of each sensor, which has one scale.
    channels : sequence of Count
        Named ``acc_x`` and so on; those of rates begin with ``gyro``.
    seed : int

    Returns
    -------
    ndarray, shape (windows, n, channels), int16
    """
    turn = variation.matrices(len(x), seed).astype(np.float32)
    sense = np.sign(np.linalg.det(turn)).astype(np.float32)
    out = np.empty_like(x)
    for first in range(0, x.shape[2], 3):
        own = turn * sense[:, None, None] if channels[first].name.startswith("gyro") else turn
        axes = x[:, :, first : first + 3].astype(np.float32)
        turned = np.rint(axes @ own.transpose(0, 2, 1))
        out[:, :, first : first + 3] = np.clip(turned, INT16_MIN, INT16_MAX).astype(np.int16)
    return out


def _any(rng: np.random.Generator, count: int) -> Floats:
    """Rotations, all equally likely, from unit quaternions."""
    q = rng.normal(size=(count, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def _tilted(rng: np.random.Generator, count: int, degrees: float) -> Floats:
    """Rotations about any axis by so many degrees at most."""
    axis = rng.normal(size=(count, 3))
    x, y, z = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
    angle = np.deg2rad(degrees) * np.sqrt(rng.uniform(size=count))
    zero = np.zeros(count)
    across = np.stack(
        [np.stack(row, axis=1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))], axis=1
    )
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    out: Floats = np.eye(3) + sine * across + versine * (across @ across)
    return out
