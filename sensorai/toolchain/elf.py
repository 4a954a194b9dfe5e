"""Reading ELF files: segments, sections, symbols. Only pyelftools knows the format."""

from __future__ import annotations

import io
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from sensorai.errors import DataError


@dataclass(frozen=True, slots=True)
class Segment:
    """One loadable piece: where it runs, where it is stored, its bytes, and its size in memory."""

    address: int
    load_address: int
    data: bytes
    memory: int
    writable: bool
    executable: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One section that takes memory; ``stored`` says whether it has bytes in the file (``.bss`` has none)."""

    name: str
    address: int
    size: int
    stored: bool
    writable: bool
    executable: bool
    align: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """One named function or object; the Thumb bit is taken off the address."""

    name: str
    address: int
    size: int
    kind: str
    section: str
    local: bool


@dataclass(frozen=True, slots=True)
class Elf:
    """What an ELF file says.

    Attributes
    ----------
    entry : int
    segments, sections, symbols : tuples
        Sections that take memory only; symbols of functions, objects and plain labels.
    undefined : tuple of str
        Names the file needs from elsewhere, sorted (object files).
    """

    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    undefined: tuple[str, ...]


_KINDS = {"STT_FUNC": "function", "STT_OBJECT": "object", "STT_NOTYPE": "label"}
_WRITE, _ALLOC, _EXECUTE = 1, 2, 4


def read_elf(data: bytes, where: str = "") -> Elf:
    """Read an ELF file.

    Raises
    ------
    DataError
        The bytes are no ELF file, or a damaged one.
    """
    try:
        return _read(ELFFile(io.BytesIO(data)))
    except (ELFError, ValueError, KeyError, AttributeError, OSError) as error:
        raise DataError(f"this is no readable ELF file: {error}", where=where) from None


def _read(file: ELFFile) -> Elf:
    sections, symbols, undefined = [], [], set()
    for section in file.iter_sections():
        flags = section["sh_flags"]
        if flags & _ALLOC:
            sections.append(
                Section(
                    name=section.name,
                    address=section["sh_addr"],
                    size=section["sh_size"],
                    stored=section["sh_type"] != "SHT_NOBITS",
                    writable=bool(flags & _WRITE),
                    executable=bool(flags & _EXECUTE),
                    align=section["sh_addralign"],
                )
            )
        if not isinstance(section, SymbolTableSection):
            continue
        for symbol in section.iter_symbols():
            kind = _KINDS.get(symbol["st_info"]["type"])
            if kind is None or not symbol.name:
                continue
            index = symbol["st_shndx"]
            if index == "SHN_UNDEF":
                undefined.add(symbol.name)
            else:
                symbols.append(
                    Symbol(
                        name=symbol.name,
                        address=symbol["st_value"] & (~1 if kind == "function" else ~0),
                        size=symbol["st_size"],
                        kind=kind,
                        section=file.get_section(index).name if isinstance(index, int) else "",
                        local=symbol["st_info"]["bind"] == "STB_LOCAL",
                    )
                )
    segments = tuple(
        Segment(
            address=segment["p_vaddr"],
            load_address=segment["p_paddr"],
            data=segment.data(),
            memory=segment["p_memsz"],
            writable=bool(segment["p_flags"] & 2),
            executable=bool(segment["p_flags"] & 1),
        )
        for segment in file.iter_segments()
        if segment["p_type"] == "PT_LOAD" and segment["p_memsz"]
    )
    return Elf(file["e_entry"], segments, tuple(sections), tuple(symbols), tuple(sorted(undefined)))
