"""Kinds of Thumb instructions, as far as their time differs (Arm's architecture manuals, v6-M to v8-M)."""

from __future__ import annotations

#: A kind of instruction and, for those that move several registers, how many.
Kind = tuple[str, int]

_ALU: Kind = ("alu", 0)


def kind(first: int, second: int) -> Kind:
    """Kind of the instruction whose first half-word is ``first``; ``second`` is the half-word behind it.

    Returns
    -------
    (name, registers)
        ``alu``, ``load``, ``store``, ``load many``, ``store many``, ``multiply``, ``multiply add``,
        ``long multiply``, ``divide``, ``branch``, ``call``, ``float``, ``float multiply add``,
        ``float divide``, ``vector``.
    """
    if first >> 11 >= 0b11101:
        return _wide(first, second)
    return _narrow(first)


def _narrow(word: int) -> Kind:
    top = word >> 12
    if word >> 11 == 0b01001:
        return "load", 1
    if top == 0b0101:
        return ("load" if (word >> 9) & 7 >= 3 else "store"), 1
    if top in (0b0110, 0b0111, 0b1000, 0b1001):
        return ("load" if word & 0x800 else "store"), 1
    if top == 0b1100:
        return ("load many" if word & 0x800 else "store many"), (word & 0xFF).bit_count()
    if word & 0xFE00 == 0xB400:
        return "store many", (word & 0x1FF).bit_count()
    if word & 0xFE00 == 0xBC00:
        return "load many", (word & 0x1FF).bit_count()
    if word & 0xF500 == 0xB100 or top == 0b1101 or word >> 11 == 0b11100:
        return "branch", 0
    if word & 0xFF00 == 0x4700:
        return ("call" if word & 0x80 else "branch"), 0
    if word & 0xFC00 == 0x4400 and word & 0x87 == 0x87 and word & 0x300 != 0x100:
        return "branch", 0
    return ("multiply", 0) if word & 0xFFC0 == 0x4340 else _ALU


def _wide(first: int, second: int) -> Kind:
    if first & 0xFE00 == 0xE800:
        if first & 0x40 == 0:
            return ("load many" if first & 0x10 else "store many"), second.bit_count()
        if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:
            return "branch", 0
        double = 1 if first & 0x120 == 0 else 2
        return ("load" if double == 1 else "load many") if first & 0x10 else "store many", double
    if first & 0xEC00 == 0xEC00:
        return _coprocessor(first, second)
    if first >> 11 == 0b11110:
        if second & 0x8000 == 0:
            return _ALU
        if second & 0x5000 == 0x5000:
            return "call", 0
        # 10x0 with a condition of 111x is no branch but a system instruction
        return ("branch", 0) if second & 0x1000 or (first >> 7) & 7 != 7 else _ALU
    if first & 0xFE00 == 0xF800:
        return ("load" if first & 0x10 else "store"), 1
    if first & 0xFF80 == 0xFB00:
        return ("multiply" if second >> 12 == 15 else "multiply add"), 0
    if first & 0xFF80 == 0xFB80:
        return ("divide" if first & 0x50 == 0x10 and second & 0xF0 == 0xF0 else "long multiply"), 0
    return _ALU


def _coprocessor(first: int, second: int) -> Kind:
    """FPU and vector instructions."""
    if first & 0xF000 == 0xF000 or second & 0x0E00 != 0x0A00:
        return "vector", 0
    if first & 0xFF00 == 0xED00:
        return ("load" if first & 0x10 else "store"), 1
    if first & 0xFE00 == 0xEC00:
        if first & 0xFFE0 == 0xEC40:
            return "float", 0
        return ("load many" if first & 0x10 else "store many"), second & 0xFF
    if second & 0x10:
        return "float", 0
    operation = (first >> 4) & 0xB
    if operation == 8 or (operation == 0xB and first & 0xF == 1 and second & 0xC0 == 0xC0):
        return "float divide", 0
    return ("float multiply add" if operation in (0, 1, 9, 10) else "float"), 0
