"""A C project of a model, for a target: files, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sensorai.codegen.blob import Blob, needs_words
from sensorai.codegen.net import count_tensors
from sensorai.codegen.netpools import Pool
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.project import Project
from sensorai.cproject.backend import CBackend
from sensorai.errors import ConfigError, InternalError, TargetError, UserError
from sensorai.experiment import tables
from sensorai.files import read_json, write_folder
from sensorai.graph.graph import Graph
from sensorai.ispu import devices as ispu
from sensorai.ispu.standin import SOURCE, StandIn, stand_in
from sensorai.kinds import NET_FORMAT, NET_INDEX
from sensorai.model.pipeline import Pipeline, to_dict
from sensorai.nets.costs import Costs, costs, lying
from sensorai.nets.description import describe
from sensorai.nets.feeding import Feed, pipeline_of
from sensorai.nets.fixed import fast_layers, for_any
from sensorai.nets.libraries import code_bytes, open_question
from sensorai.nets.model import WORDS, Asked, NetFile, no_c
from sensorai.nets.port import ports
from sensorai.nets.relocating import relocatable
from sensorai.nets.running import Program
from sensorai.nets.streaming import Asked as Columns
from sensorai.nets.streaming import Stream
from sensorai.nets.streaming import stream as stream_of
from sensorai.nets.target import Target, fit
from sensorai.toolchain.compilers import available
from sensorai.version import __version__
from sensorai.writing import clang, jsontext

#: Ways to call a project: its own, and the one of ST's tool.
APIS = ("native", "stai")


#: Index of a project that takes samples, and the column of logs that has its labels.
_INDEX, _COLUMN = "model.sai", "label"


@dataclass(frozen=True, slots=True)
class Emitted:
    """A project.

    Attributes
    ----------
    name, api : str
    files : mapping of str to str or bytes
    project : Project
        What is compiled, and its arena.
    counted : Costs
    built : StandIn or None
        Sizes of the program for an ISPU on the core that stands in for it; None for others, without a
        compiler for that core, and where numbers and arena alone do not fit.
    blob : Blob or None
        The net as a blob, where it may be replaced.
    code : int or None
        Bytes of code of its library, where these decide whether it fits and a compiler is here.
    """

    name: str
    api: str
    files: Mapping[str, str | bytes]
    project: Project
    counted: Costs
    built: StandIn | None = None
    blob: Blob | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Changing:
    """A net that may be replaced.

    Attributes
    ----------
    version : int
        Of its blob.
    code : bool
        Whether blobs bring their code.
    slot_bytes : int or None
        With code: working memory of the program for later nets; None: what this one takes.
    any_weights : bool
        Whether kernels are those that take every weight.
    """

    version: int = 1
    code: bool = False
    slot_bytes: int | None = None
    any_weights: bool = False


def name_for(model: NetFile, name: str | None, api: str = "native") -> str:
    """Name of a project: as given, else near that of the file; ``network`` as in ST's tool for its interface.

    Raises
    ------
    ConfigError
        The given one cannot begin names in C.
    """
    if name is not None:
        return clang.identifier(name, "--name")
    if api == "stai":
        return "network"
    near = re.sub(r"[^A-Za-z0-9]+", "_", model.path.stem).strip("_").lower()
    return clang.free_identifier(near or "network")


def emit(
    model: NetFile,
    at: Target,
    name: str,
    asked: Asked,
    api: str = "native",
    stream: Stream | None = None,
    inside: tuple[bool, bool] = (False, False),
    optimize: str = "balanced",
    pools: Sequence[Pool] = (),
    changing: Changing | None = None,
) -> Emitted:
    """Emit the project of a model; with ``stream`` one that gets columns of time.

    Parameters
    ----------
    inside : (bool, bool)
        Whether inputs, and outputs, lie in the working memory.
    optimize : str
        What is to be saved, one of ``plan.scratch.OBJECTIVES``.
    pools : sequence of Pool
        Memories of the board; () for one.
    changing : Changing, optional
        Of a net that may be replaced, see ``updating``.

    Raises
    ------
    Refused
        Layers have no C.
    ConfigError
        The name or a type is not possible in C.
    """
    no_c(model)
    if api not in APIS:
        raise ConfigError(f"--api {api!r} is not known", hint=f"one of {', '.join(APIS)}")
    graph, pushing, before = model.graph, None, 0
    if stream is not None:
        graph, pushing, before = stream.graph, stream.pushing, stream.before.macs
    graph = replace(graph, changing=changing is not None)
    if changing is not None and changing.any_weights:
        graph = for_any(graph, count_tensors(graph))
    if stream is not None and optimize == "balanced" and changing is None:
        counted = stream.after
    else:
        counted = costs(graph, inside, optimize, pools)
    sums = counted.macs, counted.macc, counted.parameters
    about = About(model.path.name, WORDS[model.kind], model.sha256, *sums, at.flags, before)
    version, code = (None, False) if changing is None else (changing.version, changing.code)
    project = emit_net_project(
        graph, name, about, at.chip, api, pushing, lying(graph, inside), optimize, pools, version, code
    )
    sources = list(project.sources())
    files: dict[str, str | bytes] = dict(project.files)
    built = None
    if at.name == "ispu":
        program = Program(
            name,
            api,
            project.sources(),
            ports(graph, graph.inputs),
            ports(graph, graph.outputs),
            None if pushing is None else pushing.warm_up,
            inside,
        )
        app, around = program.ispu_files(ispu.device(at.device))
        files |= around
        # what its numbers alone are too large for need not be built
        if fit(counted, at)["fits"] is not False and available("arm-none-eabi-gcc"):
            built = stand_in(app, {**project.files, **around})
    facts: dict[str, Any] = {"target": at.name, "device": at.device, "api": api}
    facts |= {"in_arena": list(inside)} if any(inside) else {}
    facts |= {"optimize": optimize} if optimize != "balanced" else {}
    facts |= {"pools": [asdict(one) for one in pools]} if pools else {}
    blob = project.blob
    if blob is not None:
        # single numbers lie in the structure, too
        counted = replace(counted, weights=len(blob.payload))
    if changing is not None and changing.code:
        made = relocatable(graph, name, project, at.core, pushing, changing.slot_bytes)
        blob, facts["slot_bytes"] = made.blob, made.slot_bytes
        files |= made.files
    if blob is not None:
        facts["interface"] = blob.interface.hex()
        facts["kernels"] = sorted(fast_layers(project.parts))
        files[f"{name}.blob"] = blob.packed()
    size = None
    if not code and open_question(counted, at):
        verb = "run" if pushing is None else "push"
        size = code_bytes(project.sources(), name, counted, at, api, verb)
    said = describe(model, name, facts, asked, sources, stream=stream)
    said["written"] = sorted([*files, NET_INDEX])
    files[NET_INDEX] = jsontext.document(said)
    return Emitted(name, api, files, project, counted, built, blob, size)


def emit_fed(
    model: NetFile, feed: Feed, at: Target, name: str, columns: Columns | None = None
) -> tuple[Pipeline, dict[str, str], Stream | None]:
    """Emit a project that takes samples: that of a trained model, with the net in its place.

    With ``columns`` the net computes of each window only what is new.

    Raises
    ------
    Refused
        Layers have no C.
    TargetError
        The device has no room.
    ConfigError
        The net does not take such windows, or the device does not give such samples.
    """
    no_c(model)
    pipeline = pipeline_of(model.graph, feed, at, name)
    made = None if columns is None else _streaming(pipeline, columns)
    pipeline = replace(pipeline, stream=made is not None)
    backend: CBackend = tables.load(tables.TARGETS[at.name].place)
    needed = backend.need(pipeline, at.device)
    if needed.problems:
        raise TargetError(needed.problems)
    files = dict(backend.project(pipeline, at.device))
    index = {
        "format": "sensorai-model",
        "version": __version__,
        "target": at.name,
        "task": "classify",
        "name": name,
        "test_groups": [],
        "train_groups": [],
        "files": sorted([*files, _INDEX]),
        "device": at.device,
        "column": _COLUMN,
        "pipeline": to_dict(pipeline),
        "model": {"file": model.path.name, "kind": model.kind, "sha256": model.sha256},
    }
    return pipeline, {**files, _INDEX: jsontext.document(index)}, made


def _streaming(pipeline: Pipeline, columns: Columns) -> Stream:
    """Stream of the net of a pipeline: its windows move by a hop."""
    if columns.stateful or columns.axis is not None:
        raise ConfigError(
            "--pipeline says where time is, and gives windows: it takes --stream alone",
            hint="drop --stream-axis and --stateful",
        )
    if columns.hop != pipeline.stride:
        raise ConfigError(
            f"--stream {columns.hop}, but windows of the pipeline move by {pipeline.stride} samples",
            hint=f"--stream {pipeline.stride}, or stride = {columns.hop} in the pipeline",
        )
    if not isinstance(pipeline.model, Graph):
        raise InternalError("a pipeline of a net without a net")
    return stream_of(pipeline.model, replace(columns, axis=0))


def write(folder: Path, files: Mapping[str, str] | Mapping[str, str | bytes]) -> None:
    """Write a project, all of it or nothing; an earlier project in the folder is replaced.

    Raises
    ------
    UserError
        The folder holds something else, or cannot be written.
    """
    stale: list[str] = []
    if folder.is_dir() and any(folder.iterdir()):
        stale = _earlier(folder)
        if not stale:
            raise UserError(
                f"{folder} is not empty and no project of a net",
                where=str(folder),
                hint="name a new folder with --out",
            )
    elif folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder", where=str(folder), hint="choose another --out")
    write_folder(folder, as_bytes(files), [name for name in stale if name not in files])


def _earlier(folder: Path) -> list[str]:
    """Files of an earlier project in a folder; none where it holds something else."""
    for index, key in ((NET_INDEX, "written"), (_INDEX, "files")):
        found = read_json(folder / index) if (folder / index).is_file() else None
        if not isinstance(found, dict) or (index == _INDEX and "model" not in found):
            continue
        names = found.get(key)
        if found.get("format") in (NET_FORMAT, "sensorai-model") and isinstance(names, list):
            # only plain names: an index from elsewhere must not reach out of the folder
            return [n for n in names if isinstance(n, str) and n not in ("", "..") and Path(n).name == n]
    return []


def as_bytes(files: Mapping[str, str] | Mapping[str, str | bytes]) -> dict[str, bytes]:
    """Files as they are written."""
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}


def figures(made: Emitted, folder: str) -> dict[str, Any]:
    """What ``generate --json`` says."""
    return {
        "folder": folder,
        "name": made.name,
        "api": made.api,
        "files": sorted(made.files),
        "arena_bytes": made.project.arena_bytes,
        "weight_bytes": made.counted.weights,
        "saved_bytes": made.counted.saved,
        "macs": made.counted.macs,
        "macc": made.counted.macc,
        **({} if made.built is None else {"program": program_figures(made.built)}),
        **({} if made.blob is None else {"blob": blob_figures(made.blob)}),
    }


def blob_figures(blob: Blob) -> dict[str, Any]:
    """What is said of a blob."""
    return {
        "interface": blob.interface.hex(),
        "content": blob.content.hex(),
        "version": blob.version,
        "bytes": len(blob.packed()),
        "needs": needs_words(blob.needs),
        "context_bytes": blob.context,
        "stack_bytes": blob.stack,
    }


def program_figures(built: StandIn) -> dict[str, Any]:
    """Sizes of the program of an ISPU, with their source."""
    return {
        "source": SOURCE,
        "code_bytes": built.code_bytes,
        "data_bytes": built.data_bytes,
        "stack_bytes": built.stack_bytes,
    }
