"""Another net for a program that is there: a blob for the project that the program was built from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from sensorai.codegen.blob import Blob
from sensorai.codegen.netproject import About, Pushing, emit_net_project
from sensorai.codegen.project import Project
from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.nets.costs import lying
from sensorai.nets.description import Described
from sensorai.nets.fixed import as_there
from sensorai.nets.model import LARGEST, WORDS, Asked, NetFile, no_c
from sensorai.nets.port import ports
from sensorai.nets.relocating import relocatable
from sensorai.nets.streaming import Stream, again
from sensorai.nets.target import target

#: Longest stretch of a line that a message shows.
_SHOWN = 90


def asked_for(said: Described, asked: Asked) -> Asked:
    """How another model is read for a project: as is said, else as that of the project was."""
    own = said.asked
    return replace(
        asked,
        shapes=asked.shapes or own.shapes,
        frozen=asked.frozen or own.frozen,
        inputs=asked.inputs or own.inputs,
        outputs=asked.outputs or own.outputs,
        dictionaries=own.dictionaries,
        float32=asked.float32 or own.float32,
    )


def blob_for(said: Described, model: NetFile, version: int, folder: str) -> Blob:
    """Make a blob of a model for the program of a project.

    Parameters
    ----------
    said : Described
        The project.
    model : NetFile
    version : int
        Of the blob.
    folder : str
        The project's, for messages.

    Raises
    ------
    Refused
        Layers have no C.
    ConfigError
        The project takes no blobs.
    DataError
        The net is of another form than the program's; the first place where its C differs is named.
    """
    if not said.interface:
        raise ConfigError(
            "the program of this project takes no other net",
            where=folder,
            hint="generate it with --updatable or --relocatable",
        )
    no_c(model)
    graph, pushing = _form(said, model.on(target(said.target, said.device).isa))
    about = About(model.path.name, WORDS[model.kind], model.sha256)
    inside = lying(graph, said.inside)

    def project_of(graph: Graph) -> Project:
        return emit_net_project(
            graph, said.name, about, None, said.api, pushing, inside, said.optimize, version=version
        )

    made = project_of(graph)
    if said.slot_bytes:
        return _with_code(said, made, graph, pushing, model.path.name, folder)
    same, lost = as_there(graph, made, said.kernels)
    if same.plain:
        made = project_of(same)
    if made.blob is None or made.blob.interface.hex() != said.interface:
        there, here = _sides(said, graph)
        if there != here:
            raise _others(said, graph, model.path.name, folder)
        if lost:
            raise DataError(
                f"weights or scales of {_named(lost)} in {model.path.name} are none that the kernels of the "
                "program take: of -128, sums beyond 24 bits, or factors of one half and more",
                where=folder,
                hint="quantise weights between -127 and 127; or generate the program with --any-weights, or "
                "with --relocatable",
            )
        raise DataError(
            f"the net of {model.path.name} has another form than the program's: {_difference(said, made)}",
            where=folder,
            hint="train the same layers with the same scheme of integers; else generate anew, or with "
            "--relocatable, whose blobs bring their code",
        )
    return made.blob


def made_anew(said: Described, model: NetFile, stream: Stream | None) -> Project:
    """The project of a folder as it is made of its model now."""
    graph = model.graph if stream is None else stream.graph
    pushing = None if stream is None else stream.pushing
    version = 1 if said.interface else None
    graph = replace(graph, changing=version is not None)
    if version is not None:
        first = emit_net_project(
            graph, said.name, About("", "", ""), None, said.api, pushing, version=version
        )
        graph = as_there(graph, first, said.kernels)[0]
    about = About(model.path.name, WORDS[model.kind], model.sha256)
    inside = lying(graph, said.inside)
    return emit_net_project(
        graph, said.name, about, None, said.api, pushing, inside, said.optimize, said.pools, version
    )


def beside(said: Described, folder: Path) -> Path | None:
    """The model of a project where it lies near: in its folder, beside it, or in the working folder."""
    for place in (folder, folder.parent, Path()):
        path = place / said.file
        fits = said.file and path.is_file() and path.stat().st_size <= LARGEST
        if fits and hashlib.sha256(path.read_bytes()).hexdigest() == said.sha256:
            return path
    return None


def _with_code(
    said: Described, made: Project, graph: Graph, pushing: Pushing | None, file: str, folder: str
) -> Blob:
    """A blob that brings its code; refused by the inputs and outputs of the program, and its memory."""
    blob = relocatable(graph, said.name, made, target(said.target, said.device).core, pushing, None).blob
    if blob.interface.hex() != said.interface:
        raise _others(said, graph, file, folder)
    if blob.context > said.slot_bytes:
        raise DataError(
            f"{file} takes {blob.context:,} bytes of working memory, the program has {said.slot_bytes:,}",
            where=folder,
            hint="generate the program with --slot-bytes, which leaves room for larger nets",
        )
    return blob


def _sides(said: Described, graph: Graph) -> tuple[str, str]:
    """Inputs and outputs of the program and of a net, in words."""
    there, here = (
        ", ".join(f"{p.dtype} {'x'.join(map(str, p.shape)) or '1'}" for p in (*ins, *outs))
        for ins, outs in (
            (said.inputs, said.outputs),
            (ports(graph, graph.inputs), ports(graph, graph.outputs)),
        )
    )
    return there, here


def _others(said: Described, graph: Graph, file: str, folder: str) -> DataError:
    there, here = _sides(said, graph)
    return DataError(
        f"{file} has other inputs and outputs ({here}) than the program ({there})",
        where=folder,
        hint="types can be asked for with --input-data-type and --output-data-type",
    )


def _form(said: Described, model: NetFile) -> tuple[Graph, Pushing | None]:
    """The net as the project has it: of whole windows, or of columns."""
    if said.pushing is None:
        return model.graph, None
    stream = again(model.graph, said.pushing)
    return stream.graph, stream.pushing


def _difference(said: Described, made: Project) -> str:
    """The first line in which the C of a project and of another net differ."""
    name = said.name
    new = made.sources()
    order = sorted(
        {*said.sources, *new}, key=lambda one: (one != f"{name}.c", one != f"{name}_tables.h", one)
    )
    for file in order:
        if file in (f"{name}_data.c", f"{name}.h"):
            continue
        a, b = said.sources.get(file), new.get(file)
        if a is None or b is None:
            return f"{file} is in one of them alone"
        for k, (one, other) in enumerate(zip_longest(a.split("\n"), b.split("\n"), fillvalue=""), 1):
            if one != other and not _of_version(one):
                return f"line {k} of {file} is {_short(one)} there, {_short(other)} of the model"
    return "it was generated by another version of sensorai, or with other options"


def _of_version(line: str) -> bool:
    """Whether a line says who wrote the file, or what its interface is."""
    return any(part in line for part in ("Generated by", "Interface of the program", "    {0x", "     0x"))


def _named(layers: list[str]) -> str:
    some = ", ".join(layers[:3])
    return some if len(layers) <= 3 else f"{some} and {len(layers) - 3} more"


def _short(line: str) -> str:
    text = " ".join(line.split())
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
