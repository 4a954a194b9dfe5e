"""Every operator of n axes: what its C computes, on this machine and on emulated cores, is the reference."""

from __future__ import annotations

from itertools import islice

import pytest

from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.toolchain import cpu, host, qemu
from tests.nd.nets import differences, operator_samples, sample, stream, unit
from tests.need import need


def test_on_this_machine_with_sanitizers() -> None:
    samples = operator_samples()
    program = host.build_program(unit(samples), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []


def test_with_numbers_outside_of_the_code() -> None:
    """As in programs that change their net: some cases of what training gives its numbers to."""
    names = "conv quantize dequantize binary clip pool matmul svdf reduce softmax lstm gru unary mixed pad"
    ops = [ND_OPERATORS[name] for name in names.split()]
    samples = [sample(name, graph, 1) for op in ops for name, graph in islice(op.cases(), 1, None, 13)]
    program = host.build_program(unit(samples, outside=True), opt="-O0", harness=True)
    assert differences(samples, program.run(stream(samples))) == []


@pytest.mark.parametrize("core", ["m0plus", "m4", "m55"])
def test_on_cores(core: str) -> None:
    # the M7 runs the code of an M4; products of all types are run there by test_combinations
    need("arm-none-eabi-gcc")
    everything = operator_samples()
    # the smallest of the boards has no room for all of them at once
    for samples in (everything[::3], everything[1::3], everything[2::3]):
        image = qemu.build(unit(samples), cpu.cpu(core))
        assert differences(samples, qemu.run_image(image, stream(samples)).output) == []
