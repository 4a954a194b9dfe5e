"""Every operator of n axes: what its C computes, on this machine and on emulated cores, is the reference."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.toolchain import cpu, host, qemu
from tests.nd.nets import differences, in_c_later, in_c_now, operator_samples, sample, stream, unit
from tests.need import need

CORES = ("m0plus", "m4", "m55")


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


@pytest.mark.parametrize("core", CORES)
def test_on_cores(core: str) -> None:
    # the M7 runs the code of an M4; products of all types are run there by test_combinations
    need("arm-none-eabi-gcc")
    everything = operator_samples()
    # the smallest of the boards has no room for all of them at once
    for third in range(3):
        samples = everything[third::3]
        # every core runs every case; every case is optimised on one of them, plain on the others
        opt = "-O2" if third == CORES.index(core) else "-O0"
        image = qemu.build(unit(samples), cpu.cpu(core), opt=opt)
        assert differences(samples, qemu.run_image(image, stream(samples)).output) == []


def test_what_waits_for_the_compiler_is_compared() -> None:
    need("gcc")
    good = operator_samples()[0]
    wrong = [{name: array + array.dtype.type(1) for name, array in one.items()} for one in good.outputs]
    in_c_later(good, replace(good, name="odd", outputs=wrong))
    with pytest.raises(AssertionError, match=r"test_what_waits_for_the_compiler_is_compared: odd: input 0"):
        in_c_now()
