"""How Python values become C arguments, the same for the host and for the emulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorai.errors import InternalError

#: An argument: whole numbers go as 32-bit values, ``np.float32`` as float, arrays as pointers to their
#: data (written back when the array is writable; a read-only array must stay as it is), None as NULL.
Argument = int | np.integer[Any] | np.float32 | NDArray[Any] | None

#: What a C function returns, by name.
RETURNS = ("void", "int32", "uint32", "float32")


@dataclass(frozen=True, slots=True)
class HostCall:
    """Outcome of a call: what the C function returned (0 for void)."""

    value: int | float


def check_array(array: NDArray[Any], place: int) -> None:
    """Refuse arrays whose memory is not what a C function expects."""
    if not array.flags.c_contiguous or array.dtype.hasobject or array.dtype.byteorder == ">":
        raise InternalError(f"argument {place} is not a plain contiguous little-endian array")


def is_word(value: int) -> bool:
    """Whether a whole number fits into 32 bits, signed or unsigned."""
    return -(1 << 31) <= value < (1 << 32)
