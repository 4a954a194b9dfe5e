"""Nets that say by pairs of quantise and dequantise what is to be integer become integer.

A product between the two computes in integers, its sums exact, and is rounded once to nearest, ties to even;
the framework adds in float32 there, so a result can differ by one step where it lies next to a tie. Sums of
int16 numbers have 64 bits, and multipliers as many as they leave. What only moves numbers moves integers, and
what computes number by number or averages does so without float tensors in between: the same to the bit.
Averages of two or four numbers lie on ties half of the time, so that rounding them in another way than the
framework would not be seldom at all. Layers along axes: see ``integer_axes``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where
from sensorai.ops.nd.windows import AXES
from sensorai.passes.change import Changed
from sensorai.passes.dequantised import meant
from sensorai.passes.edit import Edit, Rule, each
from sensorai.passes.integer_axes import PARTS
from sensorai.passes.integer_axes import RULES as AXES_RULES
from sensorai.passes.recurrent import STEPS, to_integers

#: What is said of layers that are rounded once where the framework adds in float32, and of the nearest.
ADDS, NEAREST = "adds integers", "computes with integers"
#: What is said of layers that may differ from the floats of a file, and how far.
BESIDE: Mapping[str, str] = {
    ADDS: "a step",
    NEAREST: "a step",
    PARTS: "a step",
    STEPS: "some steps",
}
#: Largest relative difference of a bias's scale from that of the sums it is added to.
NEAR = 1e-5


@dataclass(frozen=True, slots=True)
class ToIntegers:
    """Dequantise, compute, quantise: one integer node."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """One rule after the other for each node."""
        return each(graph, *_RULES)


def _back_again(edit: Edit, node: Node) -> str:
    """Quantise what was dequantised with the same scale: nothing."""
    x = meant(edit, node.inputs[0]) if isinstance(node.op, Quantize) else None
    out = edit.tensors[node.output]
    if x is None or (x.dtype, x.quant) != (out.dtype, out.quant) or x.data is not None:
        return ""
    return "undoes a dequantise" if edit.bypass(node, x.name) else ""


def _moves(edit: Edit, node: Node) -> str:
    """Move integers, and dequantise behind."""
    found = (meant(edit, name) for name in node.inputs)
    first = next((x for x in found if x is not None), None)
    if first is None or not isinstance(first.quant, Affine) or edit.tensors[node.output].dtype != "float32":
        return ""
    op = _moving(node.op, first.quant)
    if op is None or len(node.outputs) != 1:
        return ""
    inputs = []
    for name in node.inputs:
        x = meant(edit, name)
        if x is not None and (x.dtype, x.quant) != (first.dtype, first.quant):
            return ""
        if x is None and name and edit.tensors[name].dtype == "float32":
            return ""
        inputs.append(name if x is None else x.name)
    quant = first.quant if first.quant.axis is None else _turned(op, first)
    if quant is None:
        return ""
    moved = edit.insert(node, op, inputs, f"{node.output}.integers", quant)
    edit.retype(moved, first.dtype, quant)
    edit.swap(node, Dequantize(), (moved,))
    return "moves integers"


def _moving(op: Operator, quant: Affine) -> NdOperator | None:
    """Operator on integers that does what ``op`` does on what they mean; None where it does not only move."""
    if isinstance(op, Pad) and quant.axis is None and (op.mode != "constant" or op.value == 0):
        return replace(op, value=quant.zero[0]) if op.mode == "constant" else op
    return op if isinstance(op, NdOperator) and (op.moves() or isinstance(op, Where)) else None


def _turned(op: NdOperator, x: Tensor) -> Affine | None:
    """Scales of each channel behind a transpose, or a reshape that keeps the axis; else None."""
    if not isinstance(x.quant, Affine) or x.quant.axis is None:
        return None
    axis = x.quant.axis
    if isinstance(op, Transpose):
        return replace(x.quant, axis=op.perm.index(axis))
    if not isinstance(op, Reshape):
        return None
    before, extent = math.prod(x.shape[:axis]), x.shape[axis]
    places = (k for k, e in enumerate(op.to) if e == extent and math.prod(op.to[:k]) == before)
    found = next(places, None)
    return None if found is None else replace(x.quant, axis=found)


def _product(edit: Edit, node: Node) -> str:
    """Compute the sums in integers."""
    if not isinstance(node.op, Conv | ConvTranspose | FullyConnected):
        return ""
    x, w = meant(edit, node.inputs[0]), meant(edit, node.inputs[1])
    behind = edit.only_consumer(node.output)
    if x is None or w is None or w.data is None or behind is None or not isinstance(behind.op, Quantize):
        return ""
    if not isinstance(x.quant, Affine) or not isinstance(w.quant, Affine) or w.quant.axis not in (None, 0):
        return ""
    wide = (x.dtype, w.dtype, edit.tensors[behind.output].dtype) == ("int16", "int8", "int16")
    narrow = not {x.dtype, w.dtype} - {"int8", "uint8"} or (x.dtype, w.dtype) == ("int8", "int4")
    zeros = any(w.quant.zero) and (wide or w.dtype == "int4")
    if x.quant.axis is not None or zeros or not (narrow or wide):
        return ""
    out = edit.tensors[behind.output]
    if not isinstance(out.quant, Affine) or out.quant.axis is not None:
        return ""
    if isinstance(node.op, ConvTranspose) and (out.dtype != x.dtype or any(w.quant.zero)):
        return ""
    if (out.dtype not in ("int8", "uint8") and not wide) or (wide and any((*x.quant.zero, *out.quant.zero))):
        return ""
    bias = ""
    if len(node.inputs) > 2 and node.inputs[2]:
        found = _bias(edit, node.inputs[2], x.quant.scale[0], np.array(w.quant.scale))
        if found is None:
            return ""
        bias = found
    elif wide:
        bias = edit.constant(f"{node.output}.none", np.zeros(w.shape[0], np.int32))
    if wide:
        # sums of int16 numbers have 64 bits
        known = edit.data(bias)
        if known is None:
            return ""
        bias = edit.constant(f"{bias}.wide", known.astype(np.int64))
    inputs = (x.name, w.name, bias) if bias else (x.name, w.name)
    if isinstance(node.op, ConvTranspose):
        op: NdOperator = replace(node.op, rounding="even")
    else:
        op = replace(node.op, rounding="even", to=out.dtype)
    return ADDS if edit.between(node, op, inputs, behind) else ""


def _matrices(edit: Edit, node: Node) -> str:
    """Multiply matrices of bytes that are both computed."""
    behind = edit.only_consumer(node.output)
    if not isinstance(node.op, MatMul) or behind is None or not isinstance(behind.op, Quantize):
        return ""
    a, b = (meant(edit, name) for name in node.inputs)
    out = edit.tensors[behind.output]
    if a is None or b is None or behind.op.rounding != "even":
        return ""
    wide = all(t.dtype == "int16" and _single(t) and not _shifted(t) for t in (a, b, out))
    if not wide and not all(_narrow(t, False) for t in (a, b, out)):
        return ""
    op = MatMul("even", "" if wide else out.dtype)
    return ADDS if edit.between(node, op, (a.name, b.name), behind) else ""


def _bias(
    edit: Edit, name: str, x: float, w: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> str | None:
    """Bias as int32 in the scale of the sums; None where it is not known."""
    known_as = meant(edit, name)
    scale = np.broadcast_to(np.float64(x) * w, edit.tensors[name].shape)
    if known_as is not None and known_as.data is not None and isinstance(known_as.quant, Affine):
        own = np.broadcast_to(np.array(known_as.quant.scale), scale.shape)
        if known_as.dtype == "int32" and np.allclose(own, scale, rtol=NEAR, atol=0):
            return known_as.name
        values = known_as.quant.real(known_as.data)
    else:
        known = edit.data(name)
        if known is None:
            return None
        values = known.astype(np.float64)
    q = np.rint(values / scale)
    if np.abs(q).max(initial=0) >= 2**31:
        return None
    return edit.constant(f"{name}.integers", q.astype(np.int32))


def _numbers(edit: Edit, node: Node) -> str:
    """Add, multiply, clamp or average integers, as TensorFlow Lite Micro does."""
    op = node.op
    if not isinstance(op, Binary | Clip) and getattr(op, "kind", "") != "average":
        return ""
    if isinstance(op, Binary) and op.function not in ("add", "sub", "mul"):
        return ""
    behind = edit.only_consumer(node.output)
    found = [meant(edit, name) for name in node.inputs]
    if behind is None or not isinstance(behind.op, Quantize) or not isinstance(op, NdOperator):
        return ""
    inputs = tuple(x for x in found if x is not None)
    out = edit.tensors[behind.output]
    if len(inputs) < len(found) or any(x.dtype != out.dtype or not _single(x) for x in (*inputs, out)):
        return ""
    # averages stay in the scale of what they are of
    if not isinstance(op, Binary | Clip) and inputs[0].quant != out.quant:
        return ""
    # integers of margins that are counted would be 0, which means 0 only where the zero point is 0
    if isinstance(op, Pool) and op.count_include_pad and any(map(any, op.pads)) and _shifted(inputs[0]):
        return ""
    return NEAREST if edit.between(node, op, tuple(x.name for x in inputs), behind) else ""


def _averages(edit: Edit, node: Node) -> str:
    """Average what integers mean, without float tensors: the same to the bit."""
    behind = edit.only_consumer(node.output)
    if isinstance(node.op, Reduce) and meant(edit, node.inputs[0]) is not None:
        return _as_pool(edit, node, node.op)
    if not isinstance(node.op, Pool) or node.op.kind != "average" or behind is None:
        return ""
    x, out = meant(edit, node.inputs[0]), edit.tensors[behind.output]
    if not isinstance(behind.op, Quantize) or behind.op.rounding != "even" or x is None:
        return ""
    if not _narrow(x, False) or not _narrow(out, False):
        return ""
    op = replace(node.op, rounding="even", to=out.dtype)
    edit.put(behind, Node(op, (x.name,), behind.outputs))
    edit.remove(node)
    return "averages integers"


def _as_pool(edit: Edit, node: Node, op: Reduce) -> str:
    """A mean over all extents is an average under one kernel: sums in the same order."""
    x, out = edit.tensors[node.inputs[0]], edit.tensors[node.output]
    axes = len(x.shape) - 2
    if op.function != "mean" or op.axes != tuple(range(1, axes + 1)) or not 1 <= axes <= AXES or not x.size:
        return ""
    source = meant(edit, x.name)
    if source is None or not _narrow(source, False):
        return ""
    pooled = edit.insert(node, Pool("average", x.shape[1:-1]), node.inputs, f"{node.output}.pool")
    edit.swap(node, Reshape(out.shape), (pooled,))
    return "is an average under one kernel"


def _sooner(edit: Edit, node: Node) -> str:
    """Quantise before numbers are moved, so that integers are moved: the same to the bit."""
    before = edit.producer(node.inputs[0]) if isinstance(node.op, Quantize) else None
    out = edit.tensors[node.output]
    if before is None or edit.only_consumer(before.output) is not node or not isinstance(out.quant, Affine):
        return ""
    if out.quant.axis is not None or len(before.outputs) != 1 or not isinstance(node.op, Quantize):
        return ""
    op = _moving(before.op, out.quant)
    if op is None or edit.tensors[before.output].dtype != "float32":
        return ""
    floats = {n for n in before.inputs if n and edit.tensors[n].dtype == "float32"}
    computed = {n for n in floats if edit.data(n) is None}
    grows = sum(edit.tensors[n].size for n in computed) > out.size
    if not computed or (grows and any(meant(edit, n) is None for n in computed)):
        return ""
    made = {n: edit.insert(before, node.op, (n,), f"{n}.integers", out.quant) for n in sorted(floats)}
    edit.put(node, Node(op, tuple(made.get(n, n) for n in before.inputs), node.outputs))
    edit.remove(before)
    return "stands before what moves numbers"


def _other_scale(edit: Edit, node: Node) -> str:
    """From bytes to bytes of another scale, without floats: the same to the bit."""
    x = meant(edit, node.inputs[0]) if isinstance(node.op, Quantize) else None
    out = edit.tensors[node.output]
    if x is None or x.data is not None or not _narrow(x, False) or not _narrow(out, False):
        return ""
    if (
        not isinstance(node.op, Quantize)
        or node.op.rounding != "even"
        or (x.dtype, x.quant) == (out.dtype, out.quant)
    ):
        return ""
    edit.put(node, Node(Unary("clip", -np.inf, np.inf, "even", out.dtype), (x.name,), node.outputs))
    return "goes from scale to scale"


def _shifted(x: Tensor) -> bool:
    return isinstance(x.quant, Affine) and any(x.quant.zero)


def _single(x: Tensor) -> bool:
    return isinstance(x.quant, Affine) and x.quant.axis is None and x.dtype in ("int8", "uint8", "int16")


def _hybrid(edit: Edit, node: Node) -> str:
    """Keep integer weights of a float product as they are."""
    if not isinstance(node.op, Conv | FullyConnected):
        return ""
    w, x = meant(edit, node.inputs[1]), edit.tensors[node.inputs[0]]
    if w is None or w.data is None or w.dtype not in ("int8", "int4") or x.dtype != "float32":
        return ""
    if meant(edit, x.name) is not None or not isinstance(w.quant, Affine) or w.quant.axis not in (None, 0):
        return ""
    edit.put(node, replace(node, inputs=(node.inputs[0], w.name, *node.inputs[2:])))
    return "keeps its weights as integers"


def _pointwise(edit: Edit, node: Node) -> str:
    """Compute one number from each, or each two, without float tensors: the same to the bit."""
    behind = edit.only_consumer(node.output)
    if (
        not isinstance(node.op, Unary | Binary | Clip)
        or behind is None
        or not isinstance(behind.op, Quantize)
    ):
        return ""
    out, both = edit.tensors[behind.output], isinstance(node.op, Binary)
    # tables hold all results of bytes; of more numbers each is computed
    wide = both or isinstance(node.op, Unary)
    if not _narrow(out, wide) or behind.op.rounding != "even" or edit.tensors[node.output].dtype != "float32":
        return ""
    inputs = []
    for name in node.inputs:
        x = meant(edit, name)
        if x is not None and _narrow(x, wide):
            inputs.append(x.name)
        elif both and edit.data(name) is not None and edit.tensors[name].dtype == "float32":
            inputs.append(name)
        else:
            return ""
    if all(edit.data(name) is not None for name in inputs):
        return ""
    op: NdOperator
    if isinstance(node.op, Clip):
        low = -np.inf if node.op.lo is None else node.op.lo
        high = np.inf if node.op.hi is None else node.op.hi
        op = Unary("clip", low, high, "even", out.dtype)
    else:
        op = replace(node.op, rounding="even", to=out.dtype)
    edit.put(behind, Node(op, tuple(inputs), behind.outputs))
    edit.remove(node)
    return "computes on integers"


def _narrow(tensor: Tensor, wide: bool) -> bool:
    """Whether a tensor holds 8-bit integers (16-bit too where ``wide``) with one scale."""
    kinds = ("int8", "uint8", "int16", "uint16") if wide else ("int8", "uint8")
    return isinstance(tensor.quant, Affine) and tensor.quant.axis is None and tensor.dtype in kinds


_RULES: tuple[Rule, ...] = (
    _back_again,
    _moves,
    _sooner,
    _other_scale,
    _product,
    to_integers,
    _matrices,
    _averages,
    # to the bit of the framework's floats; what is left is nearest, within one step
    _pointwise,
    *AXES_RULES,
    _numbers,
    _hybrid,
)
