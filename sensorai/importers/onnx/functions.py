"""Functions: those of a file, and those by which ONNX itself says what an operator does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorai.graph.tensor import Tensor
from sensorai.importers.libraries import library
from sensorai.importers.onnx.types import TYPES

#: Operators whose functions hold graphs or make random numbers: not read.
_GRAPHS = ("AffineGrid", "Bernoulli", "SequenceMap")


def inside(prefix: str, name: str) -> str:
    """Name in a function, as it is called."""
    return f"{prefix}.{name}" if name else ""


def outside(proto: Any, body: Any, prefix: str, place: int) -> str:
    """Name of what a call makes, as the nodes of ``called`` have it."""
    if place >= len(body.output) or body.output[place] in body.input:
        return inside(prefix, body.output[place]) if place < len(body.output) else ""
    return str(proto.output[place]) or inside(prefix, body.output[place])


def called(proto: Any, body: Any, prefix: str) -> list[Any]:
    """Nodes of a function for one call: its attributes in place, and names of their own."""
    onnx = library("onnx")
    said = {one.name: one for one in body.attribute_proto} | {one.name: one for one in proto.attribute}
    names = {
        name: outside(proto, body, prefix, k) for k, name in enumerate(body.output) if k < len(proto.output)
    }

    def named(name: str) -> str:
        return names.get(name) or inside(prefix, name)

    nodes = []
    for old in body.node:
        node = onnx.NodeProto()
        node.CopyFrom(old)
        node.input[:] = [named(name) for name in old.input]
        node.output[:] = [named(name) for name in old.output]
        del node.attribute[:]
        for one in old.attribute:
            if one.ref_attr_name and one.ref_attr_name not in said:
                continue
            new = node.attribute.add()
            new.CopyFrom(said[one.ref_attr_name] if one.ref_attr_name else one)
            new.name, new.ref_attr_name = one.name, ""
        nodes.append(node)
    return nodes


def names() -> list[str]:
    """Operators of the newest version of ONNX that are known by their functions."""
    onnx = library("onnx")
    newest: dict[str, Any] = {}
    for one in onnx.defs.get_all_schemas():
        if not one.domain and not one.deprecated:
            newest[one.name] = one
    found = (one for one in newest.values() if one.has_function or one.has_context_dependent_function)
    return [one.name for one in found if one.name not in _GRAPHS]


def standard(proto: Any, inputs: Sequence[Tensor | None], opset: int) -> Any:
    """Function that ONNX gives for an operator; None where there is none, or it holds graphs."""
    onnx = library("onnx")
    try:
        schema = onnx.defs.get_schema(proto.op_type, opset)
    except onnx.defs.SchemaError:
        return None
    body = None
    if schema.has_function:
        body = schema.function_body
    elif schema.has_context_dependent_function:
        types = [_type(onnx, one).SerializeToString() for one in inputs]
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        if versions:
            text = schema.get_context_dependent_function_with_opset_version(
                max(versions), proto.SerializeToString(), types
            )
            body = onnx.FunctionProto.FromString(text)
    if body is None or any(one.HasField("g") for node in body.node for one in node.attribute):
        return None
    made = onnx.FunctionProto()
    made.CopyFrom(body)
    given = {one.name for one in made.attribute_proto}
    made.attribute_proto.extend(
        one.default_value for n, one in schema.attributes.items() if one.default_value.type and n not in given
    )
    if not made.opset_import:
        made.opset_import.append(onnx.helper.make_opsetid("", opset))
    return made


def _type(onnx: Any, tensor: Tensor | None) -> Any:
    if tensor is None:
        return onnx.TypeProto()
    number = next(n for n, name in TYPES.items() if name == tensor.dtype)
    return onnx.helper.make_tensor_type_proto(number, tensor.shape)
