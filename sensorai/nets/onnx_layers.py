"""Layers as operators of ONNX: the one table, and what version of the operators a layer needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.nets import onnx_functions, onnx_moves, onnx_norms, onnx_products
from sensorai.nets.onnx_recurrent import write_recurrent
from sensorai.nets.onnx_writer import OPSET, OnnxWriter
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.unary import Unary

_WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    **onnx_functions.WRITERS,
    **onnx_moves.WRITERS,
    **onnx_norms.WRITERS,
    **onnx_products.WRITERS,
    Gru: write_recurrent,
    Lstm: write_recurrent,
    Rnn: write_recurrent,
}


def written(kind: type[Operator]) -> bool:
    """Whether layers of a class are written as ONNX, but for settings that a message names."""
    return kind in _WRITERS


def since(node: Node) -> int:
    """Version of the operators that a layer needs."""
    op: Any = node.op
    if isinstance(op, Unary):
        return {"gelu": 20, "gelu_tanh": 20, "mish": 18, "bitwise_not": 18}.get(op.function, OPSET)
    if isinstance(op, Binary) and op.function in ("and", "or", "xor"):
        return 18
    if isinstance(op, Scatter) and op.reduction in ("max", "min"):
        return 18
    if isinstance(op, Pool) and any(d != 1 for d in op.dilations):
        return 19
    return OPSET


def write_layer(file: OnnxWriter, node: Node) -> None:
    """Write a layer; a ConfigError where it has no counterpart that is known."""
    if type(node.op) not in _WRITERS:
        raise ConfigError("no operator of ONNX is known that does the same")
    _WRITERS[type(node.op)](file, node)
