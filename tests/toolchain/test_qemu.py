"""QEMU against host and emulator: the same bytes, the same counts."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.toolchain import qemu as room
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.compilers import RunError
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
