"""Operators of ONNX as they were before version 7, told in the words of that version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.onnx.rules import OnnxNode
from sensorai.ops.nd.reshape import Reshape


def _same(node: OnnxNode) -> OnnxNode:
    """What changed is types, settings of training or where results are written."""
    return node


def _shaped(node: OnnxNode, tensor: Tensor, shape: Shape) -> Tensor:
    return node.add(Reshape(shape), tensor, last=False)[0]


def _aligned(node: OnnxNode) -> OnnxNode:
    """The second operand lay from ``axis`` on over the first; now shapes meet at their ends."""
    a, b = node.need(0), node.need(1)
    axis = node.attribute("axis")
    if not node.attribute("broadcast", 0) or axis is None:
        return node
    at = axis + len(a.shape) if axis < 0 else axis
    behind = len(a.shape) - at - len(b.shape)
    if at < 0 or behind < 0:
        raise ConfigError(
            f"{node.where}: axis={axis} does not lay {list(b.shape)} over {list(a.shape)}",
            hint="the second operand has to end within the first",
        )
    return replace(node, inputs=(a, _shaped(node, b, (*b.shape, *(1,) * behind))))


def _slopes(node: OnnxNode) -> OnnxNode:
    """Slopes were one for each channel, which is the second axis."""
    x, slope = node.need(0), node.need(1)
    if len(x.shape) < 2 or slope.size == 1 or slope.shape != (x.shape[1],):
        return node
    return replace(node, inputs=(x, _shaped(node, slope, (slope.size, *(1,) * (len(x.shape) - 2)))))


def _batch_norm(node: OnnxNode) -> OnnxNode:
    """Nets that are not trained are meant, whatever ``is_test`` says: they have one result."""
    if len([name for name in node.outputs if name]) > 1:
        raise ConfigError(f"{node.where}: statistics of a net that trains", hint="export it for inference")
    return replace(node, outputs=node.outputs[:1])


def _reshape(node: OnnxNode) -> OnnxNode:
    """The shape was an attribute."""
    return _given(node, "shape")


def _given(node: OnnxNode, name: str) -> OnnxNode:
    if len(node.inputs) > 1:
        return node
    if name not in node.attributes:
        raise ConfigError(f"{node.where}: {name} is missing")
    values = np.asarray(node.attributes[name], np.int64)
    return replace(node, inputs=(node.need(0), node.net.constant(f"{name}_of", values)))


def _cast(node: OnnxNode) -> OnnxNode:
    """Types had names."""
    to = node.attribute("to")
    if not isinstance(to, str):
        return node
    types = library("onnx").TensorProto.DataType
    if to not in types.keys():  # noqa: SIM118 (no mapping)
        raise ConfigError(f"{node.where}: to={to!r} is no type", hint="such as FLOAT, INT32")
    return replace(node, attributes={**node.attributes, "to": types.Value(to)})


def _upsample(node: OnnxNode) -> OnnxNode:
    """Factors were two attributes, of images."""
    scales = [1.0, 1.0, *(float(node.attribute(f"{side}_scale", 1.0)) for side in ("height", "width"))]
    return replace(node, attributes={**node.attributes, "scales": scales})


#: What tells an operator anew, by its name. Operators that did not change need none.
OLDER: Mapping[str, Callable[[OnnxNode], OnnxNode]] = {
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"), _aligned
    ),
    **dict.fromkeys(("Abs", "Ceil", "Clip", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log"), _same),
    **dict.fromkeys(("Max", "Mean", "Min", "Neg", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt"), _same),
    **dict.fromkeys(("Sum", "Tanh", "InstanceNormalization", "AveragePool", "Dropout", "Gemm"), _same),
    **dict.fromkeys(("GRU", "LSTM", "RNN", "Concat", "GlobalLpPool", "LpPool"), _same),
    "PRelu": _slopes,
    "BatchNormalization": _batch_norm,
    "Reshape": _reshape,
    "Cast": _cast,
    "Upsample": _upsample,
}


def modern(node: OnnxNode) -> OnnxNode | None:
    """Tell a node in the words of version 7; None where nobody knows how."""
    told: Any = OLDER.get(node.kind)
    return None if told is None else told(node)
