"""C around nets whose code is in a blob: the file that is compiled into it, and how a program calls it."""

from __future__ import annotations

from typing import Any

from sensorai.codegen import literals
from sensorai.codegen.blob import digest
from sensorai.codegen.netproject import Pushing, arguments_of, tensor_fields
from sensorai.graph.graph import Graph
from sensorai.version import __version__
from sensorai.writing import clang, templates
from sensorai.writing.written import Identifier, inert

_ROOM = "sensorai.codegen"
#: Of how functions of a blob are called.
_CALLS = "code 1"


def code_interface(graph: Graph) -> bytes:
    """What a program must know of a net that brings its code: how it is called, its inputs and outputs."""
    ports = [[(t.dtype, t.size) for t in map(graph.tensors.__getitem__, names)] for names in _sides(graph)]
    return digest([_CALLS.encode(), repr(ports).encode()])


def _sides(graph: Graph) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(graph.inputs), tuple(graph.outputs)


def blob_source(graph: Graph, name: str, pushing: Pushing | None) -> dict[str, str]:
    """``NAME_blob.c``, which includes all of a project of ``netproject`` whose numbers may be replaced."""
    fields = _fields(graph, clang.identifier(name), pushing)
    return {f"{name}_blob.c": templates.fill(_ROOM, "net_blob.c.jinja", fields)}


def slot_files(graph: Graph, name: str, pushing: Pushing | None, context: int) -> dict[str, str]:
    """``NAME_slot.h`` and ``NAME_slot.c``.

    Parameters
    ----------
    context : int
        Bytes of working memory that nets may take.
    """
    fields = {**_fields(graph, clang.identifier(name), pushing), "context": context}
    return {f"{name}_slot.{end}": templates.fill(_ROOM, f"net_slot.{end}.jinja", fields) for end in "hc"}


def _fields(graph: Graph, name: Identifier, pushing: Pushing | None) -> dict[str, Any]:
    inputs, outputs = _sides(graph)
    given = [tensor_fields(graph.tensors[n], name, "in", k) for k, n in enumerate(inputs, 1)]
    given += [tensor_fields(graph.tensors[n], name, "out", k) for k, n in enumerate(outputs, 1)]
    for one in given:
        one["slot"] = inert(f"{name.upper()}_SLOT_{one['role'].upper()}_{one['k']}")
        one["place"] = one["k"] - 1
    const = {"in": "const ", "out": ""}
    passed = (f", ({const[one['role']]}{one['type']} *){one['role']}[{one['place']}]" for one in given)
    renamed = [{**one, "macro": one["slot"]} for one in given]
    return {
        "name": name,
        "macro": clang.upper(name),
        "version": inert(__version__),
        "stream": pushing is not None,
        "given": given,
        "in_count": len(inputs),
        "out_count": len(outputs),
        "slot_arguments": clang.emitted(arguments_of(renamed)),
        "blob_arguments": clang.emitted("".join(passed)),
        "code_interface": clang.emitted(literals.octets(code_interface(graph))),
    }
