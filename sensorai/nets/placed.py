"""The blob of a net that brings its code, run as a program would: from two places in memory at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.running import C_TYPES, SECONDS, Program
from sensorai.writing import clang

_MAIN = """#include "NAME_slot.h"
#include "harness.h"

#define BYTES BLOB_BYTESU
static uint8_t one[BYTES + 16U] __attribute__((aligned(16)));
static uint8_t two[BYTES + 32U] __attribute__((aligned(16)));
static NAME_slot_t first, second;
static uint8_t differ;
ARRAYS
static void compare(const void *a, const void *b, uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        differ |= (uint8_t)(((const uint8_t *)a)[i] ^ ((const uint8_t *)b)[i]);
    }
}

int main(void)
{
    uint32_t i;
    int status, other;

    if (harness_read(one, BYTES) != BYTES) {
        return 1;
    }
    for (i = 0; i < BYTES; i++) {
        two[16U + i] = one[i];
    }
    if (sa_blob_check(one, BYTES, &NAME_slot_wants) != 0 || NAME_slot_init(&first, one) != 0 ||
        NAME_slot_init(&second, two + 16) != 0) {
        return 2;
    }
    while (harness_read(in_1, sizeof in_1) == sizeof in_1) {
READS        status = NAME_slot_run(&firstFIRST);
        other = NAME_slot_run(&secondSECOND);
        if (status < 0 || status != other) {
            return 3;
        }
PUSHEDCOMPARES        if (differ) {
            return 4;
        }
WRITES    }
    return 0;
}
"""
_PUSHED = """        there = (uint8_t)status;
        harness_write(&there, sizeof there);
        if (there == 0U) {
            continue;
        }
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A blob, and the program's side of it.

    Attributes
    ----------
    blob : bytes
    sources : mapping of str to str
        ``NAME_slot.c`` and what it needs.
    """

    blob: bytes
    sources: Mapping[str, str]

    def run(self, program: Program, given: Inputs, core: str) -> list[list[Array]]:
        """Run it on an emulated core; it fails where the two places do not give the same bits.

        Parameters
        ----------
        program : Program
            The net that the blob was made of: its inputs and outputs.
        given : Inputs
        core : str

        Raises
        ------
        ToolMissing, BuildError, RunError
        """
        from sensorai.toolchain.cpu import cpu
        from sensorai.toolchain.qemu import build, run_image

        image = build({**self.sources, "placed_main.c": self._main(program)}, cpu(core))
        done = run_image(image, self.blob + program.stream(given), timeout=SECONDS)
        return program.read(done.output, given)

    def _main(self, program: Program) -> str:
        name = clang.identifier(program.name)
        ins = [f"in_{k}" for k in range(1, len(program.inputs) + 1)]
        outs = [f"out_{k}" for k in range(1, len(program.outputs) + 1)]
        ports = [*zip(ins, program.inputs, strict=True), *zip(outs, program.outputs, strict=True)]
        size = {n: f"{name.upper()}_SLOT_{n.upper()}_SIZE" for n, _ in ports}
        arrays = [f"static {C_TYPES[p.dtype]} {n}[{size[n]}];" for n, p in ports]
        arrays += [f"static {C_TYPES[p.dtype]} {n}_too[{size[n]}];" for n, p in ports if n in outs]
        pushed = program.warm_up is not None
        arrays += ["static uint8_t there;"] if pushed else []
        return clang.filled(
            _MAIN,
            NAME=name,
            BLOB_BYTES=str(len(self.blob)),
            ARRAYS="\n".join(arrays) + "\n",
            READS="".join(f"        (void)harness_read({n}, sizeof {n});\n" for n in ins[1:]),
            FIRST="".join(f", {n}" for n in (*ins, *outs)),
            SECOND="".join(f", {n}" for n in (*ins, *(f"{n}_too" for n in outs))),
            PUSHED=_PUSHED if pushed else "",
            COMPARES="".join(f"        compare({n}, {n}_too, sizeof {n});\n" for n in outs),
            WRITES="".join(f"        harness_write({n}, sizeof {n});\n" for n in outs),
        )
