"""Arrays between operators, and constants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine, Pow2, Quant, Sign

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

#: Types of what is computed. Binary tensors hold +1 and -1; in NumPy they are int8, in C one bit each (1 is
#: +1), every step in whole words.
DTYPES: Mapping[str, Any] = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "binary": np.int8,
    "float32": np.float32,
}
#: Types of constants.
CONSTANTS: Mapping[str, Any] = {**DTYPES, "uint8": np.uint8, "uint16": np.uint16}

#: Bytes of a value in C; int16 results (softmax) are computed as int32.
_BYTES = {"int8": 1, "int16": 4, "int32": 4, "float32": 4}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named array.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Without batch; every extent at least 1.
    dtype : str
        One of ``DTYPES``; of a constant also one of ``CONSTANTS``.
    quant : Pow2, Affine, Sign or None
        What the numbers mean; None: themselves, or not known.
    data : ndarray, optional
        What a constant holds.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    quant: Quant = None
    data: Array | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def places(self) -> int:
        """Binary places of the numbers; a ConfigError where their scale is no power of two."""
        if isinstance(self.quant, Pow2):
            return self.quant.places
        if isinstance(self.quant, Sign):
            return 0
        raise ConfigError(f"tensor {self.name} has no scale that is a power of two")

    @property
    def step_bytes(self) -> int:
        """Bytes of one step, the last axis, in C."""
        width = self.shape[-1]
        return -(-width // 32) * 4 if self.dtype == "binary" else width * _BYTES[self.dtype]

    @property
    def bytes(self) -> int:
        """Bytes in C, without margins."""
        return self.step_bytes * (self.size // self.shape[-1])

    def check(self) -> None:
        """Raise a ConfigError where type, shape, scale and data do not go together."""
        where = f"tensor {self.name}"
        known = DTYPES if self.data is None else CONSTANTS
        if self.dtype not in known:
            raise ConfigError(f"{where}: unknown type {self.dtype}")
        if not self.shape or min(self.shape) < 1:
            raise ConfigError(f"{where}: impossible shape {self.shape}")
        if self.data is not None and (self.data.shape != self.shape or self.data.dtype != known[self.dtype]):
            raise ConfigError(f"{where}: its data are {self.data.dtype} of shape {self.data.shape}")
        if self.dtype == "binary" and not isinstance(self.quant, Sign):
            raise ConfigError(f"{where}: bits are +1 and -1, and have no other scale")
        if isinstance(self.quant, Affine) and self.quant.axis is not None:
            axis, scales = self.quant.axis, len(self.quant.scale)
            if axis >= len(self.shape) or scales != self.shape[axis]:
                raise ConfigError(f"{where}: {scales} scales along axis {axis} of {self.shape}")


def constant(name: str, data: Array, quant: Quant = None) -> Tensor:
    """Tensor that holds ``data``."""
    return Tensor(name, data.shape, data.dtype.name, quant, data)
