"""Nets as JSON and back: nothing that is read is run, and nothing unknown is accepted.

Arrays are base64 of their little-endian bytes with type and shape; the same net gives the same text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.model.graph import DTYPES, Array, Graph, Node, Tensor
from sensorai.model.ops.registry import NAMES, check_graph

FORMAT = "sensorai net"
VERSION = 1

#: Types that parameters may have.
STORED = ("int8", "uint8", "int16", "uint16", "int32", "float32")


def to_dict(graph: Graph) -> dict[str, Any]:
    """Return the net as JSON values; tensors and attributes sorted by name where order has no meaning."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "tensors": [
            {"name": t.name, "shape": list(t.shape), "dtype": t.dtype, "fraction": t.fraction}
            for _, t in sorted(graph.tensors.items())
        ],
        "nodes": [
            {
                "op": node.op,
                "inputs": list(node.inputs),
                "output": node.output,
                "attrs": {key: node.attrs[key] for key in sorted(node.attrs)},
                "params": {key: _pack(node.params[key]) for key in sorted(node.params)},
            }
            for node in graph.nodes
        ],
    }


def from_dict(data: Any, where: str = "net") -> Graph:
    """Return the net that ``to_dict`` described; a DataError names the first thing that is wrong."""
    top = _object(data, {"format", "version", "inputs", "outputs", "tensors", "nodes"}, where)
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
    graph = Graph(
        _names(top["inputs"], f"{where}.inputs"), _names(top["outputs"], f"{where}.outputs"), tensors, nodes
    )
    try:
        return check_graph(graph)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError) as error:
        raise DataError(f"the layers of this net do not fit together ({error!r})", where=where) from None


def _pack(array: Array) -> dict[str, Any]:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _unpack(data: Any, where: str) -> Array:
    item = _object(data, {"dtype", "shape", "data"}, where)
    if item["dtype"] not in STORED:
        raise DataError(f"arrays of type {item['dtype']!r} are not known", where=where)
    shape = _shape(item["shape"], where)
    try:
        raw = base64.b64decode(item["data"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise DataError("the data of an array is no base64", where=where) from None
    dtype = np.dtype(item["dtype"]).newbyteorder("<")
    count = 1
    for extent in shape:
        count *= extent
    if len(raw) != count * dtype.itemsize:
        raise DataError(f"an array of shape {shape} has {len(raw)} bytes", where=where)
    array: Array = np.frombuffer(raw, dtype).astype(np.dtype(item["dtype"])).reshape(shape)
    if array.dtype == np.float32 and not np.isfinite(array).all():
        raise DataError("a weight is not a number", where=where)
    return array


def _tensor(data: Any, where: str) -> Tensor:
    item = _object(data, {"name", "shape", "dtype", "fraction"}, where)
    fraction = item["fraction"]
    if fraction is not None and (type(fraction) is not int or not -100 <= fraction <= 100):
        raise DataError(f"a fraction of {fraction!r} makes no sense", where=where)
    dtype = _name(item["dtype"], where)
    if dtype not in DTYPES:
        raise DataError(f"unknown type {dtype!r}", where=where)
    return Tensor(_name(item["name"], where), _shape(item["shape"], where), dtype, fraction)


def _node(data: Any, where: str) -> Node:
    item = _object(data, {"op", "inputs", "output", "attrs", "params"}, where)
    if item["op"] not in NAMES:
        raise DataError(f"unknown operator {item['op']!r}", where=where, hint=f"known: {', '.join(NAMES)}")
    attrs, params = item["attrs"], item["params"]
    if not isinstance(attrs, Mapping) or not isinstance(params, Mapping):
        raise DataError("attrs and params must be objects", where=where)
    for key, value in attrs.items():
        if not isinstance(value, int | float | str | bool | None):
            raise DataError(f"attribute {key} is no plain value", where=where)
    arrays = {key: _unpack(value, f"{where}.params.{key}") for key, value in params.items()}
    return Node(item["op"], _names(item["inputs"], where), _name(item["output"], where), dict(attrs), arrays)


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
    if any(type(extent) is not int or not 1 <= extent <= 1 << 24 for extent in shape) or len(shape) > 4:
        raise DataError(f"{shape!r} is no shape", where=where)
    return tuple(shape)
