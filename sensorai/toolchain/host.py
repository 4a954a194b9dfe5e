"""C compiled and run on this machine: as a library called from Python, or as a program fed with bytes."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import InternalError
from sensorai.toolchain.call import RETURNS, Argument, HostCall, check_array, is_word
from sensorai.toolchain.compilers import RunError, compile_step, find, run, write_sources

#: What every emitted C file must compile with, without a word.
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-pedantic", "-Werror")

#: Flags that the results depend on: no fused multiply-add where the reference has two roundings.
EXACT = ("-ffp-contract=off",)

#: Faults of C that stop a sanitized program at once.
SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-g1",
)

_C_RETURNS: Mapping[str, Any] = {
    "void": None,
    "int32": ctypes.c_int32,
    "uint32": ctypes.c_uint32,
    "float32": ctypes.c_float,
}


def support(name: str) -> str:
    """Text of a file of ``toolchain/support``."""
    return resources.files("sensorai.toolchain").joinpath("support", name).read_text(encoding="utf-8")


class HostLibrary:
    """C functions of a shared library, callable with numbers and arrays."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library

    def call(self, symbol: str, *arguments: Argument, returns: str = "int32") -> HostCall:
        """Call a C function.

        Parameters
        ----------
        symbol : str
        *arguments
            Whole numbers (passed as 32-bit values), ``np.float32``, arrays (their address; C writes into
            them in place), None (NULL).
        returns : {"void", "int32", "uint32", "float32"}

        Raises
        ------
        InternalError
            No such function, or an argument that C cannot take.
        """
        if returns not in RETURNS:
            raise InternalError(f"unknown return kind {returns!r}")
        try:
            function = self.library[symbol]
        except AttributeError:
            raise InternalError(f"the library has no function {symbol!r}") from None
        function.restype = _C_RETURNS[returns]
        keep = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        before = [bytes(array.data) if not array.flags.writeable else b"" for array in keep]
        value = function(*(_argument(argument, place) for place, argument in enumerate(arguments)))
        for array, old in zip(keep, before, strict=True):
            if not array.flags.writeable and bytes(array.data) != old:
                raise RunError(f"{symbol} wrote into a read-only argument")
        return HostCall(0 if value is None else value)


def _argument(value: Argument, place: int) -> Any:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, np.ndarray):
        check_array(value, place)
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, np.float32):
        return ctypes.c_float(float(value))
    if isinstance(value, int | np.integer) and is_word(int(value)):
        return ctypes.c_uint32(int(value) & 0xFFFFFFFF)
    raise InternalError(f"argument {place} ({value!r}) is neither a 32-bit number nor an array")


def build_shared(
    sources: Mapping[str, str | bytes], flags: Sequence[str] = STRICT, *, opt: str = "-O2"
) -> HostLibrary:
    """Compile C into a library and load it. Equal sources and flags are built once per process.

    Parameters
    ----------
    sources : mapping of file name to text
        ``.c`` files are compiled; headers just lie there (``#include "name.h"`` finds them).
    flags : sequence of str
        In addition to ``EXACT`` and ``opt``.

    Raises
    ------
    ToolMissing, BuildError
    """
    return _build_shared(tuple(sources.items()), tuple(flags), opt)


@lru_cache(maxsize=256)
def _build_shared(
    sources: tuple[tuple[str, str | bytes], ...], flags: tuple[str, ...], opt: str
) -> HostLibrary:
    compiler = find("gcc")
    # the file may go as soon as the library is loaded: the system keeps what is mapped
    with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
        folder = Path(name)
        files = write_sources(folder, dict(sources))
        out = folder / "library.so"
        compile_step(
            [str(compiler), *EXACT, opt, *flags, "-I.", "-fPIC", "-shared", "-o", out.name, *files], folder
        )
        return HostLibrary(ctypes.CDLL(str(out)))


class HostProgram:
    """A program built for this machine; ``run`` gives it bytes and returns its bytes."""

    def __init__(self, image: bytes) -> None:
        self.image = image

    def run(
        self,
        stdin: bytes = b"",
        *,
        arguments: Sequence[str] = (),
        files: Mapping[str, str | bytes] | None = None,
        timeout: float = 120.0,
    ) -> bytes:
        """Run the program and return what it wrote to standard output.

        Parameters
        ----------
        stdin : bytes
        arguments : sequence of str
        files : mapping of name to content, optional
            Files that lie in the folder it runs in.
        timeout : float
            Seconds.

        Raises
        ------
        RunError
            It crashed (a sanitizer's finding is the message), returned non-zero, or took too long.
        """
        with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
            folder = Path(name)
            write_sources(folder, files or {})
            program = folder / "program"
            program.write_bytes(self.image)
            program.chmod(0o700)
            done = run([str(program), *arguments], folder, stdin=stdin, timeout=timeout)
        if done.returncode != 0:
            lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
            found = [line for line in lines if "runtime error" in line or "ERROR:" in line]
            text = (found or [line for line in lines if line] or [f"exit code {done.returncode}"])[0]
            rest = [line for line in lines if line is not text]
            raise RunError(f"the program failed: {text}", hint="\n".join(rest[:12]))
        return done.stdout


def build_program(
    sources: Mapping[str, str | bytes],
    flags: Sequence[str] = STRICT,
    *,
    opt: str = "",
    sanitize: bool = False,
    harness: bool = False,
) -> HostProgram:
    """Compile C with a ``main`` into a program.

    Parameters
    ----------
    sources, flags
        As for `build_shared`.
    opt : str
        By default ``-O2``; ``-O1`` with the sanitizers, which watch the C and not what is made of it, and
        take twice as long to compile where more is done to it.
    sanitize : bool
        With the address and undefined-behaviour sanitizers; what they find is a `RunError`.
    harness : bool
        Add ``harness.h`` (``support/``): the same program then runs in QEMU as well.

    Raises
    ------
    ToolMissing, BuildError
    """
    opt = opt or ("-O1" if sanitize else "-O2")
    return _build_program(tuple(sources.items()), tuple(flags), opt, sanitize, harness)


@lru_cache(maxsize=64)
def _build_program(
    sources: tuple[tuple[str, str | bytes], ...],
    flags: tuple[str, ...],
    opt: str,
    sanitize: bool,
    harness: bool,
) -> HostProgram:
    compiler = find("gcc")
    everything: dict[str, str | bytes] = dict(sources)
    if harness:
        everything |= {"harness.h": support("harness.h"), "harness_host.c": support("host.c")}
    with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
        folder = Path(name)
        files = write_sources(folder, everything)
        command = [str(compiler), *EXACT, opt, *flags, *(SANITIZERS if sanitize else ()), "-I."]
        command += [f"-ffile-prefix-map={folder}=.", "-o", "program", *files, "-lm"]
        compile_step(command, folder)
        return HostProgram((folder / "program").read_bytes())
