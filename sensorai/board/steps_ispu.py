"""Steps that load a program into an ISPU, and read it back before the core is released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.board import operations as on_board
from sensorai.board.steps import LONGEST, Builder, Plan, Spot
from sensorai.ispu.devices import CONF_KEYS, IspuDevice
from sensorai.ispu.unload import unload
from sensorai.mlc.bus import replay
from sensorai.regfile import Op, RegisterFile, Write


def program_plan(rf: RegisterFile, device: IspuDevice, read_back: bool) -> Plan:
    """A file that loads a program into the core."""
    facts, out = device.groups["load"], Builder()
    access, opened = facts.integer("access"), facts.integer("open")
    program = unload(rf, device.name)
    end = _loaded(rf.ops, facts.integer("port"), access, opened)
    out.file(rf.ops[:end])
    if read_back and "read_back" in device.groups:
        for segment in program.image.segments:
            _compare_memory(out, device, segment.address, segment.data, program.lines)
    elif read_back:
        count = sum(len(segment.data) for segment in program.image.segments)
        out.unread.append(f"program memory: {count} bytes; how to read it is not known for this part")
    return register_plan(rf, device, read_back, out, end)


def register_plan(
    rf: RegisterFile, device: IspuDevice, read_back: bool, out: Builder | None = None, begin: int = 0
) -> Plan:
    """The operations from `begin` on, and the registers that the whole file leaves behind."""
    out, facts = out or Builder(), device.groups["load"]
    access = facts.integer("access")
    out.file(rf.ops[begin:])
    if read_back:
        bus = replay(rf.ops, access, rf.source)
        plain = _ispu_plain(device)
        inner = {register: cell for register, cell in bus.embedded.items() if register in plain}
        cleared = device.groups["read_back"].rows("self_clearing") if "read_back" in device.groups else ()
        out.registers(access, facts.integer("page"), bus.user, inner, cleared)
        if bus.other_banks:
            out.unread.append(f"sensor hub: {bus.other_banks} writes")
    return out.plan(device.names, facts.integer("who_am_i"), access)


def _loaded(ops: Sequence[Op], port: int, access: int, opened: int) -> int:
    """Place behind the writes that fill the memories: the page for it has just been left."""
    page = last = 0
    for at, op in enumerate(ops):
        if isinstance(op, Write) and op.register == access:
            page = op.value
        elif isinstance(op, Write) and page == opened and op.register == port:
            last = at
    after = (at for at in range(last, len(ops)) if _writes(ops[at], access))
    return next(after, len(ops) - 1) + 1


def _writes(op: Op, register: int) -> bool:
    return isinstance(op, Write) and op.register == register


def _ispu_plain(device: IspuDevice) -> set[int]:
    """Registers of the ISPU's page that hold settings; not the one that starts the core."""
    start = {row[0] for row in device.groups["load"].rows("release")}
    fields = [one for key in CONF_KEYS for one in device.fields(key) if one.page == 1]
    spans = [range(one.register, one.register + (one.shift + one.width + 7) // 8) for one in fields]
    return {register for span in spans for register in span} - start


def _compare_memory(
    out: Builder, device: IspuDevice, address: int, data: bytes, lines: Mapping[int, int]
) -> None:
    """Read a stretch of memory back as the facts say: clock off, address, bytes that do not count, bytes."""
    load, read = device.groups["load"], device.groups["read_back"]
    access, port, bank = load.integer("access"), load.integer("port"), load.integer("bank")
    registers = load.rows("address")[0]
    clock, bit = read.rows("clock")[0]
    code = address >= device.code.address
    name, first = ("code RAM", device.code.address) if code else ("data RAM", device.data.address)
    out.write(access, load.integer("open"))
    out.write(clock, bit)
    at, end = address, address + len(data)
    while at < end:
        stop = min(end, at - (at - first) % bank + bank) if code and bank else end
        high, *rest = at.to_bytes(3, "big")
        for register, byte in zip(registers, (high | read.integer("read_bit"), *rest), strict=True):
            out.write(register, byte)
        out.do(on_board.ReadPort(port, read.integer("discard")), f"register {port:02X}h")
        while at < stop:
            count = min(stop - at, LONGEST)
            spots = [Spot(f"{name} {place:05X}h", lines.get(place, 0)) for place in range(at, at + count)]
            out.compare(port, data[at - address : at - address + count], spots, port=True)
            at += count
    out.write(clock, 0)
    out.write(access, 0)
