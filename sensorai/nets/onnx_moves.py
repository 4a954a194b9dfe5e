"""Layers that move, pick or place numbers, as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.graph.tensor import Array
from sensorai.importers.onnx.types import TYPES
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.bilinear import UNIT, Bilinear
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.cumsum import CumSum
from sensorai.ops.nd.gather import Gather, GatherElements
from sensorai.ops.nd.gather_nd import GatherND
from sensorai.ops.nd.one_hot import OneHot
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.quantize import Scaled
from sensorai.ops.nd.repeats import Expand, Tile
from sensorai.ops.nd.resample import Resample
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.reverse_sequence import ReverseSequence
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.topk import TopK
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.triangle import Triangle
from sensorai.ops.nd.where import Where


def cast(file: OnnxWriter, name: str, dtype: str, output: str) -> str:
    """Another type."""
    number = next((n for n, one in TYPES.items() if one == dtype), None)
    if number is None:
        raise ConfigError(f"tensor {output} is {dtype}, which ONNX does not have")
    return file.add("Cast", [name], output, to=number)


def _cast(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    if op.saturate or x.quant is not None or out.quant is not None:
        raise ConfigError("a cast that saturates, or of integers with a scale, is not written as ONNX")
    cast(file, x.name, op.to, node.output)


def _transpose(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.turned(node.inputs[0], op.perm, node.output)


def _reshape(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.reshaped(node.inputs[0], op.to, node.output)


def _same(file: OnnxWriter, node: Node) -> None:
    file.add("Identity", node.inputs, node.output)


def _concat(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.add("Concat", node.inputs, node.output, axis=op.axis)


def _slice(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    beyond = [-(2**31) if s < 0 and t < 0 else t for s, t in zip(op.steps, op.stops, strict=True)]
    columns = (op.starts, beyond, range(len(op.starts)), op.steps)
    given = [file.constant(f"{node.output}.slice", np.asarray(list(c), np.int64)) for c in columns]
    file.add("Slice", [node.inputs[0], *given], node.output)


def _pad(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.mode not in ("constant", "reflect", "edge"):
        # others came later, or never: numbers are picked
        x, name = file.tensor(node.inputs[0]), node.inputs[0]
        axes = [k for k, pad in enumerate(op.pads) if any(pad)]
        for k in axes:
            places = np.pad(np.arange(x.shape[k], dtype=np.int64), op.pads[k], mode=op.mode)
            output = node.output if k == axes[-1] else file.fresh(f"{node.output}.axis{k}")
            name = _picked(file, name, places, k, output)
        if not axes:
            _same(file, node)
        return
    pads = np.asarray([p[0] for p in op.pads] + [p[1] for p in op.pads], np.int64)
    given = [node.inputs[0], file.constant(f"{node.output}.pads", pads)]
    if op.mode == "constant":
        kind = np.dtype(file.tensor(node.output).dtype)
        given.append(file.constant(f"{node.output}.value", np.asarray(op.value, kind)))
    file.add("Pad", given, node.output, mode=op.mode)


def _picked(file: OnnxWriter, name: str, places: Array, axis: int, output: str) -> str:
    given = file.constant(f"{output}.places", places.astype(np.int64))
    return file.add("Gather", [name, given], output, axis=axis)


def _places(file: OnnxWriter, name: str) -> str:
    """Places in a type that ONNX takes."""
    if file.tensor(name).dtype in ("int32", "int64"):
        return name
    return cast(file, name, "int64", file.fresh(f"{name}.places"))


def _gather(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, places = node.inputs[:2]
    known, extent = file.tensor(places).data, file.tensor(x).shape[op.axis]
    if not op.batch and known is not None:
        # a place that lies outside is the first or the last
        within = np.where(known < 0, known.astype(np.int64) + extent, known).clip(0, max(extent - 1, 0))
        _picked(file, x, within, op.axis, node.output)
        return
    if not op.batch:
        file.add("Gather", [x, _places(file, places)], node.output, axis=op.axis)
        return
    shape = file.tensor(places).shape
    if op.axis != op.batch or len(shape) < op.batch:
        raise ConfigError("picking with axes in common, and others before the one picked from")
    lifted = file.reshaped(_places(file, places), (*shape, 1), file.fresh(f"{node.output}.at"))
    wide = cast(file, lifted, "int64", file.fresh(f"{node.output}.wide"))
    file.add("GatherND", [x, wide], node.output, batch_dims=op.batch)


def _gather_elements(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    given = [node.inputs[0], _places(file, node.inputs[1])]
    file.add("GatherElements", given, node.output, axis=op.axis)


def _wide(file: OnnxWriter, name: str) -> str:
    """Places as int64, which is what some operators take alone."""
    return name if file.tensor(name).dtype == "int64" else cast(file, name, "int64", file.fresh(f"{name}.w"))


def _gather_nd(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.add("GatherND", [node.inputs[0], _wide(file, node.inputs[1])], node.output, batch_dims=op.batch)


def _scatter(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    said = {} if op.reduction == "none" else {"reduction": op.reduction}
    if op.axis is None:
        given = [node.inputs[0], _wide(file, node.inputs[1]), node.inputs[2]]
        file.add("ScatterND", given, node.output, **said)
    else:
        given = [node.inputs[0], _places(file, node.inputs[1]), node.inputs[2]]
        file.add("ScatterElements", given, node.output, axis=op.axis, **said)


def _one_hot(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    places, values = node.inputs[:2]
    if op.negative:
        depth = file.constant(f"{node.output}.depth", np.asarray(op.depth, np.int64))
        file.add("OneHot", [_wide(file, places), depth, values], node.output, axis=op.axis)
        return
    shape = list(file.tensor(places).shape)
    shape.insert(op.axis, 1)
    each = [1] * len(shape)
    each[op.axis] = op.depth
    lifted = file.reshaped(_wide(file, places), shape, file.fresh(f"{node.output}.at"))
    known = file.constant(f"{node.output}.each", np.arange(op.depth, dtype=np.int64).reshape(each))
    there = file.add("Equal", [lifted, known], file.fresh(f"{node.output}.there"))
    both = [_picked(file, values, np.asarray(k), 0, file.fresh(f"{node.output}.value{k}")) for k in (1, 0)]
    file.add("Where", [there, *both], node.output)


def _repeated(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    kind, said = ("Expand", op.to) if isinstance(op, Expand) else ("Tile", op.repeats)
    given = file.constant(f"{node.output}.by", np.asarray(said, np.int64))
    file.add(kind, [node.inputs[0], given], node.output)


def _reverse_sequence(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, lengths = node.inputs[0], _wide(file, node.inputs[1])
    if {op.batch, op.time} == {0, 1}:
        axes = {"batch_axis": op.batch, "time_axis": op.time}
        file.add("ReverseSequence", [x, lengths], node.output, **axes)
        return
    rank = len(file.tensor(x).shape)
    perm = [op.batch, op.time, *(k for k in range(rank) if k not in (op.batch, op.time))]
    inner = file.turned(x, perm, file.fresh(f"{node.output}.x"))
    y = file.fresh(f"{node.output}.y")
    file.add("ReverseSequence", [inner, lengths], y, batch_axis=0, time_axis=1)
    file.turned(y, [int(k) for k in np.argsort(perm)], node.output)


def _triangle(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    k = file.constant(f"{node.output}.k", np.asarray(op.k, np.int64))
    file.add("Trilu", [node.inputs[0], k], node.output, upper=int(op.upper))


def _where(file: OnnxWriter, node: Node) -> None:
    given = [node.inputs[0], *(file.real(n) for n in node.inputs[1:3])]
    file.finish(lambda name: file.add("Where", given, name), node)


def _arg(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    y = node.output if op.dtype == "int64" else file.fresh(f"{node.output}.wide")
    said = {"axis": op.axis, "keepdims": int(op.keep), "select_last_index": int(op.last)}
    file.add("ArgMax" if op.largest else "ArgMin", node.inputs[:1], y, **said)
    if y != node.output:
        cast(file, y, op.dtype, node.output)


def _top_k(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    values, places = node.outputs if len(node.outputs) > 1 else (node.output, "")
    wide = places if op.places == "int64" and places else file.fresh(f"{node.output}.places")
    count = file.constant(f"{node.output}.count", np.asarray([op.count], np.int64))
    said = {"axis": op.axis, "largest": int(op.largest)}
    file.add_all("TopK", [node.inputs[0], count], [values or file.fresh("values"), wide], **said)
    if places and wide != places:
        cast(file, wide, op.places, places)


def _cumsum(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    axis = file.constant(f"{node.output}.axis", np.asarray(op.axis, np.int64))
    said = {"exclusive": int(op.exclusive), "reverse": int(op.reverse)}
    x = file.real(node.inputs[0])
    file.finish(lambda name: file.add("CumSum", [x, axis], name, **said), node)


def _resample(file: OnnxWriter, node: Node) -> None:
    """Tap by tap, in order: the same numbers to the bit, which 'Resize' of others does not promise."""
    op: Any = node.op
    x, *tables = (file.tensor(n) for n in node.inputs)
    places, weights, start = (np.asarray(t.data) for t in tables)
    wide = (-1, *(1,) * (len(x.shape) - 1 - op.axis))
    parts = [] if not start.any() else [file.constant(f"{node.output}.start", start.reshape(wide))]
    for tap in range(places.shape[1]):
        one = _picked(file, x.name, places[:, tap], op.axis, file.fresh(f"{node.output}.tap{tap}"))
        w = file.constant(f"{node.output}.weight{tap}", weights[:, tap].reshape(wide))
        parts.append(file.add("Mul", [one, w], file.fresh(f"{node.output}.part{tap}")))
    _total(file, parts, node.output)


def _total(file: OnnxWriter, parts: list[str], output: str) -> str:
    if len(parts) == 1:
        return file.add("Identity", parts, output)
    y = parts[0]
    for k, part in enumerate(parts[1:], 2):
        y = file.add("Add", [y, part], output if k == len(parts) else file.fresh(f"{output}.sum{k}"))
    return y


def _bilinear(file: OnnxWriter, node: Node) -> None:
    """Four products, one after the other."""
    x = file.real(node.inputs[0])
    rows, v, columns, u = (np.asarray(file.tensor(n).data) for n in node.inputs[1:])
    if v.dtype != np.float32:
        v, u = (np.asarray(d, np.float32) / np.float32(UNIT) for d in (v, u))
    one = np.float32(1)
    v, u = v.reshape(-1, 1, 1), u.reshape(-1, 1)

    def made(name: str) -> str:
        parts = []
        for k in (0, 1):
            for j in (0, 1):
                stem = f"{name}.{j}{k}"
                part = _picked(file, x, rows[:, j], 1, file.fresh(f"{stem}.row"))
                part = _picked(file, part, columns[:, k], 2, file.fresh(f"{stem}.corner"))
                for what, share in (("v", v if j else one - v), ("u", u if k else one - u)):
                    factor = file.constant(f"{stem}.{what}", share)
                    part = file.add("Mul", [part, factor], file.fresh(f"{stem}.by_{what}"))
                parts.append(part)
        return _total(file, parts, name)

    file.finish(made, node)


WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    ArgExtreme: _arg,
    Bilinear: _bilinear,
    Cast: _cast,
    Concat: _concat,
    CumSum: _cumsum,
    Expand: _repeated,
    Gather: _gather,
    GatherElements: _gather_elements,
    GatherND: _gather_nd,
    OneHot: _one_hot,
    Pad: _pad,
    Resample: _resample,
    Reshape: _reshape,
    ReverseSequence: _reverse_sequence,
    Scaled: _same,
    Scatter: _scatter,
    Slice: _slice,
    Tile: _repeated,
    TopK: _top_k,
    Transpose: _transpose,
    Triangle: _triangle,
    Where: _where,
}
