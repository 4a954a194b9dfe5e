from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import ConfigError, InternalError, ToolMissing
from sensorai.toolchain import compilers
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.compilers import BuildError, RunError
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import build_program, build_shared
from tests.need import need
from tests.toolchain.samples import FUNCTIONS

ECHO = """
#include "harness.h"
int main(void)
{
    uint8_t bytes[7];
    uint32_t n;
    while ((n = harness_read(bytes, 7)) > 0) {
        harness_write(bytes, n);
    }
    return 0;
}
"""


def test_calls_of_a_host_library(gcc: None) -> None:
    library = build_shared({"f.c": FUNCTIONS})
    values = np.array([5, -3, 7, 0, 7], np.int16)
    assert library.call("sort", values, 5).value == 3
    assert values.tolist() == [-3, 0, 5, 7, 7]
    assert library.call("six", 1, 2, 3, 4, 5, -6).value == 54321 - 600000
    assert library.call("high", returns="uint32").value == 0xFFFFFFF0
    assert library.call("high").value == -16
    value = library.call("scale", np.float32(0.3), 2, returns="float32").value
    assert np.float32(value) == np.float32(0.3) * np.float32(0.1) + np.float32(2)


def test_equal_sources_are_built_once(gcc: None) -> None:
    assert build_shared({"f.c": FUNCTIONS}) is build_shared({"f.c": FUNCTIONS})
    assert build_shared({"f.c": FUNCTIONS}) is not build_shared({"f.c": FUNCTIONS}, opt="-O0")


def test_a_read_only_array_must_stay(gcc: None) -> None:
    library = build_shared({"f.c": FUNCTIONS})
    values = np.array([2, 1], np.int16)
    values.flags.writeable = False
    with pytest.raises(RunError, match="sort wrote into a read-only argument"):
        library.call("sort", values, 2)


def test_arguments_that_c_cannot_take(gcc: None) -> None:
    library = build_shared({"f.c": FUNCTIONS})
    with pytest.raises(InternalError, match="not a plain contiguous"):
        library.call("sort", np.zeros((4, 4), np.int16)[:, 0], 4)
    with pytest.raises(InternalError, match="neither a 32-bit number"):
        library.call("six", 1 << 32, 0, 0, 0, 0, 0)
    with pytest.raises(InternalError, match="no function 'seven'"):
        library.call("seven")


def test_the_first_complaint_of_the_compiler(gcc: None) -> None:
    with pytest.raises(BuildError, match=r"bad\.c:1:\d+: error: .*void") as caught:
        build_shared({"bad.c": "int f(void){return;}\n"})
    assert "tmp" not in caught.value.message
    # the complaint is said once
    assert caught.value.hint
    assert caught.value.message.removeprefix("gcc: ") not in caught.value.hint
    with pytest.raises(BuildError, match="conversion"):
        build_shared({"narrow.c": "short f(int x);\nshort f(int x)\n{\n    return x;\n}\n"})


def test_names_that_lead_elsewhere(gcc: None) -> None:
    with pytest.raises(ConfigError, match="leads out"):
        build_shared({"../f.c": FUNCTIONS})


def test_a_program_gives_bytes_back(gcc: None) -> None:
    program = build_program({"echo.c": ECHO}, harness=True)
    data = bytes(range(256)) * 3
    assert program.run(data) == data
    assert program.run() == b""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("int a[2] = {1, 2};\n    return a[n];", r"m\.c:\d+.*index 2|AddressSanitizer"),
        ("int m = 1 << 30;\n    m *= n;\n    return m & 1;", "signed integer overflow"),
        ("return 5 << (n + 31) > 0;", "shift exponent 33"),
    ],
)
def test_sanitizers_speak(gcc: None, body: str, message: str) -> None:
    source = f"int main(int n, char **names)\n{{\n    (void)names;\n    n += 1;\n    {body}\n}}\n"
    with pytest.raises(RunError, match=message):
        build_program({"m.c": source}, sanitize=True).run()


def test_programs_that_fail_or_hang(gcc: None) -> None:
    with pytest.raises(RunError, match="exit code 3"):
        build_program({"m.c": "int main(void)\n{\n    return 3;\n}\n"}).run()
    with pytest.raises(RunError, match=r"stopped after 0\.2 s"):
        build_program({"m.c": "int main(void)\n{\n    for (;;) {\n    }\n}\n"}).run(timeout=0.2)


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="gcc is not installed") as host:
        build_shared({"never.c": "int never_built(void);\n"})
    assert host.value.hint == "sudo apt install gcc libc6-dev"
    with pytest.raises(ToolMissing, match="arm-none-eabi-gcc is not installed") as arm:
        build_elf({"never.c": "int never_built(void);\n"}, cpu("m4"))
    assert arm.value.hint == "sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
    with pytest.raises(ToolMissing, match="qemu-system-arm is not installed"):
        compilers.find("qemu-system-arm")


def test_a_missing_tool_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="sudo apt install qemu-system-arm"):
        need("qemu-system-arm")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="sudo apt install qemu-system-arm"):
        need("qemu-system-arm")
