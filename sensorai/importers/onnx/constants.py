"""Rules of operators whose result is known while the file is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.importers.known import single
from sensorai.importers.moves import AXES, numbers, small
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd.repeats import Expand

#: Attributes that hold the value of a constant, and its type where they have none themselves.
_VALUES: Mapping[str, Any] = {
    "value": None,
    "sparse_value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def _made(node: OnnxNode, data: Array) -> Sequence[Tensor]:
    return (node.net.constant(node.outputs[0], data),)


def _constant(node: OnnxNode) -> Sequence[Tensor]:
    for name, kind in _VALUES.items():
        value = node.attribute(name)
        if value is not None and (kind is not None or isinstance(value, np.ndarray)):
            return _made(node, np.asarray(value, kind))
    raise ConfigError(f"{node.where}: its value is a text", hint="numbers are supported")


def _constant_of_shape(node: OnnxNode) -> Sequence[Tensor]:
    value = np.asarray(node.attribute("value", np.zeros(1, np.float32)))
    shape = numbers(node, 0, "shape")
    if value.size != 1 or len(shape) > AXES:
        raise ConfigError(f"{node.where}: {value.size} values and {len(shape)} axes are not supported")
    one = node.net.constant(f"{node.outputs[0]}.value", value.reshape(()))
    return node.add(Expand(shape), one)


def _shape(node: OnnxNode) -> Sequence[Tensor]:
    shape = node.need(0).shape
    return _made(node, np.array(shape[slice(node.attribute("start", 0), node.attribute("end"))], np.int64))


def _size(node: OnnxNode) -> Sequence[Tensor]:
    return _made(node, np.array(node.need(0).size, np.int64))


def _range(node: OnnxNode) -> Sequence[Tensor]:
    whats = enumerate(("start", "limit", "step"))
    given = [single(node.where, node.need(place), what) for place, what in whats]
    start, limit, step = (v.item() for v in given)
    if not step or not all(math.isfinite(v) for v in (start, limit, step)):
        raise ConfigError(f"{node.where}: from {start} to {limit} by {step} makes no sense")
    (count,) = small(node, (max(math.ceil((limit - start) / step), 0),))
    return _made(node, (given[0] + np.arange(count) * given[2]).astype(given[0].dtype))


def _eye_like(node: OnnxNode) -> Sequence[Tensor]:
    x, number = node.need(0), node.attribute("dtype")
    dtype = x.dtype if number is None else TYPES.get(int(number))
    if dtype is None or len(x.shape) != 2:
        raise ConfigError(f"{node.where}: type {number} or {len(x.shape)} axes are not supported")
    rows, columns = small(node, x.shape)
    return _made(node, np.eye(rows, columns, int(node.attribute("k", 0)), DTYPES[dtype]))


RULES: Mapping[str, Rule] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "EyeLike": _eye_like,
    "Range": _range,
    "Shape": _shape,
    "Size": _size,
}
