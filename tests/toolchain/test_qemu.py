"""QEMU against host and emulator: the same bytes, the same counts."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.toolchain import qemu as room
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.compilers import BuildError, RunError
from sensorai.toolchain.cpu import CPUS, Cpu, cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_program, support
from tests.toolchain.samples import PROGRAM

INPUT = np.random.default_rng(7).integers(-128, 128, 600).astype(np.int8).tobytes()


@pytest.mark.parametrize("core", CPUS, ids=lambda one: one.name)
def test_bytes_and_counts(qemu: None, core: Cpu) -> None:
    image = room.build({"m.c": PROGRAM}, core)
    outcome = room.run_image(image, INPUT)
    host = build_program({"m.c": PROGRAM}, sanitize=True, harness=True)
    assert outcome.output == host.run(INPUT)
    assert outcome.instructions == room.run_image(image, INPUT).instructions
    assert len(outcome.instructions) == 3
    if core.unicorn:
        sources = {"m.c": PROGRAM, "harness.h": support("harness.h")}
        alone = build_elf(sources, core, keep=("all",))
        emulator = Emulator(alone)
        emulator.engine.mem_write(alone.symbol("input").address, INPUT)
        assert emulator.call("all", returns="void").marked == outcome.instructions
        # called from here there is no call between the marks: one BL less
        counts = [emulator.call(name, returns="void").instructions for name in ("net", "tree", "floats")]
        assert outcome.instructions == tuple(count + 1 for count in counts)


@pytest.mark.parametrize("core", [cpu("m0plus"), cpu("m4"), cpu("m33"), cpu("m55")], ids=lambda one: one.name)
def test_faults_and_exit_codes(qemu: None, core: Cpu) -> None:
    with pytest.raises(RunError, match="exit code 1"):
        room.run_image(room.build({"m.c": PROGRAM}, core), INPUT[:-1])
    undefined = 'int main(void)\n{\n    __asm volatile("udf #1");\n    return 0;\n}\n'
    with pytest.raises(RunError, match=f"{core.machine} .*a fault"):
        room.run_image(room.build({"m.c": undefined}, core))


def test_a_program_that_does_not_end(qemu: None) -> None:
    endless = "int main(void)\n{\n    for (;;) {\n    }\n}\n"
    with pytest.raises(RunError, match="stopped after 2 s"):
        room.run_image(room.build({"m.c": endless}, cpu("m4")), timeout=2)


LARGE = """#include "harness.h"
static const uint8_t table[2 << 20] = {7}, other[3 << 20] = {8};
static uint8_t copy[2 << 20], more[3 << 20];
static void __attribute__((noinline)) turn(uint32_t turns)
{
    while (turns != 0U) {
        __asm volatile("");
        turns--;
    }
}
int main(void)
{
    uint32_t i;
    harness_begin();
    turn(100);
    harness_end();
    harness_begin();
    turn(140000000);
    harness_end();
    for (i = 0; i < sizeof more; i++) {
        copy[i % sizeof copy] = table[i % sizeof table];
        more[i] = other[i];
    }
    harness_write(copy, 2);
    harness_write(more, 2);
    return 0;
}
"""


@pytest.mark.parametrize("core", ["m4", "m7", "m33", "m55"])
def test_large_memories_and_long_stretches(qemu: None, core: str) -> None:
    """Five megabytes of constants and of variables; more ticks than a timer of 32 bits has."""
    outcome = room.run_image(room.build({"m.c": LARGE}, cpu(core)))
    assert outcome.output == bytes([7, 0, 8, 0])
    short, long = outcome.instructions
    # a few instructions load the larger number
    turn, rest = divmod(long - short, 140000000 - 100)
    assert turn in (1, 2, 3)
    assert rest < 4


def test_a_program_that_no_memory_holds(qemu: None) -> None:
    huge = LARGE.replace("other[3 << 20]", "other[30 << 20]")
    with pytest.raises(BuildError, match="collect2"):
        room.build({"m.c": huge}, cpu("m4"))
