"""C literals of numbers, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import InternalError
from sensorai.ops.nd.ctext import hexadecimal

WIDTH = 100


def integer(value: int) -> str:
    """Literal of an int32 or uint32 value; the smallest int32 has no literal of its own."""
    value = int(value)
    if value == -(2**31):
        return "(-2147483647 - 1)"
    if not -(2**31) < value < 2**32:
        raise InternalError(f"{value} does not fit 32 bits")
    return str(value) if value < 2**31 else f"{value}U"


def long(value: int, signed: bool) -> str:
    """Literal of an int64 or uint64 value."""
    value = int(value)
    if value == -(2**63):
        return "(-9223372036854775807LL - 1)"
    return f"{value}LL" if signed else f"{value}ULL"


def word(value: int) -> str:
    """Literal of a uint32 value in hexadecimal."""
    return f"0x{int(value) & 0xFFFFFFFF:08X}U"


def real(value: float) -> str:
    """Exact float32 literal: hexadecimal, or the builtin for an infinity."""
    return _real(float(np.float32(value)), "f", "F")


def double(value: float) -> str:
    """Exact float64 literal; see ``real``."""
    return _real(float(value), "", "")


def _real(x: float, builtin: str, suffix: str) -> str:
    if np.isnan(x):
        raise InternalError("NaN has no place in generated code")
    if np.isinf(x):
        return f"__builtin_inf{builtin}()" if x > 0 else f"-__builtin_inf{builtin}()"
    return hexadecimal(x) + suffix


#: How numbers of a type are written; as ``integer`` where nothing is said.
_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "float": real,
    "double": double,
    "uint32_t": word,
    "int64_t": lambda v: long(v, True),
    "uint64_t": lambda v: long(v, False),
}


def array(kind: str, name: str, values: Sequence[int] | Iterable[float], attribute: str = "") -> str:
    """Definition ``static const KIND NAME[N] = {...};``, wrapped at ``WIDTH`` columns.

    ``kind`` is float, double, uint32_t (written in hexadecimal) or another integer type.
    """
    declaration, written = array_parts(kind, name, values, attribute)
    return f"static {declaration} = {written};\n"


def array_parts(
    kind: str, name: str, values: Sequence[int] | Iterable[float], attribute: str = ""
) -> tuple[str, str]:
    """Declaration ``const KIND NAME[N]`` of an array, and its values in braces; see ``array``."""
    written = _WRITERS.get(kind, integer)
    items = [written(v) for v in values]
    if not items:
        raise InternalError(f"the table {name} would be empty")
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    lines.append(line)
    extra = f" {attribute}" if attribute else ""
    return f"const {kind} {name}[{len(items)}]{extra}", "{\n" + "\n".join(lines) + "\n}"


def octets(data: bytes) -> str:
    """Bytes as an initialiser, in one line for each sixteen."""
    lines = [", ".join(f"0x{byte:02X}" for byte in data[k : k + 16]) for k in range(0, len(data), 16)]
    return "{" + ",\n     ".join(lines) + "}"
