"""What a target has for a net, and whether the net fits into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensorai.codegen.chip import Chip
from sensorai.errors import ConfigError
from sensorai.experiment.tables import TARGETS
from sensorai.ispu import devices as ispu
from sensorai.mcu import devices as mcu
from sensorai.nets.costs import Costs
from sensorai.toolchain.cpu import cpu

#: Targets that run C.
NAMES = tuple(name for name, facts in TARGETS.items() if facts.takes == "pipeline")


@dataclass(frozen=True, slots=True)
class Target:
    """A device that a net is to run on.

    Attributes
    ----------
    name : str
        ``stm32`` or ``ispu``.
    device : str
    flash, ram : int or None
        Bytes for code and constants, and for data; None: not known.
    chip : Chip or None
        What a Makefile builds for; of the ISPU, whose compiler is not open, a core that stands in for it.
    core : str
        Core as the tool chain calls it; of the ISPU the one that stands in for it.
    flags : str
        Flags of the ISPU's compiler; empty for others.
    isa : str
        Instructions that kernels are chosen for, see ``Graph.isa``.
    """

    name: str
    device: str
    flash: int | None
    ram: int | None
    chip: Chip | None
    core: str
    flags: str = ""
    isa: str = ""


def target(name: str, device: str | None) -> Target:
    """Find a target and its device.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    if name not in NAMES:
        raise ConfigError(
            f"imported nets are not emitted for the target {name!r}", hint=f"one of {', '.join(NAMES)}"
        )
    wanted = device or TARGETS[name].device
    if name == "ispu":
        part = ispu.device(wanted)
        core = part.groups["core"]
        flags = f"-mcpu={core.text('cpu')} -mfp32-format={core.text('float_format')}"
        near = cpu(ispu.STAND_IN)
        chip = Chip(f"a core that stands in for the ISPU of {part.name}", near.name, near.flags)
        return Target(name, part.name, part.code.size, part.data.size, chip, near.name, flags, "ispu")
    one = mcu.device(wanted)
    return Target(name, one.name, one.flash, one.linked_ram, one.chip(), one.cpu.name, isa=one.cpu.isa)


def fit(counted: Costs, at: Target, code: int | None = None) -> dict[str, Any]:
    """Bytes that a net takes at least and the device has; negative room is what it has too little.

    Parameters
    ----------
    code : int, optional
        Bytes of the library without its numbers, where it was built.
    """
    flash_room = None if at.flash is None else at.flash - counted.weights - (code or 0)
    ram_room = None if at.ram is None or counted.ram is None else at.ram - counted.ram
    known = [room for room in (flash_room, ram_room) if room is not None]
    return {
        "target": at.name,
        "device": at.device,
        "flash_bytes": at.flash,
        "numbers_bytes": counted.weights,
        "code_bytes": code,
        "ram_bytes": at.ram,
        "flash_room": flash_room,
        "ram_room": ram_room,
        "fits": all(room >= 0 for room in known) if known else None,
    }


def fit_words(found: dict[str, Any]) -> list[str]:
    """What a person reads of ``fit``."""
    out = []
    for what, size, room in (
        ("flash", found["flash_bytes"], found["flash_room"]),
        ("RAM", found["ram_bytes"], found["ram_room"]),
    ):
        if size is None:
            out.append(f"{what}: not checked, {_unknown(found['device'], what)}")
        elif room is None:
            out.append(f"{what}: not counted for {found['device']}")
        elif room < 0:
            ends = f", {_counted(found)}" if what == "flash" else ""
            out.append(f"{what}: {-room:,} bytes more than the {size:,} of {found['device']}{ends}")
        elif what == "flash" and found["code_bytes"] is not None:
            said = f"{room:,} left: {_counted(found)}"
            out.append(f"{what}: fits into the {size:,} bytes of {found['device']}, {said}")
        else:
            left = "left for code" if what == "flash" else "left for stack and program"
            out.append(f"{what}: fits into the {size:,} bytes of {found['device']}, {room:,} {left}")
    return out


def _counted(found: dict[str, Any]) -> str:
    """What was counted of flash."""
    if found["code_bytes"] is None:
        return "without code"
    return f"{found['numbers_bytes']:,} of numbers and {found['code_bytes']:,} of code (-O2)"


def _unknown(device: str, what: str) -> str:
    """Why nobody knows how large a memory of a device is."""
    if device == mcu.device(device).cpu.name:
        return f"{device} is a core: --device CHIP says on which chip it is"
    return f"the facts of {device} state none{' on the chip' if what == 'flash' else ''}"


def asked(name: str | None, device: str | None) -> Target | None:
    """Find what is asked for by a target, a device, or both; None where neither is said.

    Raises
    ------
    ConfigError
        As ``target`` and ``target_of``.
    """
    if name is not None:
        return target(name, device)
    return None if device is None else target_of(device)


def target_of(device: str) -> Target:
    """Find the target of a device by the device's name alone.

    Raises
    ------
    ConfigError
        No target has it, or several have.
    """
    found, problems = [], []
    for name in NAMES:
        try:
            found.append(target(name, device))
        except ConfigError as error:
            problems.append(error)
    if len(found) == 1:
        return found[0]
    if found:
        said = " and ".join(one.device for one in found)
        raise ConfigError(f"device {device!r} is {said}", hint="give more of its name")
    raise ConfigError(
        f"no target of nets has a device {device!r}", hint="; ".join(e.hint for e in problems if e.hint)
    )
