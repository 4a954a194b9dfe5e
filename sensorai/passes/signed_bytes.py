"""Unsigned bytes become signed ones: every number less 128, and its zero point too; the same to the bit.

One form of kernels serves both then. What the caller gives and gets stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.transpose import Transpose
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit

#: Where zero of unsigned bytes lies for signed ones.
HALF = 128
#: Operators that take either, each tensor for itself.
_FREE = (Conv, Dequantize, FullyConnected, Quantize)
#: Those whose tensors are all of one type.
_ALIKE = (Clip, Concat, Pad, Reshape, Slice, Transpose)
#: Functions of two tensors that only see numbers less their zero points.
_SUMS = ("add", "sub", "mul", "min", "max")


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """Tensors between nodes that take both, and constants."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Find the tensors, then change them and the nodes round them."""
        chosen = _chosen(graph)
        if not chosen:
            return Changed(graph)
        edit = Edit(graph)
        for name in chosen:
            edit.tensors[name] = _signed(graph.tensors[name])
            edit.said.append(f"{name} is int8")
        for node in graph.nodes:
            op = node.op
            if isinstance(op, Quantize) and node.output in chosen:
                edit.put(node, replace(node, op=replace(op, dtype="int8")))
            elif isinstance(op, Conv | FullyConnected):
                edit.put(node, replace(node, op=_product(op, node, edit)))
            elif isinstance(op, Pad) and op.mode == "constant" and node.output in chosen:
                edit.put(node, replace(node, op=replace(op, value=op.value - HALF)))
        return Changed(edit.graph(), tuple(edit.said))


def _chosen(graph: Graph) -> set[str]:
    """Tensors that can change."""
    fixed = {*graph.given, *graph.kept}
    found = {
        name
        for name, t in graph.tensors.items()
        if t.dtype == "uint8" and isinstance(t.quant, Affine) and name not in fixed
    }
    while True:
        kept = set(found)
        for node in graph.nodes:
            tied = _tied(node, graph)
            if not tied <= found:
                found -= tied
        if found == kept:
            return found


def _tied(node: Node, graph: Graph) -> set[str]:
    """Tensors of unsigned bytes of a node of which all change or none; with "" in it none does."""
    own = {n for n in (*node.inputs, *node.outputs) if n and graph.tensors[n].dtype == "uint8"}
    op = node.op
    if not own or isinstance(op, _FREE):
        return set()
    alike = isinstance(op, _ALIKE)
    scaled = all(isinstance(graph.tensors[n].quant, Affine) for n in own)
    # one that says what comes out of it is bound to that
    if scaled and (alike or (isinstance(op, Binary) and op.function in _SUMS and not op.to)):
        return own
    return {*own, ""}


def _signed(tensor: Tensor) -> Tensor:
    quant, data = tensor.quant, tensor.data
    if isinstance(quant, Affine):
        quant = replace(quant, zero=tuple(z - HALF for z in quant.zero))
    if data is not None:
        data = (data.astype(np.int16) - HALF).astype(np.int8)
    return replace(tensor, dtype="int8", quant=quant, data=data)


def _product(op: Conv | FullyConnected, node: Node, edit: Edit) -> NdOperator:
    """Say what comes out where it is not the type of the input."""
    x, out = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    if not out.dtype.endswith("int8"):
        return op
    return replace(op, to="" if out.dtype == x.dtype else out.dtype)
