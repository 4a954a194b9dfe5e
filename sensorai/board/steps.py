"""A register file as what a board is asked to do: write, wait, and read back what can be read back.

Page memory of a machine learning core is compared before the core is switched on (it keeps its state there),
memories of an ISPU before the core is released from reset, plain registers at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sensorai.board import operations as on_board
from sensorai.board.operations import Operation
from sensorai.errors import ConfigError
from sensorai.ispu.devices import CONF_KEYS, IspuDevice
from sensorai.ispu.devices import device as find_ispu
from sensorai.ispu.devices import devices as ispu_devices
from sensorai.ispu.unload import ispu_device, unload
from sensorai.mlc.bus import EMBEDDED, PAGE_ADDRESS, PAGE_RW, PAGE_SEL, PAGE_VALUE, Bus, Cell, replay
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.devices import device as find_mlc
from sensorai.mlc.devices import devices as mlc_devices
from sensorai.regfile import Delay, Op, Poll, Read, RegisterFile, Write
from sensorai.targets import find

#: Where every one of these sensors says what it is.
WHO_AM_I = 0x0F
#: Milliseconds that a poll of a register file may take; the files do not say.
POLL_MS = 1000
_PAGE_READ = 0x20
#: Registers of the embedded bank that are plain: enables, interrupts (facts, mlc-format 9 and 11.1).
_PLAIN = (0x04, 0x05, *range(0x0A, 0x12))
_ENABLES = (0x04, 0x05)
#: Bytes of one operation at most, so that it fits a frame with others.
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Spot:
    """What a byte is about: ``register 10h``, ``page address 1EAh``, and the line of the file, 0 if none."""

    what: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, and for each byte that it writes or compares what it is about."""

    operation: Operation
    spots: tuple[Spot, ...]

    def spot(self, offset: int = 0) -> Spot:
        """What byte ``offset`` of the operation is about."""
        return self.spots[min(offset, len(self.spots) - 1)]


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps for one register file.

    Attributes
    ----------
    names : tuple of str
        Devices the file is for.
    who_am_i : int
        What they say in register 0Fh.
    bank : int
        Register that selects the bank.
    steps : tuple of Step
    compared : int
        Bytes that are read back.
    unread : tuple of str
        What is not read back, and why.
    """

    names: tuple[str, ...]
    who_am_i: int
    bank: int
    steps: tuple[Step, ...]
    compared: int
    unread: tuple[str, ...] = ()


@dataclass(slots=True)
class _Builder:
    steps: list[Step] = field(default_factory=list)
    compared: int = 0
    unread: list[str] = field(default_factory=list)

    def do(self, operation: Operation, what: str, line: int = 0) -> None:
        self.steps.append(Step(operation, (Spot(what, line),)))

    def write(self, register: int, value: int, line: int = 0) -> None:
        self.do(on_board.Write(register, value), f"register {register:02X}h", line)

    def compare(self, register: int, expected: bytes, spots: Sequence[Spot], *, port: bool = False) -> None:
        make = on_board.ComparePort if port else on_board.Compare
        self.steps.append(Step(make(register, expected), tuple(spots)))
        self.compared += len(expected)

    def file(self, ops: Iterable[Op]) -> None:
        """Operations of the file as they stand; a run of writes to one register is one operation."""
        run: list[Write] = []
        for op in ops:
            if isinstance(op, Write) and (not run or op.register == run[0].register) and len(run) < _LONGEST:
                run.append(op)
                continue
            self._run(run)
            run = [op] if isinstance(op, Write) else []
            if isinstance(op, Delay):
                self._delay(op)
            elif isinstance(op, Read):
                self.do(on_board.Read(op.register, 1), f"register {op.register:02X}h", op.line)
            elif isinstance(op, Poll):
                wanted = op.mask if op.until_set else 0
                poll = on_board.Poll(op.register, op.mask, wanted, POLL_MS)
                self.do(poll, f"register {op.register:02X}h", op.line)
        self._run(run)

    def _delay(self, op: Delay) -> None:
        for left in range(op.ms, 0, -0xFFFF):
            self.do(on_board.Delay(min(left, 0xFFFF)), "a wait", op.line)

    def _run(self, run: Sequence[Write]) -> None:
        if not run:
            return
        register = run[0].register
        spots = tuple(Spot(f"register {register:02X}h", op.line) for op in run)
        one = on_board.Write(register, run[0].value)
        many = on_board.WritePort(register, bytes(op.value for op in run))
        self.steps.append(Step(one if len(run) == 1 else many, spots))

    def plan(self, names: Sequence[str], who_am_i: int, bank: int) -> Plan:
        return Plan(tuple(names), who_am_i, bank, tuple(self.steps), self.compared, tuple(self.unread))


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
        return _program(rf, find_ispu(device) if device else core, read_back)
    if not (device or rf.device):
        raise ConfigError(
            "the register file does not say which sensor it is for",
            where=rf.source,
            hint="say it with --device; 'sensorai devices' lists them",
        )
    programmable = [one.name for one in ispu_devices()]
    name = find(device or rf.device, [*programmable, *(one.name for one in mlc_devices())])
    if name in programmable:
        return _registers(rf, find_ispu(name), read_back)
    return _mlc(rf, find_mlc(name), read_back)


def sharing(who_am_i: int) -> tuple[str, ...]:
    """Devices that say this in register 0Fh."""
    mlc = [one.name for one in mlc_devices() if one.groups["identity"].integer("who_am_i") == who_am_i]
    ispu = [one.name for one in ispu_devices() if one.integer("load", "who_am_i") == who_am_i]
    return tuple(sorted((*mlc, *ispu)))


# ---------------------------------------------------------------- machine learning core


def _mlc(rf: RegisterFile, device: MlcDevice, read_back: bool) -> Plan:
    bank, out = device.registers.bank, _Builder()
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
        _compare_registers(out, bank, EMBEDDED, bus.user, inner, cleared)
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


def _compare_pages(out: _Builder, bus: Bus, cells: dict[int, Cell]) -> None:
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


# ---------------------------------------------------------------- ISPU


def _program(rf: RegisterFile, device: IspuDevice, read_back: bool) -> Plan:
    """A file that loads a program into the core."""
    facts, out = device.groups["load"], _Builder()
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
    return _registers(rf, device, read_back, out, end)


def _registers(
    rf: RegisterFile, device: IspuDevice, read_back: bool, out: _Builder | None = None, begin: int = 0
) -> Plan:
    """The operations from `begin` on, and the registers that the whole file leaves behind."""
    out, facts = out or _Builder(), device.groups["load"]
    access = facts.integer("access")
    out.file(rf.ops[begin:])
    if read_back:
        bus = replay(rf.ops, access, rf.source)
        plain = _ispu_plain(device)
        inner = {register: cell for register, cell in bus.embedded.items() if register in plain}
        cleared = device.groups["read_back"].rows("self_clearing") if "read_back" in device.groups else ()
        _compare_registers(out, access, facts.integer("page"), bus.user, inner, cleared)
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
    out: _Builder, device: IspuDevice, address: int, data: bytes, lines: Mapping[int, int]
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
            count = min(stop - at, _LONGEST)
            spots = [Spot(f"{name} {place:05X}h", lines.get(place, 0)) for place in range(at, at + count)]
            out.compare(port, data[at - address : at - address + count], spots, port=True)
            at += count
    out.write(clock, 0)
    out.write(access, 0)


# ---------------------------------------------------------------- registers


def _compare_registers(
    out: _Builder,
    bank: int,
    page: int,
    user: dict[int, Cell],
    inner: dict[int, Cell],
    cleared: Sequence[Sequence[int]],
) -> None:
    """Read registers back at the end, the user bank last, so that it stays selected."""
    masks = {register: 0xFF & ~mask for register, mask in cleared}
    if inner:
        out.write(bank, page)
        for register, cell in sorted(inner.items()):
            out.compare(register, bytes([cell.value]), [Spot(f"register {register:02X}h", cell.line)])
    out.write(bank, 0)
    for register, cell in sorted(user.items()):
        mask = masks.get(register, 0xFF)
        spot = Spot(f"register {register:02X}h", cell.line)
        if mask == 0xFF:
            out.compare(register, bytes([cell.value]), [spot])
        else:
            out.steps.append(Step(on_board.Poll(register, mask, cell.value & mask, 0), (spot,)))
            out.compared += 1
