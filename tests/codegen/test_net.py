"""C of nets: reference = host C under the sanitizers = emulated Cortex-M, bit for bit; and it is small."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai import runtime
from sensorai.codegen.net import emit_net, translation_unit
from sensorai.errors import ConfigError
from sensorai.graph import rounding
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Array
from sensorai.ops import _testing
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.flatten import Flatten
from sensorai.ops.packing import pack_bits, pack_int8, pack_lanes, pack_wide
from sensorai.ops.quantize import Quantize
from sensorai.ops.sign import Sign
from sensorai.toolchain import arm, qemu
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_program, build_shared
from tests.codegen import nets
from tests.need import need

PRECISIONS = ("int8", "multiplier", "binary")


@lru_cache(maxsize=1)
def samples() -> list[nets.Sample]:
    """Every operator's cases, and whole nets."""
    whole = [nets.sample(f"{p}_{seed}", nets.random_net(seed, p), 3) for p in PRECISIONS for seed in range(4)]
    return nets.operator_samples() + whole


def test_host_with_sanitizers_equals_the_reference() -> None:
    need("gcc")
    program = build_program(nets.unit(samples(), driver=True), sanitize=True, harness=True, opt="-O1")
    assert nets.differences_in(samples(), program.run(nets.stream(samples()))) == []


@pytest.mark.parametrize("opt", ["-O0", "-O3"])
def test_other_optimisations_give_the_same(opt: str) -> None:
    need("gcc")
    few = samples()[::5]
    library = build_shared(nets.unit(few), opt=opt)
    assert nets.differences(few, lambda f, *a: library.call(f, *a, returns="void")) == []


@pytest.mark.parametrize("core", ["m0plus", "m3", "m4", "m7"])
def test_emulated_cores_equal_the_reference(core: str) -> None:
    need("arm-none-eabi-gcc", "unicorn")
    emulator = Emulator(arm.build_elf(nets.unit(samples()), cpu(core)))
    assert nets.differences(samples(), lambda f, *a: emulator.call(f, *a, returns="void")) == []


@pytest.mark.parametrize("core", ["m33", "m55"])
def test_cores_in_qemu_equal_the_reference(core: str) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    few = [s for s in samples() if "long" not in s.name][::3]
    image = qemu.build(nets.unit(few, driver=True), cpu(core))
    assert nets.differences_in(few, qemu.run_image(image, nets.stream(few)).output) == []


@given(st.integers(0, 10**6), st.sampled_from(PRECISIONS))
@settings(max_examples=8, deadline=None)
def test_random_nets(seed: int, precision: str) -> None:
    need("gcc")
    one = [nets.sample("random", nets.random_net(seed, precision), 5)]
    library = build_shared(nets.unit(one), opt="-O1")
    assert nets.differences(one, lambda f, *a: library.call(f, *a, returns="void")) == []


# -- the comparison sees wrong code

MUTATIONS = {
    "rounding half dropped": (
        "q = v >> l->shift[row];",
        "q = (v - (1 << l->shift[row] >> 1)) >> l->shift[row];",
    ),
    "bias dropped": ("*sum++ + l.bias[row]", "*sum++"),
    "threshold > for >=": ("v >= l->multiplier[row]", "v > l->multiplier[row]"),
    "upper clamp dropped": ("q = q > l->high ? l->high : q;", ""),
    "lower clamp dropped": ("q = q < l->low ? l->low : q;", ""),
    "ReLU dropped": ("q = q < 0 ? 0 : q;", ""),
    "saturation dropped": ("q = q < -128 ? -128 : q;", ""),
    "pooling takes the smaller": ("acc[i] > best[i] ? acc[i]", "acc[i] < best[i] ? acc[i]"),
    "second row not separated": ("(sum[1] - sum[0]) >> 8", "sum[1] >> 8"),
    "binary right side one off": ("right = (uint32_t)l->bias[0];", "right = (uint32_t)l->bias[0] - 1U;"),
    "inputs not counted": ("right += list->set;", ""),
    "places one off": ("(uint8_t)at++", "(uint8_t)++at"),
    "words of zeros forgotten": ("list->inputs + 1U", "list->inputs"),
    "an input dropped": ("w[(from)[6]], w[(from)[7]]", "w[(from)[6]], 0U"),
    "answers not turned over": ("close ^ start[last]", "close | start[last]"),
    "int8 signs not turned over": ("word ^ *flip++", "word ^ 0U * *flip++"),
    "int8 signs joined by OR": ("signs &=", "signs |="),
    "int8 starts dropped": ("(uint32_t)start[i];", "0U * (uint32_t)start[i];"),
    "int8 second start dropped": ("(uint32_t)start[i + 1U];", "sum[0];"),
    "bits with int8 weights not counted": ("l->bias[row] - plus", "l->bias[row]"),
    "high bytes of int8 weights dropped": ("+ ((u >> 8) & 0x00FF00FFU)", ""),
    "depthwise limits dropped": ("plane[k] = start[k];", "plane[k] = 0;"),
    "lowest plane turned over": ("SA_NN_COMPARE(start[0]", "SA_NN_COMPARE(~start[0]"),
    "binary rows joined by AND": ("close |= y[b]", "close &= y[b]"),
    "depthwise rows joined by OR": ("above &=", "above |="),
    "scores of the other sign": ("l->bias[row] - 2 * best;", "l->bias[row] + 2 * best;"),
    "binary > for >= on the way in": ("*x++ >= threshold[c]", "*x++ > threshold[c]"),
    "depthwise bias dropped": ("int32_t sum = l.bias[row];", "int32_t sum = 0;"),
    "mean without half": ("* factor + 32768", "* factor"),
    "multiplier without half": ("low += half;", ""),
    "multiplier without carry": ("(low < half) ? 1U : 0U", "0U"),
    "float bias last": ("float sum = l->bias[row];", "float sum = 0.0F;"),
    "float upper clamp dropped": ("sum = sum > l->high ? l->high : sum;", ""),
    "last of equals wins": ("best = x[i] > x[best] ? i", "best = x[i] >= x[best] ? i"),
    "margins not cleared": ("*y++ = 0;", "y++;"),
}


@lru_cache(maxsize=1)
def mutation_samples() -> list[nets.Sample]:
    """Single operators, the larger half of the dense and convolution cases left out."""
    whole = re.compile("(int8|multiplier|binary)_[0-9]$|67x19|long|11x5|10x4|20x5|52x5|x33_|5x9")
    return [s for s in samples() if not whole.search(s.name)]


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutated_code_is_seen(name: str) -> None:
    need("gcc")
    old, new = MUTATIONS[name]
    few = mutation_samples()
    assert any(old in str(text) for text in nets.unit(few).values()), "the mutation no longer applies"
    library = build_shared(nets.unit(few, lambda text: text.replace(old, new)), flags=("-w",), opt="-O1")
    assert nets.differences(few, lambda f, *a: library.call(f, *a, returns="void"))


DSP_MUTATIONS = (
    ("sxtb16 r12, lr, ror #8", "sxtb16 r12, lr, ror #16"),
    ('SA_NN_SECOND("r7", "r6")', ""),
    ("movs r2, #0", "movs r2, #1"),
    ("add r7, r6, r7, lsl #8", "mov r7, r6"),
    ("add r2, r2, #0x08000800", "add r2, r2, #0x00000800"),
    ('"ssat " q ", #8, "', '"ssat " q ", #7, "'),
    ("sel r4, r4, r2", "sel r4, r2, r4"),
    ("one = __usada8(turn[i], v[i], one)", "one = __usada8(turn[i], v[i], one + 1U)"),
    ("v[i + 8U], other)", "v[i + 8U], one)"),
    ("(uint8_t)(at + 31U - zeros)", "(uint8_t)(at + 30U - zeros)"),
)


def test_mutated_dsp_code_is_seen() -> None:
    need("arm-none-eabi-gcc", "unicorn")
    dense = "dense_28x12_(int8_(int32|binary)|binary_binary)|dense_wide_40|dense_edge_8"
    of = re.compile(f"{dense}|conv1d_10x4.*int8_int8")
    few = [s for s in samples() if of.match(s.name)]
    whole = nets.unit(few)
    for old, new in DSP_MUTATIONS:
        files = {name: str(text).replace(old, new) for name, text in whole.items()}
        assert files != whole
        emulator = Emulator(arm.build_elf(files, cpu("m4"), flags=("-w",)))
        assert nets.differences(few, lambda f, *a, e=emulator: e.call(f, *a, returns="void")), old


def test_sums_next_to_the_packed_ones_limit_choose_the_kernel() -> None:
    edges = {s.name: translation_unit(s.graph, "net")["net.c"] for s in samples() if "dense_edge" in s.name}
    kernels = {name: re.findall(r"    sa_nn_(\w+)\(&", text) for name, text in edges.items()}
    assert kernels == {
        "dense_edge_8": ["int8_eights_full"],
        "dense_edge_17": ["int8_full"],
        "dense_edge_over": ["int8_long_full"],
    }


ROUNDING = """
#include "sa_nn.h"
void round_all(const int32_t *a, const int32_t *m, const uint32_t *s, int32_t *y, uint32_t n);
void round_all(const int32_t *a, const int32_t *m, const uint32_t *s, int32_t *y, uint32_t n)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        y[i] = sa_nn_multiply_round(a[i], m[i], s[i]);
    }
}
"""


@pytest.mark.parametrize("core", ["", "m0plus", "m4"])
def test_multiplier_rounding_at_its_edges(core: str) -> None:
    rng = np.random.default_rng(1)
    ends = [-(2**31), -(2**31) + 1, -(2**16), -65535, -2, -1, 0, 1, 2, 65535, 2**16, 2**31 - 1]
    a, m, s = (
        v.reshape(-1)
        for v in np.meshgrid(
            np.array(ends + rng.integers(-(2**31), 2**31, 20).tolist(), np.int32),
            np.array([2**30, 2**30 + 1, 3 * 2**29, 2**31 - 1], np.int32),
            np.array([31, 32, 33, 34, 47, 48, 61, 62], np.uint32),
        )
    )
    want = rounding.multiply_round(a, m, s)
    fits = (want >= -(2**31)) & (want < 2**31)
    arguments = [np.ascontiguousarray(v[fits]) for v in (a, m, s)]
    expected = want[fits].astype(np.int32)
    got = np.zeros_like(expected)
    files: dict[str, str | bytes] = {"sa_nn.h": runtime.text("nn/sa_nn.h"), "round.c": ROUNDING}
    if core:
        need("arm-none-eabi-gcc", "unicorn")
        image = arm.build_elf(files, cpu(core))
        assert image.library_calls == ()
        Emulator(image).call("round_all", *arguments, got, len(got), returns="void")
    else:
        need("gcc")
        build_shared(files).call("round_all", *arguments, got, len(got), returns="void")
    assert np.array_equal(got, expected)


# -- size and speed on the reference shapes of the facts (Cortex-M4, -O2)


#: int8 with ReLU.
HIDDEN = Dense(_testing.requant("int8", 0, 127))


def mlp() -> Graph:
    p = _testing.product_params
    b = Builder((28,), "int8", Pow2(5))
    for i, (n, rows) in enumerate(((28, 128), (128, 128))):
        b.add(HIDDEN, params=p((rows, n), rows, i, "int8", "int8", n), dtype="int8", quant=Pow2(4))
    b.add(Dense(), params=p((4, 128), 4, 3, "int8", "int32", 128), dtype="int32", quant=Pow2(10))
    return b.graph()


def cnn() -> Graph:
    p = _testing.product_params
    b = Builder((52, 3), "int8", Pow2(5))
    for i, (rows, kernel, channels, pool) in enumerate(((16, 5, 3, 2), (32, 5, 16, 2), (32, 3, 32, 1))):
        params = p((rows, kernel, channels), rows, i, "int8", "int8", kernel * channels)
        op = Conv1d(HIDDEN.requant, padding="same", pool=pool)
        b.add(op, params=params, dtype="int8", quant=Pow2(4))
    b.add(Flatten(), dtype="int8", quant=Pow2(4))
    b.add(HIDDEN, params=p((32, 416), 32, 4, "int8", "int8", 416), dtype="int8", quant=Pow2(4))
    b.add(Dense(), params=p((4, 32), 4, 5, "int8", "int32", 32), dtype="int32", quant=Pow2(10))
    return b.graph()


def binary_mlp(first_and_last: str = "binary") -> Graph:
    p = _testing.product_params
    b = Builder((28,), "int8", Pow2(5))
    if first_and_last == "int8":
        way = _testing.requant("binary")
        b.add(Dense(way), params=p((128, 28), 128, 1, "int8", "binary", 28), dtype="binary")
        b.add(Dense(way, signs=True), params=p((128, 128), 128, 2, "binary", "binary", 128), dtype="binary")
        params = p((4, 128), 4, 3, "int8", "int32", 128)
        b.add(Dense(_testing.requant("int32")), params=params, dtype="int32", quant=Pow2(10))
        return b.graph()
    median: dict[str, Array] = {"threshold": np.zeros(28, np.int32), "flip": np.zeros(28, np.uint8)}
    b.add(Quantize(), params=median, dtype="binary")
    bits, scores = Dense(_testing.requant("binary"), signs=True), Dense(signs=True)
    b.add(bits, params=p((128, 28), 128, 1, "binary", "binary", 28), dtype="binary")
    b.add(bits, params=p((128, 128), 128, 2, "binary", "binary", 128), dtype="binary")
    b.add(scores, params=p((4, 128), 4, 3, "binary", "int32", 128), dtype="int32", quant=Pow2(0))
    return b.graph()


def cost(graph: Graph) -> tuple[float, int, int]:
    """Instructions (mean: bits cost by what they are), flash, multiply-accumulates; Cortex-M4, -O2."""
    image = arm.build_elf(translation_unit(graph, "net"), cpu("m4"), opt="-O2")
    emulator = Emulator(image)
    one = nets.sample("cost", graph, 12)
    counts = []
    for x, want in zip(one.inputs, one.scores, strict=True):
        y, arena = np.zeros_like(want), np.zeros(one.arena_bytes // 4 + 1, np.uint32)
        counts.append(emulator.call("net_run", x, y, arena, returns="void").instructions)
        assert y.tobytes() == want.tobytes()
    return float(np.mean(counts)), image.flash, sum(c.macs for c in emit_net(graph, "net").layers)


def test_targets_on_cortex_m4() -> None:
    need("arm-none-eabi-gcc", "unicorn")
    instructions, flash, macs = cost(mlp())
    assert macs == 20480
    assert instructions <= 1.2 * macs
    assert flash <= 128 * 28 + 128 * 128 + 4 * 128 + 4 * 260 + 1150
    for first_and_last in ("binary", "int8"):
        binary, _, _ = cost(binary_mlp(first_and_last))
        assert binary <= 9400
    instructions, flash, macs = cost(cnn())
    assert macs == 132416
    assert instructions <= 1.2 * macs
    assert flash <= 19312 + 4 * 116 + 1260


def test_integer_nets_call_no_library_function() -> None:
    need("arm-none-eabi-gcc")
    integer = [s for s in samples() if not any(t.dtype == "float32" for t in s.graph.activations)]
    # softmax divides: Cortex-M0+ has no instruction for it
    integer = [s for s in integer if not s.name.startswith("softmax")]
    for core, opt in (("m0plus", "-O2"), ("m0plus", "-Os"), ("m4", "-O2")):
        assert arm.build_elf(nets.unit(integer), cpu(core), opt=opt).library_calls == ()


# -- tables and refusals


def test_two_rows_share_a_number() -> None:
    w = np.array([[1, -2, 3, -4, 5], [127, -127, 0, 7, -8], [9, 10, 11, 12, 13]], np.int8)
    packed = pack_int8(w)
    # two blocks of two rows, eight inputs each, the last three and the fourth row zero
    assert packed.dtype == np.int16
    assert packed.size == 2 * 8
    assert packed[:4].tolist() == [256 * 127 + 1, 0 * 256 + 3, -127 * 256 - 2, 7 * 256 - 4]
    assert packed[4:8].tolist() == [-8 * 256 + 5, 0, 0, 0]
    assert packed[8:].tolist() == [9, 11, 10, 12, 13, 0, 0, 0]


def test_bits_of_the_first_channel_come_first() -> None:
    assert pack_bits(np.array([1, -1, 1] + [-1] * 30 + [1], np.int8)).tolist() == [5, 2]
    lanes = pack_lanes(np.array([[[1, -1]], [[1, 1]]], np.int8))
    assert lanes.tolist() == [[3, 2, 0]]
    # zeros behind every four words of bits: two taps of 65 inputs have three words each
    lanes = pack_lanes(np.ones((1, 2, 65), np.int8))
    assert np.flatnonzero(lanes[0] == 0).tolist() == [65 + 32, 130 + 1]


def test_weights_for_bits_lie_a_byte_apart() -> None:
    w = np.arange(-16, 17, dtype=np.int8)[None]
    packed = pack_wide(w)
    assert packed.shape == (2, 1, 8)
    assert packed[0, 0, 1].tobytes() == bytes(127 - int(w[0, i]) for i in (1, 9, 17, 25))
    assert packed[1, 0].tolist() == [127 - 16] + [0] * 7


def test_same_net_same_text() -> None:
    assert emit_net(cnn(), "a") == emit_net(cnn(), "a")


def test_layers_without_c_are_named() -> None:
    b = Builder((3,))
    b.add(Sign())
    with pytest.raises(ConfigError, match="sign_0"):
        emit_net(b.graph(), "net")
    with pytest.raises(ConfigError, match="reserved"):
        emit_net(mlp(), "static")


def test_more_than_one_output_is_refused() -> None:
    g = mlp()
    two = Graph(g.inputs, (g.outputs[0], g.nodes[0].output), g.tensors, g.nodes)
    with pytest.raises(ConfigError, match="one output"):
        emit_net(two, "net")


def test_two_models_in_one_unit_share_the_kernels() -> None:
    need("gcc")
    pair: list[Any] = [nets.sample("a", mlp()), nets.sample("b", cnn())]
    library = build_shared(nets.unit(pair))
    assert nets.differences(pair, lambda f, *a: library.call(f, *a, returns="void")) == []
    assert isinstance(pair[0].graph.nodes[0], Node)


MARKED = """
#include <stdint.h>
#include "harness.h"
void net_run(const int8_t *input, int32_t *scores, uint8_t *arena);
static int8_t input[1024];
static int32_t scores[4];
static uint32_t arena[1024];
int main(void)
{
    while (harness_read(input, INPUTS) == INPUTS) {
        harness_begin();
        net_run(input, scores, (uint8_t *)arena);
        harness_end();
        harness_write(scores, sizeof scores);
    }
    return 0;
}
"""


@pytest.mark.parametrize("make", [mlp, cnn, binary_mlp])
def test_qemu_counts_as_the_emulator_does(make: Callable[[], Graph]) -> None:
    need("arm-none-eabi-gcc", "unicorn", "qemu-system-arm")
    graph = make()
    one = nets.sample("cost", graph)
    files = translation_unit(graph, "net")
    main = MARKED.replace("INPUTS", f"{one.inputs[0].nbytes}U")
    outcome = qemu.run_image(
        qemu.build({**files, "main.c": main}, cpu("m4")), b"".join(x.tobytes() for x in one.inputs)
    )
    assert outcome.output == b"".join(y.tobytes() for y in one.scores)
    emulator = Emulator(arm.build_elf(files, cpu("m4")))
    for x, want, counted in zip(one.inputs, one.scores, outcome.instructions, strict=True):
        arena = np.zeros(one.arena_bytes // 4 + 1, np.uint32)
        call = emulator.call("net_run", x, np.zeros_like(want), arena, returns="void")
        # in QEMU the call and the loading of its three arguments count too
        assert 1 <= counted - call.instructions <= 8
