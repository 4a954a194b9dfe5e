"""Nets without a window of samples on the ISPU: a whole program, on the virtual core and the stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sensorai.errors import ConfigError, InternalError
from sensorai.ispu import devices
from sensorai.ispu.bare import NetPort, VirtualNet, net_app, net_files
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.standin import stand_in
from sensorai.kinds import Kind, look
from tests.cli.call import call
from tests.ispu.make import elf, pattern
from tests.need import need
from tests.nets.models import reshape, two

#: A net by hand: adds what it keeps, and answers more bytes than the registers have.
HEADER = """#ifndef SUM_H
#define SUM_H
#include <stdint.h>
typedef struct { int32_t total; } sum_t;
int sum_init(sum_t *ctx);
int sum_run(sum_t *ctx, const int16_t *in_1, const uint8_t *in_2, int32_t *out_1, uint8_t *out_2);
#endif
"""
SOURCE = """#include "sum.h"
int sum_init(sum_t *ctx) { ctx->total = 0; return 0; }
int sum_run(sum_t *ctx, const int16_t *in_1, const uint8_t *in_2, int32_t *out_1, uint8_t *out_2)
{
    uint8_t i;
    ctx->total += in_1[0] + in_1[1] + in_2[0];
    out_1[0] = ctx->total;
    for (i = 0; i < 100U; i++) {
        out_2[i] = (uint8_t)(in_2[0] + i);
    }
    return 0;
}
"""
INS = [NetPort("a", "int16_t", 2), NetPort('b "*/ \n', "uint8_t", 1)]
OUTS = [NetPort("total", "int32_t", 1), NetPort("row", "uint8_t", 100)]


def files(device: str) -> tuple[VirtualNet, dict[str, str]]:
    app = net_app("sum", devices.device(device), ["sum.c"])
    made = {"sum.h": HEADER, "sum.c": SOURCE, **net_files(app, "native", INS, OUTS)}
    return VirtualNet(app, made, INS, OUTS), made


def given(numbers: Sequence[int]) -> list[list[bytes]]:
    return [[k.to_bytes(2, "little") + b"\1\0", bytes([k])] for k in numbers]


@pytest.mark.parametrize("device", ["lsm6dso16is", "iis3dwb10is"])
def test_memory_and_registers(device: str) -> None:
    """Inputs go into memory, states live from sample to sample, a new start forgets them."""
    need("gcc")
    core, made = files(device)
    for _ in range(2):
        rows = core.run(given([3, 40]))
        assert [int.from_bytes(total, "little") for total, _ in rows] == [7, 88]
        assert rows[1][1] == bytes(range(40, 140))
    room = core.app.device.integer("run", "dout_bytes")
    shown = parse_meta(made["meta.txt"], core.app.device).outputs
    assert [(one.name, one.type, one.length) for one in shown] == [
        ("results", "uint32_t", 1),
        ("total", "int32_t", 1),
        ("row", "uint8_t", room - 8),
    ]


def test_registers_are_held_against_memory() -> None:
    need("gcc")
    app = net_app("sum", devices.device("lsm"), ["sum.c"])
    made = net_files(app, "native", INS, OUTS)
    for good, bad in (("= from[i]", "= (uint8_t)(from[i] ^ 1U)"), ("results++", "results += 2U")):
        wrong = {**made, "sum_ispu.c": made["sum_ispu.c"].replace(good, bad)}
        core = VirtualNet(app, {"sum.h": HEADER, "sum.c": SOURCE, **wrong}, INS, OUTS)
        with pytest.raises(InternalError, match="result of call 0"):
            core.run(given([3]))


def test_pushes() -> None:
    """A net that gets columns says when it has outputs."""
    need("gcc")
    app = net_app("sum", devices.device("lsm"), ["sum.c"])
    source = SOURCE.replace("return 0;\n}\n", "return (in_2[0] % 3U == 0U) ? 1 : 0;\n}\n")
    made = {"sum.h": HEADER.replace("sum_run", "sum_push"), "sum.c": source.replace("sum_run", "sum_push")}
    core = VirtualNet(app, {**made, **net_files(app, "native", INS, OUTS, pushes=True)}, INS, OUTS)
    totals = [[int.from_bytes(raw, "little") for raw in call[:1]] for call in core.run(given([1, 3, 5, 6]))]
    assert totals == [[], [3 + 7], [], [3 + 7 + 11 + 13]]


def test_the_stand_in_builds_it() -> None:
    need("arm-none-eabi-gcc")
    core, made = files("lsm")
    built = stand_in(core.app, made)
    assert built.data_bytes >= 4 + 4 + 1 + 4 + 100
    assert built.library_calls == ()


@pytest.mark.parametrize("api", ["native", "stai"])
def test_verbs(tmp_path: Path, api: str) -> None:
    """Several inputs and outputs, through both interfaces; the project is packed, and emulated."""
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    model, folder = two(tmp_path / "two.onnx"), tmp_path / "out"
    done = call("generate", model, "--target", "ispu", "--out", folder, "--api", api, "--name", "network")
    assert "whole program: " in done.out
    assert look(folder).kind is Kind.NET_PROJECT
    done = call("validate", folder, "--on", "host", "--on", "emulator")
    assert "virtual ISPU of LSM6DSO16IS: 4 calls" in done.out
    assert "C on cortex-m0plus, in place of the ISPU of LSM6DSO16IS, emulated: 4 calls" in done.out
    assert "all of these agree bit by bit" in done.out
    (folder / "given.elf").write_bytes(elf([(0, pattern(96)), (0x10000, pattern(0x2100))], [(96, 900)]))
    assert "network_load.json" in call("build", folder, "--program", folder / "given.elf").out
    (folder / "network.c").write_text("#error no\n")
    assert call("validate", folder).code != 0


def test_what_cannot_fit_is_not_built(tmp_path: Path) -> None:
    done = call(
        "generate",
        reshape(tmp_path / "r.onnx", shape=(1, 40, 60)),
        "--target",
        "ispu",
        "--out",
        tmp_path / "out",
    )
    assert "bytes more than the 8,192 of LSM6DSO16IS" in done.out
    assert "whole program" not in done.out
    assert (tmp_path / "out" / "ispu.ld").is_file()
    assert "#   make -f ispu.mk files" in (tmp_path / "out" / "ispu.mk").read_text()
    with pytest.raises(ConfigError, match="reserved"):
        net_app("algo_00", devices.device("lsm"), ["algo_00.c"])


def test_devices(tmp_path: Path) -> None:
    """The core of the device of a project, or of the one that is said."""
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    model = two(tmp_path / "two.onnx")
    done = call("validate", model, "--count", "2", "--on", "emulator", "--device", "stm32u585ai")
    assert "C on cortex-m33 of STM32U585AI, emulated: 2 calls" in done.out
    call("generate", model, "--target", "stm32", "--device", "cortex-m55", "--out", tmp_path / "out")
    done = call("validate", tmp_path / "out", "--on", "emulator")
    assert "C on cortex-m55, emulated: 4 calls, " in done.out
    assert "C on cortex-m4" not in done.out
    done = call("validate", tmp_path / "out", "--device", "m4")
    assert (done.code, "a project has its device" in done.err) == (2, True)
    done = call("validate", model, "--device", "m4711")
    assert (done.code, "no target of nets has a device 'm4711'" in done.err) == (2, True)
