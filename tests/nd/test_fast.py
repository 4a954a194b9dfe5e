"""The faster kernels of every instruction set: their numbers are those of the reference, on every machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sensorai.codegen.net import emit_tensors
from sensorai.toolchain import cpu, host, qemu
from tests.nd.fast_nets import fast_samples, layers
from tests.nd.nets import differences, stream, unit
from tests.need import need

#: A core for each instruction set.
CORES = {"dsp": "m4"}


@pytest.mark.parametrize("isa", CORES)
def test_on_this_machine_with_sanitizers(isa: str) -> None:
    # what stands in for the instructions
    samples = fast_samples(isa)
    program = host.build_program(unit(samples), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []


@pytest.mark.parametrize("isa", CORES)
def test_faster_kernels_are_what_is_tested(isa: str) -> None:
    taken = {
        name: emit_tensors(replace(graph, isa=isa), "n").source.count(f"_{isa}_") for name, graph in layers()
    }
    plain = {name for name, count in taken.items() if not count}
    # channels that are not a multiple of four, gaps between rows, pairs that are no numbers of 16 bits
    assert all(name.startswith(("own_", "lowest")) for name in plain)
    assert len(plain) < len(taken) / 4


@pytest.mark.parametrize("opt", ["-O0", "-O2"])
@pytest.mark.parametrize(("isa", "core"), CORES.items())
def test_on_its_core(isa: str, core: str, opt: str) -> None:
    need("arm-none-eabi-gcc")
    samples = fast_samples(isa)
    image = qemu.build(unit(samples), cpu.cpu(core), opt=opt)
    assert differences(samples, qemu.run_image(image, stream(samples)).output) == []
