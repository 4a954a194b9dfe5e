"""Projects of nets whose C is called as that of ST's tool: functions ``stai_NAME_...``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.codegen.parts import CodeParts, body
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Tensor
from sensorai.version import __version__
from sensorai.writing import clang
from sensorai.writing.written import Identifier, inert

#: Templates by file, ``NAME`` for the name of the project.
TEMPLATES: Mapping[str, str] = {
    "NAME.h": "stai.h.jinja",
    "NAME.c": "stai.c.jinja",
    "NAME_data.h": "stai_data.h.jinja",
    "NAME_data.c": "stai_data.c.jinja",
    "main.c": "stai_main.c.jinja",
    "README.md": "stai_README.md.jinja",
}
#: Headers that all such projects have.
HEADERS = ("stai/stai.h", "stai/stai_events.h")

#: Formats of the interface by types of tensors.
_FORMATS: Mapping[str, str] = {
    "float32": "FLOAT32",
    "float64": "FLOAT64",
    "bool": "BOOL",
    "int4": "S8",
    "int2": "S8",
    "uint4": "U8",
    "uint2": "U8",
    **{f"{sign}int{bits}": f"{'U' if sign else 'S'}{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
#: What the interface calls the axes of a tensor, by how many there are.
_AXES = {1: "CHANNEL", 2: "BATCH CHANNEL", 3: "BATCH HEIGHT CHANNEL", 4: "BATCH HEIGHT WIDTH CHANNEL"}


def _up(size: int) -> int:
    """Bytes to the next multiple of 8."""
    return -(-size // 8) * 8


def _with_events(graph: Graph, parts: CodeParts, name: Identifier) -> str:
    """Source of the net that tells of every node before and after it, whether it has calls or not."""
    lines: list[str] = []
    at = -1

    def tell(word: str, node: int, buffers: Sequence[str]) -> None:
        given = ", ".join(f"(stai_ptr)(uintptr_t)({one})" for one in buffers)
        array = f"(const stai_ptr[]){{{given}}}" if buffers else "NULL"
        lines.append("    if (cb != NULL) {\n")
        told = f"cb, cookie, STAI_EVENT_NODE_{word}, {node}, {array}, {len(buffers)}"
        lines.append(f"        {name}_event({told});\n    }}\n")

    def reach(layer: int) -> None:
        nonlocal at
        while at < layer:
            if at >= 0:
                tell("STOP", at, parts.buffers[at][1])
            at += 1
            if at < len(parts.buffers):
                tell("START", at, parts.buffers[at][0])

    for call in parts.calls:
        if call.layer is not None:
            reach(call.layer)
        lines.append(f"    {call.text}\n")
    reach(len(graph.nodes))
    plain = body(parts.calls)
    head, _, rest = parts.source.rpartition(plain) if plain else ("", "", "")
    if not plain:
        head, _, rest = parts.source.rpartition("}\n")
        rest = "}\n" + rest
    # the function of the net is the last one
    before, _, last = head.rpartition("uint8_t *arena)")
    return f"{before}uint8_t *arena, stai_event_cb cb, void *cookie){last}{''.join(lines)}{rest}"


def _signature(digest: str) -> str:
    """Literal of the first 32 bits of a hash."""
    return f"0x{digest[:8]}U" if re.fullmatch("[0-9a-fA-F]{8,}", digest) else "0U"


def fields(
    graph: Graph, name: Identifier, made: Mapping[str, Any], macc: int, parts: CodeParts
) -> dict[str, Any]:
    """What templates of the interface know, beside the fields of every net."""
    inputs = [_port(one, graph.tensors[n]) for one, n in zip(made["inputs"], graph.inputs, strict=True)]
    outputs = [_port(one, graph.tensors[n]) for one, n in zip(made["outputs"], graph.outputs, strict=True)]
    at, places = _up(made["arena"]), []
    for one in (*inputs, *outputs):
        places.append({"role": one["role"], "k": one["k"], "at": at})
        at += _up(one["bytes"])
    states = sum(_up(one["bytes"]) for one in made["states"])
    passed = [
        *(f"(const {one['type']} *)(const void *)ctx->in[{one['k'] - 1}]" for one in inputs),
        *(f"({one['type']} *)(void *)ctx->out[{one['k'] - 1}]" for one in outputs),
        *(f"ctx->state_{one['k']}" for one in made["states"]),
        "ctx->activations",
        "ctx->callback",
        "ctx->cookie",
    ]
    version = [int(part) if part.isdigit() else 0 for part in __version__.split(".")[:3]]
    return {
        "inputs": inputs,
        "outputs": outputs,
        "sides": [
            _side("IN", "in", "inputs", inputs),
            _side("OUT", "out", "outputs", outputs),
        ],
        "whats": [inert(what) for what in ("activations", "inputs", "outputs", "weights", "states")],
        "places": places,
        "activations": at,
        # pointers of 64 bits are the widest that there are
        "context": 48 + 8 * (len(inputs) + len(outputs)) + states,
        "nodes": len(graph.nodes),
        "macc": macc,
        "model_string": clang.string(made["about"]["file"]),
        "digest_string": clang.string(made["about"]["digest"]),
        "name_string": clang.string(name),
        "stai_source": clang.emitted(_with_events(graph, parts, name).strip()),
        "signature": clang.emitted(_signature(made["about"]["digest"])),
        "tool_version": clang.emitted("{" + ", ".join(map(str, [*version, *[0] * (4 - len(version))])) + "}"),
        "stai_passed": clang.emitted(", ".join(passed)),
    }


def _port(one: Mapping[str, Any], tensor: Tensor) -> dict[str, Any]:
    words = _AXES.get(len(tensor.shape), "").split()
    axes = [{"word": inert(w), "extent": e} for w, e in zip(words, tensor.shape, strict=False)]
    return {**one, "format": inert(f"STAI_FORMAT_{_FORMATS[tensor.dtype]}"), "axes": axes}


def _side(word: str, role: str, what: str, ports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "word": inert(word),
        "role": inert(role),
        "what": inert(what),
        "ports": ports,
        "size": sum(one["size"] for one in ports),
        "bytes": sum(one["bytes"] for one in ports),
    }


_DRIVER = """#include "NAME.h"
#include "harness.h"

STAI_NETWORK_CONTEXT_DECLARE(network, STAI_MACRO_CONTEXT_SIZE)
STAI_ALIGNED(8) static uint8_t activations[STAI_MACRO_ACTIVATIONS_SIZE_BYTES];

int main(void)
{
    static const stai_size in_bytes[] = STAI_MACRO_IN_SIZES_BYTES;
    static const stai_size out_bytes[] = STAI_MACRO_OUT_SIZES_BYTES;
    const stai_ptr memory[1] = {activations};
    stai_ptr inputs[STAI_MACRO_IN_NUM], outputs[STAI_MACRO_OUT_NUM];
    stai_size count, i;

    if (stai_NAME_init(network) != STAI_SUCCESS ||
        stai_NAME_set_activations(network, memory, 1) != STAI_SUCCESS ||
        stai_NAME_get_inputs(network, inputs, &count) != STAI_SUCCESS || count != STAI_MACRO_IN_NUM ||
        stai_NAME_get_outputs(network, outputs, &count) != STAI_SUCCESS || count != STAI_MACRO_OUT_NUM) {
        return 1;
    }
    while (harness_read(inputs[0], in_bytes[0]) == in_bytes[0]) {
        for (i = 1; i < STAI_MACRO_IN_NUM; i++) {
            (void)harness_read(inputs[i], in_bytes[i]);
        }
        harness_begin();
        if (stai_NAME_run(network, STAI_MODE_SYNC) != STAI_SUCCESS) {
            return 1;
        }
        harness_end();
        for (i = 0; i < STAI_MACRO_OUT_NUM; i++) {
            harness_write(outputs[i], out_bytes[i]);
        }
    }
    return (stai_NAME_deinit(network) == STAI_SUCCESS) ? 0 : 1;
}
"""


def driver(name: Identifier) -> str:
    """C of a program that reads inputs, runs the net and writes outputs."""
    return clang.filled(_DRIVER, MACRO=name.upper(), NAME=name)
