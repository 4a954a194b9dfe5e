"""The microcontroller that a project is built for: flags of its core, and memories where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensorai.writing import clang
from sensorai.writing.written import inert


@dataclass(frozen=True, slots=True)
class Chip:
    """A microcontroller with an Arm core.

    Attributes
    ----------
    name, core : str
    flags : tuple of str
        Compiler flags of the core.
    flash, ram : (int, int) or None
        Start and bytes of the memories that a program is linked into; None where that is not known: then
        the project is a library alone.
    """

    name: str
    core: str
    flags: tuple[str, ...]
    flash: tuple[int, int] | None = None
    ram: tuple[int, int] | None = None

    @property
    def linked(self) -> bool:
        """Whether a program can be linked."""
        return self.flash is not None and self.ram is not None


def chip_fields(chip: Chip | None) -> dict[str, Any]:
    """What templates know of the chip."""
    if chip is None:
        return {"chip": False, "linked": False, "regions": []}
    fields = {
        "chip": inert(chip.name),
        "core": inert(chip.core),
        "core_flags": inert(" ".join(chip.flags)),
        "linked": chip.linked,
        "regions": [],
    }
    for name, memory in (("flash", chip.flash), ("ram", chip.ram)):
        if memory is not None:
            fields |= {f"{name}_at": clang.hexadecimal(memory[0]), f"{name}_bytes": memory[1]}
    return fields


def chip_files(chip: Chip | None, name: str) -> Mapping[str, str]:
    """Files of a program for the chip, with their templates."""
    if chip is None or not chip.linked:
        return {}
    return {"startup.c": "startup.c.jinja", f"{name}.ld": "chip.ld.jinja"}
