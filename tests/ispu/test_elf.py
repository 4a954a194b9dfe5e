"""ELF and SREC readers: bytes out as bytes in, and one message for whatever is wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import DataError
from sensorai.ispu.elf import parse_program, read_program
from sensorai.ispu.image import make_image, whole_words
from tests.ispu.make import elf, pattern, record, srec

CHUNKS = [(0x0, pattern(96)), (0x10000, pattern(0xF8)), (0x10100, pattern(500, 3))]


def test_elf_and_srec_give_the_same_image() -> None:
    from_elf, from_srec = parse_program(elf(CHUNKS), "a.elf"), parse_program(srec(CHUNKS), "a.srec")
    assert from_elf.image == from_srec.image
    assert [(s.address, len(s.data)) for s in from_elf.image.segments] == [
        (0, 96), (0x10000, 0xF8), (0x10100, 500),
    ]  # fmt: skip
    assert from_elf.flags == 0x64
    assert from_srec.flags is None


def test_touching_sections_are_joined_and_the_debug_section_is_not_loaded() -> None:
    found = parse_program(elf([(0x10000, b"abcd"), (0x10004, b"efgh")]), "a").image
    assert [(s.address, s.data) for s in found.segments] == [(0x10000, b"abcdefgh")]


def test_bss_is_known_and_not_loaded() -> None:
    found = parse_program(elf(CHUNKS, [(0x60, 1000)]), "a")
    assert found.zeroed == ((0x60, 1000),)
    assert found.image == parse_program(elf(CHUNKS), "a").image


def test_without_section_headers_the_segments_count() -> None:
    assert (
        parse_program(elf(CHUNKS, [(0x60, 8)], sections=False), "a").image
        == parse_program(elf(CHUNKS), "a").image
    )
    assert parse_program(elf(CHUNKS, [(0x60, 8)], sections=False), "a").zeroed == ((0x60, 8),)


def test_sections_go_to_their_load_address_as_objcopy_puts_them() -> None:
    moved = parse_program(elf([(0x10000, b"abcd")], load_offset=0x100), "a").image
    assert moved.segments[0].address == 0x10000


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 16, 32])
def test_srec_widths(kind: int, length: int) -> None:
    chunks = [(0x40, pattern(64))]
    assert parse_program(srec(chunks, length, kind), "a").image == make_image(chunks)


def test_part_words_are_filled_with_zeros() -> None:
    assert parse_program(srec([(0x10001, b"xy"), (0x10006, b"z")]), "a").image == make_image(
        [(0x10000, b"\0xy\0\0\0z\0")]
    )
    assert whole_words(make_image([(4, b"abcd")])) == make_image([(4, b"abcd")])


BAD = [
    (b"", "neither ELF nor SREC"),
    (b"\x7fELF", "cut off in its header"),
    (elf(CHUNKS)[:200], "cut off"),
    (elf(CHUNKS)[:-20], "cut off in its section headers"),
    (elf(CHUNKS, machine=40), "built for Arm"),
    (elf(CHUNKS, machine=99), "another machine (ELF machine 63h)"),
    (elf(CHUNKS, kind=1), "not a linked program"),
    (elf(CHUNKS, ident=b"\x7fELF\x02\x01\x01"), "not a 32-bit little-endian"),
    (elf([]), "no bytes to load"),
    (elf([(0x10000, b"abcd"), (0x10002, b"abcd")]), "address 10002h is filled twice"),
    (elf([(0x8000000, b"abcd")]), "has bytes at 8000000h"),
    (srec(CHUNKS).replace(b"S3", b"S4", 1), "no SREC record"),
    (srec(CHUNKS)[:-20], "SREC record of the wrong length"),
    (srec(CHUNKS).rpartition(b"S7")[0], "no end record"),
    (b"S1130000\n", "wrong length"),
    (b"S10300zz\n", "other than hexadecimal"),
    (b"S1030000FD\n", "wrong checksum"),
    (b"S00300F\xff\n", "no SREC text"),
    ((record(1, 0, b"abcd") + "\n" + record(5, 2) + "\n").encode(), "1 SREC records, but the count says 2"),
    ((record(0, 0) + "\n" + record(7, 0)).encode(), "no bytes to load"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_program(data, "a.elf")
    assert message in caught.value.message
    assert caught.value.where.startswith("a.elf")


def test_srec_errors_name_the_line() -> None:
    lines = srec(CHUNKS).decode().splitlines()
    lines[3] = lines[3][:-2] + "00"
    with pytest.raises(DataError) as caught:
        parse_program("\n".join(lines).encode(), "a.srec")
    assert caught.value.where == "a.srec:4"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read none\.elf"):
        read_program(tmp_path / "none.elf")
    with pytest.raises(DataError, match="cannot read"):
        read_program(tmp_path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_never_escape(data: st.DataObject) -> None:
    good = bytearray(data.draw(st.sampled_from([elf(CHUNKS, [(0x60, 64)]), srec(CHUNKS)])))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(good) - 1, 400)))
        good[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    try:
        found = parse_program(bytes(good[:cut] if data.draw(st.booleans()) else good), "a")
    except DataError:
        return
    assert found.image.segments
    assert all(s.address % 4 == 0 for s in found.image.segments)


def test_huge_sizes_in_the_header_cost_nothing() -> None:
    good = bytearray(elf(CHUNKS))
    at = struct.unpack_from("<I", good, 32)[0] + 40  # first real section
    struct.pack_into("<I", good, at + 20, 0xFFFFFFF0)
    with pytest.raises(DataError, match="cut off"):
        parse_program(bytes(good), "a")
