"""Numbers, words and attributes as an ONNX file holds them."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any, TypeAlias

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.types import TYPES

#: What a name stands for: a tensor, several in order, or an input of a function that is left out.
Value: TypeAlias = Tensor | tuple[Tensor, ...] | None
Known: TypeAlias = MutableMapping[str, Value]

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
    if isinstance(value, list | tuple) or hasattr(value, "extend"):
        return [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else v for v in value]
    return value


def array_of(one: Any) -> tuple[Array, str]:
    """Values of a tensor in the file, and their type."""
    onnx = library("onnx")
    if one.data_type not in TYPES:
        name = onnx.TensorProto.DataType.Name(one.data_type)
        raise ConfigError(f"the constant {one.name} is {name}, which is not supported")
    if one.data_location == onnx.TensorProto.EXTERNAL:
        raise ConfigError(
            f"the constant {one.name} lies in another file",
            hint="read the model from its file, or save it with its weights inside",
        )
    dtype = TYPES[one.data_type]
    data = np.asarray(onnx.numpy_helper.to_array(one))
    return data.astype(DTYPES[dtype]), dtype


def words(net: NetBuilder, one: Any) -> Tensor:
    """Numbers of the words of a constant of text, such as the names of classes; the words are kept."""
    said = tuple(word.decode("utf-8", errors="replace") for word in one.string_data)
    shape = tuple(int(v) for v in one.dims)
    if math.prod(shape) != len(said):
        raise ConfigError(f"the constant {one.name} holds {len(said)} words, but its shape is {shape}")
    made = net.constant(one.name, np.arange(len(said), dtype=np.int64).reshape(shape))
    net.labels[made.name] = said
    return made


def constants(net: NetBuilder, given: Any) -> dict[str, Tensor]:
    """Constants of a graph by name."""
    known = {}
    for one in given:
        known[one.name] = words(net, one) if one.data_type == TEXT else net.constant(one.name, *array_of(one))
    return known
