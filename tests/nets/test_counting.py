"""What is counted on cores, what devices lack, and the reports that say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.nets import counting
from sensorai.nets.costs import costs, lying
from sensorai.nets.inputs import spread
from sensorai.nets.memory import held
from sensorai.nets.model import open_model
from sensorai.nets.port import ports
from sensorai.nets.room import lack, roomy
from sensorai.nets.running import Program
from sensorai.nets.sheet import sheet
from sensorai.nets.target import target
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.qemu import build, run_image
from tests.cli.call import call, refused
from tests.nd.test_conv_pool import net as pooled
from tests.need import need
from tests.nets.models import save
from tests.nets.test_cores import integer

__all__ = ["integer"]


def dense(path: Path, rows: int = 8, name: str = "y") -> Path:
    """Two layers; the first may be made large."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v"], [name]),
    ]
    known = {"w": rng.normal(0, 1, (6, rows)), "v": rng.normal(0, 1, (rows, 2))}
    floats = {n: a.astype(np.float32) for n, a in known.items()}
    return save(path, nodes, [("x", (1, 6))], [(name, (1, 2))], floats)


@pytest.mark.parametrize("inside", [(False, False), (True, True), (True, False)])
def test_counts_are_those_of_qemu(integer: Path, inside: tuple[bool, bool]) -> None:
    """Unicorn and QEMU count the same; layers are the call, but for what is saved across them."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    core = cpu("cortex-m4")
    graph = open_model(integer).on(core.isa).graph
    found = counting.count(graph, core, inside=inside)
    within = lying(graph, inside)
    sources = emit_net_project(graph, "net", About("", "", ""), inside=within).sources()
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = Program("net", "native", sources, ins, outs, None, inside)
    image = build({**sources, "run_main.c": program.main()}, core)
    (ran,) = run_image(image, program.stream(spread(ports(graph, graph.inputs), 1))).instructions
    # QEMU has the branch of the call and its arguments
    assert 0 < ran - found.call.instructions < 12
    assert len(found.layers) == len(graph.nodes)
    assert sum(one.instructions for one in found.layers) == pytest.approx(found.call.instructions, rel=0.02)
    assert found.call.cycles is not None
    assert found.call.cycles > found.call.instructions
    assert found.numbers == costs(graph).weights
    assert found.flash == found.code + found.numbers


@pytest.mark.parametrize("optimize", ["balanced", "ram"])
def test_what_is_counted_is_what_is_generated(optimize: str) -> None:
    """With inputs in the working memory other kernels may be chosen than with inputs of the caller."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    first = pooled(Conv(), (1, 26, 6), (4, 3, 6), Pool("max", (2,), (2,)))
    for name in ("cortex-m4", "cortex-m55"):
        graph, core = replace(first, isa=cpu(name).isa), cpu(name)
        calls = {}
        for ends in ((False, False), (True, True)):
            found = counting.count(graph, core, optimize=optimize, inside=ends)
            plain = emit_net_project(
                graph, "net", About("", "", ""), inside=lying(graph, ends), optimize=optimize
            )
            alone = build_elf(plain.sources(), core, opt="-O2", keep=("net_init", "net_run"))
            assert found.flash == alone.flash
            calls[ends] = found.call.instructions
        assert calls[True, True] != calls[False, False]


def test_a_core_without_cycles(integer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    at = target("stm32", "cortex-m55")
    model = open_model(integer).on(at.isa)
    made = sheet(model, costs(model.graph, (True, True)), at)
    assert made.counted is not None
    assert made.counted.emulator == "QEMU"
    total = made.counted.call.instructions
    assert sum(one.instructions for one in made.layers) == pytest.approx(total, rel=0.02)
    assert (made.seconds, made.joules) == (None, None)
    assert "cycles: nobody publishes those of cortex-m55" in made.words()
    # nothing is counted in place of what is too long
    monkeypatch.setattr(counting, "MOST", 100)
    at = target("stm32", "cortex-m4")
    made = sheet(model, costs(model.graph), at)
    assert made.counted is None
    assert "no return after 100 instructions" in made.words()[0]


def test_time_and_energy_come_from_facts(integer: Path) -> None:
    need("arm-none-eabi-gcc")
    at = target("stm32", "STM32F411RE")
    model = open_model(integer).on(at.isa)
    made = sheet(model, costs(model.graph), at)
    assert made.counted is not None
    assert made.counted.call.cycles is not None
    cycles = made.counted.call.cycles
    assert made.seconds == pytest.approx(cycles / 100e6)
    assert made.joules == pytest.approx(cycles * 100e-12 * 3.0)
    at = target("ispu", None)
    made = sheet(model, costs(model.graph), at, counts=False)
    assert (made.seconds, made.joules, made.layers) == (None, None, ())


def test_what_a_device_lacks(tmp_path: Path) -> None:
    model = open_model(dense(tmp_path / "d.onnx", 3000))
    counted = costs(model.graph)
    at = target("stm32", "STM32L053R8")
    found = lack(model.graph, counted, at, counted.weights, counted.ram or 0)
    assert found is not None
    assert not isinstance(found.smaller, str)
    assert found.flash == counted.weights - 65536
    assert found.largest["flash"][1] == max(layer.weight_bytes for layer in counted.layers)
    assert found.smaller.flash < counted.weights - found.flash
    assert found.smaller.fits
    assert found.largest["RAM"] == ("h", 12000 + 24)
    assert held(model.graph, counted) == (12000 + 24, 12000 + 8)
    assert found.roomy[0] in roomy("stm32", counted.weights, counted.ram or 0)
    assert lack(model.graph, counted, target("stm32", "STM32F411RE"), counted.weights, 0) is None
    done = call("analyze", tmp_path / "d.onnx", "--target", "stm32", "--device", "STM32L053R8")
    assert done.code == 0, done.err
    assert "missing, as far as it was counted: 30,464 bytes of flash and 3,832 bytes of RAM" in done.out
    for part in ("bytes more than the 65,536", "largest layer by flash: h, 72,000", "quantize: weights 57,"):
        assert part in done.out


def test_a_page_and_the_words_of_others(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    model = dense(tmp_path / "d.onnx", name="<script>alert(1)</script>")
    words = ("--target", "stm32", "--device", "STM32F411RE", "--html", tmp_path / "d.html")
    done = call("analyze", model, *words, "--out", tmp_path / "st", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["device"]
    page = (tmp_path / "d.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert f"{found['instructions']:,}" in page
    assert "Arm DDI 0439" in page
    info = json.loads((tmp_path / "st" / "network_c_info.json").read_text())
    times = [node["exec_time"]["counters"]["instructions"] for node in info["graphs"][0]["nodes"]]
    assert times == [layer["instructions"] for layer in found["layers"]]
    assert info["memory_footprint"]["kernel_flash"] == found["code_bytes"]
    text = (tmp_path / "st" / "network_analyze_report.txt").read_text()
    assert "Inference time per node" in text
    assert "Requested memory size by section" in text
    assert str(tmp_path) not in text
    refused(call("analyze", model, "--count"), "--count needs --device")


def test_missing_tools_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    # a net that was not built before: builds are kept
    done = call("analyze", dense(tmp_path / "d.onnx", 5), "--target", "stm32", "--count")
    assert done.code == 0, done.err
    assert "instructions: not counted: arm-none-eabi-gcc" in done.out
