"""Walks a TensorFlow Lite model: tensors with their scales, then operator by operator through the rules."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import DTYPES, Array, Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.tflite.rules import Declared, TfliteNode
from sensorai.importers.tflite.table import RULES
from sensorai.importers.tflite.variables import VARIABLES, Step, Variables, named
from sensorai.targets import closest

#: Types by their number in the file.
TYPES: Mapping[int, str] = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}


def read(path: Path, shapes: Mapping[str, Shape] | None = None) -> Graph:
    """Read a file.

    Parameters
    ----------
    path : Path
    shapes : mapping of input name to shape, optional
        In place of those in the file; open extents of the file are 1.

    Raises
    ------
    DataError
        The file cannot be read or is no TensorFlow Lite model.
    ConfigError
        It holds what is not supported: which operator, which option.
    """
    tflite = library("tflite")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None
    if data[4:8] != b"TFL3":
        raise DataError("this is no TensorFlow Lite model", where=str(path))
    try:
        return _model(tflite.Model.GetRootAs(data), shapes or {})
    except SensoraiError:
        raise
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(f"the model is damaged: {error}", where=str(path)) from None


def _model(model: Any, shapes: Mapping[str, Shape]) -> Graph:
    if model.SubgraphsLength() < 1:
        raise DataError("the model holds no net")
    return _Walk(model, model.Subgraphs(0), shapes).graph()


class _Walk:
    """One net of a model while it is read."""

    def __init__(self, model: Any, sub: Any, shapes: Mapping[str, Shape]) -> None:
        self.model, self.sub, self.shapes = model, sub, shapes
        self.net = NetBuilder()
        #: Classes of options by their number in the file.
        self.kinds = {v: k for k, v in vars(library("tflite").BuiltinOptions).items() if isinstance(v, int)}
        self.known: dict[int, Tensor] = {}
        self.variables = Variables(self.net)
        #: Tensors in which operators keep their numbers.
        self.held: set[int] = set()

    def graph(self) -> Graph:
        """Read inputs, then operators."""
        for i in (int(v) for v in self._list(self.sub, "Inputs")):
            said = self._declared(i)
            shape = self.shapes.get(said.name, said.shape)
            self.known[i] = self.net.input(said.name, shape, said.dtype, said.quant)
        for k in range(self.sub.OperatorsLength()):
            self._operator(self.sub.Operators(k))
        outputs = [self._tensor(int(i)) for i in self._list(self.sub, "Outputs")]
        lost = [i for i, t in zip(self._list(self.sub, "Outputs"), outputs, strict=True) if t is None]
        if lost:
            raise ConfigError(f"nothing makes the output {self._declared(int(lost[0])).name}")
        self.variables.finish()
        return self.net.graph([t for t in outputs if t is not None])

    def _kind(self, one: Any) -> tuple[Any, str]:
        """Code of an operator, and its name."""
        tflite = library("tflite")
        code = self.model.OperatorCodes(one.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == tflite.BuiltinOperator.CUSTOM:
            kind = (code.CustomCode() or b"").decode("utf-8", errors="replace")
        else:
            kind = tflite.BUILTIN_OPCODE2NAME.get(number, f"operator {number}")
        return code, kind

    def _operator(self, one: Any) -> None:
        code, kind = self._kind(one)
        if kind in VARIABLES:
            return self._variable(one, kind)
        said = tuple(self._declared(int(i)) for i in self._list(one, "Outputs"))
        places = [int(i) for i in self._list(one, "Inputs")]
        inputs = tuple(self._tensor(i) for i in places)
        custom = bytes(one.CustomOptionsAsNumpy()) if one.CustomOptionsLength() else b""
        kept = {
            k: self._declared(i) for k, i in enumerate(places) if i >= 0 and self.sub.Tensors(i).IsVariable()
        }
        options = self._options(one)
        node = TfliteNode(self.net, kind, code.Version(), inputs, said, options, custom, kept)
        if kind not in RULES:
            near = closest(kind, RULES)
            listed = "'sensorai supported-ops tflite' lists those that are"
            hint = near if near.startswith("did you mean") else listed
            raise ConfigError(f"{node.where}: this operator is not supported", hint=hint)
        if lost := [i for k, i in enumerate(places) if i >= 0 and inputs[k] is None and k not in kept]:
            name = self._declared(lost[0]).name
            raise ConfigError(f"{node.where} reads {name}, which nothing before it makes")
        if twice := [places[k] for k in kept if places[k] in self.held]:
            name = self._declared(twice[0]).name
            raise ConfigError(f"{node.where} keeps its numbers in {name}, where another operator does")
        self.held.update(places[k] for k in kept)
        made = RULES[kind](node)
        for i, tensor, want in zip(self._list(one, "Outputs"), made, said, strict=False):
            if tensor.dtype != want.dtype:
                raise ConfigError(f"{node.where} makes {tensor.dtype}, but the file says {want.dtype}")
            self.known[int(i)] = tensor
        return None

    def _variable(self, one: Any, kind: str) -> None:
        step = Step(kind, self._list(one, "Inputs"), self._list(one, "Outputs"), self._options(one))
        if kind == "VAR_HANDLE":
            self.variables.handle(step)
        elif kind == "READ_VARIABLE":
            self.known[step.outputs[0]] = self.variables.read(step, self._declared)
        elif kind == "ASSIGN_VARIABLE":
            self.variables.assign(step, self._tensor(step.inputs[1]))
        else:
            self._once(step.options.InitSubgraphIndex() if step.options is not None else -1)

    def _once(self, number: int) -> None:
        """Read what fills the variables before the first call: constants only."""
        if not 0 < number < self.model.SubgraphsLength():
            raise DataError(f"CALL_ONCE calls net {number}, which is not there")
        walk = _Walk(self.model, self.model.Subgraphs(number), {})
        keys: dict[int, tuple[bytes, bytes]] = {}
        for k in range(walk.sub.OperatorsLength()):
            one = walk.sub.Operators(k)
            kind, places = walk._kind(one)[1], walk._list(one, "Inputs")
            if kind == "VAR_HANDLE":
                keys[walk._list(one, "Outputs")[0]] = named(walk._options(one))
                continue
            value = walk._tensor(places[1]) if kind == "ASSIGN_VARIABLE" and places[0] in keys else None
            if value is None or value.data is None:
                raise ConfigError(f"the net that fills the variables holds {kind}, which is not supported")
            self.variables.first[keys[places[0]]] = value.data

    def _options(self, one: Any) -> Any:
        tflite = library("tflite")
        name = self.kinds.get(one.BuiltinOptionsType(), "NONE")
        table = one.BuiltinOptions()
        if name == "NONE" or table is None or not hasattr(tflite, name):
            return None
        options = getattr(tflite, name)()
        options.Init(table.Bytes, table.Pos)
        return options

    def _tensor(self, i: int) -> Tensor | None:
        """Tensor by its number: computed before, or a constant of the file; None where it is left out."""
        if i < 0:
            return None
        if i not in self.known:
            tensor = self.sub.Tensors(i)
            said = self._declared(i)
            raw = self.model.Buffers(tensor.Buffer())
            if tensor.IsVariable() or (not raw.DataLength() and said.shape and 0 not in said.shape):
                return None
            data = _values(raw.DataAsNumpy() if raw.DataLength() else np.zeros(0, np.uint8), said)
            self.known[i] = self.net.constant(said.name, data, said.dtype, said.quant)
        return self.known[i]

    def _declared(self, i: int) -> Declared:
        tensor = self.sub.Tensors(i)
        name = (tensor.Name() or b"").decode("utf-8", errors="replace")
        if tensor.Type() not in TYPES:
            raise ConfigError(f"tensor {name} is of a type that is not supported ({tensor.Type()})")
        if tensor.Sparsity() is not None:
            raise ConfigError(f"tensor {name} is sparse", hint="convert the model without sparsity")
        shape = tuple(max(int(v), 1) if v < 0 else int(v) for v in self._list(tensor, "Shape"))
        return Declared(name, TYPES[tensor.Type()], shape, _quant(tensor.Quantization(), shape, name))

    @staticmethod
    def _list(owner: Any, what: str) -> list[int]:
        if not getattr(owner, f"{what}Length")():
            return []
        return [int(v) for v in getattr(owner, f"{what}AsNumpy")()]


def _quant(found: Any, shape: Shape, name: str) -> Quant:
    if found is None or not found.ScaleLength():
        return None
    scale = tuple(float(v) for v in found.ScaleAsNumpy())
    zero = tuple(int(v) for v in found.ZeroPointAsNumpy()) if found.ZeroPointLength() else (0,)
    if len(zero) == 1:
        zero = zero * len(scale)
    if len(scale) == 1:
        return Affine(scale, zero)
    axis = int(found.QuantizedDimension())
    if not 0 <= axis < len(shape) or shape[axis] != len(scale):
        raise ConfigError(f"tensor {name} has {len(scale)} scales along axis {axis} of {shape}")
    return Affine(scale, zero, axis)


def _values(raw: Array, said: Declared) -> Array:
    data = bytes(raw)
    count = int(np.prod(said.shape, dtype=np.int64)) if said.shape else 1
    if said.dtype == "int4":
        packed = np.frombuffer(data, np.uint8)
        both = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1).astype(np.int16)
        flat = np.where(both > 7, both - 16, both).astype(np.int8)[:count]
    else:
        kind = np.dtype(DTYPES[said.dtype]).newbyteorder("<")
        if len(data) % kind.itemsize:
            raise DataError(f"tensor {said.name} has {len(data)} bytes, no whole numbers")
        flat = np.frombuffer(data, kind).astype(DTYPES[said.dtype])
    if flat.size != count:
        raise DataError(f"tensor {said.name} holds {flat.size} numbers, but its shape is {said.shape}")
    return np.asarray(flat.reshape(said.shape))
