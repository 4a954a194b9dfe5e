"""``meta.txt``: what a program puts into the output registers.

``description "TEXT"``; ``output "NAME" TYPE [COUNT]``; below it, indented, ``CODE="LABEL"`` for every
class. Outputs follow each other without gaps (source: facts, ispu 3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sensorai.errors import ConfigError
from sensorai.ispu.devices import IspuDevice
from sensorai.regfile import Output
from sensorai.writing.plainline import in_quotes

#: Bytes of one value of each type.
SIZES = {
    **dict.fromkeys(("uint8_t", "int8_t", "char"), 1),
    **dict.fromkeys(("uint16_t", "int16_t", "half"), 2),
    **dict.fromkeys(("uint32_t", "int32_t", "float"), 4),
    **dict.fromkeys(("uint64_t", "int64_t", "double"), 8),
}

_TEXT = r'"([^"]*)"'
_DESCRIPTION = re.compile(rf"description\s+{_TEXT}\s*")
_OUTPUT = re.compile(rf"output\s+{_TEXT}\s+(\w+)(?:\s+(\d{{1,3}}))?\s*")
_RESULT = re.compile(rf"\s+(0[xX][0-9A-Fa-f]{{1,2}}|\d{{1,3}})={_TEXT}\s*")


@dataclass(frozen=True, slots=True)
class Meta:
    """Description and outputs of a program; the outputs have their registers."""

    description: str = ""
    outputs: tuple[Output, ...] = ()


def place_outputs(
    outputs: tuple[Output, ...], device: IspuDevice, where: str = "meta.txt"
) -> tuple[Output, ...]:
    """``outputs`` with register names and addresses, one behind the other.

    Raises
    ------
    ConfigError
        They are longer than the output registers.
    """
    first, room = device.integer("run", "dout"), device.integer("run", "dout_bytes")
    placed, at = [], 0
    for one in outputs:
        name = f"ISPU_DOUT_{at // 2:02d}_{'H' if at % 2 else 'L'}"
        placed.append(replace(one, core="ISPU", register=first + at, register_name=name))
        at += SIZES[one.type] * one.length
        if at > room:
            raise ConfigError(
                f"output {one.name!r} ends at byte {at} of {room}",
                where=where,
                hint="give fewer or smaller outputs",
            )
    return tuple(placed)


def parse_meta(text: str, device: IspuDevice, source: str = "meta.txt") -> Meta:
    """Read a ``meta.txt``.

    Raises
    ------
    ConfigError
        A line that is not in the grammar (``where`` names it), or outputs that do not fit.
    """
    description = ""
    outputs: list[Output] = []
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        where = f"{source}:{number}"
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        if match := _DESCRIPTION.fullmatch(raw):
            description = match[1]
        elif match := _OUTPUT.fullmatch(raw):
            if match[2] not in SIZES:
                raise ConfigError(
                    f"unknown type {match[2]!r}", where=where, hint=f"known: {', '.join(SIZES)}"
                )
            length = int(match[3] or 1)
            if not length:
                raise ConfigError("an output of no values", where=where)
            outputs.append(Output(match[1], "", (), "ISPU", None, match[2], length))
        elif (match := _RESULT.fullmatch(raw)) and outputs:
            code = int(match[1], 0) if match[1][:2] in ("0x", "0X") else int(match[1])
            if code > 0xFF:
                raise ConfigError(f"code {code} is above 255", where=where)
            outputs[-1] = replace(outputs[-1], results=(*outputs[-1].results, (code, match[2])))
        else:
            raise ConfigError(
                f"unknown line {raw.strip()[:60]!r}",
                where=where,
                hint='lines are description "TEXT", output "NAME" TYPE [COUNT], and indented CODE="LABEL"',
            )
    return Meta(description, place_outputs(tuple(outputs), device, source))


def meta_text(meta: Meta) -> str:
    """``meta.txt`` that reads as ``meta``; quotes in names become apostrophes."""
    lines = [f'description "{in_quotes(meta.description)}"', ""] if meta.description else []
    for one in meta.outputs:
        count = f" {one.length}" if one.length != 1 else ""
        lines.append(f'output "{in_quotes(one.name)}" {one.type}{count}')
        lines += [f'\t{code}="{in_quotes(label)}"' for code, label in one.results]
    return "\n".join([*lines, ""])
