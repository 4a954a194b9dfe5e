"""Cortex-M machine code run in the Unicorn emulator, one C function at a time.

What it gives is *emulated*: the bits a function computes, the instructions it executes, the stack it
uses. Cores of which Unicorn has no model run in QEMU (``toolchain.qemu``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorai.errors import ConfigError, InternalError
from sensorai.toolchain.arm import Image
from sensorai.toolchain.call import RETURNS, Argument, check_array, is_word
from sensorai.toolchain.compilers import RunError
from sensorai.toolchain.count import Counter

# Where things lie that are not in the image; nothing of a Cortex-M's own is there.
_RETURN = 0x0F00_0000
_STACK_TOP = 0x2F00_0000
_BUFFERS = 0x6000_0000
_PAGE = 0x1000
_PAINT = 0xA5
#: Bytes before and after each argument that must stay as they are.
_ZONE = 64


class EmulatorFault(RunError):
    """The code did what the core does not allow: the message names the function and the place."""


@dataclass(frozen=True, slots=True)
class Call:
    """Outcome of an emulated call.

    Attributes
    ----------
    value : int or float
        What the function returned; 0 for void.
    instructions : int
        Instructions executed from its first to its return, those of its callees included. An instruction
        that an IT block skips counts, as it does in QEMU.
    stack : int
        Bytes below the stack pointer at its entry that were written.
    marked : tuple of int
        Instructions between each ``harness_begin`` and ``harness_end`` that it called (``harness.h``), the
        call of the function measured included, as in QEMU.
    """

    value: int | float
    instructions: int
    stack: int
    marked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory in the emulator that stays between calls, passed as a pointer."""

    emulator: Emulator
    address: int
    size: int

    def read(self, dtype: Any = np.uint8) -> NDArray[Any]:
        """Return a copy of the content."""
        return np.frombuffer(bytes(self.emulator.engine.mem_read(self.address, self.size)), dtype).copy()

    def write(self, data: NDArray[Any] | bytes) -> None:
        """Replace the first bytes of the content."""
        raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
        if len(raw) > self.size:
            raise InternalError(f"{len(raw)} bytes do not fit into a buffer of {self.size}")
        self.emulator.engine.mem_write(self.address, raw)


class Emulator:
    """A Cortex-M core with one image in its memory.

    Parameters
    ----------
    image : Image
    stack_bytes : int
        Room for the stack; a function that needs more faults.
    limit : int
        Instructions that one call may take.

    Raises
    ------
    ConfigError
        Unicorn has no model of this core.
    """

    def __init__(self, image: Image, *, stack_bytes: int = 64 << 10, limit: int = 500_000_000) -> None:
        import unicorn
        from unicorn import arm_const, unicorn_const

        if not image.cpu.unicorn:
            raise ConfigError(
                f"the Unicorn emulator has no model of {image.cpu.name}", hint="QEMU runs this core"
            )
        self._arm, self._const, self._unicorn = arm_const, unicorn_const, unicorn
        self.image = image
        self.limit = limit
        self.engine = unicorn.Uc(
            unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB | unicorn_const.UC_MODE_MCLASS
        )
        self.engine.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{image.cpu.unicorn}"))
        self._map_image()
        self._stack_bytes = -(-stack_bytes // _PAGE) * _PAGE
        stack = _STACK_TOP - self._stack_bytes
        self.engine.mem_map(
            stack, self._stack_bytes, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE
        )
        self._paint(stack, self._stack_bytes)
        self.engine.mem_map(_RETURN, _PAGE, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC)
        self.engine.mem_write(_RETURN, b"\x00\xbf" * 8)
        self._room = 0
        self._buffers: list[Buffer] = []
        self._next = _BUFFERS
        self._invalid = ""
        self.engine.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_invalid)

    def _map_image(self) -> None:
        """Map the pages of the image; what is not writable there stays so."""
        const = self._const
        pages: dict[int, int] = {}
        for segment in self.image.elf.segments:
            rights = const.UC_PROT_READ
            rights |= const.UC_PROT_WRITE if segment.writable else const.UC_PROT_EXEC
            for page in range(segment.address & -_PAGE, segment.address + segment.memory, _PAGE):
                pages[page] = pages.get(page, 0) | rights
        for page, rights in pages.items():
            self.engine.mem_map(page, _PAGE, rights)
        for segment in self.image.elf.segments:
            self.engine.mem_write(segment.address, segment.data)
        code = [one for one in self.image.elf.segments if one.executable and not one.writable]
        if len(code) != 1:
            raise InternalError(f"an image with {len(code)} code segments")
        self.counter = Counter(code[0].address, code[0].data)
        marks = [one for one in self.image.functions() if one.name in ("harness_begin", "harness_end")]
        if len(marks) == 2:
            begin, end = sorted(marks, key=lambda one: one.name)
            self.counter.mark(begin.address, end.address)
        self.counter.attach(self.engine, aligned=self.image.cpu.name in ("cortex-m0", "cortex-m0plus"))

    def _on_invalid(
        self, _engine: Any, access: int, address: int, size: int, _value: int, _data: Any
    ) -> bool:
        const = self._const
        what = {
            const.UC_MEM_WRITE_UNMAPPED: "write to",
            const.UC_MEM_WRITE_PROT: "write to read-only memory at",
            const.UC_MEM_FETCH_UNMAPPED: "jump to",
            const.UC_MEM_FETCH_PROT: "jump to data at",
        }.get(access, "read from")
        below = _STACK_TOP - self._stack_bytes
        note = " (stack overflow)" if below - _PAGE * 16 <= address < below else ""
        self._invalid = f"{what} {address:#010x} ({size} bytes){note}"
        return False

    def _paint(self, address: int, size: int) -> None:
        self.engine.mem_write(address, bytes([_PAINT]) * size)

    def buffer(self, content: NDArray[Any] | bytes | int) -> Buffer:
        """Make memory that stays between calls, with this content or of this many zero bytes."""
        raw = bytes(content) if isinstance(content, int | bytes) else np.ascontiguousarray(content).tobytes()
        (address,) = self._place([raw])
        self._next = address + len(raw) + _ZONE
        self._buffers.append(Buffer(self, address, len(raw)))
        return self._buffers[-1]

    def _place(self, pieces: Sequence[bytes]) -> list[int]:
        """Lay pieces of memory behind the lasting buffers, each between two zones of paint."""
        content = bytearray()
        addresses = []
        for piece in pieces:
            content += bytes([_PAINT]) * _ZONE
            content += bytes([_PAINT]) * (-(self._next + len(content)) % 16)
            addresses.append(self._next + len(content))
            content += piece
        content += bytes([_PAINT]) * _ZONE
        end = self._next + len(content)
        while _BUFFERS + self._room < end:
            grow = -(-(end - _BUFFERS - self._room) // _PAGE) * _PAGE
            both = self._const.UC_PROT_READ | self._const.UC_PROT_WRITE
            self.engine.mem_map(_BUFFERS + self._room, grow, both)
            self._room += grow
        self.engine.mem_write(self._next, bytes(content))
        return addresses

    def call(self, symbol: str, *arguments: Argument | Buffer, returns: str = "int32") -> Call:
        """Call a C function of the image.

        Parameters
        ----------
        symbol : str
        *arguments
            Whole numbers (32 bits), ``np.float32``, arrays (copied in, and back after the call when they
            are writable), `Buffer` (its address), None (NULL).
        returns : {"void", "int32", "uint32", "float32"}

        Raises
        ------
        EmulatorFault
            Invalid access, undefined instruction, write beyond an array or into a read-only one, unaligned
            access on a core that cannot, no return within the limit.
        ConfigError
            No such function.
        """
        if returns not in RETURNS:
            raise InternalError(f"unknown return kind {returns!r}")
        function = self.image.symbol(symbol)
        arrays: dict[tuple[int, int], NDArray[Any]] = {}
        for place, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                check_array(argument, place)
                arrays[_key(argument)] = argument
        before = [array.tobytes() for array in arrays.values()]
        where = dict(zip(arrays, self._place(before), strict=True))
        top = self._pass(arguments, where)
        self.counter.start(self.limit)
        executed = self.counter.total
        self._run(function.address, symbol)
        self._check_zones(symbol, list(where.values()), [len(raw) for raw in before])
        for (key, array), old in zip(arrays.items(), before, strict=True):
            new = bytes(self.engine.mem_read(where[key], len(old)))
            if array.flags.writeable:
                array[...] = np.frombuffer(new, array.dtype).reshape(array.shape)
            elif new != old:
                raise EmulatorFault(f"{symbol} wrote into a read-only argument")
        executed = self.counter.total - executed
        return Call(self._value(returns), executed, self._stack_used(top), self.counter.marked())

    def _pass(self, arguments: Sequence[Argument | Buffer], where: dict[tuple[int, int], int]) -> int:
        """Put arguments where the ARM procedure call standard has them; return the stack pointer."""
        arm, words, floats = self._arm, list[int](), list[int]()
        for place, argument in enumerate(arguments):
            if argument is None:
                words.append(0)
            elif isinstance(argument, np.ndarray):
                words.append(where[_key(argument)])
            elif isinstance(argument, Buffer):
                words.append(argument.address)
            elif isinstance(argument, np.float32):
                bits = struct.unpack("<I", struct.pack("<f", argument))[0]
                (floats if self.image.cpu.fpu else words).append(bits)
            elif isinstance(argument, int | np.integer) and is_word(int(argument)):
                words.append(int(argument) & 0xFFFFFFFF)
            else:
                raise InternalError(
                    f"argument {place} ({argument!r}) is neither a 32-bit number nor an array"
                )
        if len(floats) > 16:
            raise InternalError("more than 16 float arguments")
        # registers that hold no argument get a value that no code can have counted on
        core = [*words[:4], *(0xDEAD_0000 + number for number in range(min(4, len(words)), 13))]
        rest = struct.pack(f"<{max(0, len(words) - 4)}I", *words[4:])
        top = (_STACK_TOP - len(rest)) & -8
        self._paint(top, _STACK_TOP - top)
        self.engine.mem_write(top, rest)
        registers = [(arm.UC_ARM_REG_S0 + number, bits) for number, bits in enumerate(floats)]
        registers += [(arm.UC_ARM_REG_R0 + number, value) for number, value in enumerate(core)]
        registers += [(arm.UC_ARM_REG_SP, top), (arm.UC_ARM_REG_LR, _RETURN | 1)]
        self.engine.reg_write_batch(registers)
        return top

    def _run(self, address: int, symbol: str) -> None:
        self._invalid = ""
        reason = ""
        try:
            self.engine.emu_start(address | 1, _RETURN)
        except self._unicorn.UcError as error:
            reason = self._invalid or str(error)
        pc = self.engine.reg_read(self._arm.UC_ARM_REG_PC) & ~1
        if not reason and pc != _RETURN:
            reason = f"no return after {self.limit} instructions"
        unaligned = self.counter.unaligned
        if not reason and unaligned:
            data, pc = unaligned
            reason = f"unaligned access to {data:#010x}, which {self.image.cpu.name} does not allow,"
        if reason:
            at = self.place(pc)
            raise EmulatorFault(f"{symbol} on {self.image.cpu.name}: {reason} at pc {pc:#010x} {at}".rstrip())

    def place(self, address: int) -> str:
        """Name of the function an address is in, with the distance from its start; empty outside."""
        for one in self.image.functions():
            if one.address <= address < one.address + one.size:
                return f"in {one.name}+{address - one.address:#x}"
        return ""

    def _check_zones(self, symbol: str, addresses: list[int], sizes: list[int]) -> None:
        lasting = [(one.address, one.size) for one in self._buffers]
        for number, (address, size) in enumerate([*zip(addresses, sizes, strict=True), *lasting]):
            for start, side in ((address - _ZONE, "before"), (address + size, "behind")):
                if bytes(self.engine.mem_read(start, _ZONE)) != bytes([_PAINT]) * _ZONE:
                    kind = "array" if number < len(sizes) else "buffer"
                    index = number if number < len(sizes) else number - len(sizes)
                    raise EmulatorFault(f"{symbol} wrote {side} {kind} {index} ({size} bytes)")

    def _value(self, returns: str) -> int | float:
        if returns == "void":
            return 0
        arm = self._arm
        hard = returns == "float32" and self.image.cpu.fpu
        bits = self.engine.reg_read(arm.UC_ARM_REG_S0 if hard else arm.UC_ARM_REG_R0) & 0xFFFFFFFF
        code = {"int32": "<i", "uint32": "<I", "float32": "<f"}[returns]
        value: int | float = struct.unpack(code, struct.pack("<I", bits))[0]
        return value

    def _stack_used(self, top: int) -> int:
        """Bytes written below ``top``, in whole words; the paint is renewed."""
        bottom = _STACK_TOP - self._stack_bytes
        content = np.frombuffer(bytes(self.engine.mem_read(bottom, top - bottom)), np.uint8)
        written = np.flatnonzero(content != _PAINT)
        if not len(written):
            return 0
        lowest = bottom + (int(written[0]) & ~3)
        self._paint(lowest, top - lowest)
        return top - lowest

    def profile(self) -> dict[str, int]:
        """Instructions executed in each function since the last `clear`, most first; callees not included."""
        counts = {}
        for one in self.image.functions():
            first = (one.address - self.counter.base) >> 1
            count = int(self.counter.executed[first : first + (one.size >> 1)].sum())
            if count:
                counts[one.name] = count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def clear(self) -> None:
        """Forget the counts of `profile`."""
        self.counter.clear()


def _key(array: NDArray[Any]) -> tuple[int, int]:
    """Two arguments that are the same memory are the same memory in the emulator."""
    return array.ctypes.data, array.nbytes
