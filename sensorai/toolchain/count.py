"""Native hooks for the emulator: what is executed is counted without coming back to Python.

A hook in Python costs about a microsecond per block of code; compiled by Numba it costs nanoseconds, and
then every instruction can be counted on its own.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from sensorai.errors import InternalError

#: Words at the head of the table: how many half-words of code there are, the address of the first, the
#: address after the last block, the half-word of its last instruction, instructions so far, how many
#: accesses were unaligned, the first one's address and the code address of the block it was in, the number
#: of instructions at which the engine is stopped, the address of Unicorn's function that stops it, the
#: half-words where ``harness_begin`` and ``harness_end`` start (-1: nowhere), instructions at the last
#: begin, and how many stretches were marked.
HEAD = 14
_WORDS, _BASE, _NEXT, _LAST, _TOTAL, _UNALIGNED, _AT, _BLOCK, _LIMIT, _STOP = range(10)
_BEGIN, _END, _STARTED, _MARKED = range(10, HEAD)

#: Marked stretches that one call may have.
MARKS = 1 << 18


@intrinsic
def _call(typing_context, function, engine):  # type: ignore[no-untyped-def]
    """Call the C function at address ``function`` with the engine."""

    def emit(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        pointer = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(pointer, [arguments[1]])

    return types.int32(types.int64, types.voidptr), emit


@numba.cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def _count_block(engine, address, size, table):  # type: ignore[no-untyped-def]
    head = carray(table, (HEAD,), np.int64)
    words = head[_WORDS]
    first = (np.int64(address) - head[_BASE]) >> 1
    after = first + (np.int64(size) >> 1)
    if first < 0 or after > words:
        return
    everything = carray(table, (HEAD + 3 * words + MARKS,), np.int64)
    if head[_LAST] >= 0 and head[_NEXT] != first:
        everything[HEAD + words + head[_LAST]] += 1
    place = first
    last = first
    count = 0
    while place < after:
        everything[HEAD + place] += 1
        count += 1
        last = place
        place += everything[HEAD + 2 * words + place]
    if first == head[_END]:
        # between the marks there is the call of harness_end as well
        if head[_MARKED] < MARKS:
            everything[HEAD + 3 * words + head[_MARKED]] = head[_TOTAL] - head[_STARTED] - 1
        head[_MARKED] += 1
    head[_TOTAL] += count
    if first == head[_BEGIN]:
        head[_STARTED] = head[_TOTAL]
    head[_NEXT] = after
    head[_LAST] = last
    if head[_TOTAL] > head[_LIMIT]:
        _call(head[_STOP], engine)


@numba.cfunc(
    types.void(types.voidptr, types.int32, types.uint64, types.int32, types.int64, types.voidptr), cache=True
)
def _check_alignment(_engine, _kind, address, size, _value, table):  # type: ignore[no-untyped-def]
    if np.int64(address) & (np.int64(size) - 1):
        head = carray(table, (HEAD,), np.int64)
        if head[_UNALIGNED] == 0:
            head[_AT] = np.int64(address)
            head[_BLOCK] = head[_LAST]
        head[_UNALIGNED] += 1


class Counter:
    """Counts of one emulator's code: per instruction how often it ran, per branch how often it was taken.

    Parameters
    ----------
    code : bytes
        The code, from address ``base`` (even).
    """

    def __init__(self, base: int, code: bytes) -> None:
        halves = np.frombuffer(code + b"\0" * (len(code) % 2), "<u2").astype(np.int64)
        words = len(halves)
        self.base = base
        self._halves = [*halves.tolist(), 0]
        self._table = np.zeros(HEAD + 3 * words + MARKS, np.int64)
        self._table[:2] = words, base
        self._table[[_LAST, _BEGIN, _END]] = -1
        # 11101, 11110 and 11111 in the five highest bits begin an instruction of two half-words
        self.length = self._table[HEAD + 2 * words : HEAD + 3 * words]
        self.length[:] = np.where(halves >> 11 >= 0b11101, 2, 1)
        self.executed = self._table[HEAD : HEAD + words]
        self.taken = self._table[HEAD + words : HEAD + 2 * words]

    @property
    def total(self) -> int:
        """Instructions executed so far."""
        return int(self._table[_TOTAL])

    @property
    def unaligned(self) -> tuple[int, int] | None:
        """Address of the first unaligned access and of the code block in it, if there was one."""
        if not self._table[_UNALIGNED]:
            return None
        return int(self._table[_AT]), self.base + 2 * int(self._table[_BLOCK])

    def ran(self) -> list[tuple[int, int]]:
        """Half-word and count of every instruction that was executed, in the order of the code."""
        places = np.flatnonzero(self.executed)
        return list(zip(places.tolist(), self.executed[places].tolist(), strict=True))

    def words(self, place: int) -> tuple[int, int]:
        """Two half-words of code from half-word ``place`` on."""
        return self._halves[place], self._halves[place + 1]

    def before(self, place: int) -> int | None:
        """Half-word of the executed instruction that lies right before ``place``, if one does."""
        for length in (1, 2):
            if place >= length and self.executed[place - length] and self.length[place - length] == length:
                return place - length
        return None

    def start(self, limit: int) -> None:
        """Begin a new call, which is stopped after ``limit`` instructions."""
        self._table[_LIMIT] = self._table[_TOTAL] + limit
        self._table[_LAST] = -1
        self._table[[_UNALIGNED, _MARKED]] = 0

    def mark(self, begin: int, end: int) -> None:
        """Count between a call of the function at address ``begin`` and one of that at ``end``."""
        self._table[[_BEGIN, _END]] = (begin - self.base) >> 1, (end - self.base) >> 1

    def marked(self) -> tuple[int, ...]:
        """Instructions of each marked stretch since `start`.

        Raises
        ------
        InternalError
            There were more than ``MARKS``.
        """
        count = int(self._table[_MARKED])
        if count > MARKS:
            raise InternalError(f"{count} marked stretches in one call; {MARKS} can be held")
        first = HEAD + 3 * len(self.length)
        return tuple(self._table[first : first + count].tolist())

    def clear(self) -> None:
        """Forget every count."""
        self.executed[:] = 0
        self.taken[:] = 0
        self._table[_TOTAL] = 0

    def attach(self, engine: Any, *, aligned: bool) -> None:
        """Hook into a Unicorn engine; with ``aligned`` every data access is checked as well."""
        from unicorn import unicorn_const as const
        from unicorn.unicorn_py3.unicorn import uclib

        self._table[_STOP] = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value or 0
        _add_hook(engine, const.UC_HOOK_BLOCK, _count_block.address, self._table)
        if aligned:
            _add_hook(
                engine,
                const.UC_HOOK_MEM_READ | const.UC_HOOK_MEM_WRITE,
                _check_alignment.address,
                self._table,
            )


def _add_hook(engine: Any, kind: int, function: int, table: NDArray[np.int64]) -> None:
    """Give Unicorn a native function; its Python interface takes Python functions only."""
    from unicorn import UcError
    from unicorn.unicorn_py3.unicorn import uclib

    handle = ctypes.c_size_t()
    status = uclib.uc_hook_add(
        engine._uch,
        ctypes.byref(handle),
        kind,
        ctypes.c_void_p(function),
        ctypes.c_void_p(table.ctypes.data),
        ctypes.c_uint64(1),
        ctypes.c_uint64(0),
    )
    if status:
        raise UcError(status)
