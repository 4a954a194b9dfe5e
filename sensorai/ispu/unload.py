"""The way back: what a register file loads into the core and how it sets the sensor up.

Files are told by content: the memory address, high byte first, and then bytes into the data port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorai.errors import DataError
from sensorai.ispu.conf import Configuration, conf_lines
from sensorai.ispu.devices import IspuDevice, devices
from sensorai.ispu.devices import device as find_device
from sensorai.ispu.image import Image, Program, check, make_image
from sensorai.ispu.project import INDEX, read_index
from sensorai.regfile import Delay, Op, Output, RegisterFile, Write, read_register_file
from sensorai.writing.plainline import one_line

#: Bytes into the data port that tell a program from other uses of the same registers.
_ENOUGH = 4


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What a register file holds.

    Attributes
    ----------
    device : IspuDevice
        As the file names it, else one of the family that its writes fit.
    image : Image
        Bytes in code and data RAM.
    conf : Configuration
        Registers set after the start of the core.
    hub : tuple of Op
        Operations on the sensor hub's page, with the waits among them.
    outputs : tuple of Output
    description, tool : str
    notes : tuple of str
        What is unusual: a bank crossed, an address filled twice, no reset vector, unknown bits.
    lines : mapping of address to line
        Line of the file that filled each byte of memory.
    """

    device: IspuDevice
    image: Image
    conf: Configuration
    hub: tuple[Op, ...]
    outputs: tuple[Output, ...]
    description: str = ""
    tool: str = ""
    notes: tuple[str, ...] = ()
    lines: Mapping[int, int] = field(default_factory=dict, compare=False)

    @property
    def algorithms(self) -> tuple[int, ...]:
        """Numbers of the algorithms that are called."""
        return self.conf.algorithms(self.device)


def ispu_device(rf: RegisterFile) -> IspuDevice | None:
    """Find the ISPU device that a register file is for; None when it loads no ISPU program."""
    named = {one.name.casefold(): one for one in devices()}
    fitting = [one for one in devices() if _loads(rf.ops, one)]
    for name in (rf.device, *rf.also):
        own = named.get(name.casefold())
        if own in fitting:
            return own
    return fitting[0] if fitting else None


def _loads(ops: Sequence[Op], device: IspuDevice) -> bool:
    """Whether somewhere the whole memory address is set and bytes follow, on the page for it."""
    facts = device.groups["load"]
    wanted = [*facts.rows("address")[0], *[facts.integer("port")] * _ENOUGH]
    access, opened = facts.integer("access"), facts.integer("open")
    registers = [op.register if isinstance(op, Write) else -1 for op in ops]
    page = 0
    for place, op in enumerate(ops):
        if isinstance(op, Write) and op.register == access:
            page = op.value
        elif (
            page == opened
            and registers[place] == wanted[0]
            and registers[place : place + len(wanted)] == wanted
        ):
            return True
    return False


def unload(rf: RegisterFile, device: str | None = None) -> Unloaded:
    """Take a register file apart.

    Parameters
    ----------
    rf : RegisterFile
    device : str, optional
        Name or unique prefix, where the file does not say or says it wrongly.

    Raises
    ------
    DataError
        It loads no ISPU program, or fills an address twice with different bytes; ``where`` has the line.
    ConfigError
        No such device.
    """
    if device is not None and not _loads(rf.ops, find_device(device)):
        raise DataError(f"the file loads no program into {find_device(device).name}", where=rf.source)
    target = find_device(device) if device else ispu_device(rf)
    if target is None:
        raise DataError("the file loads no ISPU program", where=rf.source)
    return _Reader(target, rf).read()


def built_file(folder: Path) -> Path:
    """Register file of the project in ``folder``; a DataError when it was not built yet."""
    built = folder / f"{read_index(folder).name}_load.json"
    if not built.is_file():
        raise DataError(
            "this ISPU project has no register file yet",
            where=str(folder),
            hint="build it with ST's compiler: 'make' there, or 'sensorai build'",
        )
    return built


def open_program(path: Path, device: str | None = None) -> Unloaded | None:
    """Take the ISPU program at ``path`` apart: a register file, or a project folder that was built.

    Returns None for anything else that is a register file or a folder, so that other cores are tried.

    Raises
    ------
    DataError
        No register file at all, a damaged one, or a project that was not built yet.
    """
    if (path / INDEX).is_file():
        path = built_file(path)
    if path.is_dir():
        return None
    rf = read_register_file(path)
    return unload(rf, device) if ispu_device(rf) else None


class _Reader:
    """Follows the writes as the sensor does."""

    def __init__(self, device: IspuDevice, rf: RegisterFile) -> None:
        self.device, self.rf = device, rf
        self.memory: dict[int, int] = {}
        self.lines: dict[int, int] = {}
        self.registers: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.hub: list[Op] = []
        self.notes: list[str] = []
        self.address = [0, 0, 0]
        self.at, self.fresh = 0, False

    def read(self) -> Unloaded:
        started = self.start()
        if started is None:
            self.notes.append("the core is never released from reset")
        facts = self.device.groups["load"]
        page = 0
        for place, op in enumerate(self.rf.ops):
            if isinstance(op, Write) and op.register == facts.integer("access"):
                page = op.value
            elif page and page == facts.values.get("hub_page"):
                self.hub.append(op)
            elif isinstance(op, Write):
                self.take(op, page, started is not None and place >= started)
            elif not isinstance(op, Delay):
                self.notes.append(f"register {op.register:02X}h is read or polled")
        user, own = (dict(sorted(registers.items())) for registers in self.registers)
        conf = Configuration(user, own)
        image = make_image((where, bytes([byte])) for where, byte in self.memory.items())
        lines, unknown = conf_lines(conf, self.device)
        conf = Configuration(user, own, tuple(tuple(line.split()) for line in lines))
        self.notes += [one.message for one in check(Program(image), self.device)] + unknown
        return Unloaded(
            device=self.device,
            image=image,
            conf=conf,
            hub=tuple(self.hub),
            outputs=self.rf.outputs,
            description=self.rf.description,
            tool=self.rf.tool,
            notes=tuple(dict.fromkeys(self.notes)),
            lines=self.lines,
        )

    def start(self) -> int | None:
        """Place of the first operation behind the start of the core; None where it is not started."""
        facts = self.device.groups["load"]
        register, bit = facts.rows("release")[0]
        expected = self.device.steps("load", "boot")
        after = expected[expected.index(Write(register, bit)) + 1 :]
        page, loaded = 0, False
        for place, op in enumerate(self.rf.ops):
            if not isinstance(op, Write):
                continue
            if op.register == facts.integer("access"):
                page = op.value
            loaded |= page == facts.integer("open") and op.register == facts.integer("port")
            if loaded and page == facts.integer("page") and op.register == register and op.value & bit:
                place += 1
                for step in after:
                    if self.rf.ops[place : place + 1] != (step,):
                        break
                    place += 1
                return place
        return None

    def take(self, op: Write, page: int, started: bool) -> None:
        """Sort one write in: memory address, memory byte, or a register."""
        facts = self.device.groups["load"]
        address = facts.rows("address")[0]
        if page == facts.integer("open") and op.register in address:
            self.address[address.index(op.register)] = op.value
            self.at = int.from_bytes(bytes(self.address), "big") & 0xFFFFF
            self.fresh = True
        elif page == facts.integer("open") and op.register == facts.integer("port"):
            self.store(op)
        elif started:
            self.registers[bool(page & facts.integer("page"))][op.register] = op.value

    def store(self, op: Write) -> None:
        """Keep one byte, watching the rules of the address counter."""
        bank = self.device.integer("load", "bank")
        if bank and not self.fresh and self.at > self.device.code.address and self.at % bank == 0:
            self.notes.append(f"bytes run over the end of a bank at {self.at:05X}h")
        if self.memory.get(self.at, op.value) != op.value:
            raise DataError(
                f"address {self.at:05X}h is filled twice with different bytes",
                where=f"{self.rf.source}:{op.line}" if op.line else self.rf.source,
                hint="the file is damaged, or holds more than one program",
            )
        self.memory[self.at] = op.value
        self.lines[self.at] = op.line
        self.at, self.fresh = self.at + 1, False


def as_text(one: Unloaded) -> str:
    """Readable account of a program file."""
    device = one.device
    names = " / ".join(device.names)
    lines = [f"ISPU program for {names}" + (f", written by {one.tool}" if one.tool else "")]
    if one.description:
        lines.append(one_line(one.description))
    lines += ["", "Memory"]
    for memory in (device.data, device.code):
        segments = one.image.within(memory)
        used = one.image.loaded(memory)
        lines.append(f"  {memory.name}: {used} of {memory.size} bytes loaded")
        lines += [
            f"    {segment.address:05X}h..{segment.end - 1:05X}h  {len(segment.data)} bytes"
            for segment in segments
        ]
    called = ", ".join(map(str, one.algorithms)) or "none"
    lines += ["", f"Algorithms called: {called} (of {device.algorithms})"]
    lines += ["", "Settings (as conf.txt)"]
    lines += [f"  {' '.join(words)}" for words in one.conf.names] or ["  none"]
    if one.hub:
        lines += ["", f"Sensor hub: {len(one.hub)} operations", *_hub_lines(one.hub)]
    lines += ["", "Outputs"]
    for output in one.outputs:
        # UCF and plain headers name registers and classes, but no addresses and types
        count = f"[{output.length}]" if output.length != 1 else ""
        known = output.register is not None
        place = f"{output.register:02X}h  {output.type}{count}" if known else "type not said"
        lines.append(f"  {output.register_name}  {place}  {one_line(output.name)}")
        lines += [f"        {code} = {one_line(label)}" for code, label in output.results]
    if not one.outputs:
        lines.append("  the file does not name any")
    if one.notes:
        lines += ["", "Notes", *(f"  {note}" for note in one.notes)]
    return "\n".join([*lines, ""])


def _hub_lines(hub: Sequence[Op]) -> list[str]:
    return [
        f"  {op.register:02X}h = {op.value:02X}h" if isinstance(op, Write) else f"  wait {op.ms} ms"
        for op in hub
        if isinstance(op, Write | Delay)
    ]


def as_dict(one: Unloaded) -> dict[str, Any]:
    """The same as plain data; the bytes of the memories as hexadecimal text."""
    return {
        "kind": "ispu",
        "device": one.device.name,
        "devices": list(one.device.names),
        "description": one.description,
        "tool": one.tool,
        "segments": [
            {"address": segment.address, "bytes": len(segment.data), "data": segment.data.hex()}
            for segment in one.image.segments
        ],
        "code_bytes": one.image.loaded(one.device.code),
        "data_bytes": one.image.loaded(one.device.data),
        "algorithms": list(one.algorithms),
        "conf": [" ".join(words) for words in one.conf.names],
        "outputs": [
            {
                "name": output.name,
                "register": output.register,
                "register_name": output.register_name,
                "type": output.type,
                "length": output.length,
                "results": {str(code): label for code, label in output.results},
            }
            for output in one.outputs
        ],
        "notes": list(one.notes),
    }
