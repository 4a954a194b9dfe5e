"""A program and its settings as the register writes that load and start it.

The order of writes is that of ST's published files (source: facts, ispu 2.1 and 2.2): reset, data RAM,
code RAM, start, wait, sensor hub, settings, rates. No packer of ST is needed.
"""

from __future__ import annotations

from sensorai.errors import TargetError
from sensorai.ispu.conf import Configuration, configuration_ops
from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.hub import Hub, hub_ops
from sensorai.ispu.image import Image, Program, check
from sensorai.ispu.meta import Meta
from sensorai.regfile import Delay, Op, RegisterFile, Write, to_header, to_json, to_ucf
from sensorai.version import __version__

#: Said of a program whose meta.txt says nothing.
DESCRIPTION = "Program for the ISPU"


def load(
    program: Program,
    conf: Configuration,
    device: IspuDevice,
    *,
    meta: Meta | None = None,
    hub: Hub | None = None,
    stack: int = 0,
) -> RegisterFile:
    """Register file that loads ``program``, starts it, and sets the sensor up.

    Parameters
    ----------
    program : Program
    conf : Configuration
    device : IspuDevice
    meta : Meta, optional
        What the outputs mean.
    hub : Hub, optional
        External sensors.
    stack : int
        Bytes of data RAM that must stay free.

    Raises
    ------
    TargetError
        The program does not fit the device; names every reason.
    """
    problems = check(program, device, stack)
    if problems:
        raise TargetError(problems)
    ops = [
        *load_ops(program.image, device),
        *device.steps("load", "boot"),
        *(hub_ops(hub, device) if hub else ()),
        *configuration_ops(conf, device),
    ]
    return RegisterFile(
        ops=tuple(ops),
        device=device.names[0],
        tool=f"sensorai {__version__}",
        outputs=meta.outputs if meta else (),
        description=(meta.description if meta else "") or DESCRIPTION,
        also=device.names[1:],
    )


def load_ops(image: Image, device: IspuDevice) -> list[Op]:
    """Reset the core and write its memories; the user page is open again at the end."""
    facts = device.groups["load"]
    access, port = facts.integer("access"), facts.integer("port")
    ops = [*device.steps("load", "reset"), Write(access, facts.integer("open"))]
    if facts.values.get("open_wait_ms"):
        ops.append(Delay(facts.integer("open_wait_ms")))
    for segment in image.segments:
        bank = facts.integer("bank") if segment.address >= device.code.address else 0
        at = segment.address
        while at < segment.end:
            # the address counter does not cross a bank of code RAM, so it is set again there
            end = min(segment.end, at - at % bank + bank) if bank else segment.end
            ops += _address(at, facts.rows("address")[0])
            ops += [Write(port, byte) for byte in segment.data[at - segment.address : end - segment.address]]
            at = end
    return [*ops, Write(access, 0)]


def _address(address: int, registers: tuple[int, ...]) -> list[Op]:
    """Set the address counter: 24 bits, highest byte first."""
    return [Write(reg, byte) for reg, byte in zip(registers, address.to_bytes(3, "big"), strict=True)]


def files(rf: RegisterFile, name: str) -> dict[str, bytes]:
    """``NAME.json``, ``NAME.ucf``, ``NAME.h`` (ST's types) and ``NAME_plain.h`` (no types of ST's)."""
    return {
        f"{name}.json": to_json(rf).encode(),
        f"{name}.ucf": to_ucf(rf).encode(),
        f"{name}.h": to_header(rf, name).encode(),
        f"{name}_plain.h": to_header(rf, name, plain=True).encode(),
    }
