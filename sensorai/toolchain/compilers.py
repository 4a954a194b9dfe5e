"""Finding the programs that build and run C, and running them with a message for every failure."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from sensorai.errors import ConfigError, ToolMissing, UserError


class BuildError(UserError):
    """C that a compiler or linker refuses; the message holds its first complaint, the hint the rest."""


class RunError(UserError):
    """A built program that crashed, was stopped by a sanitizer, or took too long."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that may be absent.

    Attributes
    ----------
    programs : tuple of str
        Names it may have; the first one found is taken.
    use : str
        What it is for, for messages and ``doctor``.
    install : str
        The line that installs it on Debian and Ubuntu.
    """

    programs: tuple[str, ...]
    use: str
    install: str


#: Programs this room starts, by the name they are asked for.
TOOLS: Mapping[str, Tool] = {
    "gcc": Tool(("gcc", "cc"), "C on this machine", "sudo apt install gcc libc6-dev"),
    "arm-none-eabi-gcc": Tool(
        ("arm-none-eabi-gcc",),
        "C for Cortex-M",
        "sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    "stred-gcc": Tool(
        ("stred-gcc", "reisc-gcc"),
        "C for the ISPU",
        "get ST's ISPU-Toolchain from st.com and add its bin folder to PATH",
    ),
    "make": Tool(("make",), "building projects", "sudo apt install make"),
    "qemu-system-arm": Tool(("qemu-system-arm",), "Cortex-M in QEMU", "sudo apt install qemu-system-arm"),
}


def find(name: str) -> Path:
    """Find the program ``name`` (a key of ``TOOLS``) on the search path.

    Raises
    ------
    ToolMissing
        It is not there; the hint is the line that installs it.
    """
    tool = TOOLS[name]
    for program in tool.programs:
        found = shutil.which(program)
        if found:
            return Path(found)
    raise ToolMissing(f"{name} is not installed; it is needed for {tool.use}", hint=tool.install)


def available(name: str) -> bool:
    """Whether the program ``name`` (a key of ``TOOLS``) is there."""
    return any(shutil.which(program) for program in TOOLS[name].programs)


@cache
def version(path: Path) -> str:
    """First line that a program prints about its version."""
    return run([str(path), "--version"], path.parent).stdout.decode(errors="replace").splitlines()[0]


def run(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    timeout: float = 120.0,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program in ``folder`` and return what it said, whatever its exit code.

    Raises
    ------
    RunError
        It could not be started, or ran longer than ``timeout`` seconds.
    """
    name = Path(command[0]).name
    try:
        return subprocess.run(
            command,
            cwd=folder,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{name} was stopped after {timeout:g} s") from None
    except OSError as error:
        raise RunError(f"{name} could not be started: {error.strerror}", where=command[0]) from None


def compile_step(command: Sequence[str], folder: Path) -> bytes:
    """Run a compiler or linker and return its standard output.

    Raises
    ------
    BuildError
        It refused; the first complaint is the message, with file and line as the compiler gave them.
    """
    done = run(command, folder)
    if done.returncode == 0:
        return done.stdout
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line or "undefined reference" in line]
    first = (errors or lines or [f"exit code {done.returncode}"])[0]
    # the rest, without the line that is the message
    rest = [line for line in lines if line is not first]
    raise BuildError(f"{Path(command[0]).name}: {first.strip()}", hint="\n".join(rest[:30]))


def write_sources(folder: Path, sources: Mapping[str, str | bytes]) -> list[str]:
    """Write source files below ``folder``; return the names of those to compile (``.c``, ``.s``, ``.S``).

    Raises
    ------
    ConfigError
        A name that leads out of the folder.
    """
    for name, content in sources.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(f"{name!r} leads out of the build folder")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return [name for name in sources if PurePosixPath(name).suffix in (".c", ".s", ".S")]
