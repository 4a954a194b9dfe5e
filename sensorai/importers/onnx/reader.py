"""Walks an ONNX model: types, inputs, constants, then node by node through the rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array, Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.older import modern
from sensorai.importers.onnx.rules import OnnxNode
from sensorai.importers.onnx.table import RULES
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd.base import NeedsConstant
from sensorai.targets import closest

#: Number of text, which stands in a net as the numbers of its words.
_TEXT = 8
#: Domains whose operators go by their bare names.
_OWN = ("", "ai.onnx")
#: Operators of ONNX that readers know: from this version on.
OLDEST = 7
#: Operator that the walk itself reads, and how deep such may lie in each other.
BRANCHES, DEEPEST = "If", 16


def read(
    path: Path, shapes: Mapping[str, Shape] | None = None, frozen: Mapping[str, Array] | None = None
) -> Graph:
    """Read a file; see ``read_model``.

    Raises
    ------
    DataError
        The file cannot be read or is no ONNX model.
    ConfigError
        It holds what is not supported: which node, which attribute.
    """
    onnx = library("onnx")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        return read_model(model, shapes, frozen)
    except SensoraiError:
        raise
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None
    except Exception as error:  # the protobuf library has many kinds of error
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"this is no ONNX model that can be read: {text}", where=str(path)) from None


def read_model(
    model: Any, shapes: Mapping[str, Shape] | None = None, frozen: Mapping[str, Array] | None = None
) -> Graph:
    """Make the graph of a loaded model.

    Parameters
    ----------
    model : onnx.ModelProto
    shapes : mapping of input name to shape, optional
        For inputs whose file leaves extents open. An open first axis is 1 where nothing is said.
    frozen : mapping of input name to array, optional
        Inputs that are constants.
    """
    versions = {one.domain: one.version for one in model.opset_import}
    net = NetBuilder()
    known: dict[str, Tensor] = {}
    for one in model.graph.initializer:
        if one.data_type == _TEXT:
            known[one.name] = _words(net, one)
            continue
        data, dtype = _array(one)
        known[one.name] = net.constant(one.name, data, dtype)
    for name, array in (frozen or {}).items():
        known[name] = net.constant(name, np.asarray(array))
    for one in model.graph.input:
        if one.name not in known:
            dtype, shape = _declared(one, (shapes or {}).get(one.name))
            known[one.name] = net.input(one.name, shape, dtype)
    for proto in model.graph.node:
        _node(proto, net, known, versions)
    outputs = []
    for one in model.graph.output:
        if one.name not in known:
            raise ConfigError(f"nothing makes the output {one.name}")
        outputs.append(known[one.name])
    return net.graph(outputs)


def _node(
    proto: Any, net: NetBuilder, known: dict[str, Tensor], versions: Mapping[str, int], depth: int = 0
) -> None:
    kind = proto.op_type if proto.domain in _OWN else f"{proto.domain}.{proto.op_type}"
    if lost := [n for n in proto.input if n and n not in known]:
        raise ConfigError(f"node {called(proto)} ({kind}) reads {lost[0]}, which nothing before it makes")
    if kind == BRANCHES:
        known.update(_branch(proto, net, known, versions, depth))
        return
    node = OnnxNode(
        net,
        kind,
        versions.get(proto.domain, versions.get("", OLDEST)),
        tuple(known[n] if n else None for n in proto.input),
        tuple(proto.output),
        {one.name: _attribute(one) for one in proto.attribute},
        called(proto),
    )
    if proto.domain in _OWN and node.opset < OLDEST and _changed(kind, node.opset):
        told = modern(node)
        if told is None:
            raise ConfigError(
                f"{node.where} is of version {node.opset} of the operators, and has changed since",
                hint=f"from {OLDEST} on; onnx.version_converter converts older ones",
            )
        node = told
    if kind not in RULES:
        raise ConfigError(f"{node.where}: this operator is not supported", hint=_hint(kind))
    made = RULES[kind](node)
    known.update({name: tensor for name, tensor in zip(proto.output, made, strict=False) if name})


def called(proto: Any) -> str:
    """Name of a node as other tools show it; that of what it makes where it has none."""
    return str(proto.name) or next((str(n) for n in proto.output if n), "")


def _hint(kind: str) -> str:
    near = closest(kind, RULES)
    return near if near.startswith("did you mean") else "'sensorai supported-ops onnx' lists those that are"


def _branch(
    proto: Any, net: NetBuilder, known: Mapping[str, Tensor], versions: Mapping[str, int], depth: int
) -> dict[str, Tensor]:
    """Read the branch that is taken, where that is known by now; it sees all that is known round it."""
    where = f"node {called(proto)} ({BRANCHES})"
    asked = known.get(proto.input[0]) if proto.input else None
    if asked is None or asked.size != 1:
        raise ConfigError(f"{where}: the condition is no single number")
    if asked.data is None:
        raise NeedsConstant(
            f"{where}: the condition {asked.name} is known only when the net runs",
            name=asked.name,
            hint="freeze the input that it depends on, or export the net without branches",
        )
    if depth >= DEEPEST:
        raise ConfigError(f"{where}: branches lie more than {DEEPEST} deep in each other")
    wanted = "then_branch" if bool(asked.data.reshape(-1)[0]) else "else_branch"
    sub = next((one.g for one in proto.attribute if one.name == wanted and one.HasField("g")), None)
    if sub is None or len(sub.output) < len(proto.output):
        raise ConfigError(f"{where}: its {wanted} is missing or makes too little")
    inner = dict(known)
    for one in sub.initializer:
        data, dtype = _array(one)
        inner[one.name] = net.constant(one.name, data, dtype)
    for one in sub.node:
        _node(one, net, inner, versions, depth + 1)
    if lost := [one.name for one in sub.output if one.name not in inner]:
        raise ConfigError(f"{where}: nothing makes {lost[0]} in its {wanted}")
    return {name: inner[one.name] for name, one in zip(proto.output, sub.output, strict=False) if name}


def _changed(kind: str, version: int) -> bool:
    """Whether an operator of an old version is not what it is from ``OLDEST`` on."""
    onnx = library("onnx")
    try:
        then, since = (onnx.defs.get_schema(kind, v).since_version for v in (max(version, 1), OLDEST))
    except onnx.defs.SchemaError:
        return True
    return bool(then != since)


def _attribute(one: Any) -> Any:
    onnx = library("onnx")
    value = onnx.helper.get_attribute_value(one)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, onnx.TensorProto):
        return _array(value)[0]
    if isinstance(value, list | tuple) or hasattr(value, "extend"):
        return [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else v for v in value]
    return value


def _array(one: Any) -> tuple[Array, str]:
    """Values of a tensor in the file, and their type."""
    onnx = library("onnx")
    if one.data_type not in TYPES:
        name = onnx.TensorProto.DataType.Name(one.data_type)
        raise ConfigError(f"the constant {one.name} is {name}, which is not supported")
    if one.data_location == onnx.TensorProto.EXTERNAL:
        raise ConfigError(
            f"the constant {one.name} lies in another file",
            hint="save the model with its weights inside: onnx.save(onnx.load(FILE), NEW)",
        )
    dtype = TYPES[one.data_type]
    data = np.asarray(onnx.numpy_helper.to_array(one))
    return data.astype(DTYPES[dtype]), dtype


def _words(net: NetBuilder, one: Any) -> Tensor:
    """Numbers of the words of a constant of text, such as the names of classes; the words are kept."""
    words = tuple(word.decode("utf-8", errors="replace") for word in one.string_data)
    shape = tuple(int(v) for v in one.dims)
    if math.prod(shape) != len(words):
        raise ConfigError(f"the constant {one.name} holds {len(words)} words, but its shape is {shape}")
    made = net.constant(one.name, np.arange(len(words), dtype=np.int64).reshape(shape))
    net.labels[made.name] = words
    return made


def _declared(one: Any, wanted: Shape | None) -> tuple[str, Shape]:
    kind = one.type.tensor_type
    if not one.type.HasField("tensor_type") or kind.elem_type not in TYPES:
        raise ConfigError(f"the input {one.name} is of a type that is not supported")
    if wanted is None and not kind.HasField("shape"):
        raise ConfigError(f"the input {one.name} has no shape", hint=f"say --shape {one.name}=1x...")
    shape = []
    for axis, extent in enumerate(kind.shape.dim):
        if wanted is not None and axis < len(wanted):
            shape.append(wanted[axis])
        elif extent.HasField("dim_value") and extent.dim_value >= 0:
            shape.append(int(extent.dim_value))
        elif axis == 0:
            shape.append(1)
        else:
            raise ConfigError(
                f"axis {axis} of the input {one.name} is open ({extent.dim_param or 'no extent'})",
                hint=f"say --shape {one.name}={_extents(kind)}",
            )
    if wanted is not None and len(wanted) != len(shape):
        if kind.HasField("shape") and len(kind.shape.dim):
            raise ConfigError(f"the input {one.name} has {len(shape)} axes, not {len(wanted)}")
        shape = list(wanted)
    return TYPES[kind.elem_type], tuple(shape)


def _extents(kind: Any) -> str:
    """Shape as ``--shape`` takes it, with a word for each extent that is to be said."""
    out = []
    for axis, extent in enumerate(kind.shape.dim):
        known = extent.HasField("dim_value") and extent.dim_value >= 0
        word = f"<{extent.dim_param or f'axis {axis}'}>"
        out.append(str(extent.dim_value) if known else word if axis else "1")
    return "x".join(out)
