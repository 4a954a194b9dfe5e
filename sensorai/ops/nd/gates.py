"""Functions of the gates of recurrent layers: NumPy for the reference, the name of a function for C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd import maths
from sensorai.ops.nd.functions import FUNCTIONS

F = np.float32
_Compute = Callable[[Array, Any, Any], Array]


def _of(name: str) -> _Compute:
    return FUNCTIONS[name].compute


#: By name; in C each is ``sa_nd_of_NAME``.
GATES: Mapping[str, _Compute] = {
    "tanh": _of("tanh"),
    "sigmoid": _of("sigmoid"),
    "relu": lambda x, a, b: np.where(x < 0, F(0), x),
    "linear": lambda x, a, b: np.asarray(a * x + b),
    "leaky_relu": _of("leaky_relu"),
    "thresholded_relu": lambda x, a, b: np.where(x > a, x, F(0)),
    "scaled_tanh": lambda x, a, b: np.asarray(a * maths.tanh(b * x)),
    "hard_sigmoid": _of("hard_sigmoid"),
    "elu": _of("elu"),
    "softsign": _of("softsign"),
    "softplus": _of("softplus"),
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Function of a gate.

    Attributes
    ----------
    function : str
        One of ``GATES``.
    alpha, beta : float
        Settings of those that have any: ``linear`` is ``alpha * x + beta``, ``scaled_tanh`` is
        ``alpha * tanh(beta * x)``, others as ``Unary`` has them.
    """

    function: str
    alpha: float = 0.0
    beta: float = 0.0

    def compute(self, x: Array) -> Array:
        """Values for float32 numbers."""
        with np.errstate(all="ignore"):
            return np.asarray(GATES[self.function](x, F(self.alpha), F(self.beta)), F)


def held(x: Array, clip: float) -> Array:
    """Numbers between -clip and clip; as they are where clip is 0."""
    if not clip > 0:
        return x
    end = F(clip)
    x = np.where(x < -end, -end, x)
    return np.where(x > end, end, x)
