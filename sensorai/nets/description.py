"""``model.json`` of a project: what was emitted from what, as text, so that it can be checked later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.codegen.blob import LARGEST, read_blob
from sensorai.codegen.netpools import Pool
from sensorai.codegen.netproject import Pushing
from sensorai.errors import DataError
from sensorai.files import read_json
from sensorai.graph.tensor import DTYPES, Array
from sensorai.kinds import NET_FORMAT, NET_INDEX
from sensorai.nets.costs import tensor_figures
from sensorai.nets.inputs import SEED, spread
from sensorai.nets.model import Asked, NetFile
from sensorai.nets.placed import Placed
from sensorai.nets.port import Port
from sensorai.nets.references import made_pushes, one_by_one, pushes
from sensorai.nets.streaming import Stream
from sensorai.plan.scratch import objective
from sensorai.writing import clang

#: Inputs whose outputs are noted.
COUNT = 4
#: Axes that an input has at most.
_AXES = 8


@dataclass(frozen=True, slots=True)
class Described:
    """A project of a net, opened.

    Attributes
    ----------
    name, target, device, api : str
    sha256 : str
        Of the model's file.
    asked : Asked
        How that was read.
    inputs, outputs : tuple of Port
    states : int
        How many numbers the net keeps: 0 where calls do not depend on each other.
    outputs_of : tuple of str
        Hashes of the outputs for the inputs that ``inputs.spread`` makes, one after the other.
    sources : mapping of str to str
        C of the library.
    pipeline : mapping or None
        A window of samples before the net.
    pushing : Pushing or None
        How it gets columns; None where it takes whole inputs.
    inside : (bool, bool)
        Whether inputs, and outputs, lie in the working memory.
    interface : str
        What blobs for the project must have, hexadecimal; "" where it takes none.
    slot_bytes : int
        Working memory of its program for nets that bring their code; 0 where they do not.
    placed : Placed or None
        The blob with its code, and the program's side of it.
    optimize : str
        What the C saves, one of ``plan.scratch.OBJECTIVES``.
    file : str
        Name of the model's file.
    pools : tuple of Pool
        Memories of the board; () for one.
    kernels : tuple of int
        Layers with kernels for the instructions of the core, where another net may come.
    """

    name: str
    target: str
    device: str
    api: str
    sha256: str
    asked: Asked
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: int
    outputs_of: tuple[str, ...]
    sources: Mapping[str, str]
    pipeline: Mapping[str, Any] | None = None
    pushing: Pushing | None = None
    inside: tuple[bool, bool] = (False, False)
    interface: str = ""
    slot_bytes: int = 0
    placed: Placed | None = None
    optimize: str = "balanced"
    file: str = ""
    pools: tuple[Pool, ...] = ()
    kernels: tuple[int, ...] = ()


def describe(
    model: NetFile,
    name: str,
    at: Mapping[str, Any],
    asked: Asked,
    files: Sequence[str],
    pipeline: Mapping[str, Any] | None = None,
    stream: Stream | None = None,
) -> dict[str, Any]:
    """Return the content of ``model.json``.

    Parameters
    ----------
    at : mapping
        ``target``, ``device``, ``api``, and ``in_arena`` where inputs or outputs lie there.
    files : sequence of str
        C files of the library.
    stream : Stream, optional
        Where the C gets columns: its inputs and outputs are described, and outputs of so many pushes noted.
    """
    graph = model.graph if stream is None else stream.graph
    ports = [_port(tensor_figures(graph.tensors[n]), "") for n in graph.inputs]
    if stream is None:
        outputs = one_by_one(graph, spread(ports, COUNT, SEED))
    else:
        outputs = pushes(model.graph, stream, made_pushes(ports, stream.pushing, COUNT, SEED)).calls
    return {
        "format": NET_FORMAT,
        "version": 1,
        "name": name,
        **at,
        "model": {
            "file": model.path.name,
            "kind": model.kind,
            "bytes": model.size,
            "sha256": model.sha256,
            "shapes": {n: list(shape) for n, shape in (asked.shapes or {}).items()},
            "frozen": {n: a.tolist() for n, a in (asked.frozen or {}).items()},
            **({"input_types": list(asked.inputs)} if asked.inputs else {}),
            **({"output_types": list(asked.outputs)} if asked.outputs else {}),
            **({"float32": True} if asked.float32 else {}),
            **({} if asked.dictionaries else {"dictionaries": False}),
        },
        "inputs": [tensor_figures(graph.tensors[n]) for n in graph.inputs],
        "outputs": [tensor_figures(graph.tensors[n]) for n in graph.outputs],
        "states": [tensor_figures(graph.tensors[s.read]) for s in graph.states],
        "check": {"seed": SEED, "outputs_sha256": digests(outputs)},
        "files": sorted(files),
        **({} if stream is None else {"stream": asdict(stream.pushing)}),
        **({} if pipeline is None else {"pipeline": dict(pipeline)}),
    }


def digests(outputs: Sequence[Sequence[Array]]) -> list[str]:
    """A hash for the outputs of each call; every not-a-number counts as the same one."""
    out = []
    for call in outputs:
        made = hashlib.sha256()
        for one in call:
            array = np.ascontiguousarray(one)
            made.update(
                np.where(np.isnan(array), np.nan, array).astype(array.dtype).tobytes()
                if array.dtype.kind == "f"
                else array.tobytes()
            )
        out.append(made.hexdigest())
    return out


def read_description(folder: Path) -> Described:
    """Open a project.

    Raises
    ------
    DataError
        It is none, or damaged.
    """
    path = folder / NET_INDEX
    found = read_json(path)
    where = str(path)
    try:
        if found["format"] != NET_FORMAT or found["version"] != 1:
            raise DataError("this describes no net that is known", where=where, hint="generate again")
        said = found["model"]
        shapes = {str(n): tuple(int(v) for v in s) for n, s in said["shapes"].items()}
        frozen = {str(n): _frozen(v) for n, v in said["frozen"].items()}
        types = [tuple(str(v) for v in said.get(f"{side}_types", ())) for side in ("input", "output")]
        sources = _texts(folder, [n for n in found["files"] if isinstance(n, str) and Path(n).name == n])
        pipeline = found.get("pipeline")
        inside = [*found.get("in_arena", ()), False, False]
        return Described(
            clang.identifier(str(found["name"]), where),
            str(found["target"]),
            str(found["device"]),
            str(found["api"]),
            str(said["sha256"]),
            Asked(
                str(said["kind"]),
                shapes,
                frozen,
                types[0],
                types[1],
                dictionaries=said.get("dictionaries") is not False,
                float32=said.get("float32") is True,
            ),
            tuple(_port(one, where) for one in found["inputs"]),
            tuple(_port(one, where) for one in found["outputs"]),
            sum(_port(one, where).kind.itemsize for one in found["states"]),
            tuple(map(str, found["check"]["outputs_sha256"])),
            sources,
            pipeline if isinstance(pipeline, dict) else None,
            _pushing(found["stream"], where) if "stream" in found else None,
            (inside[0] is True, inside[1] is True),
            str(found.get("interface", "")),
            int(found.get("slot_bytes", 0)),
            _placed(folder, clang.identifier(str(found["name"]), where)) if "slot_bytes" in found else None,
            objective(str(found.get("optimize", "balanced"))),
            Path(str(said["file"])).name,
            tuple(Pool(**one) for one in found.get("pools", ())),
            tuple(int(one) for one in found.get("kernels", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"the description is damaged: {error}", where=where, hint="generate again") from None


def _texts(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """C of a project; a DataError where a file is missing."""
    sources: dict[str, str] = {}
    for name in names:
        if not (folder / name).is_file():
            raise DataError(f"the project lacks {name}", where=str(folder), hint="generate again")
        sources[name] = (folder / name).read_text(encoding="utf-8", errors="replace")
    return sources


def _placed(folder: Path, name: str) -> Placed:
    """The blob of a project whose net brings its code."""
    sources = _texts(folder, [f"{name}_slot.h", f"{name}_slot.c", "sa_blob.h", "sa_blob.c"])
    path = folder / f"{name}.blob"
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise DataError(f"the project lacks {path.name}", where=str(folder), hint="generate again")
    data = path.read_bytes()
    read_blob(data, str(path))
    return Placed(data, sources)


def _pushing(said: Mapping[str, Any], where: str) -> Pushing:
    """How columns come; a DataError for numbers that no net has."""
    one = Pushing(*(said[key] for key in ("hop", "axis", "window", "warm_up", "stateful")))
    numbers = one.hop, one.window, one.warm_up + 1, one.axis + 1
    good = all(type(v) is int and 1 <= v <= 1 << 28 for v in numbers) and type(one.stateful) is bool
    if not good or one.hop > one.window or one.axis > _AXES:
        raise DataError("what it says of its stream makes no sense", where=where, hint="generate again")
    return one


def _frozen(value: Any) -> Array:
    array = np.asarray(value)
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float32)


def _port(one: Mapping[str, Any], where: str) -> Port:
    dtype, shape = str(one["type"]), tuple(int(v) for v in one["shape"])
    if dtype not in DTYPES or any(v < 1 for v in shape) or np.prod(shape, dtype=np.float64) > 1 << 28:
        raise DataError(f"a tensor of type {dtype!r} and shape {shape} makes no sense", where=where)
    scale, zero = one.get("scale"), one.get("zero", 0)
    if not isinstance(scale, int | float) or not isinstance(zero, int):
        return Port(str(one["name"]), dtype, shape)
    return Port(str(one["name"]), dtype, shape, float(scale), zero)
