"""Nets compiled together, run anywhere, and compared with the reference bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai import runtime
from sensorai.codegen.net import emit_net
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.ops import _testing
from sensorai.ops.add import Add
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.depthwise_conv1d import DepthwiseConv1d
from sensorai.ops.flatten import Flatten
from sensorai.ops.global_avg_pool import GlobalAvgPool
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.packing import pack_bits
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.ops.table import OPERATORS
from sensorai.passes.annotate import calibrate
from sensorai.passes.binary import mark_binary
from sensorai.passes.trained import quantize
from sensorai.plan import plan as memory

C_TYPE = {"int8": "int8_t", "binary": "uint32_t", "float32": "float"}


@dataclass(frozen=True)
class Sample:
    """A net with inputs and what must come out, as the C sees them."""

    name: str
    graph: Graph
    inputs: tuple[Array, ...]
    scores: tuple[Array, ...]
    arena_bytes: int


def sample(name: str, graph: Graph, count: int = 4) -> Sample:
    x = _testing.inputs(graph, count, seed=len(name))
    y = interpret.output(graph, x).reshape(count, -1)
    wide = np.float32 if y.dtype == np.float32 else np.int32
    binary = graph.tensors[graph.inputs[0]].dtype == "binary"
    shown = [np.ascontiguousarray(pack_bits(v) if binary else v) for v in x]
    return Sample(name, graph, tuple(shown), tuple(y.astype(wide)), memory.plan(graph).peak)


def operator_samples(count: int = 4) -> list[Sample]:
    return [sample(name, graph, count) for op in OPERATORS.values() for name, graph in op.cases()]


DRIVER = """
#include "harness.h"
#ifdef __arm__
static uint32_t room[3][8192];
#define MAKE(k, size) ((void)(size), (void *)room[k])
#define DROP(p) (void)(p)
#else
#include <stdlib.h>
#define MAKE(k, size) malloc(size)
#define DROP(p) free(p)
#endif
int main(void)
{
    uint32_t which;

    while (harness_read(&which, 4) == 4U) {
        const struct net *n = &nets[which];
        void *input = MAKE(0, n->in);
        void *scores = MAKE(1, n->out);
        uint8_t *arena = MAKE(2, n->arena + 1U);
        uint32_t i;
        for (i = 0; i < n->arena; i++) {
            arena[i] = 0x5A;
        }
        harness_read(input, n->in);
        n->run(input, scores, arena);
        harness_write(scores, n->out);
        DROP(input);
        DROP(scores);
        DROP(arena);
    }
    return 0;
}
"""


def unit(
    samples: Sequence[Sample], change: Callable[[str], str] = str, driver: bool = False
) -> dict[str, str | bytes]:
    """One file with all nets as ``runN``; ``change`` edits every text."""
    body, table, files = [], [], set[str]()
    for i, s in enumerate(samples):
        parts = emit_net(s.graph, f"n{i}")
        assert parts.arena_bytes == s.arena_bytes
        files |= set(parts.runtime)
        x = C_TYPE[s.graph.tensors[s.graph.inputs[0]].dtype]
        y = "float" if s.scores[0].dtype == np.float32 else "int32_t"
        head = f"void run{i}(const void *input, void *scores, uint8_t *arena)"
        body += [
            parts.data,
            parts.source,
            f"{head};\n{head}\n{{\n    n{i}_model((const {x} *)input, ({y} *)scores, arena);\n}}\n",
        ]
        table.append(f"    {{run{i}, {s.inputs[0].nbytes}, {s.scores[0].nbytes}, {parts.arena_bytes}}},")
    includes = [f'#include "{name.split("/")[-1]}"' for name in sorted(files)]
    tail: list[str] = []
    if driver:
        members = "    void (*run)(const void *, void *, uint8_t *);\n    uint32_t in, out, arena;\n"
        tail = [
            "struct net {\n" + members + "};\n",
            "static const struct net nets[] = {",
            *table,
            "};",
            DRIVER,
        ]
    texts = {name.split("/")[-1]: runtime.text(name) for name in files}
    texts["nets.c"] = "\n".join([*includes, *body, *tail])
    return {name: change(text) for name, text in texts.items()}


def stream(samples: Sequence[Sample]) -> bytes:
    """Input of the driver."""
    return b"".join(np.uint32(i).tobytes() + x.tobytes() for i, s in enumerate(samples) for x in s.inputs)


def differences_in(samples: Sequence[Sample], output: bytes) -> list[str]:
    """Names of the nets whose scores in the driver's output are not the reference's."""
    found, at = [], 0
    for s in samples:
        size = sum(y.nbytes for y in s.scores)
        if output[at : at + size] != b"".join(y.tobytes() for y in s.scores):
            found.append(s.name)
        at += size
    return found if at == len(output) else [*found, "length"]


def differences(samples: Sequence[Sample], call: Callable[[str, Array, Array, Array], object]) -> list[str]:
    """Names of the nets for which ``call(function, input, scores, arena)`` gives other bits."""
    found = []
    for i, s in enumerate(samples):
        for x, want in zip(s.inputs, s.scores, strict=True):
            got = np.full_like(want, 77)
            arena = np.full(s.arena_bytes // 4 + 1, 0xA55A5AA5, np.uint32)
            call(f"run{i}", x, got, arena)
            if got.tobytes() != want.tobytes():
                found.append(s.name)
                break
    return found


def linear(rng: np.random.Generator, *shape: int, channels: int | None = None) -> Mapping[str, Array]:
    n = shape[0] if channels is None else channels
    fan = int(np.prod(shape)) / n
    return {
        "weights": rng.normal(0, 1 / np.sqrt(fan), shape).astype(np.float32),
        "bias": rng.normal(0, 0.2, n).astype(np.float32),
    }


def norm(rng: np.random.Generator, channels: int) -> Mapping[str, Array]:
    """Batch norm with scales of either sign."""
    return {
        "gamma": rng.normal(0, 1, channels).astype(np.float32),
        "beta": rng.normal(0, 0.3, channels).astype(np.float32),
        "mean": rng.normal(0, 0.3, channels).astype(np.float32),
        "variance": rng.uniform(0.3, 2, channels).astype(np.float32),
    }


def random_float_net(seed: int, precision: str) -> Graph:
    """A net of a few random layers; for binary with sign, else ReLU, sometimes with a residual connection."""
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(1, 7))
    b = Builder((int(rng.integers(12, 30)), channels))
    for layer in range(int(rng.integers(1, 4))):
        before = b.last
        rows, kernel = int(rng.integers(1, 41)), int(rng.integers(1, 5))
        padding = str(rng.choice(["same", "valid"]))
        if layer and rng.random() < 0.4:
            rows = channels
            weights = linear(rng, kernel, rows, channels=rows)
            b.add(DepthwiseConv1d(padding="same"), params=weights)
        else:
            stride = int(rng.integers(1, 3)) if layer == 0 else 1
            b.add(Conv1d(padding=padding, stride=stride), params=linear(rng, rows, kernel, channels))
        if rng.random() < 0.7:
            b.add(BatchNorm(), params=norm(rng, rows))
        if precision == "binary":
            b.add(Sign())
        else:
            if layer and b.shape == b.tensors[before].shape and precision != "float32":
                b.add(Add(), before, b.last)
            b.add(Relu(None if rng.random() < 0.6 else 6.0))
        if b.shape[0] >= 4 and rng.random() < 0.5:
            b.add(MaxPool(2))
        channels = rows
    if precision == "binary" or rng.random() < 0.5:
        b.add(Flatten())
    else:
        b.add(GlobalAvgPool())
    b.add(Dense(), params=linear(rng, int(rng.integers(2, 6)), b.shape[0]))
    return b.graph()


def random_net(seed: int, precision: str) -> Graph:
    """An integer net from random layers: precision int8, multiplier or binary."""
    graph = random_float_net(seed, precision)
    if precision == "binary":
        graph = mark_binary(graph, last="int8" if seed % 2 else "binary")
    x = np.random.default_rng(seed + 1).normal(0, 1.5, (20, *graph.tensors["input"].shape))
    fractions = {**calibrate(graph, x), "input": 5}
    return quantize(graph, fractions, requant="multiplier" if precision == "multiplier" else "shift")
