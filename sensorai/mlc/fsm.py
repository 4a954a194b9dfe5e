"""Finite state machine programs that share a file with an MLC configuration: found, named, not read.

Source: facts, mlc-format sections 1 and 9: start address and number stand in the page header, programs
follow one another, byte 2 of each is its size, rounded up to even (confirmed on 897 bytes).
"""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.mlc.bus import Bus, Memory
from sensorai.mlc.devices import MlcDevice

#: No device has more state machines than this.
_MOST = 16


@dataclass(frozen=True, slots=True)
class Program:
    """One program; ``size`` is None when its bytes are not in the file."""

    address: int
    size: int | None


def programs(bus: Bus, device: MlcDevice) -> list[Program]:
    """Programs that the page header announces; empty when the file sets up none."""
    registers = device.registers
    count, low, high = (
        bus.pages.get(at) for at in (registers.fsm_count, registers.fsm_start, registers.fsm_start + 1)
    )
    if count is None or low is None or high is None:
        return []
    at, found = low.value | high.value << 8, []
    for _ in range(min(count.value, _MOST)):
        size = bus.pages.get(at + 2)
        if size is None or size.value < 3:
            found.append(Program(at, None))
            break
        rounded = size.value + (size.value & 1)
        found.append(Program(at, rounded))
        at += rounded
    return found


def explain(found: list[Program], memory: Memory, device: MlcDevice) -> list[str]:
    """Say what was found, and mark its bytes and header words as explained."""
    if not found:
        return []
    registers = device.registers
    header = {
        *range(registers.fsm_timeout, registers.fsm_timeout + 4),
        registers.fsm_start,
        registers.fsm_start + 1,
    }
    whole = [p for p in found if p.size is not None]
    inside = {a for p in whole for a in range(p.address, p.address + (p.size or 0))}
    if memory.cells.get(0) and memory.cells[0].value == 0:
        header.add(0)  # merged files write 00 there; why is not known
    free = set(memory.unread())
    memory.used |= (header | inside) & free
    total = sum(p.size or 0 for p in whole)
    places = ", ".join(f"{p.address:03X}h" for p in found)
    word = "program" if len(found) == 1 else "programs"
    said = [f"FSM: {len(found)} {word} at {places}, {total} bytes"]
    said += [f"FSM: the program at {p.address:03X}h is not complete" for p in found if p.size is None]
    taken = inside - free & set(memory.cells)
    if taken:
        said.append(
            f"FSM: {len(taken)} program bytes are MLC bytes at the same time, from {min(taken):03X}h on"
        )
    return said
