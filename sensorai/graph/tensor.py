"""Arrays between operators, and constants."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine, Pow2, Quant, Sign

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

#: Types of tensors, and the NumPy type that holds them. Binary tensors hold +1 and -1; in C one bit each (1
#: is +1), every step in whole words. Integers of 2 and 4 bits have a byte each.
DTYPES: Mapping[str, Any] = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "binary": np.int8,
    "int4": np.int8,
    "int2": np.int8,
    "uint4": np.uint8,
    "uint2": np.uint8,
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A named array.

    Attributes
    ----------
    name : str
    shape : tuple of int
        () for a single number.
    dtype : str
        One of ``DTYPES``.
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
    def item_bytes(self) -> int:
        """Bytes of a number in C; of bits those of a word."""
        return 4 if self.dtype == "binary" else np.dtype(DTYPES[self.dtype]).itemsize

    @property
    def step_bytes(self) -> int:
        """Bytes of one step, the last axis, in C."""
        width = self.shape[-1] if self.shape else 1
        return (-(-width // 32) if self.dtype == "binary" else width) * self.item_bytes

    @property
    def bytes(self) -> int:
        """Bytes in C, without margins."""
        return self.step_bytes * math.prod(self.shape[:-1])

    def check(self) -> None:
        """Raise a ConfigError where type, shape, scale and data do not go together."""
        where = f"tensor {self.name}"
        if self.dtype not in DTYPES:
            raise ConfigError(f"{where}: unknown type {self.dtype}")
        if min(self.shape, default=1) < 0:
            raise ConfigError(f"{where}: impossible shape {self.shape}")
        if self.data is not None and (self.data.shape != self.shape or self.data.dtype != DTYPES[self.dtype]):
            raise ConfigError(f"{where}: its data are {self.data.dtype} of shape {self.data.shape}")
        if self.dtype == "binary" and not isinstance(self.quant, Sign):
            raise ConfigError(f"{where}: bits are +1 and -1, and have no other scale")
        if isinstance(self.quant, Affine) and self.quant.axis is not None:
            axis, scales = self.quant.axis, len(self.quant.scale)
            if axis >= len(self.shape) or scales != self.shape[axis]:
                raise ConfigError(f"{where}: {scales} scales along axis {axis} of {self.shape}")


def constant(name: str, data: Array, quant: Quant = None, dtype: str = "") -> Tensor:
    """Tensor that holds ``data``; ``dtype`` where it is not that of the array.

    Raises
    ------
    ConfigError
        No tensor has this type.
    """
    kind = dtype or data.dtype.name
    if kind not in DTYPES:
        raise ConfigError(f"constant {name} is {kind}, which is not supported")
    # a single number would become an array of one
    values = np.ascontiguousarray(data, DTYPES[kind]).reshape(data.shape)
    return Tensor(name, values.shape, kind, quant, values)


def free(wish: str, taken: Container[str], last: MutableMapping[str, int] | None = None) -> str:
    """Return a name that is not taken: the wish, or one near it.

    ``last``: where the search for a wish begins, kept by the caller where names are only ever added; without
    it many of the same wish take long.
    """
    name, k = wish, (last or {}).get(wish, 1)
    while name in taken:
        name, k = f"{wish}_{k}", k + 1
    if last is not None:
        last[wish] = max(k - 1, 1)
    return name


#: What stands for an input that is left out.
ABSENT = Tensor("", (), "int8")
