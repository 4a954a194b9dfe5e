"""Which result registers a register file fills, and what their values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sensorai.board.description import Channel, Description
from sensorai.errors import DataError
from sensorai.formats.header import channel, unit_name
from sensorai.ispu.unload import Unloaded, open_program
from sensorai.mlc.artifact import open_artifact
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.labels import result_name
from sensorai.recording import NO_RESULT, UNITS

#: Value of the bank register while the core's registers are read.
_PAGE = 0x80
#: Entries that one request can hold, and bytes of one.
_ENTRIES, _BYTES = 4, 16
#: Nominal value of a count at a full scale of 1 g in mg, and of 1 dps in dps (source: facts, mlc-format and
#: ispu 1: 2 g is 0.061 mg, 250 dps is 8.75 mdps).
_SENSITIVITY = {"acc": ("mg", 0.061 / 2), "gyro": ("dps", 0.00875 / 250)}
#: Units of full scales.
_FULL_SCALE = {"acc": "g", "gyro": "dps"}


@dataclass(frozen=True, slots=True)
class Register:
    """One result register.

    Attributes
    ----------
    name : str
        ``MLC0_SRC``, ``ISPU_DOUT_00_L``: the column of a log that holds it.
    address : int
    title : str
        For people: ``tree 1``, or the output's name.
    labels : mapping of code to class
    """

    name: str
    address: int
    title: str
    labels: Mapping[int, str]

    def word(self, code: int) -> str:
        """The class of a code; a code without a name is shown as such."""
        named = {0: NO_RESULT, **self.labels} if self.labels and self.name.startswith("MLC") else self.labels
        return named.get(code, f"code {code}")


@dataclass(frozen=True, slots=True)
class Watched:
    """What to watch on a board that runs a register file.

    Attributes
    ----------
    device : str
    core : str
        ``MLC`` or ``ISPU``.
    bank : int
        Register that selects the page.
    page : int
    registers : tuple of Register
    full_scales : mapping of ``acc`` (g), ``gyro`` (dps)
        As the register file sets them, where it does.
    rate_hz : float or None
        Samples per second of the core.
    """

    device: str
    core: str
    bank: int
    page: int
    registers: tuple[Register, ...]
    full_scales: Mapping[str, float]
    rate_hz: float | None

    def entries(self) -> list[tuple[int, int, int]]:
        """Registers as the board reads them: neighbours in one transfer."""
        out: list[tuple[int, int, int]] = []
        for address in sorted(one.address for one in self.registers):
            if out and address == out[-1][1] + out[-1][2] and out[-1][2] < _BYTES:
                out[-1] = (self.page, out[-1][1], out[-1][2] + 1)
            else:
                out.append((self.page, address, 1))
        return out[:_ENTRIES]

    def columns(self) -> list[tuple[int, int, str]]:
        """Page, address and column name of each register."""
        return [(self.page, one.address, one.name) for one in self.registers]


def read_watched(path: Path, device: str | None = None) -> Watched:
    """Read from a register file, or a folder of ours, what its results are.

    Raises
    ------
    DataError
        It is no register file, or fills no result register.
    """
    program = open_program(path, device)
    if program is not None:
        return _ispu(program, path)
    artifact = open_artifact(path, device)
    return _mlc(artifact.config, artifact.decoded.device.registers.bank)


def _mlc(config: MlcConfig, bank: int) -> Watched:
    from sensorai.mlc.devices import device as find
    from sensorai.mlc.simulate import core_rate

    part = find(config.device)
    registers = tuple(
        Register(
            result_name(part, place),
            part.registers.result_first + place,
            f"tree {place + 1}" if len(config.trees) > 1 else "result",
            dict(tree.labels),
        )
        for place, tree in enumerate(config.trees)
    )
    scales = {slot: s.full_scale for slot, s in config.settings.items() if s.full_scale}
    return Watched(part.name, "MLC", bank, _PAGE, registers, scales, core_rate(config))


def _ispu(program: Unloaded, path: Path) -> Watched:
    found = [
        Register(one.register_name, one.register, one.name, dict(one.results))
        for one in program.outputs
        if one.register is not None and one.results and one.type in ("uint8_t", "int8_t", "char")
    ]
    if not found:
        raise DataError(
            "the register file names no output register with classes",
            where=str(path),
            hint="give the JSON file: UCF and headers do not say where the outputs are",
        )
    words = {one[0]: one[1:] for one in program.conf.names if len(one) > 1}
    scales = {}
    for sensor, key in (("acc", "acc_fs"), ("gyro", "gyr_fs")):
        if key in words:
            scales[sensor] = float(words[key][0])
    part = program.device
    page = part.integer("load", "page")
    return Watched(part.name, "ISPU", part.integer("load", "access"), page, tuple(found), scales, None)


def scaled(description: Description, watched: Watched) -> tuple[Description, list[str]]:
    """Let the full scale that the register file sets win over what the board's firmware assumes.

    Returns
    -------
    description : Description
    notes : list of str
        What was changed.
    """
    channels: list[Channel] = []
    notes: dict[str, None] = {}
    for one in description.channels:
        found = channel(one.name)
        sensor = found[0].rpartition("_")[0] if found else ""
        full = watched.full_scales.get(sensor)
        if full is None or sensor not in _SENSITIVITY:
            channels.append(one)
            continue
        unit, per_count = _SENSITIVITY[sensor]
        there = UNITS.get(unit_name(one.unit))
        wanted = UNITS[unit]
        if there is None or there[0] != wanted[0]:
            channels.append(one)
            continue
        have = one.scale * there[1] / there[2]
        factor = full * per_count * wanted[1] / wanted[2] / have
        power = _power_of_two(factor)
        if power != 1.0:
            notes[
                f"{sensor}: the register file sets a full scale of {full:g} {_FULL_SCALE[sensor]}, the "
                f"board's firmware states another; its counts are taken as {power:g} times as much"
            ] = None
        channels.append(replace(one, scale=one.scale * power))
    return replace(description, channels=tuple(channels)), list(notes)


def _power_of_two(factor: float) -> float:
    """The nearest power of two: full scales differ by it."""
    from math import log2

    return float(2.0 ** round(log2(factor))) if factor > 0 else 1.0


def differing(watched: Watched, description: Description) -> str:
    """Say that a board states another sensor than the register file is for; empty when it does not."""
    sensor = description.sensor
    if sensor and sensor.casefold() != "none" and sensor.casefold() != watched.device.casefold():
        return f"the register file is for {watched.device}, the board says that its sensor is {sensor}"
    return ""


def words_of(registers: Sequence[Register], codes: Sequence[int]) -> list[str]:
    """Class names of the codes of registers; ``-`` where there is no code yet."""
    return [one.word(code) if code >= 0 else "-" for one, code in zip(registers, codes, strict=True)]
