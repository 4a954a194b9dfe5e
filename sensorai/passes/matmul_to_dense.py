"""Products with a constant matrix become dense layers: one form for weights, the same to the bit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.quantize import Dequantize
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each


@dataclass(frozen=True, slots=True)
class MatMulToDense:
    """Matrices that are known, and the sum with a bias behind."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Every product, then every bias."""
        return each(graph, _dense, _bias)


def _dense(edit: Edit, node: Node) -> str:
    if not isinstance(node.op, MatMul) or edit.tensors[node.inputs[0]].data is not None:
        return ""
    x, w = (edit.tensors[n] for n in node.inputs[:2])
    maker = edit.producer(w.name)
    meant = edit.tensors[maker.inputs[0]] if maker is not None and isinstance(maker.op, Dequantize) else w
    if x.dtype != "float32" or meant.data is None or meant.data.ndim != 2 or not x.shape:
        return ""
    quant = meant.quant
    if isinstance(quant, Affine) and quant.axis is not None:
        quant = replace(quant, axis=1 - quant.axis)
    turned = edit.constant(f"{meant.name}.turned", np.ascontiguousarray(meant.data.T), meant.dtype, quant)
    if meant is not w:
        turned = edit.insert(node, Dequantize(), (turned,), f"{w.name}.turned")
    edit.swap(node, FullyConnected(), (x.name, turned))
    return "is a dense layer"


def _bias(edit: Edit, node: Node) -> str:
    """Take the sum with a constant row into the dense layer before it."""
    if not isinstance(node.op, Binary) or node.op.function != "add":
        return ""
    a, b = (edit.tensors[n] for n in node.inputs)
    x, row = (b, a) if _known(edit, a) else (a, b)
    before = edit.producer(x.name)
    if before is None or not isinstance(before.op, FullyConnected) or not _known(edit, row):
        return ""
    plain = (before.op.lo, before.op.hi) == (None, None) and (len(before.inputs) < 3 or not before.inputs[2])
    fits = row.size == x.shape[-1] and row.shape[-1:] == x.shape[-1:] and x.dtype == "float32"
    if not plain or not fits or edit.only_consumer(x.name) is not node:
        return ""
    name = row.name
    if len(row.shape) != 1:
        if row.data is None:
            return ""
        name = edit.constant(f"{row.name}.row", row.data.reshape(-1))
    op = replace(before.op, lo=node.op.lo, hi=node.op.hi)
    edit.put(before, replace(before, op=op, inputs=(*before.inputs[:2], name)))
    return f"is the bias of {before.output}" if edit.bypass(node, x.name) else ""


def _known(edit: Edit, tensor: Tensor) -> bool:
    """Whether a tensor is a constant, or the meaning of one."""
    maker = edit.producer(tensor.name)
    if maker is not None and isinstance(maker.op, Dequantize):
        return edit.tensors[maker.inputs[0]].data is not None
    return tensor.data is not None
