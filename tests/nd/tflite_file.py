"""Writes TensorFlow Lite files of a few operators, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from flatbuffers import flexbuffers

from sensorai.graph.tensor import Array

#: Numbers of types in the file.
TYPES: Mapping[str, int] = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int32": tflite.TensorType.INT32,
    "uint8": tflite.TensorType.UINT8,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
    "int16": tflite.TensorType.INT16,
    "int8": tflite.TensorType.INT8,
    "uint32": tflite.TensorType.UINT32,
    "uint64": tflite.TensorType.UINT64,
    "int4": tflite.TensorType.INT4,
    "complex64": tflite.TensorType.COMPLEX64,
    "resource": tflite.TensorType.RESOURCE,
}


@dataclass(frozen=True)
class Sparse:
    """How the numbers of a sparse tensor lie.

    Attributes
    ----------
    order : sequence of int
        Axes as they are walked, those of blocks behind the others.
    blocks : sequence of int
        Axes that are cut into blocks.
    levels : sequence
        For each axis in that order its extent, or segments and indices.
    """

    order: Sequence[int]
    blocks: Sequence[int]
    levels: Sequence[int | tuple[Sequence[int], Sequence[int]]]


@dataclass(frozen=True)
class FileTensor:
    """A tensor of the file.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        Of ``TYPES``; int4 data come as int8 and are packed.
    scale, zero : sequence
        None or several with ``axis``; empty: no scale.
    data : ndarray, optional
        Of a constant.
    variable : bool
        Whether it keeps its numbers between calls.
    sparse : Sparse, optional
        Where the numbers in ``data`` lie; the others are 0.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    scale: Sequence[float] = ()
    zero: Sequence[int] = (0,)
    axis: int = 0
    data: Array | None = None
    variable: bool = False
    sparse: Sparse | None = None


@dataclass(frozen=True)
class FileOperator:
    """An operator of the file.

    Attributes
    ----------
    kind : str
        Of ``tflite.BuiltinOperator``, such as ``"ADD"``; every other name is that of a custom operator.
    inputs, outputs : sequence of int
        Numbers of tensors; -1 for an input that is left out.
    options : str
        Class of its options, such as ``"AddOptions"``; "" without.
    values : mapping of str to value
        Options by the names in the schema, such as ``FusedActivationFunction``; sequences of int are vectors.
        Of a custom operator those of its map.
    version : int
    custom : bytes, optional
        Options of a custom operator in place of the map.
    """

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    custom: bytes | None = None


def constant(data: Any, dtype: str = "float32", **more: Any) -> FileTensor:
    """Tensor that holds ``data``."""
    array = np.asarray(data, "int8" if dtype == "int4" else dtype)
    return FileTensor(array.shape, dtype, data=array, **more)


def single(
    kind: str,
    inputs: Sequence[FileTensor | None],
    outputs: Sequence[FileTensor],
    options: str = "",
    version: int = 1,
    **values: Any,
) -> bytes:
    """File of one operator; inputs without data are those of the net."""
    there = [t for t in inputs if t is not None]
    tensors = [*there, *outputs]
    places = iter(range(len(there)))
    reads = [-1 if t is None else next(places) for t in inputs]
    makes = list(range(len(there), len(tensors)))
    given = [k for k, t in enumerate(there) if t.data is None and not t.variable]
    operator = FileOperator(kind, reads, makes, options, values, version)
    return model(tensors, [operator], given, makes)


@dataclass(frozen=True)
class FileNet:
    """One net of a file: its tensors, its operators, and which of the tensors go in and out."""

    tensors: Sequence[FileTensor]
    operators: Sequence[FileOperator]
    inputs: Sequence[int]
    outputs: Sequence[int]


def model(
    tensors: Sequence[FileTensor],
    operators: Sequence[FileOperator],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """File of a net."""
    return models([FileNet(tensors, operators, inputs, outputs)])


def models(nets: Sequence[FileNet], *, behind: bool = False) -> bytes:
    """File of several nets; ``behind``: constants lie behind the tables, as in files above 2 GiB."""
    b = flatbuffers.Builder(1024)
    buffers, tail = [_buffer(b, None)], bytearray()
    made: list[list[int]] = []
    for net in nets:
        made.append([])
        for k, tensor in enumerate(net.tensors):
            number = 0
            if tensor.data is not None:
                number, data = len(buffers), _bytes(tensor)
                # the length of the tables is not known yet; places are put in below
                buffers.append(_placed(b, len(tail), len(data)) if behind else _buffer(b, data))
                tail += data.ljust(-(-len(data) // 16) * 16, b"\0") if behind else b""
            made[-1].append(_tensor(b, tensor, f"t{k}", number))
    codes = list(dict.fromkeys((o.kind, o.version) for net in nets for o in net.operators))
    kinds = [_code(b, kind, version) for kind, version in codes]
    each = []
    for net, tensors in zip(nets, made, strict=True):
        nodes = [_operator(b, o, codes.index((o.kind, o.version))) for o in net.operators]
        vectors = [_offsets(b, tensors), _ints(b, net.inputs), _ints(b, net.outputs), _offsets(b, nodes)]
        name = b.CreateString("main")
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, vectors[0])
        tflite.SubGraphAddInputs(b, vectors[1])
        tflite.SubGraphAddOutputs(b, vectors[2])
        tflite.SubGraphAddOperators(b, vectors[3])
        tflite.SubGraphAddName(b, name)
        each.append(tflite.SubGraphEnd(b))
    graphs = _offsets(b, each)
    parts = (_offsets(b, kinds), _offsets(b, buffers), b.CreateString("test"))
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, parts[0])
    tflite.ModelAddSubgraphs(b, graphs)
    tflite.ModelAddDescription(b, parts[2])
    tflite.ModelAddBuffers(b, parts[1])
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return _moved(bytearray(b.Output())) + bytes(tail) if behind else bytes(b.Output())


def _placed(b: Any, offset: int, size: int) -> int:
    tflite.BufferStart(b)
    tflite.BufferAddOffset(b, offset + _MARK)
    tflite.BufferAddSize(b, size)
    return int(tflite.BufferEnd(b))


#: Added to places behind the tables until the length of these is known.
_MARK = 1 << 40


def _moved(data: bytearray) -> bytes:
    """Fill the tables up to a whole number of 16 bytes, and put places behind them in."""
    data += bytes(-len(data) % 16)
    tables = tflite.Model.GetRootAs(data)
    for k in range(tables.BuffersLength()):
        table = tables.Buffers(k)._tab
        if at := table.Offset(6):
            place = tables.Buffers(k).Offset() - _MARK + len(data)
            data[table.Pos + at : table.Pos + at + 8] = place.to_bytes(8, "little")
    return bytes(data)


def _bytes(tensor: FileTensor) -> bytes:
    data = np.ascontiguousarray(tensor.data)
    if tensor.dtype != "int4":
        return data.tobytes()
    flat = data.reshape(-1).astype(np.int64) & 15
    flat = np.append(flat, 0) if flat.size % 2 else flat
    return bytes((flat[0::2] | flat[1::2] << 4).astype(np.uint8).tobytes())


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def _ints(b: Any, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _buffer(b: Any, data: bytes | None) -> int:
    made = None
    if data is not None:
        b.StartVector(1, len(data), 16)
        b.head -= len(data)
        b.Bytes[b.head : b.head + len(data)] = data
        made = b.EndVector()
    tflite.BufferStart(b)
    if made is not None:
        tflite.BufferAddData(b, made)
    return int(tflite.BufferEnd(b))


def _tensor(b: Any, tensor: FileTensor, name: str, buffer: int) -> int:
    shape, text = _ints(b, tensor.shape), b.CreateString(name)
    quant = None
    if tensor.scale:
        scale = b.CreateNumpyVector(np.asarray(tensor.scale, np.float32))
        zeros = list(tensor.zero) * (len(tensor.scale) if len(tensor.zero) == 1 else 1)
        zero = b.CreateNumpyVector(np.asarray(zeros, np.int64))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quant = tflite.QuantizationParametersEnd(b)
    sparse = None if tensor.sparse is None else _sparse(b, tensor.sparse)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, TYPES[tensor.dtype])
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, text)
    if quant is not None:
        tflite.TensorAddQuantization(b, quant)
    tflite.TensorAddIsVariable(b, tensor.variable)
    if sparse is not None:
        tflite.TensorAddSparsity(b, sparse)
    return int(tflite.TensorEnd(b))


def _sparse(b: Any, said: Sparse) -> int:
    levels = []
    for level in said.levels:
        vectors = []
        for values in () if isinstance(level, int) else level:
            numbers = _ints(b, values)
            tflite.Int32VectorStart(b)
            tflite.Int32VectorAddValues(b, numbers)
            vectors.append(tflite.Int32VectorEnd(b))
        tflite.DimensionMetadataStart(b)
        if isinstance(level, int):
            tflite.DimensionMetadataAddDenseSize(b, level)
        else:
            tflite.DimensionMetadataAddFormat(b, tflite.DimensionType.SPARSE_CSR)
            tflite.DimensionMetadataAddArraySegmentsType(b, tflite.SparseIndexVector.Int32Vector)
            tflite.DimensionMetadataAddArraySegments(b, vectors[0])
            tflite.DimensionMetadataAddArrayIndicesType(b, tflite.SparseIndexVector.Int32Vector)
            tflite.DimensionMetadataAddArrayIndices(b, vectors[1])
        levels.append(tflite.DimensionMetadataEnd(b))
    parts = _ints(b, said.order), _ints(b, said.blocks), _offsets(b, levels)
    tflite.SparsityParametersStart(b)
    tflite.SparsityParametersAddTraversalOrder(b, parts[0])
    tflite.SparsityParametersAddBlockMap(b, parts[1])
    tflite.SparsityParametersAddDimMetadata(b, parts[2])
    return int(tflite.SparsityParametersEnd(b))


def _custom(kind: str) -> bool:
    return not hasattr(tflite.BuiltinOperator, kind)


def _code(b: Any, kind: str, version: int) -> int:
    number = tflite.BuiltinOperator.CUSTOM if _custom(kind) else getattr(tflite.BuiltinOperator, kind)
    name = b.CreateString(kind) if _custom(kind) else None
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
    tflite.OperatorCodeAddVersion(b, version)
    tflite.OperatorCodeAddBuiltinCode(b, number)
    if name is not None:
        tflite.OperatorCodeAddCustomCode(b, name)
    return int(tflite.OperatorCodeEnd(b))


def flexible(values: Mapping[str, int | bool]) -> bytes:
    """Options of a custom operator as their map."""
    b = flexbuffers.Builder()
    with b.Map():
        for name, value in values.items():
            (b.Bool if isinstance(value, bool) else b.Int)(name, value)
    return bytes(b.Finish())


def _operator(b: Any, operator: FileOperator, code: int) -> int:
    options = None
    if operator.options:
        values = {
            name: _ints(b, value) if isinstance(value, list | tuple) else value
            for name, value in operator.values.items()
        }
        getattr(tflite, f"{operator.options}Start")(b)
        for name, value in values.items():
            getattr(tflite, f"{operator.options}Add{name}")(b, value)
        options = getattr(tflite, f"{operator.options}End")(b)
    custom = None
    if _custom(operator.kind):
        data = flexible(operator.values) if operator.custom is None else operator.custom
        custom = b.CreateNumpyVector(np.frombuffer(data, np.uint8)) if data else None
    inputs, outputs = _ints(b, operator.inputs), _ints(b, operator.outputs)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, operator.options))
        tflite.OperatorAddBuiltinOptions(b, options)
    if custom is not None:
        tflite.OperatorAddCustomOptions(b, custom)
    return int(tflite.OperatorEnd(b))


def invoke(data: bytes, *inputs: Array) -> list[Array]:
    """What TensorFlow Lite Micro's reference kernels compute; inputs in the order of the file."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(data, arena_size=1 << 22)
    for k, x in enumerate(inputs):
        interpreter.set_input(np.ascontiguousarray(x), k)
    interpreter.invoke()
    count = tflite.Model.GetRootAs(data).Subgraphs(0).OutputsLength()
    return [np.array(interpreter.get_output(k)) for k in range(count)]
