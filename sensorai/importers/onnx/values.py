"""Numbers, words and attributes as an ONNX file holds them."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any, TypeAlias

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.limits import CONSTANT
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.types import TYPES

#: What a name stands for: a tensor, several in order, or an input of a function that is left out.
Value: TypeAlias = Tensor | tuple[Tensor, ...] | None
Known: TypeAlias = MutableMapping[str, Value]

#: Number of the type of 16 bits that becomes float32 exactly: weights are kept so, nothing is computed in it.
HALVED = 16
#: Number of text, which stands in a net as the numbers of its words.
TEXT = 8


def attribute(one: Any) -> Any:
    """Value of an attribute: numbers, strings as str, lists, tensors as arrays."""
    onnx = library("onnx")
    value = onnx.helper.get_attribute_value(one)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, onnx.TensorProto):
        return array_of(value)[0]
    if isinstance(value, onnx.SparseTensorProto):
        return dense(value)
    if isinstance(value, list | tuple) or hasattr(value, "extend"):
        return [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else v for v in value]
    return value


def array_of(one: Any) -> tuple[Array, str]:
    """Values of a tensor in the file, and their type."""
    onnx = library("onnx")
    if one.data_type not in (*TYPES, HALVED):
        name = onnx.TensorProto.DataType.Name(one.data_type)
        raise ConfigError(f"the constant {one.name} is {name}, which is not supported")
    if one.data_location == onnx.TensorProto.EXTERNAL:
        raise ConfigError(
            f"the constant {one.name} lies in another file",
            hint="read the model from its file, or save it with its weights inside",
        )
    dtype = TYPES.get(one.data_type, "float32")
    data = np.asarray(onnx.numpy_helper.to_array(one))
    return data.astype(DTYPES[dtype]), dtype


def dense(one: Any) -> Array:
    """All values of a sparse tensor; its places are numbered, or given along each axis."""
    values, places = array_of(one.values)[0].reshape(-1), array_of(one.indices)[0].astype(np.int64)
    shape = tuple(int(v) for v in one.dims)
    size = math.prod(shape)
    if not 0 <= min(shape, default=0) <= size <= CONSTANT or places.shape[:1] != values.shape:
        raise ConfigError(f"the sparse constant {one.values.name} of shape {shape} makes no sense")
    if places.ndim == 2:
        if places.shape[1] != len(shape):
            raise ConfigError(f"the sparse constant {one.values.name} has places of {places.shape[1]} axes")
        steps = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
        if ((places < 0) | (places >= np.array(shape))).any():
            raise ConfigError(f"the sparse constant {one.values.name} has places outside of {shape}")
        places = places @ np.array(steps, np.int64)
    if places.size and not 0 <= places.min() <= places.max() < size:
        raise ConfigError(f"the sparse constant {one.values.name} has places outside of {shape}")
    made = np.zeros(size, values.dtype)
    made[places] = values
    return made.reshape(shape)


def words(net: NetBuilder, one: Any) -> Tensor:
    """Numbers of the words of a constant of text, such as the names of classes; the words are kept."""
    said = tuple(word.decode("utf-8", errors="replace") for word in one.string_data)
    shape = tuple(int(v) for v in one.dims)
    if math.prod(shape) != len(said):
        raise ConfigError(f"the constant {one.name} holds {len(said)} words, but its shape is {shape}")
    made = net.constant(one.name, np.arange(len(said), dtype=np.int64).reshape(shape))
    net.labels[made.name] = said
    return made


def constants(net: NetBuilder, given: Any, sparse: Any = ()) -> dict[str, Tensor]:
    """Constants of a graph by name."""
    known = {}
    for one in given:
        known[one.name] = words(net, one) if one.data_type == TEXT else net.constant(one.name, *array_of(one))
    for one in sparse:
        known[one.values.name] = net.constant(one.values.name, dense(one))
    return known
