"""Which steps a register file needs: by the device it is for."""

from __future__ import annotations

from sensorai.board.steps import Plan
from sensorai.board.steps_ispu import program_plan, register_plan
from sensorai.board.steps_mlc import mlc_plan
from sensorai.errors import ConfigError
from sensorai.ispu.devices import device as find_ispu
from sensorai.ispu.devices import devices as ispu_devices
from sensorai.ispu.unload import ispu_device
from sensorai.mlc.devices import device as find_mlc
from sensorai.mlc.devices import devices as mlc_devices
from sensorai.regfile import RegisterFile
from sensorai.targets import find

#: Where every one of these sensors says what it is.
WHO_AM_I = 0x0F


def make_plan(rf: RegisterFile, device: str | None = None, *, read_back: bool = True) -> Plan:
    """Make the steps that load a register file.

    Parameters
    ----------
    rf : RegisterFile
    device : str, optional
        Name or unique prefix, where the file does not say.
    read_back : bool
        Compare what was written.

    Raises
    ------
    ConfigError
        The file does not say its device, or one that is not known.
    DataError
        The file writes what no sensor could take.
    """
    core = ispu_device(rf)
    if core is not None:
        return program_plan(rf, find_ispu(device) if device else core, read_back)
    if not (device or rf.device):
        raise ConfigError(
            "the register file does not say which sensor it is for",
            where=rf.source,
            hint="say it with --device; 'sensorai devices' lists them",
        )
    programmable = [one.name for one in ispu_devices()]
    name = find(device or rf.device, [*programmable, *(one.name for one in mlc_devices())])
    if name in programmable:
        return register_plan(rf, find_ispu(name), read_back)
    return mlc_plan(rf, find_mlc(name), read_back)


def sharing(who_am_i: int) -> tuple[str, ...]:
    """Devices that say this in register 0Fh."""
    mlc = [one.name for one in mlc_devices() if one.groups["identity"].integer("who_am_i") == who_am_i]
    ispu = [one.name for one in ispu_devices() if one.integer("load", "who_am_i") == who_am_i]
    return tuple(sorted((*mlc, *ispu)))
