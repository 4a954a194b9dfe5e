"""Types and numbers of C, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError

#: Type of a number by itself, where kernels read it in memory, and unsigned of the same size for arithmetic
#: that wraps.
TYPES: Mapping[str, tuple[str, str, str]] = {
    "int8": ("int8_t", "int8_t", "uint32_t"),
    "uint8": ("uint8_t", "uint8_t", "uint32_t"),
    "bool": ("uint8_t", "uint8_t", "uint32_t"),
    "int4": ("int8_t", "int8_t", "uint32_t"),
    "uint4": ("uint8_t", "uint8_t", "uint32_t"),
    "int2": ("int8_t", "int8_t", "uint32_t"),
    "uint2": ("uint8_t", "uint8_t", "uint32_t"),
    "int16": ("int16_t", "sa_nd_i16", "uint32_t"),
    "uint16": ("uint16_t", "sa_nd_u16", "uint32_t"),
    "int32": ("int32_t", "sa_nd_i32", "uint32_t"),
    "uint32": ("uint32_t", "sa_nd_u32", "uint32_t"),
    "int64": ("int64_t", "sa_nd_i64", "uint64_t"),
    "uint64": ("uint64_t", "sa_nd_u64", "uint64_t"),
    "float32": ("float", "sa_nd_f32", "float"),
    "float64": ("double", "sa_nd_f64", "double"),
}

#: Ends of integer types that do not fill their NumPy type.
_NARROW = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3), "bool": (0, 1)}


def plain(dtype: str) -> str:
    """Type of a number of a tensor; a ConfigError where C has none."""
    return _entry(dtype)[0]


def seen(dtype: str) -> str:
    """Type of a number in the arena, which may hold any type there."""
    return _entry(dtype)[1]


def wrapping(dtype: str) -> str:
    """Unsigned type in which sums and products of integers wrap; of real numbers their own."""
    return _entry(dtype)[2]


def _entry(dtype: str) -> tuple[str, str, str]:
    if dtype not in TYPES:
        raise ConfigError(f"tensors of {dtype} are not computed in C")
    return TYPES[dtype]


def ends(dtype: str) -> tuple[int, int]:
    """Smallest and largest number of an integer type."""
    if dtype in _NARROW:
        return _NARROW[dtype]
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def real(dtype: str) -> bool:
    """Whether a type holds real numbers."""
    return dtype.startswith("float")


def hexadecimal(x: float) -> str:
    """Shortest hexadecimal form of a finite number, without the suffix of its type."""
    mantissa, exponent = x.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}"


def number(value: Any, dtype: str) -> str:
    """Literal of a number of type ``dtype``."""
    if dtype in ("float32", "float64"):
        suffix = "F" if dtype == "float32" else ""
        x = float(np.float32(value)) if suffix else float(value)
        if np.isnan(x):
            return '__builtin_nanf("")' if suffix else '__builtin_nan("")'
        if np.isinf(x):
            text = "__builtin_inff()" if suffix else "__builtin_inf()"
            return text if x > 0 else f"(-{text})"
        text = hexadecimal(x) + suffix
    else:
        v = int(value)
        if v == -(2**63):
            return "(-9223372036854775807LL - 1)"
        if v == -(2**31):
            return "(-2147483647 - 1)"
        wide = "LL" if dtype in ("int64", "uint64") else ""
        text = f"{v}{'U' if dtype in ('uint32', 'uint64') else ''}{wide}"
    return f"({text})" if text.startswith("-") else text
