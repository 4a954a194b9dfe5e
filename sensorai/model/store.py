"""Nets as JSON and back: nothing that is read is run, and nothing unknown is accepted.

Arrays are base64 of their little-endian bytes; the same net gives the same text.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import ISAS, Graph, Node, State
from sensorai.graph.quant import Affine, Pow2, Quant, Sign
from sensorai.graph.spec import check
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.ops.table import named, operator, settings

FORMAT = "sensorai net"
VERSION = 2


def to_dict(graph: Graph) -> dict[str, Any]:
    """Return the net as JSON values; tensors and settings sorted by name where order has no meaning."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "states": [{"read": state.read, "write": state.write} for state in graph.states],
        "tensors": [
            {
                "name": t.name,
                "shape": list(t.shape),
                "dtype": t.dtype,
                "quant": _quant_data(t.quant),
                "data": None if t.data is None else _pack(t.data),
            }
            for _, t in sorted(graph.tensors.items())
        ],
        "nodes": [
            {
                "op": named(node.op),
                "settings": dict(sorted(settings(node.op).items())),
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
            }
            for node in graph.nodes
        ],
        # only where kernels are chosen for a core: nets of older files stay as they are
        **({"isa": graph.isa} if graph.isa else {}),
    }


def from_dict(data: Any, where: str = "net") -> Graph:
    """Return the net that ``to_dict`` described; a DataError names the first thing that is wrong."""
    keys = {"format", "version", "inputs", "outputs", "states", "tensors", "nodes"}
    chosen = isinstance(data, Mapping) and "isa" in data
    top = _object(data, keys | {"isa"} if chosen else keys, where)
    if top["format"] != FORMAT or top["version"] != VERSION:
        raise DataError(f"this is no net of version {VERSION}", where=where)
    tensors: dict[str, Tensor] = {}
    for i, item in enumerate(_list(top["tensors"], f"{where}.tensors")):
        tensor = _tensor(item, f"{where}.tensors[{i}]")
        if tensor.name in tensors:
            raise DataError(f"tensor {tensor.name} occurs twice", where=f"{where}.tensors[{i}]")
        tensors[tensor.name] = tensor
    nodes = tuple(
        _node(v, f"{where}.nodes[{i}]") for i, v in enumerate(_list(top["nodes"], f"{where}.nodes"))
    )
    states = tuple(_state(v, f"{where}.states[{i}]") for i, v in enumerate(_list(top["states"], where)))
    inputs, outputs = (_names(top[key], f"{where}.{key}") for key in ("inputs", "outputs"))
    isa = top["isa"] if chosen else ""
    if chosen and isa not in ISAS:
        raise DataError(f"there are no kernels for {isa!r}", where=f"{where}.isa")
    graph = Graph(inputs, outputs, tensors, nodes, states, isa=isa)
    try:
        return check(graph)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError) as error:
        raise DataError(f"the layers of this net do not fit together ({error!r})", where=where) from None


def _pack(array: Array) -> str:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")


def _unpack(data: Any, dtype: str, shape: tuple[int, ...], where: str) -> Array:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise DataError("the data of an array is no base64", where=where) from None
    kind = np.dtype(DTYPES[dtype])
    if len(raw) != math.prod(shape) * kind.itemsize:
        raise DataError(f"an array of shape {shape} has {len(raw)} bytes", where=where)
    array: Array = np.frombuffer(raw, kind.newbyteorder("<")).astype(kind).reshape(shape)
    if array.dtype == np.float32 and not np.isfinite(array).all():
        raise DataError("a weight is not a number", where=where)
    return array


def _quant_data(quant: Quant) -> dict[str, Any] | None:
    if quant is None:
        return None
    if isinstance(quant, Pow2):
        return {"kind": "pow2", "places": quant.places}
    if isinstance(quant, Sign):
        return {"kind": "sign"}
    return {"kind": "affine", "scale": list(quant.scale), "zero": list(quant.zero), "axis": quant.axis}


def _quant(data: Any, where: str) -> Quant:
    if data is None:
        return None
    kind = data.get("kind") if isinstance(data, Mapping) else None
    try:
        if kind == "pow2":
            return Pow2(_object(data, {"kind", "places"}, where)["places"])
        if kind == "sign":
            _object(data, {"kind"}, where)
            return Sign()
        if kind == "affine":
            item = _object(data, {"kind", "scale", "zero", "axis"}, where)
            return Affine(tuple(_list(item["scale"], where)), tuple(_list(item["zero"], where)), item["axis"])
    except ConfigError as error:
        raise DataError(error.message, where=where) from None
    raise DataError("this is no scale", where=where)


def _tensor(data: Any, where: str) -> Tensor:
    item = _object(data, {"name", "shape", "dtype", "quant", "data"}, where)
    name, dtype, shape = _name(item["name"], where), _name(item["dtype"], where), _shape(item["shape"], where)
    if dtype not in DTYPES:
        raise DataError(f"unknown type {dtype!r}", where=where)
    held = None if item["data"] is None else _unpack(item["data"], dtype, shape, where)
    return Tensor(name, shape, dtype, _quant(item["quant"], where), held)


def _state(data: Any, where: str) -> State:
    item = _object(data, {"read", "write"}, where)
    return State(_name(item["read"], where), _name(item["write"], where))


def _node(data: Any, where: str) -> Node:
    item = _object(data, {"op", "settings", "inputs", "outputs"}, where)
    inputs = tuple(name if name == "" else _name(name, where) for name in _list(item["inputs"], where))
    outputs = _names(item["outputs"], where)
    if not outputs:
        raise DataError("a layer makes nothing", where=where)
    try:
        return Node(operator(item["op"], item["settings"]), inputs, outputs)
    except ConfigError as error:
        raise DataError(error.message, where=where, hint=error.hint) from None


def _object(data: Any, keys: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise DataError("an object was expected", where=where)
    if odd := sorted(set(data) ^ keys):
        what = "is missing" if odd[0] in keys else "is not known"
        raise DataError(f"{odd[0]!r} {what}", where=where)
    return data


def _list(data: Any, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise DataError("a list was expected", where=where)
    return data


def _name(data: Any, where: str) -> str:
    if not isinstance(data, str) or not data:
        raise DataError(f"{data!r} is no name", where=where)
    return data


def _names(data: Any, where: str) -> tuple[str, ...]:
    return tuple(_name(item, where) for item in _list(data, where))


def _shape(data: Any, where: str) -> tuple[int, ...]:
    shape = _list(data, where)
    if any(type(extent) is not int or not 1 <= extent <= 1 << 24 for extent in shape) or len(shape) > 8:
        raise DataError(f"{shape!r} is no shape", where=where)
    return tuple(shape)
