"""A register file as what a board is asked to do: write, wait, and read back what can be read back.

Page memory of a machine learning core is compared before the core is switched on (it keeps its state there),
memories of an ISPU before the core is released from reset, plain registers at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sensorai.board import operations as on_board
from sensorai.board.operations import Operation
from sensorai.mlc.bus import Cell
from sensorai.regfile import Delay, Op, Poll, Read, Write

#: Milliseconds that a poll of a register file may take; the files do not say.
POLL_MS = 1000
#: Bytes of one operation at most, so that it fits a frame with others.
LONGEST = 128


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
class Builder:
    """Makes a plan, operation by operation."""

    steps: list[Step] = field(default_factory=list)
    compared: int = 0
    unread: list[str] = field(default_factory=list)

    def do(self, operation: Operation, what: str, line: int = 0) -> None:
        """One operation on `what`."""
        self.steps.append(Step(operation, (Spot(what, line),)))

    def write(self, register: int, value: int, line: int = 0) -> None:
        """Write one register."""
        self.do(on_board.Write(register, value), f"register {register:02X}h", line)

    def compare(self, register: int, expected: bytes, spots: Sequence[Spot], *, port: bool = False) -> None:
        """Read back consecutive registers, or the same one again and again, and compare."""
        make = on_board.ComparePort if port else on_board.Compare
        self.steps.append(Step(make(register, expected), tuple(spots)))
        self.compared += len(expected)

    def file(self, ops: Iterable[Op]) -> None:
        """Operations of the file as they stand; a run of writes to one register is one operation."""
        run: list[Write] = []
        for op in ops:
            if isinstance(op, Write) and (not run or op.register == run[0].register) and len(run) < LONGEST:
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
        """All that was collected."""
        return Plan(tuple(names), who_am_i, bank, tuple(self.steps), self.compared, tuple(self.unread))

    def registers(
        self,
        bank: int,
        page: int,
        user: Mapping[int, Cell],
        inner: Mapping[int, Cell],
        cleared: Sequence[Sequence[int]],
    ) -> None:
        """Read registers back at the end, the user bank last, so that it stays selected."""
        masks = {register: 0xFF & ~mask for register, mask in cleared}
        if inner:
            self.write(bank, page)
            for register, cell in sorted(inner.items()):
                self.compare(register, bytes([cell.value]), [Spot(f"register {register:02X}h", cell.line)])
        self.write(bank, 0)
        for register, cell in sorted(user.items()):
            mask = masks.get(register, 0xFF)
            spot = Spot(f"register {register:02X}h", cell.line)
            if mask == 0xFF:
                self.compare(register, bytes([cell.value]), [spot])
            else:
                self.steps.append(Step(on_board.Poll(register, mask, cell.value & mask, 0), (spot,)))
                self.compared += 1
