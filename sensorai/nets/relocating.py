"""Nets that bring their code: a blob that runs wherever it lies, and what a program calls it by."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sensorai.codegen.blob import Blob
from sensorai.codegen.netproject import Pushing
from sensorai.codegen.project import Project
from sensorai.codegen.slot import blob_source, code_interface, slot_files
from sensorai.errors import ConfigError, InternalError
from sensorai.graph.graph import Graph
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.flat import build_flat

_INIT, _RUN, _FACTS = "sa_net_init", "sa_net_run", "sa_net_facts"


@dataclass(frozen=True, slots=True)
class Relocatable:
    """A net with its code.

    Attributes
    ----------
    blob : Blob
    files : mapping of str to str
        What is added to the project: the file that was compiled, and the program's side.
    slot_bytes : int
        Working memory that the program has for nets.
    """

    blob: Blob
    files: dict[str, str]
    slot_bytes: int


def relocatable(
    graph: Graph, name: str, project: Project, core: str, pushing: Pushing | None, slot_bytes: int | None
) -> Relocatable:
    """Compile a project into a blob.

    Parameters
    ----------
    graph : Graph
        That the project was emitted from.
    name : str
    project : Project
        One whose numbers may be replaced.
    core : str
        As the tool chain calls it.
    pushing : Pushing or None
    slot_bytes : int, optional
        Working memory for later nets; by default what this one takes.

    Raises
    ------
    ToolMissing
        There is no compiler for the core.
    ConfigError
        The code depends on where it lies.
    """
    numbers = project.blob
    if numbers is None:
        raise InternalError("a project without a blob")
    source = blob_source(graph, name, pushing)
    keep = {_INIT: "function", _RUN: "function", _FACTS: "object", f"{name}_tables": "object"}
    made = build_flat({**project.sources(), **source}, f"{name}_blob.c", keep, cpu(core))
    needs, context = struct.unpack_from("<II", made.data, made.places[_FACTS])
    blob = Blob(
        code_interface(graph),
        numbers.version,
        numbers.inputs,
        numbers.outputs,
        made.data,
        made.places[f"{name}_tables"],
        needs,
        context,
        0 if made.stack.unknown else made.stack.bytes,
        made.places[_INIT],
        made.places[_RUN],
    )
    if slot_bytes is not None and slot_bytes < context:
        raise ConfigError(
            f"--slot-bytes {slot_bytes:,}, but this net takes {context:,} bytes of working memory",
            hint="leave it out, or say what the largest net will take",
        )
    room = slot_bytes or context
    return Relocatable(blob, {**source, **slot_files(graph, name, pushing, room)}, room)
