"""Reports of a net in the words and the layout of ST's tool, for programs that read those.

They hold neither a date nor a path, so that the same model gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.nets import measured
from sensorai.nets.costs import Costs, planned, scale_of
from sensorai.nets.measured import short as _short
from sensorai.nets.measured import table as _table
from sensorai.nets.model import NetFile
from sensorai.nets.sheet import Sheet
from sensorai.nets.streaming import Stream
from sensorai.nets.target import Target
from sensorai.version import __version__
from sensorai.writing import jsontext
from sensorai.writing.plainline import one_line

_WIDTH = 109
_RULE = "-" * _WIDTH
#: Axes of a tensor by their number, the batch first.
_AXES = {1: "b", 2: "bc", 3: "bhc", 4: "bhwc", 5: "bdhwc", 6: "bedhwc"}
_SHAPE_MAP = {"b": "BATCH", "c": "CH", "h": "H", "w": "W", "d": "D", "e": "E"}


def files(
    model: NetFile,
    counted: Costs,
    at: Target | None,
    name: str,
    verb: str,
    stream: Stream | None = None,
    made: Sheet | None = None,
) -> dict[str, str]:
    """``NAME_VERB_report.txt`` and ``NAME_c_info.json``; the report says what ``stream`` saves.

    With ``made`` what was counted on the core of the device is in both.
    """
    streamed = [] if stream is None else [f"{line}\n" for line in ("", *stream.words())]
    return {
        f"{name}_{verb}_report.txt": "".join([report(model, counted, at, name, verb, made), *streamed]),
        f"{name}_c_info.json": jsontext.document(c_info(model, counted, at, name, made)),
    }


def report(
    model: NetFile, counted: Costs, at: Target | None, name: str, verb: str, made: Sheet | None = None
) -> str:
    """Text of the report."""
    rows = [
        ("model file", model.path.name),
        ("type", model.kind),
        ("c_name", name),
        ("compression", "none"),
        ("optimization", counted.optimize),
        ("target/series", "generic" if at is None else at.name),
        *([] if at is None else [("device", at.device)]),
        ("model_fmt", _format(model)),
        ("model_name", model.path.stem),
        ("model_hash", f"0x{model.md5}"),
        ("params #", f"{counted.parameters:,} items ({_kib(counted.weights)})"),
    ]
    arena = counted.arena
    totals = [
        *_io(model, "input"),
        *_io(model, "output"),
        ("macc", f"{counted.macc:,}"),
        ("weights (ro)", f"{counted.weights:,} B ({_kib(counted.weights)}) (1 segment)"),
        (
            "activations (rw)",
            "unknown" if arena is None else f"{arena:,} B ({_kib(arena)}) (1 segment)",
        ),
        (
            "ram (total)",
            "unknown"
            if counted.ram is None
            else f"{counted.ram:,} B ({_kib(counted.ram)}) = "
            f"{counted.ram - sum(counted.beside):,} + {counted.beside[0]:,} + {counted.beside[1]:,}",
        ),
    ]
    lines = [
        f"sensorai {__version__}",
        "",
        f"Exec/report summary ({verb})",
        _RULE,
        *_pairs(rows),
        _RULE,
        *_pairs(totals),
        _RULE,
        "",
        f"Model name - {one_line(model.path.stem)}",
        *_layers(model, counted),
        f"model: macc={counted.macc:,} weights={counted.weights:,} activations=-- io=--",
        "",
        "Number of operations per c-layer",
        *_operations(counted),
        "",
        f"Complexity report per layer - macc={counted.macc:,} weights={counted.weights:,} "
        f"act={'--' if arena is None else f'{arena:,}'} ram_io={counted.inputs + counted.outputs:,}",
        *_complexity(counted),
        *measured.tables(counted, made),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _pairs(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{key:<19}:   {one_line(value)}" for key, value in rows]


def _io(model: NetFile, role: str) -> list[tuple[str, str]]:
    graph = model.graph
    names = graph.inputs if role == "input" else graph.outputs
    out = []
    for k, name in enumerate(names, 1):
        tensor = graph.tensors[name]
        found = scale_of(tensor)
        linear = f"QLinear({found[0]:.9f},{found[1]},{tensor.dtype}), " if found is not None else ""
        shape = "x".join(map(str, tensor.shape)) or "1"
        text = f"'{one_line(name)}', {_short(tensor.dtype)}({shape}), {tensor.bytes:,} Bytes, {linear}user"
        out.append((f"{role} {k}/{len(names)}", text))
    return out


def _layers(model: NetFile, counted: Costs) -> list[str]:
    graph = model.graph
    rows = [("", f"{name} (Input)", _oshape(graph.tensors[name]), "", "", "") for name in graph.inputs]
    for k, (node, layer) in enumerate(zip(graph.nodes, counted.layers, strict=True)):
        size = f"{layer.parameters:,}/{layer.weight_bytes:,}" if layer.parameters else ""
        macc = f"{layer.macc:,}" if layer.macc else ""
        label = f"{layer.name} ({layer.operator})"
        rows.append(
            (
                str(k),
                label,
                _oshape(layer.outputs[0]),
                size,
                macc,
                ", ".join(map(graph.called, graph.computed(node))),
            )
        )
    heads = ("m_id", "layer (type)", "oshape", "param/size", "macc", "connected to")
    return _table(heads, rows)


def _operations(counted: Costs) -> list[str]:
    rows = [
        (str(k), str(k), f"{one.name} ({one.operator})", f"{one.macc:,}", f"op_{_short(one.type)}")
        for k, one in enumerate(counted.layers)
    ]
    return _table(("c_id", "m_id", "name (type)", "#op", "type"), rows)


def _complexity(counted: Costs) -> list[str]:
    rows = [
        (str(k), one.name, _bar(one.macc, counted.macc), _bar(one.weight_bytes, counted.weights))
        for k, one in enumerate(counted.layers)
    ]
    return _table(("m_id", "name", "c_macc", "c_rom"), rows)


def _oshape(tensor: Tensor) -> str:
    axes = _AXES.get(len(tensor.shape))
    if axes is None:
        return f"[{','.join(map(str, tensor.shape))}]"
    return f"[{','.join(f'{a}:{e}' for a, e in zip(axes, tensor.shape, strict=True))}]"


def _bar(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return f"{'|' * round(16 * share):<16} {share:6.1%}"


def _kib(size: int) -> str:
    return f"{size / 1024:.2f} KiB"


def _format(model: NetFile) -> str:
    """ST's word for how the model is quantised."""
    tensors = list(model.graph.tensors.values())
    weights = [t for t in tensors if t.data is not None and isinstance(t.quant, Affine) and t.item_bytes == 1]
    values = [t for t in tensors if t.data is None and isinstance(t.quant, Affine)]
    if not weights or not values:
        return "float"
    channels = any(t.quant.axis is not None for t in weights if isinstance(t.quant, Affine))
    symmetric = all(not any(t.quant.zero) for t in weights if isinstance(t.quant, Affine))
    sign = "u" if weights[0].dtype.startswith("u") else "s"
    return f"{sign}{'s' if symmetric else 'a'}/{sign}a per {'channel' if channels else 'tensor'}"


# ---------------------------------------------------------------- JSON


def c_info(
    model: NetFile, counted: Costs, at: Target | None, name: str, made: Sheet | None = None
) -> dict[str, Any]:
    """What ST calls ``c_info``, version 2.0 of its schema."""
    graph = model.graph
    slots = {} if counted.arena is None else planned(graph, counted).slots
    ids = {n: k for k, n in enumerate(graph.tensors)}
    info = {
        "json_schema_version": "2.0",
        "environment": {
            "device": "" if at is None else at.device,
            "generated_model": {
                "name": name,
                "model_files": [{"name": model.path.name, "signature": f"0x{model.md5}"}],
            },
            "network_signature": f"0x{model.md5}",
            "tools": [
                {
                    "name": "sensorai",
                    "version": __version__,
                    "input_model": {
                        "name": model.path.stem,
                        "type": model.kind,
                        "n_params": counted.parameters,
                        "size": counted.weights,
                        "model_files": [{"name": model.path.name, "signature": f"0x{model.md5}"}],
                    },
                }
            ],
        },
        "buffers": [
            _buffer(tensor, ids[n], _offset(slots, n), _life(model, n)) for n, tensor in graph.tensors.items()
        ],
        "graphs": [
            {
                "id": 0,
                "name": name,
                "inputs": [ids[n] for n in graph.inputs],
                "outputs": [ids[n] for n in graph.outputs],
                "original_inputs": [_original(graph.tensors[n]) for n in graph.inputs],
                "original_outputs": [_original(graph.tensors[n]) for n in graph.outputs],
                "nodes": _nodes(model, counted, ids),
                "edges": _edges(model, ids),
            }
        ],
        "memory_footprint": {
            "activations": counted.arena,
            "weights": counted.weights,
            "io": [counted.inputs, counted.outputs],
            "series": "" if at is None else at.name,
        },
        "memory_pools": [
            {"id": 0, "name": "arena", "rights": "ACC_WRITE", "used_size_bytes": counted.arena},
            {"id": 1, "name": "weights", "rights": "ACC_READ", "used_size_bytes": counted.weights},
        ],
    }
    return measured.with_times(info, counted, made)


def _offset(slots: Any, name: str) -> int | None:
    slot = slots.get(name)
    return None if slot is None or slot.offset < 0 else int(slot.offset)


def _life(model: NetFile, name: str) -> tuple[int, int]:
    """First and last node at which a tensor is needed."""
    graph = model.graph
    uses = [k for k, node in enumerate(graph.nodes) if name in node.inputs or name in node.outputs]
    last = len(graph.nodes) if name in graph.kept else max(uses, default=0)
    return (-1 if name in graph.given else min(uses, default=0)), last


def _buffer(tensor: Tensor, place: int, offset: int | None, life: tuple[int, int]) -> dict[str, Any]:
    found = scale_of(tensor)
    quant = None
    if found is not None:
        quant = {"scale": [found[0]], "zeropoint": [found[1]]}
    elif isinstance(tensor.quant, Affine):
        quant = {"scale": list(tensor.quant.scale), "zeropoint": list(tensor.quant.zero)}
    return {
        "id": place,
        "name": tensor.name,
        "alignment": tensor.item_bytes,
        "batch": tensor.shape[0] if tensor.shape else 1,
        "epochs": {"start": life[0], "end": life[1]},
        "format": _short(tensor.dtype).upper(),
        "nbits": 8 * tensor.item_bytes,
        "intq": quant,
        "is_param": tensor.data is not None,
        "mpool_id": 1 if tensor.data is not None else 0,
        "offset_start": offset,
        "shape": list(tensor.shape),
        "shape_map": [_SHAPE_MAP[a] for a in _AXES.get(len(tensor.shape), "")],
        "size_bytes": tensor.bytes,
    }


def _original(tensor: Tensor) -> dict[str, Any]:
    found = scale_of(tensor)
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "shape_map": [_SHAPE_MAP[a] for a in _AXES.get(len(tensor.shape), "")],
        "data_format": {
            "type": _short(tensor.dtype),
            "size": 8 * tensor.item_bytes,
            "scale": [] if found is None else [found[0]],
            "zero": [] if found is None else [found[1]],
        },
    }


def _nodes(model: NetFile, counted: Costs, ids: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "id": k,
            "name": layer.tensor,
            "description": layer.operator,
            "mapping": "NODE_SW",
            "macc": layer.macc,
            "inputs": [ids[n] for n in node.reads if n],
            "outputs": [ids[n] for n in node.outputs],
        }
        for k, (node, layer) in enumerate(zip(model.graph.nodes, counted.layers, strict=True))
    ]


def _edges(model: NetFile, ids: dict[str, int]) -> list[dict[str, Any]]:
    graph = model.graph
    makers = {n: (k, port) for k, node in enumerate(graph.nodes) for port, n in enumerate(node.outputs)}
    out: list[dict[str, Any]] = []
    for k, node in enumerate(graph.nodes):
        for port, name in enumerate(node.reads):
            if name in makers:
                start = {"node_id": makers[name][0], "port": makers[name][1]}
                end = {"node_id": k, "port": port}
                edge = {"id": len(out), "name": name, "buffer": ids[name], "start": start, "end": end}
                out.append(edge)
    return out
