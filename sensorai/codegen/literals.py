"""C literals and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from sensorai.errors import ConfigError, InternalError

WIDTH = 100

#: Keywords of C99 and C11 and the macros they bring, and what the generated files use themselves.
RESERVED = frozenset(
    (
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "alignas",
        "alignof",
        "atomic_bool",
        "bool",
        "complex",
        "false",
        "generic",
        "imaginary",
        "noreturn",
        "static_assert",
        "thread_local",
        "true",
        "asm",
        "typeof",
        "main",
        "NULL",
        "errno",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "uint64_t",
        "size_t",
    )
)

#: Characters of a name that every compiler tells apart.
LONGEST = 31
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def identifier(name: str, where: str = "name") -> str:
    """Return ``name`` when it can be the prefix of C names; a ConfigError says why not."""
    if not _IDENTIFIER.match(name):
        raise ConfigError(
            f"{name!r} cannot be a name in C",
            where=where,
            hint="a letter, then letters, digits and underscores",
        )
    if name in RESERVED or name.startswith("sa_"):
        raise ConfigError(
            f"{name!r} is reserved", where=where, hint="choose another name, say " + free_identifier(name)
        )
    if len(name) > LONGEST:
        raise ConfigError(f"the name {name!r} is longer than {LONGEST} characters", where=where)
    return name


def free_identifier(name: str) -> str:
    """Return ``name`` where ``identifier`` takes it, else something near that it takes.

    Parameters
    ----------
    name : str
        Letters, digits and underscores of ASCII.
    """
    if not name[:1].isalpha() or name in RESERVED or name.startswith("sa_"):
        name = f"my_{name.lstrip('_')}"
    return name[:LONGEST]


def integer(value: int) -> str:
    """Literal of an int32 or uint32 value; the smallest int32 has no literal of its own."""
    value = int(value)
    if value == -(2**31):
        return "(-2147483647 - 1)"
    if not -(2**31) < value < 2**32:
        raise InternalError(f"{value} does not fit 32 bits")
    return str(value) if value < 2**31 else f"{value}U"


def word(value: int) -> str:
    """Literal of a uint32 value in hexadecimal."""
    return f"0x{int(value) & 0xFFFFFFFF:08X}U"


def real(value: float) -> str:
    """Exact float32 literal: hexadecimal, or the builtin for an infinity."""
    x = float(np.float32(value))
    if np.isnan(x):
        raise InternalError("NaN has no place in generated code")
    if np.isinf(x):
        return "__builtin_inff()" if x > 0 else "-__builtin_inff()"
    mantissa, exponent = x.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}F"


def array(kind: str, name: str, values: Sequence[int] | Iterable[float], attribute: str = "") -> str:
    """Definition ``static const KIND NAME[N] = {...};``, wrapped at ``WIDTH`` columns.

    ``kind`` is float, uint32_t (written in hexadecimal) or another integer type.
    """
    declaration, written = array_parts(kind, name, values, attribute)
    return f"static {declaration} = {written};\n"


def array_parts(
    kind: str, name: str, values: Sequence[int] | Iterable[float], attribute: str = ""
) -> tuple[str, str]:
    """Declaration ``const KIND NAME[N]`` of an array, and its values in braces; see ``array``."""
    if kind == "float":
        items = [real(v) for v in values]
    else:
        items = [word(int(v)) if kind == "uint32_t" else integer(int(v)) for v in values]
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
