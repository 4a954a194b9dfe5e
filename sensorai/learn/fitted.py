"""What a detector is learnt with, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.model import gaussians, prototypes
from sensorai.model.detector import Detector
from sensorai.model.scaling import Scaling

Int32 = npt.NDArray[np.int32]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How a detector is learnt.

    Attributes
    ----------
    components : tuple of int
        Numbers of Gaussians tried for ``gmm``, 1 to 16, smallest first, until two in a row are worse; the
        one with the least BIC is taken.
    covariance : str
        ``full``, ``diag``, or ``auto`` for the one with the lesser BIC.
    prototypes, neighbours : int
        Points, and how many of the nearest are added up.
    trees, samples : int
        Isolation trees, and the rows that each is grown from.
    hidden : int
        Units of the autoencoder's hidden layer; 0: half the features.
    epochs : int
        Passes of the autoencoder, up to ten times as many where the rows are few.
    seed : int
    """

    components: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    covariance: str = "auto"
    prototypes: int = 64
    neighbours: int = 1
    trees: int = 32
    samples: int = 64
    hidden: int = 0
    epochs: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if self.covariance not in ("full", "diag", "auto"):
            raise ConfigError(f"a covariance of {self.covariance!r} is not known", hint="full, diag or auto")
        most = gaussians.MAX_COMPONENTS
        if not self.components or not all(1 <= k <= most for k in self.components):
            raise ConfigError(f"{self.components} Gaussians are not possible", hint=f"1 to {most}")
        if not 1 <= self.neighbours <= min(prototypes.MAX_NEIGHBOURS, self.prototypes):
            raise ConfigError(
                f"{self.neighbours} neighbours of {self.prototypes} prototypes are not possible",
                hint=f"1 to {prototypes.MAX_NEIGHBOURS}, and at most as many as there are prototypes",
            )
        for name, low, high in (
            ("prototypes", 1, prototypes.MAX_PROTOTYPES),
            ("trees", 1, 1000),
            ("samples", 2, 4096),
            ("hidden", 0, 256),
            ("epochs", 1, 10000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} = {getattr(self, name)} is not possible", hint=f"{low} to {high}")


@dataclass(frozen=True, slots=True, eq=False)
class FittedDetector:
    """A detector with what belongs to it.

    Attributes
    ----------
    detector : Detector
        With the largest threshold there is, so that nothing is an alarm.
    scaling : Scaling or None
        From int32 features to its inputs; None where it takes them as they are.
    float_scores : callable
        Features, shape (rows, d), to the scores of the float model, shape (rows,), float64; larger is
        further from normal. Its scale is its own: ranks compare, values do not.
    notes : tuple of str
        What was chosen.
    """

    detector: Detector
    scaling: Scaling | None
    float_scores: Callable[[Int32], Float]
    notes: tuple[str, ...]

    def scores(self, features: Int32) -> Int32:
        """Anomaly scores of int32 features, shape (rows, d) -> (rows,)."""
        inputs = features if self.scaling is None else self.scaling.apply(features)
        return self.detector.distances(inputs)


def unrounded(scaling: Scaling, x: npt.NDArray[np.integer]) -> Float:
    """What scaling gives without rounding and saturation, shape (rows, features), float64."""
    wide: Float = x.astype(np.float64) - np.array(scaling.offset, np.float64)
    return wide * 0.5 ** np.array(scaling.shift, np.float64)
