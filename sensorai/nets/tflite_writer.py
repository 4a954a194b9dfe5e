"""A TensorFlow Lite file while it is written: tensors, operators, bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Shape, Tensor, free
from sensorai.importers.libraries import library
from sensorai.importers.tflite.values import TYPES
from sensorai.nets.keeping import without_states

_NUMBERS = {dtype: number for number, dtype in TYPES.items()}
#: Versions of operators that came with integers, by their names; 1 of all others.
_VERSIONS: Mapping[str, int] = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "LEAKY_RELU": 2,
    "LOGISTIC": 2,
    "MAXIMUM": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MUL": 2,
    "PAD": 2,
    "PADV2": 2,
    "RELU": 2,
    "RELU6": 2,
    "SOFTMAX": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "SUM": 2,
    "TANH": 2,
    "TRANSPOSE": 2,
}
#: Largest code that the older of two fields for it holds.
_OLDER = 127


@dataclass(frozen=True, slots=True)
class _Operator:
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: str
    values: Mapping[str, Any]


class TfliteWriter:
    """The file while it is written. Tensors go by their numbers."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.schema = graph, library("tflite")
        self.tensors: list[Tensor] = []
        self.operators: list[_Operator] = []
        self.names = set(graph.tensors)
        self._places: dict[str, int] = {}
        without_states(graph, "TensorFlow Lite")

    def tensor(self, name: str) -> Tensor:
        """Tensor of the net."""
        return self.graph.tensors[name]

    def place(self, name: str) -> int:
        """Number of a tensor of the net."""
        if name not in self._places:
            self._places[name] = self._add(self.tensor(name))
        return self._places[name]

    def constant(self, wish: str, data: Array, quant: Quant = None, dtype: str = "") -> int:
        """Add a constant."""
        return self._add(Tensor(self._fresh(wish), data.shape, dtype or data.dtype.name, quant, data))

    def whole(self, wish: str, values: Sequence[Any]) -> int:
        """Add int32 numbers that say how an operator works."""
        return self.constant(wish, np.asarray(values, np.int32))

    def between(self, wish: str, shape: Shape, dtype: str, quant: Quant = None) -> int:
        """Add a tensor that one operator makes for another."""
        return self._add(Tensor(self._fresh(wish), tuple(shape), dtype, quant))

    def add(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **values: Any
    ) -> None:
        """Append an operator; ``values`` by the names of the schema, sequences of int as vectors."""
        self.operators.append(_Operator(kind, tuple(inputs), tuple(outputs), options, values))

    def _fresh(self, wish: str) -> str:
        name = free(wish, self.names)
        self.names.add(name)
        return name

    def _add(self, tensor: Tensor) -> int:
        if tensor.dtype not in _NUMBERS:
            raise ConfigError(f"tensor {tensor.name} is {tensor.dtype}, which TensorFlow Lite does not have")
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    # -- bytes

    def file(self) -> bytes:
        """Return the whole file; equal nets make equal bytes."""
        ends = [[self.place(n) for n in names] for names in (self.graph.inputs, self.graph.outputs)]
        b, schema = library("flatbuffers").Builder(1024), self.schema
        buffers, tensors = [self._buffer(b, None)], []
        for tensor in self.tensors:
            number = 0
            if tensor.data is not None:
                number = len(buffers)
                buffers.append(self._buffer(b, _bytes(tensor)))
            tensors.append(self._tensor(b, tensor, number))
        kinds = list(dict.fromkeys(one.kind for one in self.operators))
        codes = [self._code(b, kind) for kind in kinds]
        nodes = [self._operator(b, one, kinds.index(one.kind)) for one in self.operators]
        parts = [_offsets(b, tensors), *(_ints(b, numbers) for numbers in ends), _offsets(b, nodes)]
        parts.append(b.CreateString("main"))
        schema.SubGraphStart(b)
        for what, offset in zip(("Tensors", "Inputs", "Outputs", "Operators", "Name"), parts, strict=True):
            getattr(schema, f"SubGraphAdd{what}")(b, offset)
        graphs = _offsets(b, [schema.SubGraphEnd(b)])
        lists = _offsets(b, codes), _offsets(b, buffers), b.CreateString("sensorai")
        schema.ModelStart(b)
        schema.ModelAddVersion(b, 3)
        schema.ModelAddOperatorCodes(b, lists[0])
        schema.ModelAddSubgraphs(b, graphs)
        schema.ModelAddDescription(b, lists[2])
        schema.ModelAddBuffers(b, lists[1])
        b.Finish(schema.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _buffer(self, b: Any, data: bytes | None) -> int:
        made = None
        if data is not None:
            # runtimes read numbers where they lie
            b.StartVector(1, len(data), 16)
            b.head -= len(data)
            b.Bytes[b.head : b.head + len(data)] = data
            made = b.EndVector()
        self.schema.BufferStart(b)
        if made is not None:
            self.schema.BufferAddData(b, made)
        return int(self.schema.BufferEnd(b))

    def _tensor(self, b: Any, tensor: Tensor, buffer: int) -> int:
        schema = self.schema
        shape, name, quant = _ints(b, tensor.shape), b.CreateString(tensor.name), None
        if isinstance(tensor.quant, Affine):
            scale = b.CreateNumpyVector(np.asarray(tensor.quant.scale, np.float32))
            zero = b.CreateNumpyVector(np.asarray(tensor.quant.zero, np.int64))
            schema.QuantizationParametersStart(b)
            schema.QuantizationParametersAddScale(b, scale)
            schema.QuantizationParametersAddZeroPoint(b, zero)
            schema.QuantizationParametersAddQuantizedDimension(b, tensor.quant.axis or 0)
            quant = schema.QuantizationParametersEnd(b)
        schema.TensorStart(b)
        schema.TensorAddShape(b, shape)
        schema.TensorAddType(b, _NUMBERS[tensor.dtype])
        schema.TensorAddBuffer(b, buffer)
        schema.TensorAddName(b, name)
        if quant is not None:
            schema.TensorAddQuantization(b, quant)
        return int(schema.TensorEnd(b))

    def _code(self, b: Any, kind: str) -> int:
        number = getattr(self.schema.BuiltinOperator, kind)
        self.schema.OperatorCodeStart(b)
        self.schema.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, _OLDER))
        self.schema.OperatorCodeAddVersion(b, _VERSIONS.get(kind, 1))
        self.schema.OperatorCodeAddBuiltinCode(b, number)
        return int(self.schema.OperatorCodeEnd(b))

    def _operator(self, b: Any, one: _Operator, code: int) -> int:
        schema, options = self.schema, None
        if one.options:
            # vectors lie before the table that points to them
            made = {n: _ints(b, v) if isinstance(v, list | tuple) else v for n, v in one.values.items()}
            getattr(schema, f"{one.options}Start")(b)
            for name, value in made.items():
                getattr(schema, f"{one.options}Add{name}")(b, value)
            options = getattr(schema, f"{one.options}End")(b)
        inputs, outputs = _ints(b, one.inputs), _ints(b, one.outputs)
        schema.OperatorStart(b)
        schema.OperatorAddOpcodeIndex(b, code)
        schema.OperatorAddInputs(b, inputs)
        schema.OperatorAddOutputs(b, outputs)
        if options is not None:
            schema.OperatorAddBuiltinOptionsType(b, getattr(schema.BuiltinOptions, one.options))
            schema.OperatorAddBuiltinOptions(b, options)
        return int(schema.OperatorEnd(b))


def _bytes(tensor: Tensor) -> bytes:
    """Numbers of a constant as the file has them: int4 two in a byte, the first in the lower half."""
    if tensor.data is None:
        return b""
    if tensor.dtype != "int4":
        kind = tensor.data.dtype.newbyteorder("<")
        return np.ascontiguousarray(tensor.data).astype(kind).tobytes()
    flat = tensor.data.reshape(-1).view(np.uint8) & 15
    both = np.append(flat, np.zeros(flat.size % 2, np.uint8))
    return bytes((both[0::2] | both[1::2] << 4).astype(np.uint8).tobytes())


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def _ints(b: Any, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))
