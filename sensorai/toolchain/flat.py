"""C as code that runs at any address: one file compiled and linked into plain bytes, without addresses.

Data that code reads lies behind it, at a distance that does not change: no word of the bytes depends on where
they lie. That is not believed but tried: linked for two places, the bytes must be the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import ConfigError
from sensorai.toolchain.arm import BASE
from sensorai.toolchain.compilers import BuildError, compile_step, find, write_sources
from sensorai.toolchain.cpu import Cpu
from sensorai.toolchain.elf import read_elf
from sensorai.toolchain.host import STRICT
from sensorai.toolchain.stack import StackBound, read_callgraph

#: Places that it is linked for.
_PLACES = (0x0800_0000, 0x2345_6780)
#: Data that code reads is found by its distance, also that of constants.
_FREE = ("-fpic", "-mpic-data-is-text-relative", "-fvisibility=hidden")

_SCRIPT = """OUTPUT_FORMAT("elf32-littlearm")
SECTIONS
{
  . = PLACE;
  .code : { *(.text .text.*) *(.rodata .rodata.*) . = ALIGN(16); *(.tables) . = ALIGN(8); }
  .variables : { *(.data .data.* .bss .bss.* COMMON) }
  .addresses : { *(.got .got.* .data.rel.ro*) }
  /DISCARD/ : { *(.comment) *(.ARM.*) *(.note*) *(.eh_frame*) *(.iplt) *(.rel.iplt) *(.igot.plt) }
}
"""


@dataclass(frozen=True, slots=True)
class Flat:
    """Code that runs at any address.

    Attributes
    ----------
    data : bytes
    places : mapping of str to int
        Where the functions and objects that were asked for begin.
    stack : StackBound
        Of the deepest of these functions.
    """

    data: bytes
    places: Mapping[str, int]
    stack: StackBound


def build_flat(
    sources: Mapping[str, str | bytes], main: str, keep: Mapping[str, str], cpu: Cpu, *, opt: str = "-O2"
) -> Flat:
    """Compile one file, with what it includes, for a core.

    Parameters
    ----------
    sources : mapping of file name to text
    main : str
        The file that is compiled; objects of its section ``.tables`` come last.
    keep : mapping of name to kind
        Its functions and objects that are called and read from outside: ``function`` or ``object``.
    cpu : Cpu
    opt : str

    Raises
    ------
    ToolMissing, BuildError
    ConfigError
        It has variables, or words that depend on where it lies.
    """
    compiler = find("arm-none-eabi-gcc")
    with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
        folder = Path(name)
        write_sources(folder, dict(sources))
        common = [str(compiler), *cpu.flags, f"-ffile-prefix-map={folder}=.", "-I.", *BASE, opt, *_FREE]
        compile_step([*common, *STRICT, "-fcallgraph-info=su", "-c", main, "-o", "main.o"], folder)
        graph = read_callgraph([(folder / "main.ci").read_text()])
        made = []
        for place in _PLACES:
            (folder / "flat.ld").write_text(_SCRIPT.replace("PLACE", hex(place)))
            link = [
                str(compiler),
                *cpu.flags,
                "-nostdlib",
                "-static",
                "-Wl,-n",
                "-Wl,--gc-sections",
                "-Wl,--build-id=none",
            ]
            link += [f"-Wl,-u,{one}" for one in keep]
            compile_step([*link, "-Wl,-T,flat.ld", "-o", "flat.elf", "main.o", "-lgcc"], folder)
            made.append(read_elf((folder / "flat.elf").read_bytes()))
    for kind, why in ((".variables", "variables"), (".addresses", "a table of addresses")):
        if any(one.name == kind and one.size for elf in made for one in elf.sections):
            raise ConfigError(f"the code keeps {why}, which blobs have no place for")
    first, second = (b"".join(one.data for one in elf.segments) for elf in made)
    if first != second:
        words = [k for k in range(0, len(first), 4) if first[k : k + 4] != second[k : k + 4]]
        before = [one for one in made[0].symbols if one.address - _PLACES[0] <= words[0]]
        near = max((one for one in before if one.kind != "label"), key=lambda one: one.address)
        library = near.name.startswith("__")
        of = f", a function of the compiler's library for {cpu.name}" if library else ""
        hint = "an integer net with integers at its border (--input-data-type int8) needs no such function"
        raise ConfigError(
            f"{len(words)} words of the code depend on where it lies, the first in {near.name}{of}",
            hint=hint if library else "take --updatable",
        )
    places = {}
    for one, kind in keep.items():
        found = [s.address - _PLACES[0] for s in made[0].symbols if s.name == one and s.kind == kind]
        if len(found) != 1:
            raise BuildError(f"the code has no {kind} {one}")
        places[one] = found[0]
    bounds = [graph.bound(one) for one, kind in keep.items() if kind == "function"]
    return Flat(first, places, max(bounds, key=lambda one: one.bytes))
