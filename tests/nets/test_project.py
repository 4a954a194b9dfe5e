"""Projects of nets: they build without a word, hold any number of instances, and keep states."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.tensor import Tensor
from sensorai.importers.net import NetBuilder
from sensorai.mcu import devices
from sensorai.nets.description import read_description
from sensorai.nets.emitting import as_bytes, emit
from sensorai.nets.inputs import spread
from sensorai.nets.model import Asked, open_model
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.target import target
from sensorai.nets.validating import parting
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reshape import Reshape
from tests.need import need
from tests.nets.models import reshape, two

ABOUT = About('a*/"b\\\n#error \x1b[31m.onnx', "ONNX", "0" * 64)


def memory() -> Graph:
    """A net that gives what it got two calls ago."""
    tensors = {n: Tensor(n, (1, 4), "float32") for n in ("x", "s1", "s2", "n1", "n2")}
    tensors |= {n: Tensor(n, (4,), "float32") for n in ("y",)}
    nodes = (
        Node(Reshape((1, 4)), ("x",), ("n1",)),
        Node(Reshape((1, 4)), ("s1",), ("n2",)),
        Node(Reshape((4,)), ("s2",), ("y",)),
    )
    return Graph(("x",), ("y",), tensors, nodes, (State("s1", "n1"), State("s2", "n2")))


def test_inputs_and_outputs_by_the_dozen(tmp_path: Path) -> None:
    need("gcc")
    model = open_model(two(tmp_path / "two.onnx"))
    graph = model.graph
    project = emit_net_project(graph, "two", ABOUT)
    program = Program(
        "two", "native", project.sources(), ports(graph, graph.inputs), ports(graph, graph.outputs)
    )
    given = spread(program.inputs, 3)
    assert parting("C", list(graph.outputs), one_by_one(model.graph, given), program.on_host(given)) is None


def test_states_live_in_the_context() -> None:
    need("gcc")
    graph = memory()
    project = emit_net_project(graph, "mem", ABOUT)
    program = Program("mem", "native", project.sources(), ports(graph, ("x",)), ports(graph, ("y",)))
    given = spread(program.inputs, 4)
    made = np.stack([call[0] for call in program.on_host(given)])
    assert np.array_equal(made[:2], np.zeros((2, 4), np.float32))
    assert np.array_equal(made[2:], given.arrays[0][:2].reshape(2, 4))


def test_two_instances_and_a_reset(tmp_path: Path) -> None:
    need("gcc")
    from sensorai.toolchain.host import build_program

    main = """#include "mem.h"
int main(void)
{
    static mem_t one, two;
    float x[4] = {1, 2, 3, 4}, z[4] = {0, 0, 0, 0}, y[4];
    int k;
    if (mem_init(&one) || mem_init(&two)) return 1;
    for (k = 0; k < 2; k++) {
        if (mem_run(&one, x, y) || y[0] != 0.0F) return 2;
        if (mem_run(&two, z, y) || y[0] != 0.0F) return 3;
    }
    if (mem_run(&one, x, y) || y[3] != 4.0F) return 4;
    if (mem_run(&two, x, y) || y[3] != 0.0F) return 5;
    if (mem_reset(&one) || mem_run(&one, x, y) || y[3] != 0.0F) return 6;
    if (mem_run(0, x, y) != MEM_ERROR_ARGUMENT || mem_run(&one, 0, y) != MEM_ERROR_ARGUMENT) return 7;
    if (mem_init(0) != MEM_ERROR_ARGUMENT) return 8;
    mem_deinit(&one);
    return 0;
}
"""
    sources = {**emit_net_project(memory(), "mem", ABOUT).sources(), "try.c": main}
    assert build_program(sources, sanitize=True).run() == b""


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc"])
def test_make_builds_it(tmp_path: Path, compiler: str) -> None:
    need("gcc", "make", compiler)
    chip = devices.device("STM32F401RE").chip()
    for name, text in emit_net_project(memory(), "mem", ABOUT, chip).files.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["make", "-s", f"CC={compiler}"], cwd=tmp_path, check=True, capture_output=True, text=True)
    if compiler == "gcc":
        assert subprocess.run([str(tmp_path / "example")], check=False).returncode == 0
    else:
        assert (tmp_path / "build" / "arm-none-eabi" / "mem.elf").is_file()


def test_it_is_c_plus_plus_too(tmp_path: Path) -> None:
    need("gcc")
    for name, text in emit_net_project(memory(), "mem", ABOUT).sources().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "use.cc").write_text('#include "mem.h"\nmem_t ctx;\n')
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "use.cc"]
    subprocess.run(command, cwd=tmp_path, check=True)


def pooled() -> Graph:
    """A net with structures in structures, and numbers of four bytes in the arena."""
    made = NetBuilder()
    x = made.input("x", (1, 6, 2), "float32")
    (y,) = made.add(Pool("max", (2,), (1,)), (x,))
    w = [made.constant("w", np.ones(s, np.float32)) for s in ((1, 9, 2), (1, 9, 3))]
    (y, *_) = made.add(Gru(layout=1), (y, *w))
    return made.graph((y,))


def test_kernels_are_c_plus_plus_and_keep_their_bounds(tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc")
    for name, text in emit_net_project(pooled(), "net", ABOUT).sources().items():
        (tmp_path / name).write_text(text)
    common = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]
    plus = ["g++", "-std=c++20", "-Wno-missing-field-initializers", *common, "-x", "c++"]
    arm = ["arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m4", "-mthumb", "-Wcast-align", "-Wfloat-equal"]
    for command in (plus, [*arm, *common]):
        subprocess.run([*command, "net.c", "net_data.c"], cwd=tmp_path, check=True)


def test_the_stack_of_a_call_is_told() -> None:
    need("arm-none-eabi-gcc")
    graph = memory()
    sources = emit_net_project(graph, "mem", ABOUT).sources()
    program = Program("mem", "native", sources, ports(graph, ("x",)), ports(graph, ("y",)))
    told = program.stack("cortex-m4")
    assert 0 < told["stack"] < 200
    assert told["stack_open"] == []


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = open_model(reshape(tmp_path / "r.onnx"))
    at = target("stm32", "cortex-m4")
    one, two = (as_bytes(emit(model, at, "net", Asked()).files) for _ in range(2))
    assert one == two
    assert str(tmp_path) not in b"".join(one.values()).decode()


def test_a_project_is_opened_again(tmp_path: Path) -> None:
    model = open_model(reshape(tmp_path / "r.onnx"))
    folder = tmp_path / "net"
    folder.mkdir()
    for name, data in as_bytes(emit(model, target("stm32", None), "net", Asked()).files).items():
        (folder / name).write_bytes(data)
    said = read_description(folder)
    assert (said.name, said.target, said.api, said.sha256) == ("net", "stm32", "native", model.sha256)
    assert [p.shape for p in (*said.inputs, *said.outputs)] == [(1, 4, 3), (1, 12)]
    assert "net.c" in said.sources
    assert "main.c" not in said.sources


@pytest.mark.parametrize("opt", ["-O2", "-Os"])
def test_no_library_is_needed_on_a_chip(repo: Path, tmp_path: Path, opt: str) -> None:
    need("make", "arm-none-eabi-gcc")
    model = open_model(repo / "datalogs" / "har_net.onnx")
    for name, data in as_bytes(emit(model, target("stm32", "STM32F401RE"), "net", Asked()).files).items():
        (tmp_path / name).write_bytes(data)
    command = ["make", "-s", "CC=arm-none-eabi-gcc", f"CFLAGS={opt}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "build" / "arm-none-eabi" / "net.elf").is_file()


@pytest.mark.parametrize("api", ["native", "stai"])
def test_a_name_may_be_a_word_of_ours(tmp_path: Path, api: str) -> None:
    """Names hold what stands for them in our texts: what is put in must not be put in again."""
    need("gcc")
    model = open_model(reshape(tmp_path / "r.onnx"))
    graph = model.graph
    name = "macro_name_reads"
    sources = emit_net_project(graph, name, ABOUT, api=api).sources()
    program = Program(name, api, sources, ports(graph, graph.inputs), ports(graph, graph.outputs))
    given = spread(program.inputs, 1)
    assert parting("C", list(graph.outputs), one_by_one(model.graph, given), program.on_host(given)) is None
