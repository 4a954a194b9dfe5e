"""Layers along axes, between dequantise and quantise, become integer.

Sums, extremes and what makes numbers alike are computed as what the integers mean, without float tensors:
the same to the bit. Softmax gives the nearest numbers, which float32 does too but next to ties: a result can
differ by one step there. Places of the largest numbers are those of the largest integers.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sensorai.graph.graph import Node
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd import softmax_nearest
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.quantize import Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.passes.dequantised import meant
from sensorai.passes.edit import Edit, Rule

#: What is said of softmax, whose results are the nearest numbers.
PARTS = "takes parts of integers"
_TYPES = ("int8", "uint8", "int16", "uint16")


def _between(edit: Edit, node: Node) -> tuple[Tensor, Node] | None:
    """What a layer takes as integers, and the quantise behind it that rounds to even."""
    behind = edit.only_consumer(node.output) if len(node.outputs) == 1 else None
    x = meant(edit, node.inputs[0])
    if behind is None or x is None or not isinstance(behind.op, Quantize) or behind.op.rounding != "even":
        return None
    out = edit.tensors[behind.output]
    real = edit.tensors[node.output].dtype == "float32"
    return (x, behind) if real and _single(x) and _single(out) else None


def _single(tensor: Tensor) -> bool:
    return isinstance(tensor.quant, Affine) and tensor.quant.axis is None and tensor.dtype in _TYPES


def shares(edit: Edit, node: Node) -> str:
    """Take softmax of integers."""
    found = _between(edit, node) if isinstance(node.op, Softmax) else None
    if found is None or not isinstance(node.op, Softmax) or node.op.rounding != "tflite":
        return ""
    x, behind = found
    op = replace(node.op, dtype=edit.tensors[behind.output].dtype, rounding="even")
    fits = softmax_nearest.fits(op.beta, Applied(node.output, (x,), {}))
    return PARTS if fits and edit.between(node, op, (x.name,), behind) else ""


def taken_together(edit: Edit, node: Node) -> str:
    """Sum, or compare, what integers mean."""
    found = _between(edit, node) if isinstance(node.op, Reduce) else None
    if found is None or not isinstance(node.op, Reduce):
        return ""
    x, behind = found
    op = replace(node.op, rounding="even", to=edit.tensors[behind.output].dtype)
    return "takes integers together" if edit.between(node, op, (x.name,), behind) else ""


def made_alike(edit: Edit, node: Node) -> str:
    """Normalise what integers mean."""
    found = _between(edit, node) if isinstance(node.op, Normalize) else None
    if found is None or not isinstance(node.op, Normalize):
        return ""
    x, behind = found
    inputs = [x.name]
    for name in node.inputs[1:3]:
        known = _known(edit, name)
        if known is None:
            return ""
        inputs.append(known)
    op = replace(node.op, rounding="even", to=edit.tensors[behind.output].dtype)
    return "makes integers alike" if edit.between(node, op, tuple(inputs), behind) else ""


def _known(edit: Edit, name: str) -> str | None:
    """float32 constant, or the numbers that a constant of integers means; None of what is computed."""
    if not name or edit.data(name) is not None:
        return name if not name or edit.tensors[name].dtype == "float32" else None
    x = meant(edit, name)
    if x is None or x.data is None or not isinstance(x.quant, Affine):
        return None
    if _single(x):
        return x.name
    return edit.constant(f"{name}.known", x.quant.real(x.data).astype(np.float32))


def places(edit: Edit, node: Node) -> str:
    """Find the largest integer in place of the largest number."""
    x = meant(edit, node.inputs[0]) if isinstance(node.op, ArgExtreme) else None
    if x is None or not _single(x) or not isinstance(node.op, ArgExtreme) or not isinstance(x.quant, Affine):
        return ""
    if not math.isfinite(x.quant.scale[0] * 2.0**17) or x.quant.scale[0] < 2.0**-100:
        # other integers could mean the same number
        return ""
    edit.put(node, replace(node, inputs=(x.name,)))
    return "compares integers"


RULES: tuple[Rule, ...] = (shares, taken_together, made_alike, places)
