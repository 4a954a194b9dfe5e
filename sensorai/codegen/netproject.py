"""A whole C project from an imported net: typed inputs and outputs, its memory in a context of the caller's.

Pure: the same net gives the same bytes; nothing touches the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorai import runtime
from sensorai.codegen import literals, netpools, stai
from sensorai.codegen.blob import Blob, Port
from sensorai.codegen.chip import Chip, chip_fields, chip_files
from sensorai.codegen.net import KINDS, emit_tensors
from sensorai.codegen.netpools import Pool
from sensorai.codegen.parts import CodeParts, Constant, Table
from sensorai.codegen.project import WARNINGS, Project
from sensorai.codegen.updatable import Tables, emit_updatable, scale_of
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import first_states
from sensorai.graph.tensor import Tensor
from sensorai.version import __version__
from sensorai.writing import clang, templates
from sensorai.writing.written import Identifier, inert

#: Package of the templates.
_ROOM = "sensorai.codegen"
#: Templates by file, ``NAME`` for the name of the project.
_NATIVE: Mapping[str, str] = {
    "NAME.h": "net.h.jinja",
    "NAME.c": "net.c.jinja",
    "NAME_data.h": "net_data.h.jinja",
    "NAME_data.c": "net_data.c.jinja",
    "main.c": "net_main.c.jinja",
    "README.md": "net_README.md.jinja",
}
#: Templates of a project whose numbers may be replaced, and the files that take them in.
_UPDATABLE: Mapping[str, str] = {"NAME_tables.h": "net_tables.h.jinja", "NAME_data.c": "net_tables.c.jinja"}
_LOADER = tuple(f"update/{name}" for name in ("sa_blob.h", "sa_blob.c", "sa_update.h", "sa_update.c"))
#: Parameters that every C99 compiler takes.
_MOST = 120


@dataclass(frozen=True, slots=True)
class About:
    """What comments and the README say of a net; text from outside.

    Attributes
    ----------
    file, kind, digest : str
        Name of the model's file, what it is, and its SHA-256.
    macs, macc, parameters : int
    before : int
        Multiply-accumulates of the net that takes whole windows, where this one takes columns.
    flags : str
        Flags of ST's compiler where the C is for the ISPU; else empty.
    """

    file: str
    kind: str
    digest: str
    macs: int = 0
    macc: int = 0
    parameters: int = 0
    flags: str = ""
    before: int = 0


@dataclass(frozen=True, slots=True)
class Pushing:
    """How a program gets columns of time, where it does not get a whole window with each call.

    Attributes
    ----------
    hop, axis, window : int
        Columns of a push, their axis in the input, and columns of the net that was read.
    warm_up : int
        Pushes before the first outputs.
    stateful : bool
        Columns without end; else outputs are those of the last window.
    """

    hop: int
    axis: int
    window: int
    warm_up: int
    stateful: bool


def emit_net_project(
    graph: Graph,
    name: str,
    about: About,
    chip: Chip | None = None,
    api: str = "native",
    pushing: Pushing | None = None,
    inside: Collection[str] = (),
    optimize: str = "balanced",
    pools: Sequence[Pool] = (),
    version: int | None = None,
    code: bool = False,
) -> Project:
    """Emit the C project of a net.

    Parameters
    ----------
    graph : Graph
        Any inputs, outputs and states whose types C has.
    name : str
        A C identifier that all names begin with.
    about : About
    chip : Chip, optional
        Microcontroller that its Makefile builds for, beside any other compiler.
    api : str
        ``native``, or ``stai``: as the C of ST's tool is called.
    pushing : Pushing, optional
        Of a net that gets columns: its function is called ``NAME_push``.
    inside : collection of str
        Inputs and outputs that lie in the arena; functions say where.
    optimize : str
        What is to be saved, see ``emit_tensors``.
    pools : sequence of Pool
        Memories of the board; () for one, in the context.
    version : int, optional
        Of a net whose numbers may be replaced by a blob's: that of the blob which comes with the project.
    code : bool
        Whether blobs will bring their code, which the README says.

    Raises
    ------
    ConfigError
        The name cannot begin names in C, or the net holds a layer or type that has no C.
    """
    called = clang.identifier(name)
    if pushing is not None and api != "native":
        raise ConfigError(f"the interface {api!r} takes whole windows", hint="the native one takes columns")
    if len(graph.inputs) + len(graph.outputs) + len(graph.states) > _MOST:
        raise ConfigError(f"the net has more than {_MOST} inputs, outputs and states")
    if inside and (pushing is not None or api != "native"):
        raise ConfigError("inputs and outputs lie in the arena of the native interface, without a stream")
    if pools and (pushing is not None or api != "native" or version is not None):
        raise ConfigError("memories are named for the native interface, without a stream and another net")
    if version is not None and api != "native":
        raise ConfigError("numbers are replaced through the native interface", hint="drop --api stai")
    tables = None
    if version is None:
        rooms = [one.size for one in netpools.rams(pools)]
        parts = emit_tensors(graph, called, inside=inside, optimize=optimize, rooms=rooms)
    else:
        more = _kept(graph, pushing)
        parts, tables = emit_updatable(graph, called, inside=inside, more=more, optimize=optimize)
    places: dict[str, Any] = {"pools": [], "copies": [], "copied": clang.emitted("")}
    if pools:
        parts, places = netpools.placed(parts, called, pools)
    fields = net_fields(graph, called, about, parts, places["pools"])
    fields |= places | update_fields(fields, tables) | {"code": code}
    fields |= {"stream": None if pushing is None else _pushes(pushing, about)}
    fields |= chip_fields(chip) | {"regions": netpools.regions(pools, called, chip)}
    templated, extra = dict(_NATIVE), parts.runtime
    if tables is not None:
        templated, extra = {**_NATIVE, **_UPDATABLE}, (*parts.runtime, *_LOADER)
        del templated["NAME_data.h"]
    if api == "stai":
        templated, extra = dict(stai.TEMPLATES), (*parts.runtime, *stai.HEADERS)
        fields |= stai.fields(graph, called, fields, about.macc, parts)
    wanted = {
        **{file.replace("NAME", called): template for file, template in templated.items()},
        "Makefile": "Makefile.jinja",
        "CMakeLists.txt": "CMakeLists.txt.jinja",
        **chip_files(chip, called),
    }
    made = {target: templates.fill(_ROOM, template, fields) for target, template in wanted.items()}
    files = {file.rpartition("/")[2]: runtime.text(file) for file in extra}
    blob = None if tables is None or version is None else _blob(graph, tables, version)
    return Project(
        {**made, **files}, sum(parts.arenas) or parts.arena_bytes, parts.layers, parts.calls, blob, parts
    )


def _kept(graph: Graph, pushing: Pushing | None) -> str:
    """What templates write of the form of a net, beside the C that is emitted."""
    firsts = first_states(graph)
    states = [(s.read, graph.tensors[s.read].dtype, int(firsts[s.read])) for s in graph.states]
    ports = [(t.dtype, t.shape) for t in (graph.tensors[n] for n in (*graph.inputs, *graph.outputs))]
    return repr(("numbers", [one[1:] for one in states], ports, pushing))


def _blob(graph: Graph, tables: Tables, version: int) -> Blob:
    """The numbers of a net as a blob."""
    inputs, outputs = (tuple(blob_port(graph.tensors[n]) for n in s) for s in (graph.inputs, graph.outputs))
    return Blob(tables.interface, version, inputs, outputs, tables.data)


def blob_port(tensor: Tensor) -> Port:
    """An input or output as an entry of a blob."""
    scale, zero = scale_of(tensor) or (0.0, 0)
    return Port(tensor.dtype, tensor.size, scale, zero)


def update_fields(fields: Mapping[str, Any], tables: Tables | None) -> dict[str, Any]:
    """What templates know of numbers that may be replaced."""
    if tables is None:
        return {"updatable": False}
    loader = [inert(file.rpartition("/")[2]) for file in _LOADER if file.endswith(".c")]
    names = {one.name for one in tables.members}
    scaled = [
        one for one in (*fields["inputs"], *fields["outputs"]) if f"{one['role']}_{one['k']}_zero" in names
    ]
    passed = fields["passed"] + ", ctx->tables"
    return {
        "updatable": True,
        "scaled": scaled,
        "members": clang.emitted("".join(one.declaration for one in tables.members).rstrip()),
        "values": clang.emitted("".join(one.initialiser for one in tables.members).rstrip()),
        "table_bytes": len(tables.data),
        "weights": len(tables.data),
        "interface": clang.emitted(literals.octets(tables.interface)),
        "interface_words": inert(tables.interface.hex()),
        "passed": clang.emitted(passed),
        "runtime_c": [*fields["runtime_c"], *loader],
        "runtime_o": [*fields["runtime_o"], *(inert(f"{file[:-2]}.o") for file in loader)],
    }


def _pushes(pushing: Pushing, about: About) -> dict[str, Any]:
    """What templates know of pushes."""
    return {
        "hop": pushing.hop,
        "axis": pushing.axis,
        "window": pushing.window,
        "warm_up": pushing.warm_up,
        "windowed": not pushing.stateful,
        "before": about.before,
    }


def net_fields(
    graph: Graph,
    name: Identifier,
    about: About,
    parts: CodeParts,
    pools: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What templates of a net know: names, tensors, tables, files; ``pools``: see ``netpools.placed``."""
    arenas = [
        clang.emitted(f"(uint8_t *){one['array']}" if one["arena"] else "0") for one in pools if one["ram"]
    ] or [clang.emitted("(uint8_t *)ctx->arena")]
    rooms = [one["name"] for one in pools if one["ram"]]
    tables = [one for one in parts.definitions if isinstance(one, Table)]
    constants = [one for one in parts.definitions if isinstance(one, Constant)]
    data = "\n\n".join(one.shared.rstrip() for one in tables)
    firsts = first_states(graph)
    files = [inert(file.rpartition("/")[2]) for file in parts.runtime]
    sources = [file for file in files if file.endswith(".c")]
    inputs = [tensor_fields(graph.tensors[n], name, "in", k) for k, n in enumerate(graph.inputs, 1)]
    outputs = [tensor_fields(graph.tensors[n], name, "out", k) for k, n in enumerate(graph.outputs, 1)]
    for one in (*inputs, *outputs):
        memory, one["lies"] = parts.lying.get(one["called"], (0, None))
        one["base"] = arenas[memory]
        one["room"] = inert(f"the memory {rooms[memory]}" if rooms else "the context")
    given = [one for one in (*inputs, *outputs) if one["lies"] is None]
    states = [
        {**tensor_fields(graph.tensors[s.read], name, "state", k), "first": int(firsts[s.read])}
        for k, s in enumerate(graph.states, 1)
    ]
    return {
        "name": name,
        "macro": clang.upper(name),
        "version": inert(__version__),
        "warnings": inert(WARNINGS),
        "file": clang.comment(about.file),
        "kind": inert(about.kind),
        "digest": clang.comment(about.digest),
        "about": {"file": about.file, "digest": about.digest},
        "macs": about.macs,
        "parameters": about.parameters,
        "ispu_flags": inert(about.flags),
        "weights": sum(layer.weight_bytes for layer in parts.layers),
        "inputs": inputs,
        "outputs": outputs,
        "given": given,
        "lying": [one for one in (*inputs, *outputs) if one["lies"] is not None],
        "states": states,
        "arena": max(sum(parts.arenas) or parts.arena_bytes, 1),
        "arguments": clang.emitted(arguments_of(given)),
        "passed": clang.emitted(
            ", ".join(
                [
                    *(f"{one['role']}_{one['k']}" for one in given),
                    *(f"ctx->state_{one['k']}" for one in states),
                    *arenas,
                ]
            )
        ),
        "declared": clang.emitted("\n".join(f"extern {one.declaration};" for one in tables)),
        "data": clang.emitted(data),
        "constants": clang.emitted("\n\n".join(one.text.rstrip() for one in constants)),
        "table_includes": [inert("sa_nn.h")] if "SA_NN_TABLE" in data else [],
        "source": clang.emitted(parts.source.strip()),
        "includes": [file for file in files if file.endswith(".h")],
        "runtime_c": sources,
        "runtime_o": [inert(f"{file[:-2]}.o") for file in sources],
    }


def tensor_fields(tensor: Tensor, name: Identifier, role: str, k: int) -> dict[str, Any]:
    """One input, output or state, as C and Markdown take it."""
    scale, zero = scale_of(tensor) or (None, 0)
    shape = " x ".join(map(str, tensor.shape)) or "1"
    return {
        "k": k,
        "role": inert(role),
        "macro": inert(f"{name.upper()}_{role.upper()}_{k}"),
        "type": inert(KINDS[tensor.dtype][0]),
        "dtype": inert(tensor.dtype),
        "size": tensor.size,
        "bytes": tensor.bytes,
        "shape": inert(shape),
        "dims": clang.emitted(", ".join(map(str, tensor.shape)) or "1"),
        "rank": max(len(tensor.shape), 1),
        "words": clang.comment(tensor.name),
        "called": tensor.name,
        "string": clang.string(tensor.name),
        "scale": None if scale is None else clang.real(scale),
        "zero": zero,
    }


def arguments_of(given: list[dict[str, Any]]) -> str:
    """Parameters of the function that runs the net, behind the context."""
    const = {"in": "const ", "out": ""}
    return "".join(
        f",\n    {const[one['role']]}{one['type']} {one['role']}_{one['k']}[{one['macro']}_SIZE]"
        for one in given
    )
