"""From a project folder to the register files that load it: ``make`` with ST's compiler, then the loader.

Without that compiler a program that was linked elsewhere (ELF or SREC) is packed all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sensorai.errors import ConfigError, DataError, ToolMissing
from sensorai.files import check_writable, write_folder
from sensorai.ispu.bare import MAKEFILE
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.elf import read_program
from sensorai.ispu.hub import parse_hub
from sensorai.ispu.image import Program
from sensorai.ispu.loader import files, load
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.project import App, read_index
from sensorai.regfile import RegisterFile
from sensorai.toolchain.compilers import compile_step, find, version

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes
    ----------
    app : App
    program : Program
        The linked program; its sizes are *compiled* when ``compiler`` says by what.
    registers : RegisterFile
    paths : tuple of Path
        Register files written: JSON, UCF, header, plain header.
    compiler : str
        First line of the compiler's version; empty for a program that was given.
    """

    app: App
    program: Program
    registers: RegisterFile
    paths: tuple[Path, ...]
    compiler: str = ""

    @property
    def code_bytes(self) -> int:
        """Code and constants in code RAM."""
        return self.program.image.loaded(self.app.device.code)

    @property
    def data_bytes(self) -> int:
        """Variables in data RAM, loaded and cleared; the stack comes on top."""
        cleared = sum(size for _, size in self.program.zeroed)
        return self.program.image.loaded(self.app.device.data) + cleared


def build(folder: Path, program: Path | None = None) -> Built:
    """Build the project in ``folder`` and write its register files beside it.

    Parameters
    ----------
    folder : Path
        As ``sensorai train --target ispu`` writes it; ``conf.txt``, ``meta.txt`` and, where there is one,
        ``shub.txt`` are read as they stand there now.
    program : Path, optional
        A linked program (ELF or SREC) to pack instead of running ``make``.

    Raises
    ------
    ToolMissing
        No program is given and ST's compiler (or make) is not installed.
    BuildError
        The compiler refuses the project.
    TargetError
        The program does not fit; nothing is written.
    DataError, ConfigError
        A file of the project is damaged; ``where`` has the line.
    """
    app = read_index(folder)
    conf = _read(folder, "conf.txt", app.device, parse_conf)
    meta = _read(folder, "meta.txt", app.device, parse_meta)
    hub = _read(folder, "shub.txt", app.device, parse_hub)
    if conf is None:
        raise DataError("the project has no conf.txt", where=str(folder), hint="emit the project again")
    check_writable(folder)
    compiler = ""
    if program is None:
        program, compiler = _make(folder, app)
    linked = read_program(program)
    registers = load(linked, conf, app.device, meta=meta, hub=hub, stack=app.stack)
    # the model's own header has the name already
    made = files(registers, f"{app.name}_load")
    write_folder(folder, made)
    return Built(app, linked, registers, tuple(folder / name for name in made), compiler)


def _read(
    folder: Path, name: str, device: IspuDevice, parse: Callable[[str, IspuDevice, str], T]
) -> T | None:
    path = folder / name
    if not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{name} cannot be read as text", where=str(path)) from None
    return parse(text, device, str(path))


def _make(folder: Path, app: App) -> tuple[Path, str]:
    """Run make; return the linked program and the compiler's version."""
    try:
        compiler = find("stred-gcc")
    except ToolMissing as missing:
        raise ToolMissing(
            "ST's ISPU compiler is not installed: neither stred-gcc nor reisc-gcc is on PATH",
            hint=f"{missing.hint}; or give a program that was linked elsewhere (ELF or SREC)",
        ) from None
    # of a net by itself the Makefile builds the library, for any machine
    own = ["-f", MAKEFILE] if (folder / MAKEFILE).is_file() else []
    compile_step([str(find("make")), *own], folder)
    return folder / f"{app.name}.elf", version(compiler)
