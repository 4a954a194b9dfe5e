"""``make`` in a project for a microcontroller: cross compilers for its device, others for this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sensorai.codegen.project import emit_project
from sensorai.mcu.devices import McuDevice, device, devices
from sensorai.model.pipeline import run
from sensorai.toolchain.elf import read_elf
from tests.need import need
from tests.verify.pipelines import detector, forest, net, samples

CROSS = "CC=arm-none-eabi-gcc"
#: One device of every core with a memory map, and what has none.
LINKED = ("STM32F072RB", "STM32G071RB", "STM32F103RB", "STM32L476RG", "STM32F746ZG", "STM32U575ZI")
LIBRARY = ("cortex-m4", "STM32N657X0")


def write(folder: Path, part: McuDevice, **files: str) -> Path:
    """A project for a device: a float-free net on the larger cores, else a forest."""
    one = net("demo") if part.cpu.dsp else forest("demo")
    for name, text in {**emit_project(one, part.chip()).files, **files}.items():
        (folder / name).write_text(text)
    return folder


def make(folder: Path, *words: str) -> None:
    done = subprocess.run(["make", "-s", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("name", LINKED)
def test_a_program_for_the_device(name: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "make")
    part = device(name)
    make(write(tmp_path, part), CROSS)
    program = read_elf((tmp_path / "build/arm-none-eabi/demo.elf").read_bytes())
    chip = part.chip()
    assert chip.flash is not None
    assert chip.ram is not None
    (flash, flash_bytes), (ram, ram_bytes) = chip.flash, chip.ram
    at = {one.name: one.address for one in program.symbols}
    assert at["startup_vectors"] == flash
    assert at["startup_stack_top"] == ram + ram_bytes
    assert flash <= at["demo_push"] < flash + flash_bytes
    assert ram <= at["startup_zero_begin"] <= at["startup_zero_end"] <= ram + ram_bytes
    assert not program.undefined
    # nothing of a C library but what the compiler itself needs
    assert not {"memcpy", "memset", "malloc", "printf"} & at.keys()


@pytest.mark.parametrize("name", LIBRARY)
def test_a_library_where_no_memory_is_known(name: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "make")
    make(write(tmp_path, device(name)), CROSS)
    assert (tmp_path / "build/arm-none-eabi/libdemo.a").is_file()
    assert not (tmp_path / "startup.c").exists()
    assert not list(tmp_path.glob("*.ld"))


def test_both_compilers_side_by_side(tmp_path: Path) -> None:
    """No object of one is taken for the other's, in any order; the archive has the cross compiler's index."""
    need("arm-none-eabi-gcc", "gcc", "make")
    folder = write(tmp_path, device("stm32l4"))
    for _ in range(2):
        make(folder, CROSS)
        make(folder)
        assert subprocess.run([str(folder / "example")], check=False).returncode in (0, 1)
    make(folder, CROSS, "CFLAGS=-Os")
    listed = subprocess.run(
        ["arm-none-eabi-nm", "-s", "build/arm-none-eabi/libdemo.a"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "demo_push in demo.o" in listed
    attributes = subprocess.run(
        ["arm-none-eabi-readelf", "-A", "build/arm-none-eabi/demo.elf"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 'Tag_CPU_name: "Cortex-M4"' in attributes or "7E-M" in attributes
    assert "Tag_ABI_VFP_args: VFP registers" in attributes
    make(folder, "clean")
    assert not (folder / "build").exists()


#: Pushes samples from flash and tells by semihosting; the core stops there.
MAIN = """#include "demo.h"

static const int16_t samples[][DEMO_CHANNELS] = {
SAMPLES};

static int semihost(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t started = 41;

int main(void)
{
    static demo_t context;
    demo_result_t result;
    char text[2] = {0, 0};
    uint32_t i;

    started++;
    if (started != 42U || demo_init(&context) != 0) {
        (void)semihost(4, "bad start");
    }
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        if (demo_push(&context, samples[i], &result) == 1) {
            text[0] = (char)('0' + result.answer);
            (void)semihost(4, text);
        }
    }
    (void)semihost(0x18, (const void *)0x20026);
    return 0;
}
"""


@pytest.mark.parametrize(("name", "board"), [("STM32F411RE", "netduinoplus2"), ("STM32F103RB", "netduino2")])
def test_the_program_runs(name: str, board: str, tmp_path: Path) -> None:
    """On boards of QEMU whose flash and RAM lie where those of the device do."""
    need("arm-none-eabi-gcc", "make", "qemu-system-arm")
    part = device(name)
    x = samples(1, 120)
    rows = "".join(f"    {{{', '.join(map(str, row))}}},\n" for row in x.tolist())
    folder = write(tmp_path, part, **{"main.c": MAIN.replace("SAMPLES", rows)})
    make(folder, CROSS)
    command = ["qemu-system-arm", "-M", board, "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", "build/arm-none-eabi/demo.elf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    one = net("demo") if part.cpu.dsp else forest("demo")
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip() == "".join(map(str, run(one, x).answer.tolist()))


def test_every_map_is_within_its_memory() -> None:
    for part in devices():
        chip = part.chip()
        if chip.ram is not None:
            assert part.ram is not None
            assert 0 < chip.ram[1] <= part.ram
            assert chip.flash == (0x0800_0000, part.flash)
        assert chip.linked == (part.flash is not None)


def test_the_library_leaves_the_example_out() -> None:
    project = emit_project(detector("mahalanobis", "demo"), device("stm32l4").chip())
    assert {"main.c", "startup.c", "demo.ld"} <= project.files.keys()
    assert not {"main.c", "startup.c"} & project.sources().keys()
