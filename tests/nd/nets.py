"""Nets with typed tensors, compiled together, run on this machine and on emulated cores, and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from sensorai import runtime
from sensorai.codegen.net import arguments, emit_tensors
from sensorai.codegen.parts import CodeParts
from sensorai.codegen.updatable import emit_updatable
from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.ops.nd import _testing
from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.ops.packing import pack_bits
from sensorai.toolchain import host


@dataclass(frozen=True)
class Sample:
    """A net, inputs, and the outputs that the reference computes for them.

    States go on from input to input: they are among the inputs as they are before a call, and among the
    outputs as they are after it, behind the others.
    """

    name: str
    graph: Graph
    inputs: Sequence[Mapping[str, Array]]
    outputs: Sequence[Mapping[str, Array]]


def sample(name: str, graph: Graph, count: int = 4) -> Sample:
    """Net with random and extreme inputs."""
    x = _testing.inputs(graph, count, seed=len(name))
    return sample_of(name, graph, [{n: a[i] for n, a in x.items()} for i in range(count)])


def sample_of(name: str, graph: Graph, inputs: Sequence[Mapping[str, Array]]) -> Sample:
    """Net with given inputs, one call after the other."""
    given, made = [], []
    fills = interpret.first_states(graph)
    state = {n: np.full(graph.tensors[n].shape, v, DTYPES[graph.tensors[n].dtype]) for n, v in fills.items()}
    for one in inputs:
        values = interpret.run(graph, one, state)
        given.append({**one, **state})
        state = interpret.following(graph, values)
        made.append({n: np.ascontiguousarray(values[n]) for n in graph.outputs})
        made[-1] |= {after(n): np.ascontiguousarray(a) for n, a in state.items()}
    return Sample(name, graph, given, made)


def after(state: str) -> str:
    """Name of a state among the outputs."""
    return f"{state} after"


def read_names(graph: Graph) -> list[str]:
    """What a call reads: inputs, then states."""
    return [*graph.inputs, *(one.read for one in graph.states)]


def made_names(graph: Graph) -> list[tuple[str, str]]:
    """Names among the outputs of a sample, and those of tensors of the same type."""
    return [*((n, n) for n in graph.outputs), *((after(one.read), one.read) for one in graph.states)]


@cache
def operator_samples(count: int = 4) -> tuple[Sample, ...]:
    """Every case of every operator that has C."""
    return tuple(
        sample(name, graph, count) for op in ND_OPERATORS.values() if op.EMITTED for name, graph in op.cases()
    )


DRIVER = """
#include "harness.h"
#ifdef __arm__
static uint64_t room[ROOM];
#define MAKE(k, size) ((void)(size), (void *)(room + (k)))
#define DROP(p) (void)(p)
#else
#include <stdlib.h>
#define MAKE(k, size) malloc((size) + 1U)
#define DROP(p) free(p)
#endif
int main(void)
{
    uint32_t which;

    while (harness_read(&which, 4) == 4U) {
        const struct net *n = &nets[which];
        void *tensors[TENSORS];
        uint8_t *arena;
        uint32_t i, k, at = 0;
        for (k = 0; k < n->count; k++) {
            tensors[k] = MAKE(at, n->bytes[k]);
            at += n->bytes[k] / 8U + 1U;
        }
        arena = MAKE(at, n->arena);
        for (i = 0; i < n->arena; i++) {
            /* what a call before may have left there */
            arena[i] = (uint8_t)(0x5AU + i * 151U);
        }
        for (k = 0; k < n->count; k++) {
            if (k < n->given || k >= n->states) {
                harness_read(tensors[k], n->bytes[k]);
            }
        }
        n->run(tensors, arena);
        for (k = n->given; k < n->count; k++) {
            harness_write(tensors[k], n->bytes[k]);
        }
        for (k = 0; k < n->count; k++) {
            DROP(tensors[k]);
        }
        DROP(arena);
    }
    return 0;
}
"""


def _outside(graph: Graph, name: str, within: Sequence[str], optimize: str) -> tuple[CodeParts, str, str]:
    """A net whose numbers lie in a structure: its C, that structure, and an argument for it."""
    try:
        parts, tables = emit_updatable(graph, name, inside=within, optimize=optimize)
    except ConfigError:
        return emit_tensors(graph, name, inside=within, optimize=optimize), "", ""
    members = "".join(one.declaration for one in tables.members)
    values = "".join(one.initialiser for one in tables.members)
    text = f"typedef struct {{\n{members}}} {name}_tables_t;\n"
    text += f"static const {name}_tables_t {name}_tables = {{\n{values}}};\n"
    return parts, text, f", &{name}_tables"


def unit(
    samples: Sequence[Sample], inside: bool = False, optimize: str = "balanced", outside: bool = False
) -> dict[str, str | bytes]:
    """A program that runs the nets: number, inputs and states in, outputs and states out.

    Parameters
    ----------
    inside : bool
        Inputs and outputs lie in the arena; of nets without states.
    optimize : str
    outside : bool
        Numbers lie outside of the code, as those of updatable programs.
    """
    body, table, files, room, most = [], [], {"nd/sa_nd.h"}, 1, 1
    for i, s in enumerate(samples):
        within = (*s.graph.inputs, *s.graph.outputs) if inside else ()
        parts, before, more = emit_tensors(s.graph, f"n{i}", inside=within, optimize=optimize), "", ""
        if outside:
            parts, before, more = _outside(s.graph, f"n{i}", within, optimize)
        files |= set(parts.runtime)
        names = [*s.graph.inputs, *s.graph.outputs, *(one.read for one in s.graph.states)]
        sizes = [s.graph.tensors[n].bytes for n in names]
        kinds = [one.strip().rpartition(" ")[0] for one in arguments(s.graph, within).split(",")][:-1]
        call = ", ".join([*(f"({kind} *)t[{k}]" for k, kind in enumerate(kinds)), f"arena{more}"])
        lines = [f"    n{i}_model({call});\n"]
        if inside:
            places = [f"arena + {parts.lying[n][1]}" for n in within]
            given = len(s.graph.inputs)
            copies = [
                f"    sa_nd_copy({f't[{k}], {to}' if k < given else f'{to}, t[{k}]'}, {sizes[k]});\n"
                for k, to in enumerate(places)
            ]
            lines = [*copies[:given], *lines, *copies[given:]]
        body += [
            before,
            parts.data,
            parts.source,
            f"static void run{i}(void *const *t, uint8_t *arena)\n{{\n    (void)t;\n{''.join(lines)}}}\n",
        ]
        listed = ", ".join(f"{size}U" for size in sizes)
        counts = f"{len(names)}, {len(s.graph.inputs)}, {len(names) - len(s.graph.states)}"
        table.append(f"    {{run{i}, {counts}, {{{listed}}}, {parts.arena_bytes}}},")
        room = max(room, sum(size // 8 + 1 for size in sizes) + parts.arena_bytes // 8 + 2)
        most = max(most, len(names))
    includes = [f'#include "{name.split("/")[-1]}"' for name in sorted(files)]
    members = (
        "    void (*run)(void *const *, uint8_t *);\n"
        f"    uint32_t count, given, states, bytes[{most}], arena;\n"
    )
    tail = [
        f"#define TENSORS {most}\n#define ROOM {room}",
        "struct net {\n" + members + "};\n",
        "static const struct net nets[] = {",
        *table,
        "};",
        DRIVER,
    ]
    texts: dict[str, str | bytes] = {name.split("/")[-1]: runtime.text(name) for name in files}
    return {**texts, "nets.c": "\n".join([*includes, *body, *tail])}


def in_c(tensor: Tensor, array: Array) -> Array:
    """Numbers as they lie in C: bits are packed."""
    return pack_bits(array) if tensor.dtype == "binary" else np.ascontiguousarray(array)


def stream(samples: Sequence[Sample]) -> bytes:
    """Input of the program."""
    return b"".join(
        np.uint32(i).tobytes()
        + b"".join(in_c(s.graph.tensors[n], x[n]).tobytes() for n in read_names(s.graph))
        for i, s in enumerate(samples)
        for x in s.inputs
    )


def _same(got: np.generic, want: np.generic) -> bool:
    """Whether bits agree; every NaN is as good as another, machines differ in them."""
    both = got.dtype.kind == "f" and bool(np.isnan(got)) and bool(np.isnan(want))
    return both or got.tobytes() == want.tobytes()


def differences(samples: Sequence[Sample], output: bytes) -> list[str]:
    """Nets whose outputs are not those of the reference, each with its first difference."""
    found, at = [], 0
    for s in samples:
        said = ""
        for k, want in enumerate(s.outputs):
            for name, tensor in made_names(s.graph):
                y = in_c(s.graph.tensors[tensor], want[name])
                got = np.frombuffer(output[at : at + y.nbytes].ljust(y.nbytes, b"\0"), y.dtype)
                at += y.nbytes
                flat = y.reshape(-1)
                bad = next((j for j in range(y.size) if not _same(got[j], flat[j])), -1)
                if bad >= 0 and not said:
                    said = f"{s.name}: input {k}, {name}[{bad}] is {got[bad]!r}, not {flat[bad]!r}"
        if said:
            found.append(said)
    return found if at == len(output) else [*found, f"{len(output)} bytes came, not {at}"]


#: Nets that wait for the compiler, and how many of them it is given at once: most of a call is its start.
_WAITING: list[Sample] = []
TOGETHER = 64


def in_c_later(*samples: Sample) -> None:
    """Compare the C of nets with the reference, on this machine: at the latest when the module is through.

    What differs names the test that gave the net.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    _WAITING.extend(replace(one, name=f"{test}: {one.name}") for one in samples)
    if len(_WAITING) >= TOGETHER:
        in_c_now()


def in_c_now() -> None:
    """Compile, run and compare the nets that wait; every one that differs is named."""
    samples = _WAITING.copy()
    _WAITING.clear()
    if samples:
        program = host.build_program(unit(samples), opt="-O1", harness=True)
        found = differences(samples, program.run(stream(samples)))
        assert not found, "\n".join(found)
