"""A generated C project in QEMU: for cores that the emulator has no model of."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensorai.errors import InternalError
from sensorai.model.pipeline import Pipeline
from sensorai.toolchain.cpu import Cpu
from sensorai.writing import clang

if TYPE_CHECKING:
    from sensorai.toolchain.qemu import Outcome

#: Samples between two reads of the input. Results of one block lie in RAM.
BLOCK = 256
#: A long recording on a slow machine takes minutes; a program that hangs must still end.
SECONDS = 1800.0

#: Log after log: its length, its samples; out come, block by block, how many results and the results, and at
#: the end the bytes of stack that were written below ``main``.
_MAIN = """
enum { BLOCK = BLOCK_SAMPLES };

extern uint32_t harness_bss_end[];

static int16_t input[BLOCK * MACRO_CHANNELS];
static NAME_result_t results[BLOCK];

int main(void)
{
    volatile uint32_t *const bottom = harness_bss_end;
    volatile uint32_t *top;
    volatile uint32_t *at;
    uint32_t length;

    __asm volatile("mov %0, sp" : "=r"(top));
    for (at = bottom; at < top; at++) {
        *at = 0xA5A5A5A5U;
    }
    while (harness_read(&length, sizeof length) == sizeof length) {
        uint8_t fresh = 1;

        do {
            const uint32_t count = (length < BLOCK) ? length : BLOCK;
            const uint32_t bytes = count * MACRO_CHANNELS * (uint32_t)sizeof input[0];
            uint32_t made;

            if (harness_read(input, bytes) != bytes) {
                return 1;
            }
            made = NAME_drive(input, count, results, fresh);
            harness_write(&made, sizeof made);
            if (made != 0U) {
                harness_write(results, made * (uint32_t)sizeof results[0]);
            }
            fresh = 0;
            length -= count;
        } while (length != 0U);
    }
    for (at = bottom; (at < top) && (*at == 0xA5A5A5A5U); at++) {
    }
    length = (uint32_t)(top - at) * (uint32_t)sizeof *at;
    harness_write(&length, sizeof length);
    return 0;
}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What QEMU gave.

    Attributes
    ----------
    results : list of arrays
        Results of every log.
    marked : tuple of int
        Instructions of every marked stretch.
    stack : int
        Most bytes of stack below ``main``.
    """

    results: list[npt.NDArray[np.void]]
    marked: tuple[int, ...]
    stack: int


def in_qemu(
    pipeline: Pipeline,
    sources: Mapping[str, str],
    driver: str,
    samples: Sequence[npt.NDArray[np.int16]],
    layout: np.dtype[np.void],
    cpu: Cpu,
    opt: str,
) -> Ran:
    """Run logs through the project, a fresh start per log.

    Parameters
    ----------
    pipeline : Pipeline
    sources : mapping of name to text
    driver : str
        C with ``NAME_drive`` (see ``cproject.DRIVER``).
    samples : sequence of (n, channels) int16 arrays
    layout : dtype
        Of ``NAME_result_t``.
    cpu : Cpu
    opt : str

    Raises
    ------
    ToolMissing, BuildError, RunError
    """
    from sensorai.toolchain.qemu import build, run_image

    main = clang.filled(_MAIN, NAME=pipeline.name, MACRO=pipeline.name.upper(), BLOCK_SAMPLES=BLOCK)
    image = build({**sources, "qemu_main.c": driver + main}, cpu, opt=opt)
    stdin = b"".join(struct.pack("<I", len(x)) + np.ascontiguousarray(x, "<i2").tobytes() for x in samples)
    outcome = run_image(image, stdin, timeout=SECONDS)
    return _read(outcome, [len(x) for x in samples], layout)


def _read(outcome: Outcome, lengths: Sequence[int], layout: np.dtype[np.void]) -> Ran:
    """Take the output apart."""
    raw = outcome.output
    at = 0
    results = []
    for length in lengths:
        parts = []
        for _ in range(max(-(-length // BLOCK), 1)):
            (made,) = struct.unpack_from("<I", raw, at)
            parts.append(np.frombuffer(raw, layout, made, at + 4))
            at += 4 + made * layout.itemsize
        results.append(np.concatenate(parts))
    if at + 4 != len(raw):
        raise InternalError(f"QEMU gave {len(raw)} bytes, {at + 4} were awaited")
    return Ran(results, outcome.instructions, struct.unpack_from("<I", raw, at)[0])
