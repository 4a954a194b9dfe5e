"""Cortex-M programs in QEMU: bytes in, bytes out, and instruction counts of marked stretches.

QEMU is the second opinion: its counts must equal those of the emulator, and it has a core (M55) that
Unicorn lacks. Programs use ``harness.h`` and run on the host as well (`toolchain.host.build_program`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import InternalError
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.compilers import RunError, find, run
from sensorai.toolchain.cpu import Cpu
from sensorai.toolchain.host import STRICT, support

#: With ``-icount shift=10`` an instruction takes 1024 ns of QEMU's virtual time.
_SHIFT = 10

Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did.

    Attributes
    ----------
    output : bytes
        What it gave to ``harness_write``.
    instructions : tuple of int
        Instructions between each ``harness_begin`` and ``harness_end``, those of the calls of the two
        taken off; the call of the function measured is among them.
    """

    output: bytes
    instructions: tuple[int, ...]


def build(
    sources: Mapping[str, str | bytes], cpu: Cpu, *, opt: str = "-O2", flags: Sequence[str] = STRICT
) -> Image:
    """Build a program with a ``main`` and ``harness.h`` for the QEMU board of a core.

    Raises
    ------
    ToolMissing, BuildError
    """
    kind = 0 if not cpu.timer else 2 if cpu.counter_control else 1
    head = f"#define HARNESS_TIMER {kind}\n#define HARNESS_TIMER_BASE {cpu.timer:#x}u\n"
    head += f"#define HARNESS_TIMER_CONTROL {cpu.counter_control:#x}u\n#define HARNESS_ENTRY main\n"
    harness = {"qemu.c": head + support("qemu.c")}
    everything = {"harness.h": support("harness.h")} | dict(sources)
    return build_elf(everything, cpu, opt=opt, flags=flags, keep=("main",), harness=harness)


def run_image(image: Image, stdin: bytes = b"", *, timeout: float = 120.0) -> Outcome:
    """Run a program that `build` made.

    Parameters
    ----------
    image : Image
    stdin : bytes
        What ``harness_read`` gives it.
    timeout : float
        Seconds.

    Raises
    ------
    ToolMissing
        QEMU is not installed.
    RunError
        It faulted, returned non-zero from ``main``, or took too long.
    """
    program = find("qemu-system-arm")
    cpu = image.cpu
    with tempfile.TemporaryDirectory(prefix="sensorai-") as name:
        folder = Path(name)
        (folder / "image.elf").write_bytes(image.data)
        (folder / "in.bin").write_bytes(stdin)
        command = [str(program), "-M", cpu.machine, "-nographic", "-monitor", "none", "-serial", "none"]
        command += ["-semihosting-config", "enable=on,target=native", "-icount", f"shift={_SHIFT}"]
        done = run([*command, "-kernel", "image.elf"], folder, timeout=timeout)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            text = "a fault" if done.returncode == 77 else f"exit code {done.returncode}"
            raise RunError(f"the program failed on {cpu.machine} ({cpu.name}): {text}", hint=said)
        output = (folder / "out.bin").read_bytes()
        words = np.frombuffer((folder / "counts.bin").read_bytes(), "<u4").astype(np.int64)
    return Outcome(output, _instructions(_ticks(words, cpu), cpu) if cpu.timer else ())


def _ticks(words: Ticks, cpu: Cpu) -> Ticks:
    """Ticks of stretches of any length, from the lower 32 bits of each and what tells the others."""
    fine, coarse = words.reshape(-1, 2).T
    if cpu.counter_control:
        return fine + (coarse << 32)
    # a slower timer's ticks, which need not begin where this one's do
    return fine + ((((coarse << 8) - fine + (1 << 31)) >> 32) << 32)


def _instructions(ticks: Ticks, cpu: Cpu) -> tuple[int, ...]:
    """Turn timer ticks into instructions; the first entry is what the marks cost."""
    counts = (ticks[1:] - ticks[0]) * 1e9 / cpu.timer_hz / (1 << _SHIFT)
    whole = np.rint(counts)
    # a tick is 0.05 instructions at most: far from a whole number, the clock is not what we take it for
    if np.any(np.abs(counts - whole) > 0.15):
        raise InternalError(f"timer ticks of {cpu.machine} are no whole instructions: {counts[:4]}")
    return tuple(int(count) for count in whole)
