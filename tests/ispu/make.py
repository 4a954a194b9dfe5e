"""Synthetic linked programs: ELF and SREC with chosen bytes at chosen addresses."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.image import Image, Program, make_image

HEADER, PART, SECTION = struct.Struct("<16sHHIIIIIHHHHHH"), struct.Struct("<8I"), struct.Struct("<10I")


def elf(
    chunks: Sequence[tuple[int, bytes]],
    zeroed: Sequence[tuple[int, int]] = (),
    *,
    machine: int = 0xC1A0,
    flags: int = 0x64,
    kind: int = 2,
    ident: bytes = b"\x7fELF\x01\x01\x01",
    sections: bool = True,
    load_offset: int = 0,
) -> bytes:
    """A linked ELF file with one section and one segment per chunk.

    ``load_offset`` moves the running (not the load) addresses away from the chunks' addresses.
    """
    at = HEADER.size + PART.size * (len(chunks) + len(zeroed))
    body, parts, heads = b"", b"", SECTION.pack(*[0] * 10)
    for address, data in chunks:
        place = at + len(body)
        body += data
        parts += PART.pack(1, place, address + load_offset, address, len(data), len(data), 5, 4)
        heads += SECTION.pack(0, 1, 2, address + load_offset, place, len(data), 0, 0, 4, 0)
    for address, size in zeroed:
        parts += PART.pack(1, at + len(body), address, address, 0, size, 6, 4)
        heads += SECTION.pack(0, 8, 3, address, at + len(body), size, 0, 0, 4, 0)
    # a debug section, which takes no memory
    heads += SECTION.pack(0, 1, 0, 0, at, min(4, len(body)), 0, 0, 1, 0)
    count = len(chunks) + len(zeroed) + 2 if sections else 0
    return (
        HEADER.pack(
            ident.ljust(16, b"\0"), kind, machine, 1, 0,
            HEADER.size, at + len(body) if sections else 0, flags,
            HEADER.size, PART.size, len(chunks) + len(zeroed), SECTION.size if sections else 0, count, 0,
        )
        + parts
        + body
        + (heads if sections else b"")
    )  # fmt: skip


def record(kind: int, address: int, data: bytes = b"") -> str:
    width = {1: 2, 2: 3, 3: 4, 0: 2, 5: 2, 7: 4, 8: 3, 9: 2}[kind]
    body = address.to_bytes(width, "big") + data
    body = bytes([len(body) + 1]) + body
    return f"S{kind}{body.hex().upper()}{~sum(body) & 0xFF:02X}"


def srec(chunks: Iterable[tuple[int, bytes]], length: int = 16, kind: int = 3) -> bytes:
    lines = [record(0, 0, b"ispu")]
    for address, data in chunks:
        lines += [record(kind, address + i, data[i : i + length]) for i in range(0, len(data), length)]
    lines += [record(5, len(lines) - 1), record(10 - kind, 0)]
    return "\n".join([*lines, ""]).encode()


def pattern(size: int, seed: int = 1) -> bytes:
    """Bytes that differ from their neighbours."""
    return bytes((i * 151 + seed * 37 + i // 256) & 0xFF for i in range(size))


def image(device: IspuDevice, code: int = 0x100, data: int = 96) -> Image:
    """A program of ``code`` bytes of code and ``data`` bytes of variables."""
    return make_image([(device.data.address, pattern(data, 2)), (device.code.address, pattern(code))])


def program(device: IspuDevice, code: int = 0x100, data: int = 96) -> Program:
    return Program(image(device, code, data), source="program.elf")
