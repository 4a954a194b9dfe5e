"""The devices with an ISPU, from the fact files in ``devices/``.

A device file names its family; devices of a family have one core, one register map and one register
file, so the facts are the family's (``devices/families/``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources

from sensorai.errors import ConfigError
from sensorai.regfile import Delay, Op, Write
from sensorai.targets import Devices, Group, Key, Listed, Schema, find, kib, load

_INTEGER, _TEXT, _ROWS, _TABLE = Key("integer"), Key("text"), Key("rows"), Key("table")
_MAYBE_INTEGER, _MAYBE_ROWS = Key("integer", True), Key("rows", True)

#: The core that stands in for the ISPU where a size or a count is wanted: no ISPU compiler is open.
STAND_IN = "cortex-m0plus"

#: Keys of ``conf.txt`` that are a field of registers (``acc_low_power`` stands for ``acc_mode``).
CONF_KEYS = (
    *("acc_odr", "gyr_odr", "ispu_irq_rate", "ispu_rate", "acc_fs", "gyr_fs", "acc_low_power"),
    *("gyr_low_power", "ispu_clock", "ispu_int1", "ispu_int2", "ispu_sleep_int2", "ispu_latch", "ispu_bdu"),
    *("algo", "algo_int1", "algo_int2", "ispu_flag_int1", "ispu_flag_int2"),
    *("fifo_wtm", "fifo_mode", "fifo_batch", "fifo_int1"),
)

#: Groups and keys of the fact files.
SCHEMA: Schema = {
    "device": {"name": _TEXT, "family": _TEXT},
    "file": {"names": Key("texts")},
    "core": {
        **dict.fromkeys(("cpu", "float_format"), _TEXT),
        "cpu_older": Key("text", True),
        **dict.fromkeys(("machine", "flags"), _INTEGER),
        "clocks": _TABLE,
    },
    "memory": dict.fromkeys(
        ("code", "code_size", "data", "data_size", "stack_top", "control", "extended", "sleep"), _INTEGER
    ),
    "vectors": dict.fromkeys(("entries", "boot", "algorithm", "init", "algorithms"), _INTEGER),
    "run": dict.fromkeys(
        (
            *("enable", "enable_value", "status", "boot_done", "dout", "dout_bytes", "int1", "int2"),
            *("int_status", "int_pin", "interrupt_bits", "algorithm", "call", "call_shift", "call_mask"),
        ),
        _INTEGER,
    ),
    "exchange": dict.fromkeys(("command", "command_host", "stop", "read", "discard"), _INTEGER),
    "samples": {"acc": _INTEGER, "gyro": _MAYBE_INTEGER, "external": _MAYBE_INTEGER, "shift": _INTEGER},
    "load": {
        **dict.fromkeys(("who_am_i", "access", "page", "open", "port", "bank"), _INTEGER),
        **dict.fromkeys(("hub_page", "open_wait_ms"), _MAYBE_INTEGER),
        **dict.fromkeys(("address", "reset", "boot", "release", "last"), _ROWS),
    },
    "read_back": {"clock": _ROWS, "read_bit": _INTEGER, "discard": _INTEGER, "self_clearing": _ROWS},
    "keys": {**dict.fromkeys(CONF_KEYS, _MAYBE_ROWS), "fixed": _ROWS},
    "rates": {"codes": _TABLE},
    "acc_full_scales": {"codes": _TABLE, "counts": _TABLE},
    "gyro_full_scales": {"codes": _TABLE, "counts": _TABLE},
    "hub": {
        **dict.fromkeys(("trigger", "trigger_off"), _ROWS),
        **dict.fromkeys(("first", "data", "control", "enable", "wait_ms", "slaves"), _INTEGER),
        "rates": _TABLE,
    },
}

_ALWAYS = (
    *(
        "file",
        "core",
        "memory",
        "vectors",
        "run",
        "exchange",
        "samples",
        "load",
        "keys",
        "rates",
        "acc_full_scales",
    ),
)


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory of the core: its name, first address as the core sees it, and size in bytes."""

    name: str
    address: int
    size: int

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class Field:
    """A setting in registers: ``page`` 0 user, 1 ISPU; what is wider than 8 bits goes on in the next one."""

    page: int
    register: int
    shift: int
    width: int


@dataclass(frozen=True, slots=True)
class IspuDevice:
    """A sensor with an ISPU.

    Attributes
    ----------
    name, family : str
    names : tuple of str
        Devices that a register file is for, in the order ST's files have.
    code, data : Memory
        Program and constants; variables and stack. Addresses as the core sees them.
    groups : mapping of name to Group
        All facts, with sources and marks.
    """

    name: str
    family: str
    names: tuple[str, ...]
    code: Memory
    data: Memory
    groups: Mapping[str, Group]

    def integer(self, group: str, key: str) -> int:
        """One whole number among the facts."""
        return self.groups[group].integer(key)

    @property
    def algorithms(self) -> int:
        """How many algorithms the core can call."""
        return self.integer("vectors", "algorithms")

    @property
    def channels(self) -> Mapping[str, int]:
        """Channels a program can read: name to register offset in the control block."""
        samples = self.groups["samples"].values
        sensors = [("acc", "xyz", "acc"), ("gyro", "xyz", "gyro")]
        return {
            f"{name}_{axis}": samples[key] + 4 * place
            for name, axes, key in sensors
            if key in samples
            for place, axis in enumerate(axes)
        }

    @property
    def rates(self) -> Mapping[float, int]:
        """Sample rates in Hz with their register codes; 0 is off."""
        return self.groups["rates"].table("codes")

    def full_scales(self, sensor: str) -> Mapping[float, int]:
        """Full scales of ``acc`` (g) or ``gyro`` (dps) with their codes; empty without that sensor."""
        group = self.groups.get(f"{sensor}_full_scales")
        return group.table("codes") if group else {}

    def lsb(self, sensor: str, full_scale: float) -> float:
        """Value of one int16 count of ``acc`` in mg or ``gyro`` in mdps.

        Raises
        ------
        ConfigError
            The device has no such full scale.
        """
        group = self.groups.get(f"{sensor}_full_scales")
        counts = group.table("counts") if group else {}
        if full_scale not in counts:
            raise ConfigError(
                f"{self.name} has no {sensor} full scale of {full_scale:g}",
                hint=f"it has {', '.join(f'{one:g}' for one in counts)}"
                if counts
                else "it has no such sensor",
            )
        return counts[full_scale] * (1 << self.integer("samples", "shift")) / 1000.0

    def fields(self, key: str) -> tuple[Field, ...]:
        """Fields that a ``conf.txt`` key sets; empty where the device has none."""
        return tuple(Field(*row) for row in self.groups["keys"].rows(key))

    def steps(self, group: str, key: str) -> list[Op]:
        """A sequence of writes and waits among the facts."""
        return [Write(*row) if len(row) == 2 else Delay(*row) for row in self.groups[group].rows(key)]


def device(name: str) -> IspuDevice:
    """Find the device that ``name`` means: its name or a unique prefix, letter case ignored.

    Raises
    ------
    ConfigError
        No device or more than one fits; the hint names what is near.
    """
    known = {one.name: one for one in devices()}
    return known[find(name, known)]


@cache
def devices() -> tuple[IspuDevice, ...]:
    """All devices with an ISPU, by name."""
    folder = resources.files("sensorai.ispu").joinpath("devices")
    found = []
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            own = load(file.read_text(encoding="utf-8"), file.name, SCHEMA)
            family = own["device"].text("family")
            path = folder.joinpath("families", f"{family}.toml")
            found.append(_device({**own, **load(path.read_text(encoding="utf-8"), path.name, SCHEMA)}))
    return tuple(sorted(found, key=lambda one: one.name))


def listed() -> Devices:
    """All of them, for a list."""
    return Devices(
        "sensors with a programmable core",
        ("device", "channels", "code", "data"),
        ("code", "data"),
        tuple(map(_listed, devices())),
    )


def _listed(device: IspuDevice) -> Listed:
    code, data = device.code.size, device.data.size
    figures = {
        "name": device.name,
        "channels": list(device.channels),
        "code_bytes": code,
        "data_bytes": data,
    }
    cells = (device.name, " ".join(device.channels), kib(code), kib(data))
    return Listed(figures, cells, partial(facts, device))


def facts(device: IspuDevice) -> list[tuple[str, str, str, str, str]]:
    """Every fact of a device as (group, fact, value, mark, source), for tables."""
    rows = []
    for group in device.groups.values():
        for key, value in group.values.items():
            rows.append((group.name, key, _show(value), group.mark_of(key), group.source))
        if group.note:
            rows.append((group.name, "note", group.note, group.mark, group.source))
    return rows


def _show(value: object) -> str:
    """Write a fact as text, whole numbers in hexadecimal with an ``h``."""
    if isinstance(value, dict):
        return ", ".join(f"{number:g} = {code}" for number, code in value.items())
    if isinstance(value, tuple):
        return ", ".join(one if isinstance(one, str) else " ".join(f"{x:X}h" for x in one) for one in value)
    return f"{value:X}h" if isinstance(value, int) else str(value)


def _device(groups: Mapping[str, Group]) -> IspuDevice:
    own = groups["device"]
    for name in _ALWAYS:
        if name not in groups:
            raise ConfigError(f"{own.text('name')} lacks the facts [{name}]", where=own.file)
    memory = groups["memory"]
    return IspuDevice(
        name=own.text("name"),
        family=own.text("family"),
        names=groups["file"].texts("names"),
        code=Memory("code RAM", memory.integer("code"), memory.integer("code_size")),
        data=Memory("data RAM", memory.integer("data"), memory.integer("data_size")),
        groups=groups,
    )
