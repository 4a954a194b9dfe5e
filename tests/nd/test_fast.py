"""The faster kernels of every instruction set: their numbers are those of the reference, on every machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from sensorai.codegen.net import count_tensors, emit_tensors
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.updatable import emit_updatable
from sensorai.graph.graph import Graph
from sensorai.ops.nd import _testing
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.toolchain import cpu, host, qemu
from sensorai.toolchain.arm import build_elf
from tests.nd import count_kernels
from tests.nd.fast_nets import chained, fast_samples, layer, layers, made_for
from tests.nd.nets import Sample, differences, sample_of, stream, unit
from tests.need import need

#: A core for each instruction set; the ISPU's has a stand-in.
CORES = {"dsp": "m4", "mve": "m55", "thumb1": "m0plus", "ispu": "m0plus"}


@pytest.mark.parametrize("isa", CORES)
def test_on_this_machine_with_sanitizers(isa: str) -> None:
    # what stands in for the instructions
    samples = fast_samples(isa)
    program = host.build_program(unit(samples), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []


def test_numbers_outside_of_the_code() -> None:
    """As in programs that change their net: numbers come to the descriptions before each call."""
    samples = fast_samples("mve")[::2]
    parts, tables = emit_updatable(samples[-1].graph, "n")
    assert "tables->" in parts.source
    assert any(one.single for one in tables.members)
    program = host.build_program(unit(samples, outside=True), opt="-O0", harness=True)
    assert differences(samples, program.run(stream(samples))) == []


def test_room_and_form_are_those_of_other_weights_too() -> None:
    """Of programs that change their net: weights of any size take the same C."""
    graph = layer(Conv(groups=8, pads=((1, 1), (1, 1))), (1, 5, 7, 8), (8, 3, 3, 1), each=True)
    small, large = (replace(_with_weights(graph, v), isa="thumb1") for v in (1, 127))
    assert emit_tensors(small, "n").arena_bytes < emit_tensors(large, "n").arena_bytes
    (one, first), (other, second) = (emit_updatable(g, "n") for g in (small, large))
    assert one.source == other.source
    assert first.interface == second.interface
    assert first.data != second.data


def _with_weights(graph: Graph, value: int) -> Graph:
    """The net with all weights of one size."""
    full = {
        name: replace(t, data=np.full_like(t.data, value)) if t.data is not None and t.dtype == "int8" else t
        for name, t in graph.tensors.items()
    }
    return replace(graph, tensors=full)


@pytest.mark.parametrize("isa", CORES)
def test_faster_kernels_are_what_is_tested(isa: str) -> None:
    taken = {
        name: emit_tensors(made_for(graph, isa), "n").source.count(f"_{isa}_") for name, graph in layers()
    }
    plain = {name for name, count in taken.items() if not count}
    # channels that are not a multiple of four, gaps between rows, pairs that are no numbers of 16 bits
    assert all(name.startswith(("own_", "lowest")) for name in plain)
    assert len(plain) < len(taken) / 4


@pytest.mark.parametrize(
    ("isa", "core", "opt"),
    [
        *(("dsp", "m4", "-O2"), ("dsp", "m7", "-Os"), ("mve", "m55", "-O2")),
        *(("thumb1", "m0plus", "-Os"), ("thumb1", "m3", "-O2")),
    ],
)
def test_on_its_core(isa: str, core: str, opt: str) -> None:
    need("arm-none-eabi-gcc")
    samples = fast_samples(isa)
    image = qemu.build(unit(samples), cpu.cpu(core), opt=opt)
    assert differences(samples, qemu.run_image(image, stream(samples)).output) == []


def test_results_lie_where_values_lay() -> None:
    # those of the DSP extension spread rows to words, which is more than so small a tensor
    for isa in ("mve", "thumb1"):
        # a tensor of 5 x 7 x 8 bytes and what the kernels use, not two such tensors
        assert emit_tensors(replace(chained("even"), isa=isa), "n").arena_bytes < 2 * 280


def test_int8_nets_need_no_library_on_an_m0plus() -> None:
    need("arm-none-eabi-gcc")
    every = {name: graph for op in (Binary, Pool, Reduce, Softmax) for name, graph in op.cases()}
    wanted = (
        "binary_add_int8_scaled",
        "pool_average_int8_whole",
        "reduce_mean_int8_scaled_2",
        "softmax_int8",
    )
    graphs = (chained("tflite"), chained("even"), *(every[name] for name in wanted))
    for isa, graph in (*(("thumb1", one) for one in graphs), ("ispu", graphs[1]), ("ispu", graphs[-2])):
        project = emit_net_project(replace(graph, isa=isa), "net", About("", "", ""))
        image = build_elf(project.sources(), cpu.cpu("m0plus"), opt="-O2", keep=("net_init", "net_run"))
        # products of 64 bits, divisions and floats would be among them
        assert image.library_calls == ()


def _four_bits(isas: Iterable[str]) -> list[Sample]:
    """Nets with weights of int4 that are opened while the layer runs."""
    found = []
    for name, graph in count_kernels.narrow():
        if name in ("dense_96", "conv_6", "points_7"):
            x = _testing.inputs(graph, 2, seed=1)
            one = sample_of(name, graph, [{n: a[i] for n, a in x.items()} for i in range(2)])
            found += [replace(one, graph=made_for(graph, isa)) for isa in isas]
    return found


def test_weights_of_four_bits() -> None:
    samples = _four_bits(CORES)
    for one in samples:
        source, (given,) = emit_tensors(one.graph, "n").source, one.graph.nodes
        assert "sa_nd_open_" in source
        weights = one.graph.tensors[given.inputs[1]]
        assert 2 * count_tensors(one.graph).layers[0].weight_bytes < 2 * weights.size
    program = host.build_program(unit(samples), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []
    # a place in memory for all weights is worth it where they are multiplied often
    dense, conv, _ = (replace(one.graph, ways={}) for one in _four_bits(["dsp"]))
    for graph, kernel in ((dense, "plain"), (conv, "matrix_dsp")):
        inside = (*graph.inputs, *graph.outputs)
        assert [one.kernel for one in count_tensors(graph, inside).layers] == [kernel]


def test_weights_of_four_bits_on_a_core() -> None:
    need("arm-none-eabi-gcc")
    samples = _four_bits(["dsp"])
    image = qemu.build(unit(samples), cpu.cpu("m4"), opt="-O2")
    assert differences(samples, qemu.run_image(image, stream(samples)).output) == []
