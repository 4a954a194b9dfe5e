"""What a list of register writes leaves behind: a replay into registers, page RAM and tree RAM.

The embedded pages are reached through an indirection (facts, mlc-format section 2, documented and
confirmed): embedded bank on, PAGE_RW set to write, PAGE_SEL and PAGE_ADDRESS give the place and
every write to PAGE_VALUE stores one byte and moves the low address byte on. The replay remembers
the line of every byte, so that whatever a decoder dislikes can be named by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sensorai.errors import DataError
from sensorai.regfile import Op, Write

#: Registers of the embedded bank that reach the pages, the same in all generations.
PAGE_SEL, PAGE_ADDRESS, PAGE_VALUE, PAGE_RW = 0x02, 0x08, 0x09, 0x17

#: Value of the bank switch register that opens the embedded bank.
EMBEDDED = 0x80

#: PAGE_RW bit that turns page writes on; PAGE_SEL bit that selects the tree RAM instead of the pages.
_WRITE_BIT, _TREE_BIT = 0x40, 0x08


@dataclass(frozen=True, slots=True)
class Cell:
    """A byte somewhere in the sensor and the line of the file that put it there."""

    value: int
    line: int


@dataclass(slots=True)
class Bus:
    """The sensor after the writes: last value of every register and every memory byte.

    Attributes
    ----------
    pages, tree : dict of address to Cell
        Page RAM and, on parts that have it, the separate tree RAM.
    user, embedded : dict of register to Cell
        Last value written in the user bank and in the embedded bank.
    other_banks : int
        Writes to further banks (sensor hub), which are not followed.
    """

    pages: dict[int, Cell] = field(default_factory=dict)
    tree: dict[int, Cell] = field(default_factory=dict)
    user: dict[int, Cell] = field(default_factory=dict)
    embedded: dict[int, Cell] = field(default_factory=dict)
    other_banks: int = 0


def place(source: str, line: int) -> str:
    """``file:line`` as far as both are known; what was never a file has neither."""
    return f"{source or 'line'}:{line}" if line else source


def replay(ops: Iterable[Op], bank_register: int, source: str = "") -> Bus:
    """Run register writes; delays and polls change nothing.

    Parameters
    ----------
    ops : iterable of operations
        As ``regfile`` reads them.
    bank_register : int
        Address of the bank switch: 01h, on generation C 3Fh.
    source : str
        File name for messages.

    Raises
    ------
    DataError
        When bytes run over the end of a page without a new PAGE_SEL: what a device does then is unknown.
    """
    bus = Bus()
    bank = select = low = 0
    for op in ops:
        if not isinstance(op, Write):
            continue
        register, value = op.register, op.value
        if register == bank_register:
            bank = value
        elif bank & EMBEDDED:
            if register == PAGE_VALUE:
                mode = bus.embedded.get(PAGE_RW)
                if mode is None or not mode.value & _WRITE_BIT:
                    continue  # a read-back or a stray write: nothing reaches the memory
                if low > 0xFF:
                    raise DataError(
                        f"page {select >> 4} is full, the byte {value:02X}h would run over its end",
                        where=place(source, op.line),
                        hint="a new PAGE_SEL and PAGE_ADDRESS must stand before it",
                    )
                memory = bus.tree if select & _TREE_BIT else bus.pages
                memory[(select >> 4) << 8 | low] = Cell(value, op.line)
                low += 1
                continue
            if register == PAGE_SEL:
                select = value
            elif register == PAGE_ADDRESS:
                low = value
            bus.embedded[register] = Cell(value, op.line)
        elif bank == 0:
            bus.user[register] = Cell(value, op.line)
        else:
            bus.other_banks += 1
    return bus


class Memory:
    """A view of page or tree RAM that reads bytes once for a meaning and knows what was never read."""

    def __init__(self, cells: Mapping[int, Cell], source: str, name: str = "page address") -> None:
        self.cells = cells
        self.source = source
        self.name = name
        self.used: set[int] = set()

    def where(self, address: int) -> str:
        """Place of an address for a message: the line that wrote it, where there is one."""
        cell = self.cells.get(address)
        file = place(self.source, cell.line if cell else 0)
        return f"{file}{', ' if file else ''}{self.name} {address:03X}h"

    def byte(self, address: int, what: str) -> int:
        """Read one byte; a DataError when the file never writes it."""
        cell = self.cells.get(address)
        if cell is None:
            raise DataError(
                f"{what}: the file writes nothing to {self.name} {address:03X}h",
                where=self.where(address),
                hint="the file is cut off, or it is not for this device",
            )
        self.used.add(address)
        return cell.value

    def half(self, address: int, what: str) -> int:
        """Read two bytes, low byte first."""
        return self.byte(address, what) | self.byte(address + 1, what) << 8

    def zeros(self, address: int, count: int, what: str) -> None:
        """Mark ``count`` state bytes as explained if they are zero; others stay unexplained."""
        for at in range(address, address + count):
            cell = self.cells.get(at)
            if cell is None:
                self.byte(at, what)
            elif cell.value == 0:
                self.used.add(at)

    def unread(self) -> list[int]:
        """Addresses that were written and not read."""
        return sorted(set(self.cells) - self.used)


def ranges(addresses: Iterable[int]) -> list[tuple[int, int]]:
    """Gather neighbouring addresses into runs (first, count), ascending."""
    runs: list[tuple[int, int]] = []
    for at in sorted(addresses):
        if runs and runs[-1][0] + runs[-1][1] == at:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((at, 1))
    return runs
