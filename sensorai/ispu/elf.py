"""Reading linked programs: ELF of the ISPU's compiler, and SREC, into memory images.

Sections are placed where ``objcopy -O srec`` places them: at their load address. ELF input was only
tried on synthetic files: no linked ISPU program is published (source: facts, ispu 2.4).
"""

from __future__ import annotations

import struct
from pathlib import Path

from sensorai.errors import DataError
from sensorai.ispu.devices import devices
from sensorai.ispu.image import Image, Program, make_image, whole_words

#: No linked program for 32 KiB of code comes near this, debug information included.
LARGEST = 64 << 20

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PART = struct.Struct("<8I")
_SECTION = struct.Struct("<10I")
_NOBITS, _ALLOC, _LOAD, _EXEC = 8, 2, 1, 2

#: What the machine numbers of other compilers mean, for the message.
_OTHERS = {3: "x86", 40: "Arm", 62: "x86-64", 183: "64-bit Arm", 243: "RISC-V"}


def read_program(path: Path) -> Program:
    """Read a linked program, ELF or SREC by content; bytes are filled up to whole words.

    Raises
    ------
    DataError
        It cannot be read, is neither, is built for another machine, or is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    return parse_program(data, str(path))


def parse_program(data: bytes, source: str) -> Program:
    """Read the bytes of a linked program; ``source`` is its name for messages. See ``read_program``."""
    if len(data) > LARGEST:
        raise DataError(
            "too long for an ISPU program", where=source, hint=f"the limit is {LARGEST >> 20} MiB"
        )
    if data.startswith(b"\x7fELF"):
        return _Elf(data, source).program()
    if data.lstrip()[:1] == b"S":
        return Program(_filled(_srec(data, source), source), source=source)
    raise DataError(
        "neither ELF nor SREC",
        where=source,
        hint="give the linked program, or what objcopy -O srec makes of it",
    )


def _filled(chunks: list[tuple[int, bytes]], source: str) -> Image:
    image = make_image(chunks, source)
    if not image.segments:
        raise DataError("the program holds no bytes to load", where=source)
    if image.segments[-1].end > 1 << 24:
        raise DataError(
            f"the program has bytes at {image.segments[-1].address:X}h",
            where=source,
            hint="the core has 20-bit addresses: this is built for another machine",
        )
    return whole_words(image)


class _Elf:
    """One ELF file, every offset checked before it is used."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data, self.source = data, source
        if len(data) < _HEADER.size:
            raise self.bad("the ELF file is cut off in its header")
        ident, kind, machine, _, _, parts, sections, self.flags, _, *counts = _HEADER.unpack_from(data)
        if ident[4] != 1 or ident[5] != 1:
            raise self.bad("not a 32-bit little-endian ELF file", "link with ST's ISPU compiler")
        known = {one.integer("core", "machine") for one in devices()}
        if machine not in known:
            name = _OTHERS.get(machine, "another machine")
            raise self.bad(
                f"built for {name} (ELF machine {machine:X}h), not for the ISPU",
                "link with ST's ISPU compiler",
            )
        if kind != _EXEC:
            raise self.bad(
                "not a linked program (ELF type is not EXEC)", "give the program, not an object file"
            )
        self.parts = self.table(parts, counts[0], counts[1], _PART, "program")
        self.sections = self.table(sections, counts[2], counts[3], _SECTION, "section")

    def bad(self, message: str, hint: str = "") -> DataError:
        return DataError(message, where=self.source, hint=hint or "link the program again")

    def table(
        self, offset: int, size: int, count: int, entry: struct.Struct, what: str
    ) -> list[tuple[int, ...]]:
        if count and (size < entry.size or offset + size * count > len(self.data)):
            raise self.bad(f"the ELF file is cut off in its {what} headers")
        return [entry.unpack_from(self.data, offset + size * place) for place in range(count)]

    def bytes_at(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise self.bad("the ELF file is cut off: bytes that it names are missing")
        return self.data[offset : offset + size]

    def program(self) -> Program:
        loads = [part for part in self.parts if part[0] == _LOAD and part[5]]
        chunks: list[tuple[int, bytes]] = []
        zeroed: list[tuple[int, int]] = []
        for _, kind, flags, address, offset, size, *_ in self.sections:
            if not flags & _ALLOC or not size:
                continue
            if kind == _NOBITS:
                zeroed.append((address, size))
            else:
                chunks.append((self.load_address(loads, address, offset, size), self.bytes_at(offset, size)))
        if not self.sections:  # stripped of its section headers
            for _, offset, virtual, physical, size, memory, *_ in loads:
                chunks.append((physical, self.bytes_at(offset, size)))
                if memory > size:
                    zeroed.append((virtual + size, memory - size))
        return Program(_filled(chunks, self.source), tuple(zeroed), self.source, self.flags)

    def load_address(self, loads: list[tuple[int, ...]], address: int, offset: int, size: int) -> int:
        """Where a section is stored: its place in the segment that holds it, else where it runs."""
        for _, start, _, physical, stored, *_ in loads:
            if start <= offset and offset + size <= start + stored:
                return physical + offset - start
        return address


def _srec(data: bytes, source: str) -> list[tuple[int, bytes]]:
    """Records of SREC text."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise DataError("this is no SREC text", where=source, hint="give an ELF or SREC file") from None
    widths = {"1": 2, "2": 3, "3": 4}
    chunks: list[tuple[int, bytes]] = []
    records, ended = 0, False
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), f"{source}:{number}"
        if not line:
            continue
        if len(line) < 4 or line[0] != "S" or line[1] not in "012356789":
            raise DataError(f"no SREC record: {line[:40]!r}", where=where, hint="is the file cut or damaged?")
        try:
            record = bytes.fromhex(line[2:])
        except ValueError:
            raise DataError("SREC record with other than hexadecimal digits", where=where) from None
        if len(record) != record[0] + 1:
            raise DataError(
                "SREC record of the wrong length", where=where, hint="is the file cut or damaged?"
            )
        if sum(record) & 0xFF != 0xFF:
            raise DataError("SREC record with a wrong checksum", where=where, hint="link the program again")
        if line[1] in widths:
            width = widths[line[1]]
            if len(record) < width + 2:
                raise DataError("SREC record without an address", where=where)
            chunks.append((int.from_bytes(record[1 : 1 + width], "big"), record[1 + width : -1]))
            records += 1
        elif line[1] in "56":
            said = int.from_bytes(record[1:-1], "big")
            if said != records:
                raise DataError(f"{records} SREC records, but the count says {said}", where=where)
        elif line[1] in "789":
            ended = True
    if not ended:
        raise DataError("the SREC file has no end record", where=source, hint="the file seems to be cut off")
    return chunks
