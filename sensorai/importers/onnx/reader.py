"""Reads an ONNX model: types, inputs, constants, then node by node through the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.external import take_in
from sensorai.importers.onnx.said import Said
from sensorai.importers.onnx.types import TYPES
from sensorai.importers.onnx.values import Known, Value, constants
from sensorai.importers.onnx.versions import no_unknown
from sensorai.importers.onnx.walk import Walk

#: Metadata of files that are written here: names that their layers had before passes and pairs, as JSON.
LAYERS = "sensorai.layers"
#: Names of axes, in small letters, that count windows: one at a time.
_BATCH = ("batch", "batch_size", "batchsize", "n", "bs", "b")


def read(
    path: Path,
    shapes: Mapping[str, Shape] | None = None,
    frozen: Mapping[str, Array] | None = None,
    float32: bool = False,
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
        take_in(model, path.parent)
        return read_model(model, shapes, frozen, float32)
    except SensoraiError:
        raise
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None
    except Exception as error:  # the protobuf library has many kinds of error
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"this is no ONNX model that can be read: {text}", where=str(path)) from None


def read_model(
    model: Any,
    shapes: Mapping[str, Shape] | None = None,
    frozen: Mapping[str, Array] | None = None,
    float32: bool = False,
) -> Graph:
    """Make the graph of a loaded model.

    Parameters
    ----------
    model : onnx.ModelProto
    shapes : mapping of input name to shape, optional
        For inputs whose file leaves extents open. An open first axis is 1 where nothing is said, and so is
        one of the same name, or of a name such as ``batch``.
    frozen : mapping of input name to array, optional
        Inputs that are constants.
    float32 : bool
        Whether all that is float16 or float64 becomes float32.
    """
    no_unknown(model)
    versions = {one.domain: one.version for one in model.opset_import}
    net = NetBuilder(float32)
    net.named(*_layers(model))
    known: dict[str, Value] = dict(constants(net, model.graph.initializer, model.graph.sparse_initializer))
    inputs = [one.name for one in model.graph.input]
    for name, array in (frozen or {}).items():
        if name not in inputs:
            raise ConfigError(f"the model has no input {name} to freeze", hint=f"it has {', '.join(inputs)}")
        known[name] = net.constant(name, np.asarray(array))
    windows = _windows(model.graph.input)
    for one in model.graph.input:
        if one.name not in known:
            dtype, shape = _declared(one, (shapes or {}).get(one.name), windows)
            known[one.name] = net.input(one.name, shape, dtype)
    walk = Walk(net, {(one.domain, one.name): one for one in getattr(model, "functions", ())})
    with walk.refusals.told():
        walk.nodes(model.graph.node, known, versions, says=Said(model, known))
        return net.graph(_outputs(model.graph.output, known))


def _layers(model: Any) -> list[str]:
    """Names of layers that the net had which a file of ours was made from; none of other files."""
    text = next((one.value for one in model.metadata_props if one.key == LAYERS), "[]")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _outputs(declared: Any, known: Known) -> list[Tensor]:
    """Tensors of the outputs, each once."""
    outputs: dict[str, Tensor] = {}
    for one in declared:
        found = known.get(one.name)
        if not isinstance(found, Tensor):
            raise ConfigError(f"nothing makes the output {one.name}, or it is a sequence of tensors")
        if one.name in outputs:
            raise ConfigError(
                f"two outputs of the net have the name {one.name}",
                hint="name each output once, and export again",
            )
        outputs[one.name] = found
    return list(outputs.values())


def _windows(inputs: Any) -> frozenset[str]:
    """Names of open axes that count windows: those that come first in an input, and usual ones."""
    first = (one.type.tensor_type.shape.dim[0] for one in inputs if one.type.tensor_type.shape.dim)
    return frozenset(d.dim_param for d in first if d.dim_param)


def _declared(one: Any, wanted: Shape | None, windows: frozenset[str]) -> tuple[str, Shape]:
    kind = one.type.tensor_type
    if not one.type.HasField("tensor_type") or kind.elem_type not in TYPES:
        said = _type(one)
        hint = f"give it as one of {', '.join(dict.fromkeys(TYPES.values()))}"
        if said.startswith("complex"):
            hint = "give two real numbers in its place, on a last axis as DFT of ONNX has them"
        raise ConfigError(f"the input {one.name} is of a type that is not supported ({said})", hint=hint)
    if wanted is None and not kind.HasField("shape"):
        raise ConfigError(f"the input {one.name} has no shape", hint=f"say --shape {one.name}=1x...")
    shape = []
    for axis, extent in enumerate(kind.shape.dim):
        if wanted is not None and axis < len(wanted):
            shape.append(wanted[axis])
        elif extent.HasField("dim_value") and extent.dim_value >= 0:
            shape.append(int(extent.dim_value))
        elif axis == 0 or extent.dim_param in windows or extent.dim_param.lower() in _BATCH:
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


def _type(one: Any) -> str:
    """Type of an input in words of ONNX."""
    if not one.type.HasField("tensor_type"):
        return (one.type.WhichOneof("value") or "none").removesuffix("_type").replace("_", " ")
    number, types = one.type.tensor_type.elem_type, library("onnx").TensorProto.DataType
    return str(types.Name(number)).lower() if number in types.values() else f"of type {number}"


def _extents(kind: Any) -> str:
    """Shape as ``--shape`` takes it, with a word for each extent that is to be said."""
    out = []
    for axis, extent in enumerate(kind.shape.dim):
        known = extent.HasField("dim_value") and extent.dim_value >= 0
        word = f"<{extent.dim_param or f'axis {axis}'}>"
        out.append(str(extent.dim_value) if known else word if axis else "1")
    return "x".join(out)
