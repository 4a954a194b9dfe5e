"""A net over several memories: arenas and tables by section, weights copied into RAM at the start.

Each memory has a macro, ``NAME_POOL_MEMORY``, that stands where an array is defined: by default the section
``.bss.NAME_MEMORY`` (RAM) or ``.rodata.NAME_MEMORY`` (flash), which linker scripts that know nothing of it
put among the other variables and constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensorai.codegen.chip import Chip
from sensorai.codegen.parts import CodeParts, Table
from sensorai.errors import ConfigError
from sensorai.writing import clang
from sensorai.writing.written import inert

#: Arrays begin at whole steps of this.
_STEP = 8


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory.

    Attributes
    ----------
    name : str
        A C identifier, refused otherwise: files name them.
    size : int
        Bytes that the net may take.
    writable : bool
        RAM; else flash.
    speed : int
        The smaller the faster.
    address : int or None
        Where it begins.
    weights : bool
        RAM: what room is left takes copies of weights when the net starts.
    """

    name: str
    size: int
    writable: bool
    speed: int = 0
    address: int | None = None
    weights: bool = False

    def __post_init__(self) -> None:
        clang.identifier(self.name, "memory")


def rams(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Memories for the arena, the fastest first."""
    return tuple(sorted((p for p in pools if p.writable), key=lambda p: p.speed))


def flashes(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """Memories for constants, the fastest first."""
    return tuple(sorted((p for p in pools if not p.writable), key=lambda p: p.speed))


@dataclass(frozen=True, slots=True)
class Homes:
    """Where tables lie: by their key the flash, and the RAM into which they are copied.

    Attributes
    ----------
    flash, ram : mapping of str to str
        Names of memories.
    used : mapping of str to int
        Bytes that each memory holds, arenas included.
    """

    flash: Mapping[str, str]
    ram: Mapping[str, str]
    used: Mapping[str, int]


def homes(tables: Sequence[tuple[str, int, int]], arenas: Sequence[int], pools: Sequence[Pool]) -> Homes:
    """Share tables out (key, bytes, products that read it): what is read most, for its size, to the fastest.

    Raises
    ------
    ConfigError
        The memories for constants hold too little.
    """
    order = sorted(tables, key=lambda t: (-t[2] / max(t[1], 1), t[0]))
    used = {p.name: size for p, size in zip(rams(pools), arenas, strict=True)}
    used |= {p.name: 0 for p in flashes(pools)}
    ram: dict[str, str] = {}
    for pool in (p for p in rams(pools) if p.weights):
        for key, size, heat in order:
            at = -(-used[pool.name] // _STEP) * _STEP
            if heat and key not in ram and at + size <= pool.size:
                ram[key], used[pool.name] = pool.name, at + size
    flash: dict[str, str] = {}
    # a copy makes the place in flash a matter of no speed
    for key, size, _ in (*(t for t in order if t[0] not in ram), *(t for t in order if t[0] in ram)):
        there = flashes(pools)
        for pool in reversed(there) if key in ram else there:
            at = -(-used[pool.name] // _STEP) * _STEP
            if at + size <= pool.size:
                flash[key], used[pool.name] = pool.name, at + size
                break
        else:
            if there:
                raise ConfigError(
                    f"the memories for constants hold too little: {size:,} bytes have no place",
                    hint="more or larger pools without rights to write, or a smaller net",
                )
    return Homes(flash, ram, used)


def _name(table: Table) -> str:
    found = re.search(r"(\w+)\[", table.declaration)
    return found.group(1) if found else table.declaration


def _heat(table: Table, parts: CodeParts) -> int:
    """Products that read a table: those of its layer, by its share of the layer's tables."""
    if table.layer >= len(parts.layers):
        return 0
    layer = parts.layers[table.layer]
    return layer.macs * table.size // max(layer.weight_bytes, 1)


def where(parts: CodeParts, pools: Sequence[Pool]) -> Homes:
    """Where the tables of a net lie."""
    tables = [one for one in parts.definitions if isinstance(one, Table)]
    return homes([(_name(t), t.size, _heat(t, parts)) for t in tables], parts.arenas, pools)


def placed(parts: CodeParts, name: str, pools: Sequence[Pool]) -> tuple[CodeParts, dict[str, Any]]:
    """Parts whose tables name their memories, and what templates know of these."""
    found = where(parts, pools)
    macro = f"{clang.upper(clang.identifier(name))}_POOL_"
    made, copies, declared = [], [], []
    for one in parts.definitions:
        if isinstance(one, Table) and (own := _name(one)) in found.ram:
            source = f"{own}_stored"
            size = one.declaration.partition("[")[2].partition("]")[0]
            plain = one.declaration.removeprefix("const ")
            declared.append(f"static {plain} {macro}{found.ram[own].upper()};")
            copies.append({"from": inert(source), "to": inert(own), "size": int(size)})
            one = replace(one, declaration=one.declaration.replace(f"{own}[", f"{source}["))
        if isinstance(one, Table) and (home := found.flash.get(_table(one, found))) is not None:
            one = replace(one, declaration=f"{macro}{home.upper()} {one.declaration}")
        made.append(one)
    arenas = dict(zip((p.name for p in rams(pools)), parts.arenas, strict=True))
    shown = [
        {
            "macro": inert(f"{macro}{p.name.upper()}"),
            "section": inert(f"{'.bss' if p.writable else '.rodata'}.{name}_{p.name}"),
            "array": inert(f"{name}_pool_{p.name}"),
            "name": inert(p.name),
            "arena": arenas.get(p.name, 0),
            "used": found.used[p.name],
            "size": p.size,
            "ram": p.writable,
        }
        for p in (*rams(pools), *flashes(pools))
    ]
    fields = {"pools": shown, "copies": copies, "copied": clang.emitted("\n".join(declared))}
    return replace(parts, definitions=tuple(made)), fields


def _table(one: Table, found: Homes) -> str:
    own = _name(one)
    return own.removesuffix("_stored") if own.removesuffix("_stored") in found.ram else own


def regions(pools: Sequence[Pool], name: str, chip: Chip | None) -> list[dict[str, Any]]:
    """What the linker script of a chip knows of the memories: those beside its own have regions."""
    out = []
    for pool in (*rams(pools), *flashes(pools)):
        own = chip is None or not (_within(pool, chip.ram) or _within(pool, chip.flash))
        out.append(
            {
                "region": inert(f"POOL_{pool.name.upper()}" if own else "RAM" if pool.writable else "FLASH"),
                "own": own,
                "rights": inert("rw" if pool.writable else "r"),
                "at": clang.hexadecimal(pool.address or 0),
                "size": pool.size,
                "section": inert(f".{name}_{pool.name}"),
                "input": inert(f"{'.bss' if pool.writable else '.rodata'}.{name}_{pool.name}"),
                "ram": pool.writable,
            }
        )
    return out


def _within(pool: Pool, memory: tuple[int, int] | None) -> bool:
    if pool.address is None:
        return True
    return memory is not None and memory[0] <= pool.address < memory[0] + memory[1]
