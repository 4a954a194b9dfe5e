from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.toolchain.arm import build_elf, helper_kind
from sensorai.toolchain.compilers import BuildError
from sensorai.toolchain.cpu import CPUS, Cpu, cpu
from sensorai.toolchain.elf import read_elf
from tests.toolchain.samples import FUNCTIONS

LIBRARY = """
#include <stdint.h>
float product(float a, float b);
int64_t wide(int64_t a, int64_t b);
int32_t share(int32_t a, int32_t b);
int32_t plain(int32_t a, int32_t b);
float product(float a, float b)
{
    return a * b;
}
int64_t wide(int64_t a, int64_t b)
{
    return a * b;
}
int32_t share(int32_t a, int32_t b)
{
    return a / b;
}
int32_t plain(int32_t a, int32_t b)
{
    return a * b + (a >> 3);
}
"""

SIZES = """
#include <stdint.h>
extern uint32_t variable;
extern int16_t zeroed[10];
uint32_t read_all(uint32_t i);
uint32_t variable = 7;
int16_t zeroed[10];
static const uint8_t table[100] = {1, 2, 3};
static uint32_t unused_function(void)
{
    return 1;
}
uint32_t read_all(uint32_t i)
{
    (void)&unused_function;
    return table[i] + variable + (uint32_t)zeroed[i];
}
"""

CALLS = """
#include <stdint.h>
int32_t outer(int32_t n);
int32_t itself(int32_t n);
int32_t through(int32_t (*f)(int32_t));
static int32_t __attribute__((noinline)) inner(int32_t n)
{
    volatile int32_t room[50];
    room[n] = n;
    return room[0];
}
int32_t outer(int32_t n)
{
    volatile int32_t room[10];
    room[n] = inner(n);
    return room[n] + inner(n + 1);
}
int32_t itself(int32_t n)
{
    volatile int32_t room[10];
    room[0] = n;
    return n > 0 ? itself(n - 1) + room[0] : 1;
}
int32_t through(int32_t (*f)(int32_t))
{
    return f(1) + 1;
}
"""


@pytest.mark.parametrize("core", CPUS, ids=lambda one: one.name)
def test_library_calls_are_seen(arm: None, core: Cpu) -> None:
    image = build_elf({"l.c": LIBRARY}, core)
    assert bool(image.helpers("soft float")) is not core.fpu
    assert image.helpers("64-bit") == (["__aeabi_lmul"] if core.name.startswith("cortex-m0") else [])
    assert image.helpers("division") == (["__aeabi_idiv"] if core.name.startswith("cortex-m0") else [])
    assert image.helpers("memory", "other") == []


def test_what_is_not_kept_calls_nothing(arm: None) -> None:
    """Of an integer project only what it holds counts: the check sees each file of the project."""
    alone = LIBRARY[: LIBRARY.index("float product(float a, float b)\n{")]
    alone += "int32_t plain(int32_t a, int32_t b)\n{\n    return a * b + (a >> 3);\n}\n"
    assert build_elf({"l.c": alone}, cpu("m0plus")).library_calls == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("__aeabi_fadd", "soft float"),
        ("__aeabi_dmul", "soft float"),
        ("__aeabi_i2f", "soft float"),
        ("__aeabi_lmul", "64-bit"),
        ("__aeabi_llsl", "64-bit"),
        ("__aeabi_uidivmod", "division"),
        ("memcpy", "memory"),
        ("__aeabi_memclr4", "memory"),
        ("__gnu_thumb1_case_uqi", "table jump"),
        ("__popcountsi2", "bit count"),
        ("printf", "other"),
    ],
)
def test_kinds_of_library_calls(name: str, kind: str) -> None:
    assert helper_kind(name) == kind


def test_sizes_are_those_of_the_project(arm: None) -> None:
    image = build_elf({"s.c": SIZES}, cpu("m4"))
    sizes = image.sizes()
    assert sizes["table"] == 100
    assert sizes["variable"] == 4
    assert sizes["zeroed"] == 20
    assert set(sizes) == {"table", "variable", "zeroed", "read_all"}
    assert image.section(".rodata") == 100
    assert image.ram == 4 + 20
    assert image.flash == image.section(".text") + 100 + 4
    assert sizes["read_all"] <= image.section(".text") <= sizes["read_all"] + 2


def test_only_what_is_kept_is_linked(arm: None) -> None:
    image = build_elf({"f.c": FUNCTIONS}, cpu("m4"), keep=("six",))
    assert list(image.sizes()) == ["six"]
    with pytest.raises(BuildError, match="six_and_more"):
        build_elf({"f.c": FUNCTIONS}, cpu("m4"), keep=("six_and_more",))


def test_builds_are_the_same_bytes_and_name_no_folder(arm: None) -> None:
    from sensorai.toolchain import arm as room

    first = build_elf({"a/f.c": FUNCTIONS, "b/f.c": SIZES}, cpu("m4"), flags=("-g",))
    room._build.cache_clear()
    second = build_elf({"a/f.c": FUNCTIONS, "b/f.c": SIZES}, cpu("m4"), flags=("-g",))
    assert first is not second
    assert first.data == second.data
    assert b"sensorai-" not in first.data


def test_stack_along_the_calls(arm: None) -> None:
    use = build_elf({"c.c": CALLS}, cpu("m4")).stack
    inner = use.bound("inner")
    outer = use.bound("outer")
    assert inner.unknown == outer.unknown == ()
    assert 200 <= inner.bytes <= 216
    assert outer.bytes == use.frames["outer"] + inner.bytes
    assert use.bound("itself").unknown == ("itself calls itself",)
    assert use.bound("through").unknown == ("call by pointer",)
    with pytest.raises(ConfigError, match="no frames for 'nothing'"):
        use.bound("nothing")


def test_symbols(arm: None) -> None:
    image = build_elf({"f.c": FUNCTIONS}, cpu("m0plus"))
    assert image.symbol("dot").kind == "function"
    assert image.symbol("dot").address % 2 == 0
    with pytest.raises(ConfigError, match="no function or object 'dots'") as caught:
        image.symbol("dots")
    assert caught.value.hint == "did you mean dot?"


@pytest.mark.parametrize("cut", [0, 3, 40, 2000])
def test_damaged_elf_files(arm: None, cut: int) -> None:
    data = build_elf({"f.c": FUNCTIONS}, cpu("m4")).data
    with pytest.raises(DataError, match="no readable ELF"):
        read_elf(data[:cut])


def test_random_damage_is_a_data_error_or_nothing(arm: None) -> None:
    data = np.frombuffer(build_elf({"f.c": FUNCTIONS}, cpu("m4")).data, np.uint8)
    random = np.random.default_rng(1)
    for _ in range(100):
        broken = data.copy()
        broken[random.integers(0, len(data), 5)] = random.integers(0, 256, 5)
        try:
            read_elf(broken.tobytes())
        except DataError:
            continue


def test_names_of_cores() -> None:
    assert cpu("m4") is cpu("Cortex-M4") is cpu("cortex-m4")
    assert cpu("m0").name == "cortex-m0"
    with pytest.raises(ConfigError, match="unknown core"):
        cpu("m9")
