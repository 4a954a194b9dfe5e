"""C built for Cortex-M: the linked image with sizes, symbols, library calls and stack figures."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from sensorai.errors import ConfigError
from sensorai.targets import closest
from sensorai.toolchain.compilers import BuildError, compile_step, find, version, write_sources
from sensorai.toolchain.cpu import Cpu
from sensorai.toolchain.elf import Elf, Symbol, read_elf
from sensorai.toolchain.host import EXACT, STRICT, support
from sensorai.toolchain.stack import StackUse, read_callgraph

#: Flags of every Cortex-M build. Loops stay loops: GCC would else call memset and memcpy for some.
BASE = (
    *EXACT,
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-tree-loop-distribute-patterns",
)

#: Library functions by what their call says about the code.
HELPERS: Mapping[str, tuple[str, ...]] = {
    "soft float": (
        *("__aeabi_f", "__aeabi_d2", "__aeabi_da", "__aeabi_dc", "__aeabi_dd", "__aeabi_dm", "__aeabi_ds"),
        *("__aeabi_dr", "__aeabi_i2", "__aeabi_ui2", "__aeabi_l2", "__aeabi_ul2", "__aeabi_cf", "__aeabi_cd"),
        *("__aeabi_h2", "__gnu_h", "__gnu_f"),
    ),
    "64-bit": (
        *("__aeabi_lmul", "__aeabi_ldiv", "__aeabi_uldiv", "__aeabi_lls", "__aeabi_llsr", "__aeabi_lasr"),
        *("__aeabi_lcmp", "__aeabi_ulcmp", "__muldi", "__divdi", "__udivdi", "__popcountdi", "__clzdi"),
    ),
    "division": ("__aeabi_idiv", "__aeabi_uidiv", "__divsi", "__udivsi", "__modsi", "__umodsi"),
    "memory": ("memcpy", "memset", "memmove", "memcmp", "__aeabi_mem"),
    "table jump": ("__gnu_thumb1_case",),
    "bit count": ("__popcount", "__clzsi", "__ctzsi", "__ffssi"),
}


def helper_kind(name: str) -> str:
    """What kind of library function ``name`` is: a key of `HELPERS`, or ``other``."""
    for kind, starts in HELPERS.items():
        if name.startswith(starts):
            return kind
    return "other"


@dataclass(frozen=True, slots=True)
class Image:
    """A linked Cortex-M program.

    Attributes
    ----------
    data : bytes
        The ELF file.
    elf : Elf
        What it holds.
    cpu : Cpu
    compiler : str
        Version line of the compiler.
    library_calls : tuple of str
        Functions that the project's objects call and do not hold themselves, sorted.
    stack : StackUse
        Stack of every function as the compiler states it, and who calls whom.
    """

    data: bytes
    elf: Elf
    cpu: Cpu
    compiler: str
    library_calls: tuple[str, ...]
    stack: StackUse

    def section(self, name: str) -> int:
        """Bytes of a section; 0 when there is none."""
        return sum(one.size for one in self.elf.sections if one.name == name)

    @property
    def flash(self) -> int:
        """Bytes of the project in flash: code, constants, start values of data. Start-up not counted."""
        own = (one for one in self.elf.sections if not one.name.startswith(".harness"))
        return sum(one.size for one in own if one.stored)

    @property
    def ram(self) -> int:
        """Bytes of the project's variables (``.data`` and ``.bss``); the stack is not in it."""
        own = (one for one in self.elf.sections if not one.name.startswith(".harness"))
        return sum(one.size for one in own if one.writable)

    def symbol(self, name: str) -> Symbol:
        """Find a function or object: the project's, or else one of the start-up or harness.

        Raises
        ------
        ConfigError
            There is none of this name, or there are several.
        """
        named = [one for one in self.elf.symbols if one.kind != "label"]
        own = [one for one in named if not one.section.startswith(".harness")]
        found = [one for one in own if one.name == name] or [one for one in named if one.name == name]
        if not found:
            hint = closest(name, (one.name for one in own))
            raise ConfigError(f"the image has no function or object {name!r}", hint=hint)
        if len(found) > 1:
            raise ConfigError(f"the image has {len(found)} functions or objects {name!r}")
        return found[0]

    def functions(self) -> list[Symbol]:
        """Every function once, by address, also those of the start-up; of several names the first."""
        known: dict[int, Symbol] = {}
        for one in sorted(self.elf.symbols, key=lambda one: one.name):
            if one.kind == "function" and one.size:
                known.setdefault(one.address, one)
        return [known[address] for address in sorted(known)]

    def sizes(self) -> dict[str, int]:
        """Bytes of every function and object of the project, largest first; aliases count once."""
        objects = [one for one in self.elf.symbols if one.kind == "object" and one.size]
        own = [s for s in (*self.functions(), *objects) if not s.section.startswith(".harness")]
        return {one.name: one.size for one in sorted(own, key=lambda one: (-one.size, one.name))}

    def helpers(self, *kinds: str) -> list[str]:
        """Library functions the project calls, of these kinds (keys of `HELPERS`, ``other``) or of all."""
        return [name for name in self.library_calls if not kinds or helper_kind(name) in kinds]


def build_elf(
    sources: Mapping[str, str | bytes],
    cpu: Cpu,
    *,
    opt: str = "-O2",
    flags: Sequence[str] = STRICT,
    keep: Sequence[str] = (),
    harness: Mapping[str, str | bytes] = MappingProxyType({}),
) -> Image:
    """Compile and link C for a core.

    Parameters
    ----------
    sources : mapping of file name to text
        The project: ``.c`` and ``.s`` files are compiled, headers just lie there.
    cpu : Cpu
    opt : str
        ``-O2``, ``-Os``, ...
    flags : sequence of str
        In addition to the core's, ``BASE`` and ``opt``; the strict warnings unless given.
    keep : sequence of str
        Functions that must be in the image, with what they need. Empty: every global function.
    harness : mapping of file name to text
        More C that is counted nowhere and compiled without the strict warnings: functions that drive the
        project in the emulator, with the marks of ``harness.h``, or a ``harness_main``.

    Raises
    ------
    ToolMissing, BuildError
    """
    return _build(tuple(sources.items()), cpu, opt, tuple(flags), tuple(keep), tuple(harness.items()))


@lru_cache(maxsize=64)
def _build(
    sources: tuple[tuple[str, str | bytes], ...],
    cpu: Cpu,
    opt: str,
    flags: tuple[str, ...],
    keep: tuple[str, ...],
    harness: tuple[tuple[str, str | bytes], ...],
) -> Image:
    compiler = find("arm-none-eabi-gcc")
    with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
        folder = Path(name)
        common = [str(compiler), *cpu.flags, f"-ffile-prefix-map={folder}=.", "-I.", *BASE, opt]
        objects, graphs, defined, needed = [], [], set(), set()
        for place, file in enumerate(write_sources(folder, dict(sources))):
            # objects of different folders may have the same name
            target = f"p{place}_{PurePosixPath(file).stem}.o"
            compile_step([*common, *flags, "-fcallgraph-info=su", "-c", file, "-o", target], folder)
            objects.append(target)
            read = read_elf((folder / target).read_bytes(), file)
            defined |= {one.name for one in read.symbols if not one.local}
            needed |= set(read.undefined)
            graph = (folder / target).with_suffix(".ci")
            graphs.append(graph.read_text() if graph.exists() else "")
            objects += [] if keep else _keep(read)
        own: dict[str, str | bytes] = {"reset.c": support("reset.c"), "harness.h": support("harness.h")}
        own |= dict(harness)
        for file in write_sources(folder, own):
            target = f"harness_{PurePosixPath(file).stem}.o"
            compile_step([*common, "-c", file, "-o", target], folder)
            objects += [target, *_keep(read_elf((folder / target).read_bytes(), file))]
        link = [str(compiler), *cpu.flags, "-nostartfiles", "-Wl,--gc-sections", "-Wl,--build-id=none"]
        link += [f"-Wl,-u,{name}" for name in keep]
        link += ["-T", "link.ld", "-o", "image.elf", *objects, "-lc", "-lm", "-lgcc"]
        _link(link, folder, cpu)
        data = (folder / "image.elf").read_bytes()
    image = Image(
        data=data,
        elf=read_elf(data),
        cpu=cpu,
        compiler=version(compiler),
        library_calls=tuple(sorted(needed - defined)),
        stack=read_callgraph(graphs),
    )
    for name in keep:
        if not any(one.name == name for one in image.elf.symbols):
            raise BuildError(f"the sources have no function {name!r}")
    return image


def _keep(elf: Elf) -> list[str]:
    """Linker options that keep every global function of an object file."""
    return [f"-Wl,-u,{one.name}" for one in elf.symbols if one.kind == "function" and not one.local]


def _link(command: Sequence[str], folder: Path, cpu: Cpu) -> None:
    """Link for the usual memories of the board; what they do not hold, for its large one."""
    (folder / "link.ld").write_text(linker_script(cpu))
    try:
        compile_step(command, folder)
    except BuildError as error:
        if not any(said in f"{error.message}{error.hint}" for said in _TOO_LARGE):
            raise
        (folder / "link.ld").write_text(linker_script(cpu, bulk=True))
        compile_step(command, folder)


#: What the linker says of sections that are larger than their memory.
_TOO_LARGE = ("will not fit in region", "overflowed by")


def linker_script(cpu: Cpu, *, bulk: bool = False) -> str:
    """Linker script for the memories of the core's QEMU board; start-up objects are named ``harness_*.o``.

    Parameters
    ----------
    bulk : bool
        Constants, variables and stack go to the board's large memory, half of it each; code stays in flash.
    """
    regions = {"FLASH (rx)": cpu.flash, "RAM (rwx)": cpu.ram}
    tables, data, pool = "FLASH", "RAM", "RAM"
    if bulk:
        start, half = cpu.bulk[0], cpu.bulk[1] // 2
        regions |= {"BULK_R (r)": (start, half), "BULK_RW (rw)": (start + half, half)}
        tables, data, pool = "BULK_R", "BULK_RW", "BULK_RW"
    elif cpu.bulk != cpu.ram:
        regions["BULK (rw)"], pool = cpu.bulk, "BULK"
    lines = [f"  {name} : ORIGIN = {at:#x}, LENGTH = {size:#x}" for name, (at, size) in regions.items()]
    said = {"TABLES": tables, "DATA": data, "POOL": pool}
    aliases = "".join(f'REGION_ALIAS("{name}", {region})\n' for name, region in said.items())
    return "\n".join(["MEMORY", "{", *lines, "}", ""]) + aliases + support("cortex_m.ld")
