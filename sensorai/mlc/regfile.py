"""Register files as the machine learning core sees them: its devices, result registers and classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import sensorai.regfile as regfile
from sensorai.errors import ConfigError
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.devices import devices
from sensorai.regfile import Output, RegisterFile

#: What ST's 2.x MLC Tool says of every configuration it writes.
DESCRIPTION = "Generated sensor configuration for MLC core"


def read_register_file(path: str | Path) -> RegisterFile:
    """Read a register file of any syntax, as ``sensorai.regfile`` does, and place its results."""
    return _placed(regfile.read_register_file(path, [one.name for one in devices()]))


def parse_register_file(data: bytes, source: str) -> RegisterFile:
    """Read the bytes of a register file, as ``sensorai.regfile`` does, and place its results."""
    return _placed(regfile.parse_register_file(data, source, [one.name for one in devices()]))


def _placed(rf: RegisterFile) -> RegisterFile:
    """``rf`` with the register addresses that its device gives results named without one."""
    outputs = [
        replace(one, register=result_register(rf.device, one.register_name)) if one.register is None else one
        for one in rf.outputs
    ]
    return replace(rf, outputs=tuple(outputs))


def labels(rf: RegisterFile) -> Mapping[int, Mapping[int, str]]:
    """Class names: tree number from 0 -> result code -> name; only trees that name any."""
    found: dict[int, dict[int, str]] = {}
    for output in rf.outputs:
        if output.core == "MLC" and output.results:
            found.setdefault(_tree_number(rf, output), {}).update(output.results)
    return found


def _tree_number(rf: RegisterFile, output: Output) -> int:
    """Tree an output belongs to, from 0: by the number in its name, else by register."""
    number = re.search(r"(?:^DT|#)(\d{1,3})", output.name)
    if number:
        return int(number[1]) - 1
    register = output.register
    if register is not None and register >= 0x70:
        return register - 0x70
    if register is not None and register >= 0x34:
        return register - 0x34
    named = re.search(r"MLC(\d{1,3})_SRC", output.register_name)
    first = result_register(rf.device, "MLC1_SRC")
    return max(int(named[1]) - (0 if first == 0x71 else 1), 0) if named else 0


def result_register(device: str, name: str) -> int | None:
    """Address of result register ``name`` (``MLC0_SRC`` ...) on ``device``; None where either is unknown."""
    number = re.fullmatch(r"MLC(\d{1,3})_SRC", name)
    try:
        registers = find_device(device).registers if device else None
    except ConfigError:
        return None
    if not number or registers is None:
        return None
    place = int(number[1]) - registers.result_name_from
    return registers.result_first + place if 0 <= place < registers.result_count else None
