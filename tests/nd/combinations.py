"""All 27 combinations of bits, int8 and float32 for values, weights and results, in four kinds of layers.

Every one is computed by the reference, as C on this machine and on emulated cores, and within the program of
the virtual ISPU; all must have the same bits. ``python -m tests.nd.combinations`` prints the table.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai import runtime
from sensorai.codegen.net import arguments, emit_tensors
from sensorai.ispu.project import App
from sensorai.ispu.virtual import VirtualIspu
from sensorai.ops.nd._mixed_cases import LAYERS, TYPES, layer
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.mixed import Mixed
from sensorai.toolchain import cpu, host, qemu
from tests.ispu import stub
from tests.nd.nets import Sample, differences, in_c, sample, stream, unit

Types = tuple[str, str, str]
COMBINATIONS: tuple[Types, ...] = tuple((x, w, y) for x in TYPES for w in TYPES for y in TYPES)
#: Those that the plain layers have.
PLAIN = frozenset(
    {("int8", "int8", "int8"), ("float32", "float32", "float32"), ("float32", "int8", "float32")}
)
CORES = ("m0plus", "m4", "m7", "m55")
PLACES = ("host", *CORES, "ispu")
#: Scores that the output registers of the virtual ISPU show, and samples of a window.
SCORES, WINDOW = 15, 40


def operator(kind: str, types: Types) -> NdOperator:
    """The layer that imported nets get for these types."""
    settings = LAYERS[kind][2]
    if types in PLAIN:
        return FullyConnected() if kind == "dense" else Conv(**settings)  # type: ignore[arg-type]
    return Mixed(types[2], **settings)  # type: ignore[arg-type]


def samples(count: int = 4) -> dict[tuple[str, Types], Sample]:
    """Nets by kind of layer and types, with inputs and the outputs of the reference."""
    made = {}
    for kind, types in itertools.product(LAYERS, COMBINATIONS):
        x, w, _ = LAYERS[kind]
        graph = layer(operator(kind, types), x, w, types)
        made[kind, types] = sample(f"{kind} {'_'.join(types)}", graph, count)
    return made


SOURCE = """
#include "stub.h"

static uint8_t given[WINDOW * 6], arena[ARENA];

int stub_init(stub_t *ctx)
{
    ctx->windows = 0;
    ctx->filled = 0;
    ctx->decided = STUB_NONE;
    return 0;
}

/* the first sample of a window says which net, the others are bytes of its input */
int stub_push(stub_t *ctx, const int16_t sample[STUB_CHANNELS], stub_result_t *result)
{
    static union {
        uint64_t align;
        uint8_t bytes[WINDOW * 6];
        int32_t words[STUB_CLASSES];
    } in, out;
    static int16_t which;
    uint32_t i;

    if (ctx->filled == 0U) {
        which = sample[0];
    }
    for (i = 0; i < 3U; i++) {
        given[6U * ctx->filled + 2U * i] = (uint8_t)((uint16_t)sample[i] & 0xFFU);
        given[6U * ctx->filled + 2U * i + 1U] = (uint8_t)((uint16_t)sample[i] >> 8);
    }
    ctx->filled++;
    if (ctx->filled < WINDOW) {
        return 0;
    }
    for (i = 6; i < sizeof given; i++) {
        in.bytes[i - 6U] = given[i];
    }
    for (i = 0; i < sizeof out.bytes; i++) {
        out.bytes[i] = 0;
    }
    nets[which](in.bytes, out.bytes, arena);
    for (i = 0; i < STUB_CLASSES; i++) {
        result->score[i] = out.words[i];
    }
    result->answer = 0;
    result->window = ctx->windows++;
    result->decided = 0;
    result->changed = 0;
    ctx->filled = 0;
    return 1;
}
"""


def ispu_files(app: App, nets: Sequence[Sample]) -> dict[str, str]:
    """Project whose model runs one of the nets at the end of every window."""
    body, calls, files, arena = [], [], {"nd/sa_nd.h"}, 1
    for i, s in enumerate(nets):
        parts = emit_tensors(s.graph, f"n{i}")
        files |= set(parts.runtime)
        arena = max(arena, parts.arena_bytes)
        x, y = (one.strip().rpartition(" ")[0] for one in arguments(s.graph).split(",")[:2])
        head = f"static void run{i}(const void *x, void *y, uint8_t *arena)"
        body += [parts.data, parts.source, f"{head}\n{{\n    n{i}_model(({x} *)x, ({y} *)y, arena);\n}}\n"]
        calls.append(f"run{i}")
    includes = [f'#include "{name.split("/")[-1]}"' for name in sorted(files)]
    table = f"static void (*const nets[])(const void *, void *, uint8_t *) = {{{', '.join(calls)}}};\n"
    numbers = f"#define WINDOW {WINDOW}U\n#define ARENA {arena}\n"
    text = "\n".join([*includes, *body, table, numbers, SOURCE])
    return {
        **{name.split("/")[-1]: runtime.text(name) for name in files},
        **stub.files(app),
        "stub.c": text,
    }


def on_ispu(nets: Sequence[Sample]) -> list[str]:
    """Nets whose outputs in the registers of the virtual ISPU are not those of the reference."""
    app = stub.app(classes=SCORES)
    core = VirtualIspu(app, ispu_files(app, nets))
    rows, wanted = [np.zeros((1, 3), np.int16)], []
    for i, s in enumerate(nets):
        for x, y in zip(s.inputs, s.outputs, strict=True):
            (given,), (made,) = s.graph.inputs, s.graph.outputs
            window = np.zeros((WINDOW, 3), np.int16)
            window[0, 0] = i
            raw = in_c(s.graph.tensors[given], x[given]).tobytes()
            flat = np.frombuffer(raw + b"\0" * (6 * (WINDOW - 1) - len(raw)), "<i2")
            window[1:] = flat.reshape(-1, 3)
            rows.append(window)
            wanted.append((s.name, in_c(s.graph.tensors[made], y[made]).tobytes()))
    found = core.run(np.concatenate(rows))
    got = found.scores[found.results]
    if len(got) != len(wanted):
        return [f"{len(got)} windows came, not {len(wanted)}"]
    return sorted({name for row, (name, y) in zip(got, wanted, strict=True) if row.tobytes()[: len(y)] != y})


def differing(place: str, nets: Sequence[Sample]) -> list[str]:
    """Nets that compute other bits in a place than the reference."""
    if place == "ispu":
        return on_ispu(nets)
    if place == "host":
        output = host.build_program(unit(nets), opt="-O2", harness=True).run(stream(nets))
    else:
        output = qemu.run_image(qemu.build(unit(nets), cpu.cpu(place)), stream(nets)).output
    return differences(nets, output)


def table(places: Sequence[str] = PLACES) -> str:
    """Places with the bits of the reference for every combination and kind of layer."""
    made = samples()
    bad: Mapping[str, list[str]] = {place: differing(place, list(made.values())) for place in places}
    lines = [
        "places with the bits of the reference, of " + ", ".join(places),
        f"{'values':10}{'weights':10}{'result':10}" + "".join(f"{kind:>12}" for kind in LAYERS),
    ]
    for types in COMBINATIONS:
        row = "".join(f"{one:10}" for one in types)
        for kind in LAYERS:
            name = made[kind, types].name
            good = sum(not any(b.partition(":")[0] == name for b in bad[p]) for p in places)
            row += f"{f'{good}/{len(places)}':>12}"
        lines.append(row)
    faults = [f"{place}: {one}" for place in places for one in bad[place]]
    return "\n".join([*lines, *faults])


if __name__ == "__main__":
    print(table())
