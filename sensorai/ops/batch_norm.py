"""Batch normalisation with fixed statistics; constants gamma, beta, mean, variance per channel.

Only float nets hold it; quantisation folds it into the layer before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.tensor import Array, Shape

EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class BatchNorm(Operator):
    """Scale and offset per channel, by statistics of what was learnt from."""

    epsilon: float = EPSILON

    NAME: ClassVar[str] = "batch_norm"
    CONSTANTS: ClassVar[tuple[str, ...]] = ("gamma", "beta", "mean", "variance")
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("float32", "float32")})
    EMITTED: ClassVar[bool] = False

    def shape(self, at: Applied) -> Shape:
        """Any shape, unchanged; constants along the last axis."""
        for role in self.CONSTANTS:
            if at.constant(role).shape != at.x.shape[-1:]:
                raise ConfigError(f"layer {at.name}: {role} must have {at.x.shape[-1]} entries")
        return at.x.shape

    def scale_offset(self, constants: Mapping[str, Array]) -> tuple[Array, Array]:
        """``(a, b)`` in float64 so that the layer is ``a * x + b``."""
        p = {role: constants[role].astype(np.float64) for role in self.CONSTANTS}
        a = p["gamma"] / np.sqrt(p["variance"] + float(self.epsilon))
        return a, p["beta"] - a * p["mean"]

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Result in float64, rounded once; not emitted in C."""
        a, b = self.scale_offset(at.constants)
        return np.asarray(a * arrays[0] + b, np.float32)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result with the stored statistics."""
        a = constants["gamma"] / xp.sqrt(constants["variance"] + self.epsilon)
        return a * (arrays[0] - constants["mean"]) + constants["beta"]

    def macs(self, at: Applied) -> int:
        """One per value."""
        return at.out.size
