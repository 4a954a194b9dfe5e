"""Microcontrollers that projects are built for, from the fact files in ``devices/``.

A fact that a file does not state is unknown: there is no check against a memory of unknown size, and no
time or energy from an unknown clock or current.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources

from sensorai.codegen.chip import Chip
from sensorai.errors import ConfigError
from sensorai.targets import Devices, Group, Key, Listed, Schema, find, kib, load
from sensorai.toolchain.cpu import Cpu, cpu

#: Groups and keys of the fact files.
SCHEMA: Schema = {
    "device": {"name": Key("text"), "stands_for": Key("texts")},
    "core": {"cpu": Key("text"), "clock_mhz": Key("number", True)},
    "memory": {"flash_kib": Key("integer", True), "ram_kib": Key("integer", True)},
    "map": {"flash_at": Key("integer"), "ram_at": Key("integer"), "together_kib": Key("integer")},
    "tcm": {
        "dtcm_at": Key("integer"),
        "dtcm_kib": Key("integer"),
        "dma_to_dtcm": Key("texts", True),
        "no_dma_to_dtcm": Key("texts", True),
    },
    "power": {"run_ua_per_mhz": Key("number"), "volts": Key("number")},
}


@dataclass(frozen=True, slots=True)
class McuDevice:
    """One microcontroller.

    Attributes
    ----------
    name : str
    stands_for : tuple of str
        Shorter names that mean this device: it is the one we take for its family.
    cpu : Cpu
        Core, with the compiler flags.
    clock_hz : float or None
        Highest clock.
    flash, ram : int or None
        Bytes. None: unknown, or (flash) none on the chip.
    run_amperes_per_hz : float or None
        Current in run mode per clock, as the data sheet's headline states it.
    volts : float or None
        Supply at which that is so.
    groups : mapping of name to Group
        The facts with their sources and marks.
    """

    name: str
    stands_for: tuple[str, ...]
    cpu: Cpu
    clock_hz: float | None
    flash: int | None
    ram: int | None
    run_amperes_per_hz: float | None
    volts: float | None
    groups: Mapping[str, Group]

    def chip(self) -> Chip:
        """What a project for this device is built for; without a memory map it has no program of its own."""
        place = self.groups.get("map")
        if place is None or self.flash is None:
            return Chip(self.name, self.cpu.name, self.cpu.flags)
        ram = (place.integer("ram_at"), 1024 * place.integer("together_kib"))
        return Chip(self.name, self.cpu.name, self.cpu.flags, (place.integer("flash_at"), self.flash), ram)

    @property
    def linked_ram(self) -> int | None:
        """Bytes of the memory that a program is linked into, in one piece; all RAM where no map is known."""
        linked = self.chip().ram
        return self.ram if linked is None else linked[1]

    def seconds(self, cycles: float) -> float | None:
        """Time of so many cycles at the highest clock; None when the clock is unknown."""
        return cycles / self.clock_hz if self.clock_hz else None

    def joules(self, cycles: float) -> float | None:
        """Energy of so many cycles; None when no current is stated. It does not depend on the clock."""
        if self.run_amperes_per_hz is None or self.volts is None:
            return None
        return cycles * self.run_amperes_per_hz * self.volts


def device(name: str) -> McuDevice:
    """Find the device ``name`` means: a name, what a device stands for, or a unique prefix of a name.

    Raises
    ------
    ConfigError
        Nothing or more than one fits; the hint names what is near.
    """
    wanted = name.strip().casefold()
    for one in devices():
        if any(short.casefold() == wanted for short in one.stands_for):
            return one
    known = {one.name: one for one in devices()}
    if wanted.startswith(_FAMILY) and not any(n.casefold().startswith(wanted) for n in known):
        raise ConfigError(f"unknown device {name!r}", hint=_series(wanted, known))
    return known[find(name, known)]


#: Beginning of part numbers, and how many characters name a series: STM32F0.
_FAMILY, _SERIES = "stm32", 7


def _series(wanted: str, known: Iterable[str]) -> str:
    """Devices of the series of a part number; letters that are near mean nothing there."""
    chips = [name for name in known if name.casefold().startswith(_FAMILY)]
    cores = ", ".join(name for name in known if name not in chips)
    same = [name for name in chips if name.casefold()[:_SERIES] == wanted[:_SERIES]]
    near = f"of {wanted[:_SERIES].upper()} there is" if same else "known:"
    return f"{near} {', '.join(same or chips)}; for any other chip say its core: {cores}"


def with_room(flash: int, ram: int) -> list[McuDevice]:
    """Devices with so many bytes of flash, and of RAM in one piece, as stated; the smallest flash first."""
    fitting = [one for one in devices() if (one.flash or 0) >= flash and (one.linked_ram or 0) >= ram]
    return sorted(fitting, key=lambda one: (one.flash or 0, one.linked_ram or 0, one.name))


def listed() -> Devices:
    """All of them, for a list."""
    return Devices(
        "microcontrollers",
        ("device", "core", "MHz", "flash", "RAM"),
        ("MHz", "flash", "RAM"),
        tuple(map(_listed, devices())),
    )


def _listed(device: McuDevice) -> Listed:
    figures = {
        "name": device.name,
        "core": device.cpu.name,
        "clock_hz": device.clock_hz,
        "flash_bytes": device.flash,
        "ram_bytes": device.ram,
    }
    clock = "?" if device.clock_hz is None else f"{device.clock_hz / 1e6:g}"
    cells = (device.name, device.cpu.name, clock, kib(device.flash), kib(device.ram))
    return Listed(figures, cells, partial(facts, device), device.stands_for)


def facts(device: McuDevice) -> list[tuple[str, str, str, str, str]]:
    """Every fact of a device as (group, fact, value, mark, source), for tables."""
    rows = []
    for group in device.groups.values():
        for key, value in group.values.items():
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
            shown = f"{value:#010x}" if key.endswith("_at") else shown
            rows.append((group.name, key, shown, group.mark_of(key), group.source))
        if group.note:
            rows.append((group.name, "note", group.note, group.mark, group.source))
    return rows


@cache
def devices() -> tuple[McuDevice, ...]:
    """Every device, sorted by name."""
    folder = resources.files("sensorai.mcu").joinpath("devices")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    return tuple(parse(one.read_text(encoding="utf-8"), one.name) for one in files)


def parse(text: str, file: str) -> McuDevice:
    """Read one fact file.

    Raises
    ------
    ConfigError
        The strict loader refuses it, or a core or group is not there.
    """
    groups = load(text, file, SCHEMA)
    for name in ("device", "core"):
        if name not in groups:
            raise ConfigError(f"group [{name}] is missing", where=file)
    about, core = groups["device"], groups["core"]
    memory = groups["memory"].values if "memory" in groups else {}
    power = groups.get("power")
    clock = core.values.get("clock_mhz")
    return McuDevice(
        name=about.text("name"),
        stands_for=about.texts("stands_for"),
        cpu=cpu(core.text("cpu")),
        clock_hz=clock * 1e6 if clock is not None else None,
        flash=memory["flash_kib"] * 1024 if "flash_kib" in memory else None,
        ram=memory["ram_kib"] * 1024 if "ram_kib" in memory else None,
        run_amperes_per_hz=power.number("run_ua_per_mhz") * 1e-12 if power else None,
        volts=power.number("volts") if power else None,
        groups=groups,
    )
