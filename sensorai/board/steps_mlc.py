"""Steps that load a machine learning core, and read its page memory back before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sensorai.board.steps import Builder, Plan, Spot
from sensorai.mlc.bus import EMBEDDED, PAGE_ADDRESS, PAGE_RW, PAGE_SEL, PAGE_VALUE, Bus, Cell, replay
from sensorai.mlc.devices import MlcDevice
from sensorai.regfile import Op, RegisterFile, Write

_PAGE_READ = 0x20
#: Registers of the embedded bank that are plain: enables, interrupts (facts, mlc-format 9 and 11.1).
_PLAIN = (0x04, 0x05, *range(0x0A, 0x12))
_ENABLES = (0x04, 0x05)


def mlc_plan(rf: RegisterFile, device: MlcDevice, read_back: bool) -> Plan:
    """Load a file into a device with a machine learning core."""
    bank, out = device.registers.bank, Builder()
    replay(rf.ops, bank, rf.source)  # refuses what runs over the end of a page
    begin, seen = 0, Bus()
    for at in _before_the_core_runs(rf.ops, bank) if read_back else ():
        out.file(rf.ops[begin:at])
        bus = replay(rf.ops[:at], bank, rf.source)
        _compare_pages(out, bus, {k: c for k, c in bus.pages.items() if seen.pages.get(k) != c})
        begin, seen = at, bus
    out.file(rf.ops[begin:])
    if read_back:
        bus = replay(rf.ops, bank, rf.source)
        late = sum(1 for address, cell in bus.pages.items() if seen.pages.get(address) != cell)
        if late:
            out.unread.append(f"page memory: {late} bytes, written while the core may run")
        if bus.tree:
            out.unread.append(
                f"tree memory: {len(bus.tree)} bytes; whether it can be read is not known for this part"
            )
        plain = {*_PLAIN, device.registers.rate_register}
        inner = {register: cell for register, cell in bus.embedded.items() if register in plain}
        cleared = device.groups["identity"].rows("self_clearing")
        out.registers(bank, EMBEDDED, bus.user, inner, cleared)
    return out.plan((device.name,), device.groups["identity"].integer("who_am_i"), bank)


def _before_the_core_runs(ops: Sequence[Op], bank_register: int) -> Iterator[int]:
    """Places where page writing was just finished, or embedded functions are about to be switched on."""
    bank, writing = 0, False
    for at, op in enumerate(ops):
        if not isinstance(op, Write):
            continue
        if op.register == bank_register:
            bank = op.value
        elif bank & EMBEDDED and op.register == PAGE_RW:
            if writing and not op.value & 0x40:
                yield at
            writing = bool(op.value & 0x40)
        elif bank & EMBEDDED and op.register in _ENABLES and op.value and writing:
            yield at
            writing = False


def _compare_pages(out: Builder, bus: Bus, cells: Mapping[int, Cell]) -> None:
    """Read page bytes back, each with its address set anew: whether reading moves it on is not known."""
    if not cells:
        return
    out.write(PAGE_RW, _PAGE_READ)
    page = -1
    for address in sorted(cells):
        cell = cells[address]
        if address >> 8 != page:
            page = address >> 8
            out.write(PAGE_SEL, page << 4 | 1)
        out.write(PAGE_ADDRESS, address & 0xFF)
        spot = Spot(f"page address {address:03X}h", cell.line)
        out.compare(PAGE_VALUE, bytes([cell.value]), [spot])
    for register in (PAGE_SEL, PAGE_ADDRESS, PAGE_RW):
        if register in bus.embedded:
            out.write(register, bus.embedded[register].value)
