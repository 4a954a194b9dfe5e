"""The table of published currents: ``power.toml``, and run currents from the files of the microcontrollers.

A row is a claim of somebody else with its source and a mark. What nobody published stands there as unknown,
so that it is said, not guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sensorai import targets
from sensorai.errors import ConfigError
from sensorai.mcu.devices import devices as microcontrollers

#: How sure a row is, the surest first.
MARKS = ("confirmed", "documented", "inferred", "from memory", "unknown")
BLOCKS = ("acc", "acc+gyro", "mlc", "ispu", "total", "off", "run", "sleep", "wake", "clock", "bus")
UNITS = ("uA", "uA/MHz", "uJ", "us")
#: Stands for every device.
ANY = "*"
_NAME = "power.toml"
_TEXTS = ("block", "mode", "unit", "source", "mark")
_NUMBERS = ("rate_hz", "low", "high", "supply_v")
_KEYS = ("devices", *_TEXTS, *_NUMBERS, "note")


@dataclass(frozen=True, slots=True)
class Row:
    """One published figure.

    Attributes
    ----------
    devices : tuple of str
        Full names; ``*`` is every device.
    block, mode : str
        What draws (a name in ``BLOCKS``), and how it is set.
    rate_hz : float or None
        Rate of the samples, where the source states one.
    low, high : float or None
        The figure; the same where the source gives one number, None where it is unknown.
    unit : str
        Name in ``UNITS``.
    supply_v : float or None
        Supply, where it is stated.
    source, mark, note : str
        Where it stands, how sure it is (a name in ``MARKS``), and a remark.
    """

    devices: tuple[str, ...]
    block: str
    mode: str
    rate_hz: float | None
    low: float | None
    high: float | None
    unit: str
    supply_v: float | None
    source: str
    mark: str
    note: str = ""

    def of(self, device: str) -> bool:
        """Whether the row is of this device."""
        return device in self.devices or ANY in self.devices

    @property
    def words(self) -> str:
        """Block, mode and rate."""
        rate = "" if self.rate_hz is None else f", {self.rate_hz:g} Hz"
        return f"{self.block}, {self.mode}{rate}"

    @property
    def figure(self) -> str:
        """Figure with its unit, in words."""
        if self.low is None or self.high is None:
            return "unknown"
        unit = self.unit.replace("u", "\N{MICRO SIGN}", 1)
        numbers = f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        return f"{numbers} {unit}"


def of(device: str, *blocks: str) -> tuple[Row, ...]:
    """Rows of a device, of these blocks, in the order of the table."""
    return tuple(row for row in rows() if row.of(device) and row.block in blocks)


@cache
def rows() -> tuple[Row, ...]:
    """Every row."""
    text = resources.files("sensorai.power").joinpath(_NAME).read_text(encoding="utf-8")
    return (*load(text, _NAME), *_running())


def _running() -> Iterator[Row]:
    """Run currents of microcontrollers, which their own files state."""
    for part in microcontrollers():
        if "power" in part.groups:
            told = part.groups["power"]
            current = told.number("run_ua_per_mhz")
            yield Row(
                (part.name,), "run", "run", None, current, current, "uA/MHz", told.number("volts"),
                told.source, told.mark_of("run_ua_per_mhz"), told.note,
            )  # fmt: skip


def load(text: str, file: str) -> tuple[Row, ...]:
    """Read and check rows.

    Raises
    ------
    ConfigError
        No TOML, an unknown key, a missing one, a wrong kind of value, low above high, a row without a source
        or with a mark that is none, or numbers where the mark says that nothing is known.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=file) from None
    for name in data:
        if name != "row":
            raise ConfigError(f"unknown group {name!r}", where=file, hint="only [[row]] stands here")
    return tuple(_row(one, f"{file} row {n}") for n, one in enumerate(data.get("row", []), 1))


def _row(table: Mapping[str, Any], where: str) -> Row:
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"unknown key {key!r}", where=where, hint=targets.closest(key, _KEYS))
    for key in _TEXTS:
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise ConfigError(f"{key!r} is missing or empty", where=where)
    for key, known in (("block", BLOCKS), ("unit", UNITS), ("mark", MARKS)):
        if table[key] not in known:
            raise ConfigError(
                f"{key} {table[key]!r} is none of the known ones", where=where, hint=", ".join(known)
            )
    names = table.get("devices")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError("'devices' must be a list of names", where=where)
    numbers = {key: _number(table.get(key), f"{where} {key}") for key in _NUMBERS}
    _check_figure(table["mark"], numbers["low"], numbers["high"], where)
    note = table.get("note", "")
    if not isinstance(note, str):
        raise ConfigError("'note' must be text", where=where)
    return Row(
        tuple(names), table["block"], table["mode"], numbers["rate_hz"], numbers["low"], numbers["high"],
        table["unit"], numbers["supply_v"], table["source"], table["mark"], note,
    )  # fmt: skip


def _number(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ConfigError(f"{value!r} is not a number of zero or more", where=where)
    return float(value)


def _check_figure(mark: str, low: float | None, high: float | None, where: str) -> None:
    if mark == "unknown":
        if low is not None or high is not None:
            raise ConfigError("a row marked unknown has no figure", where=where)
    elif low is None or high is None or low > high:
        raise ConfigError("'low' and 'high' are missing, or low is above high", where=where)
