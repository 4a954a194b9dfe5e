from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, InternalError
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import CPUS, Cpu, cpu
from sensorai.toolchain.cycles import TIMINGS, estimate
from sensorai.toolchain.emulator import Emulator, EmulatorFault
from sensorai.toolchain.host import build_shared
from tests.toolchain.samples import FAULTS, FUNCTIONS

EMULATED = [one for one in CPUS if one.unicorn]
cores = pytest.mark.parametrize("core", EMULATED, ids=lambda one: one.name)


@cores
def test_the_same_as_on_the_host(arm: None, gcc: None, core: Cpu) -> None:
    library, emulator = build_shared({"f.c": FUNCTIONS}), Emulator(build_elf({"f.c": FUNCTIONS}, core))
    random = np.random.default_rng(5)
    a, b = random.integers(-128, 128, (2, 501)).astype(np.int8)
    for n in (0, 1, 500, 501):
        assert emulator.call("dot", a, b, n).value == library.call("dot", a, b, n).value
    mine, theirs = (random.integers(-32768, 32768, 60).astype(np.int16) for _ in range(2))
    theirs[:] = mine
    assert emulator.call("sort", mine, 60).value == library.call("sort", theirs, 60).value
    assert mine.tobytes() == theirs.tobytes()
    assert emulator.call("six", 1, 2, 3, 4, 5, -6).value == 54321 - 600000
    assert emulator.call("high", returns="uint32").value == 0xFFFFFFF0
    assert emulator.call("high").value == -16
    assert emulator.call("high", returns="void").value == 0
    x = np.float32(0.3)
    here = library.call("scale", x, -7, returns="float32").value
    assert emulator.call("scale", x, -7, returns="float32").value == here


def test_counts_known_from_the_code(arm: None) -> None:
    """A function written in assembly: every instruction is known."""
    source = (
        ".syntax unified\n.thumb\n.section .text.count\n.global count\n.thumb_func\n"
        ".type count, %function\ncount:\n"
        "  push {r4, lr}\n1: subs r0, #1\n  bne 1b\n  cmp r0, #0\n  ite eq\n  moveq r0, #5\n  movne r0, #6\n"
        "  pop {r4, pc}\n.size count, . - count\n"
    )
    emulator = Emulator(build_elf({"c.s": source}, cpu("m4"), keep=("count",)))
    # push, 10 * (subs, bne), cmp, ite, moveq, movne (skipped, counted), pop
    call = emulator.call("count", 10)
    assert (call.value, call.instructions, call.stack) == (5, 1 + 20 + 5, 8)
    assert emulator.profile() == {"count": 26}
    # push 1+2, 10 subs, 10 bne and 9 taken at 2 more, four others, pop 1+2 and 2 for the jump
    assert estimate(cpu("m4"), emulator.counter) == 3 + 10 + 10 + 18 + 4 + 3 + 0
    emulator.call("count", 1)
    assert emulator.profile() == {"count": 26 + 8}
    emulator.clear()
    assert emulator.profile() == {}


@cores
def test_counts_and_stack_do_not_change(arm: None, core: Cpu) -> None:
    emulator = Emulator(build_elf({"f.c": FUNCTIONS}, core))
    first = [emulator.call("stack_use", 3), emulator.call("six", 1, 2, 3, 4, 5, 6)]
    again = [emulator.call("stack_use", 3), emulator.call("six", 1, 2, 3, 4, 5, 6)]
    assert first == again
    assert 400 <= first[0].stack <= 432
    assert emulator.image.stack.bound("stack_use").bytes == first[0].stack


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("wild", (np.zeros(4, np.int32),), r"read from 0xa00000.0 \(4 bytes\) at pc 0x0000.* in wild\+0x"),
        ("beyond", (np.zeros(5, np.uint8), 6), r"beyond wrote behind array 0 \(5 bytes\)"),
        ("before", (np.zeros(5, np.uint8),), "before wrote before array 0"),
        ("forever", (), r"no return after 100000 instructions at pc .* in forever\+0x"),
        ("undefined", (), r"Invalid instruction .* in undefined\+0x0"),
        ("deep", (1000,), r"write to .* \(stack overflow\) at pc .* in deep\+0x"),
        ("into_code", (), r"write to read-only memory at .* in into_code\+0x"),
    ],
)
@pytest.mark.parametrize("core", [cpu("m0plus"), cpu("m4"), cpu("m7")], ids=lambda one: one.name)
def test_faults_name_the_function(
    arm: None, core: Cpu, function: str, arguments: tuple[object, ...], message: str
) -> None:
    emulator = Emulator(build_elf({"x.c": FAULTS}, core), limit=100_000)
    with pytest.raises(EmulatorFault, match=message):
        emulator.call(function, *arguments)  # type: ignore[arg-type]
    # the core is as good as new
    assert emulator.call("deep", 10).value == 55


def test_unaligned_access_on_cores_that_cannot(arm: None) -> None:
    data = np.arange(8, dtype=np.uint8)
    assert Emulator(build_elf({"x.c": FAULTS}, cpu("m4"))).call("odd", data).value == 0x04030201
    with pytest.raises(EmulatorFault, match=r"unaligned access .* cortex-m0plus .* in odd\+0x"):
        Emulator(build_elf({"x.c": FAULTS}, cpu("m0plus"))).call("odd", data)


def test_a_read_only_array_must_stay(arm: None) -> None:
    data = np.zeros(5, np.uint8)
    data.flags.writeable = False
    with pytest.raises(EmulatorFault, match="beyond wrote into a read-only argument"):
        Emulator(build_elf({"x.c": FAULTS}, cpu("m4"))).call("beyond", data, 5, returns="void")


def test_buffers_stay(arm: None) -> None:
    emulator = Emulator(build_elf({"x.c": FAULTS, "f.c": FUNCTIONS}, cpu("m4")))
    buffer = emulator.buffer(np.array([3, 1, 2], np.int16))
    assert emulator.call("sort", buffer, 3).value == 2
    assert buffer.read(np.int16).tolist() == [1, 2, 3]
    buffer.write(np.array([9], np.int16))
    assert emulator.call("sort", buffer, 3).value == 2
    assert buffer.read(np.int16).tolist() == [2, 3, 9]
    with pytest.raises(InternalError, match="8 bytes do not fit"):
        buffer.write(b"12345678")
    with pytest.raises(EmulatorFault, match=r"wrote behind buffer 0 \(6 bytes\)"):
        emulator.call("beyond", buffer, 7)


def test_one_array_given_twice_is_one_place(arm: None) -> None:
    emulator = Emulator(build_elf({"f.c": FUNCTIONS}, cpu("m4")))
    data = np.arange(-5, 6, dtype=np.int8)
    assert emulator.call("dot", data, data, 11).value == 110


def test_big_arrays_and_floats_of_both_kinds(arm: None) -> None:
    emulator = Emulator(build_elf({"f.c": FUNCTIONS}, cpu("m4")))
    ones = np.ones(3_000_000, np.int8)
    assert emulator.call("dot", ones, ones, len(ones)).value == 3_000_000


def test_no_model_of_this_core(arm: None) -> None:
    with pytest.raises(ConfigError, match="no model of cortex-m55"):
        Emulator(build_elf({"f.c": FUNCTIONS}, cpu("m55")))


@cores
def test_cycles_are_at_least_the_instructions(arm: None, core: Cpu) -> None:
    emulator = Emulator(build_elf({"f.c": FUNCTIONS}, core))
    a = np.ones(100, np.int8)
    count = emulator.call("dot", a, a, 100).instructions
    cycles = estimate(core, emulator.counter) / TIMINGS[core.name].factor
    assert count < cycles < 3 * count


def test_no_estimate_for_a_core_without_timings(arm: None) -> None:
    emulator = Emulator(build_elf({"f.c": FUNCTIONS}, cpu("m4")))
    with pytest.raises(ConfigError, match="no cycle estimate for cortex-m55"):
        estimate(cpu("m55"), emulator.counter)


DRIVER = """
#include "harness.h"
int32_t dot(const int8_t *a, const int8_t *b, int32_t n);
void drive(const int8_t *a, int32_t n, int32_t *out);
void drive(const int8_t *a, int32_t n, int32_t *out)
{
    for (int32_t i = 0; i < n; i++) {
        harness_begin();
        int32_t value = dot(a, a, i);
        harness_end();
        out[i] = value;
    }
}
"""


@cores
def test_marked_stretches_of_a_driver(arm: None, core: Cpu) -> None:
    image = build_elf({"f.c": FUNCTIONS}, core, keep=("dot",), harness={"drive.c": DRIVER})
    assert image.flash == build_elf({"f.c": FUNCTIONS}, core, keep=("dot",)).flash
    assert list(image.sizes()) == ["dot"]
    emulator = Emulator(image)
    a, out = np.arange(-10, 10, dtype=np.int8), np.zeros(20, np.int32)
    marked = emulator.call("drive", a, 20, out, returns="void").marked
    assert out.tolist() == [int((a[:i].astype(int) ** 2).sum()) for i in range(20)]
    alone = [emulator.call("dot", a, a, i) for i in range(20)]
    assert alone[0].marked == ()
    # the call, the moves of its arguments and result, and what the compiler puts between
    extra = {count - one.instructions for count, one in zip(marked, alone, strict=True)}
    assert len(extra) == 1
    assert 4 <= extra.pop() <= 8
