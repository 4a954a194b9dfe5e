"""What is loaded into the core's memories: bytes by address, and the checks before they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sensorai.errors import DataError, Problem
from sensorai.ispu.devices import IspuDevice, Memory

#: Bytes of a word; the memories are loaded in whole words (source: facts, ispu 2.4: every chunk is).
WORD = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes in a row, from ``address`` as the core sees it."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """A loadable program: segments in ascending order, no two touching or overlapping."""

    segments: tuple[Segment, ...]

    def within(self, memory: Memory) -> tuple[Segment, ...]:
        """Segments that begin in ``memory``."""
        return tuple(one for one in self.segments if _begins_in(memory, one.address))

    def loaded(self, memory: Memory) -> int:
        """Bytes that are loaded into ``memory``."""
        return sum(len(one.data) for one in self.within(memory))


@dataclass(frozen=True, slots=True)
class Program:
    """An image and what its file says beyond the bytes.

    Attributes
    ----------
    image : Image
    zeroed : tuple of (address, size)
        Memory that the start-up clears (``.bss``); unknown, so empty, for SREC.
    source : str
        File it was read from, for messages.
    flags : int or None
        ELF flags of the core it was built for; None for SREC.
    """

    image: Image
    zeroed: tuple[tuple[int, int], ...] = ()
    source: str = ""
    flags: int | None = None


def make_image(chunks: Iterable[tuple[int, bytes]], where: str = "") -> Image:
    """Sort chunks and join those that touch.

    Raises
    ------
    DataError
        Two of them overlap.
    """
    joined: list[tuple[int, bytearray]] = []
    for address, data in sorted((c for c in chunks if c[1]), key=lambda c: c[0]):
        if joined and address < joined[-1][0] + len(joined[-1][1]):
            raise DataError(f"address {address:05X}h is filled twice", where=where)
        if joined and address == joined[-1][0] + len(joined[-1][1]):
            joined[-1][1].extend(data)
        else:
            joined.append((address, bytearray(data)))
    return Image(tuple(Segment(address, bytes(data)) for address, data in joined))


def whole_words(image: Image) -> Image:
    """``image`` with zero bytes added where a segment begins or ends inside a word."""
    words: dict[int, bytearray] = {}
    for segment in image.segments:
        for place in range(segment.address - segment.address % WORD, segment.end, WORD):
            word = words.setdefault(place, bytearray(WORD))
            first, last = max(place, segment.address), min(place + WORD, segment.end)
            word[first - place : last - place] = segment.data[
                first - segment.address : last - segment.address
            ]
    return make_image((place, bytes(word)) for place, word in words.items())


def check(program: Program, device: IspuDevice, stack: int = 0) -> list[Problem]:
    """Everything that speaks against loading ``program`` into ``device``.

    Parameters
    ----------
    program : Program
    device : IspuDevice
    stack : int
        Bytes of data RAM that must stay free for the stack.
    """
    found: list[Problem] = []
    image, where = program.image, program.source
    wanted = device.integer("core", "flags")
    if program.flags is not None and program.flags != wanted:
        found.append(
            Problem(
                f"built for another core: ELF flags are {program.flags:X}h, {device.name} has {wanted:X}h",
                where,
                f"compile with -mcpu={device.groups['core'].text('cpu')}, or choose the right device",
            )
        )
    found += _outside(program, device)
    entry = device.code.address + device.integer("vectors", "boot")
    if not any(one.address <= entry and entry + WORD <= one.end for one in image.segments):
        found.append(
            Problem(
                f"nothing is loaded at the reset entry {entry:05X}h",
                where,
                "link with the linker script of the project, so that the vectors come first",
            )
        )
    found += _code_size(image, device, where)
    found += _data_size(program, device, stack)
    return found


def _outside(program: Program, device: IspuDevice) -> list[Problem]:
    places = [(one.address, one.end) for one in program.image.segments]
    # what is cleared may run over the end of data RAM: that is said by size
    places += [(at, at + size) for at, size in program.zeroed if not _begins_in(device.data, at)]
    found = []
    for start, end in places:
        if not any(memory.address <= start and end <= memory.end for memory in (device.code, device.data)):
            found.append(
                Problem(
                    f"bytes at {start:05X}h..{end - 1:05X}h are in no memory of {device.name}",
                    program.source,
                    f"code RAM is {_span(device.code)}, data RAM {_span(device.data)}",
                )
            )
    return found


def _begins_in(memory: Memory, address: int) -> bool:
    return memory.address <= address < memory.end


def _span(memory: Memory) -> str:
    return f"{memory.address:05X}h..{memory.end - 1:05X}h"


def _code_size(image: Image, device: IspuDevice, where: str) -> list[Problem]:
    used = image.loaded(device.code)
    over = used - device.code.size
    hint = "choose a smaller model: constants lie in code RAM too"
    return (
        [Problem(_too_much("code and constants", used, device.code, over), where, hint)] if over > 0 else []
    )


def _data_size(program: Program, device: IspuDevice, stack: int) -> list[Problem]:
    """Judge the end of variables, loaded or cleared, against the room that the stack leaves."""
    ends = [one.end for one in program.image.within(device.data)]
    ends += [start + size for start, size in program.zeroed if _begins_in(device.data, start)]
    used = max(ends, default=device.data.address) - device.data.address + stack
    over = used - device.data.size
    hint = "choose a smaller model or window: variables and working memory lie in data RAM"
    what = f"variables and {stack} bytes of stack" if stack else "variables"
    return [Problem(_too_much(what, used, device.data, over), program.source, hint)] if over > 0 else []


def _too_much(what: str, used: int, memory: Memory, over: int) -> str:
    return f"{what} need {used} bytes of {memory.size} in {memory.name}: {over} too many"
