"""Recurrent layers between dequantise and quantise compute in integers.

A layer becomes integer where its input and weights are dequantised int8 numbers and all that is read of its
outputs is quantised again: outputs as int8, cells of an lstm as int16 with a scale that is a power of two.
The scales stand behind the outputs, or before the first states. Integers are those of ``recurrent_integer``:
gates have 12 places, their functions 15, so results differ from the framework's floats by some steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sensorai.graph.graph import Node
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import ABSENT, Array, Tensor
from sensorai.ops.nd.quantize import Quantize
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.recurrent_integer import MADE, lacks
from sensorai.passes.dequantised import meant
from sensorai.passes.edit import Edit

#: Scale of the cells of a gru.
GRU_CELLS = Affine((MADE,), (0,))
#: What is said of a layer whose gates have fewer places than the framework's.
STEPS = "steps in integers"
#: Places of scales of cells of an lstm.
_FINEST, _COARSEST = -30, 1


def to_integers(edit: Edit, node: Node) -> str:
    """Let a recurrent layer compute in integers."""
    op = node.op
    if not isinstance(op, Recurrent) or lacks(op) or any(node.inputs[7:]):
        return ""
    x, w, r = (meant(edit, name) for name in node.inputs[:3])
    if x is None or x.dtype != "int8" or not _single(x) or w is None or r is None:
        return ""
    weights = [t for t in (w, r) if t.data is not None and t.dtype == "int8" and _by_rows(t)]
    if len(weights) < 2 or not isinstance(x.quant, Affine):
        return ""
    ends = [_behind(edit, name) for name in node.outputs]
    if None in ends:
        return ""
    first = [meant(edit, _at(node.inputs, place)) for place in (5, 6)]
    kept = int(op.whole) + 1
    out = _agreed(edit, [*ends[:kept], first[0]], "int8")
    cells = {"rnn": None, "gru": GRU_CELLS}.get(op.NAME)
    if op.NAME == "lstm":
        cells = _agreed(edit, [*ends[kept:], first[1]], "int16")
        if not _power(cells):
            return ""
    floats = [k for k, t in zip((5, 6), first, strict=True) if t is None and _at(node.inputs, k)]
    if out is None or floats:
        return ""
    bias = _bias(edit, _at(node.inputs, 3), (x.quant, out), weights)
    if bias is None:
        return ""
    h0 = "" if first[0] is None or _nothing(first[0], out.zero[0]) else first[0].name
    c0 = "" if first[1] is None or _nothing(first[1], 0) else first[1].name
    if op.NAME == "gru" and h0:
        c0 = edit.insert(node, Quantize("int16"), [h0], f"{h0}.cells", GRU_CELLS)
    inputs = [x.name, w.name, r.name, bias, _at(node.inputs, 4), h0, c0]
    while not inputs[-1]:
        inputs.pop()
    quants = [out] * kept + ([] if cells is None else [cells])
    reads = tuple(edit.tensors[n] if n else ABSENT for n in inputs)
    outputs = []
    for k, (made, quant) in enumerate(zip(op.infer(Applied(node.output, reads, {})), quants, strict=True)):
        end = ends[k] if k < len(ends) else ""
        if isinstance(end, Node):
            edit.remove(end)
            outputs.append(end.output)
            continue
        name = edit.fresh(f"{node.output}.part{k}")
        edit.tensors[name] = Tensor(name, made.shape, made.dtype, quant)
        outputs.append(name)
    edit.put(node, Node(op, tuple(inputs), tuple(outputs)))
    return STEPS


def _at(names: Sequence[str], place: int) -> str:
    return names[place] if place < len(names) else ""


def _behind(edit: Edit, name: str) -> Node | str | None:
    """Node that quantises an output, "" where nothing reads it, None where it is read as a float."""
    if name in edit.kept:
        return None
    readers = edit.consumers(name)
    if not readers:
        return ""
    return readers[0] if len(readers) == 1 and isinstance(readers[0].op, Quantize) else None


def _single(tensor: Tensor) -> bool:
    return isinstance(tensor.quant, Affine) and tensor.quant.axis is None


def _by_rows(tensor: Tensor) -> bool:
    quant = tensor.quant
    return isinstance(quant, Affine) and quant.axis in (None, 1) and not any(quant.zero)


def _agreed(edit: Edit, said: Sequence[Node | str | Tensor | None], dtype: str) -> Affine | None:
    """Return the one scale of several tensors; None where they have none or differ."""
    tensors = [edit.tensors[one.output] if isinstance(one, Node) else one for one in said]
    found = [one for one in tensors if isinstance(one, Tensor)]
    if not found or any(one.dtype != dtype or one.quant != found[0].quant for one in found):
        return None
    quant = found[0].quant
    return quant if isinstance(quant, Affine) and quant.axis is None else None


def _power(quant: Affine | None) -> bool:
    """Whether a scale of cells is one that the kernels have."""
    if quant is None or quant.zero != (0,):
        return False
    fraction, places = math.frexp(quant.scale[0])
    return fraction == 0.5 and _FINEST <= places - 1 <= _COARSEST


def _nothing(tensor: Tensor, zero: int) -> bool:
    """Whether a tensor is known to hold what means 0."""
    return tensor.data is not None and bool((tensor.data == zero).all())


def _bias(edit: Edit, name: str, places: tuple[Affine, Affine], weights: Sequence[Tensor]) -> str | None:
    """Biases as int32 in the scales of both sums; "" where there are none, None where they are not known."""
    if not name:
        return ""
    rows, source = weights[0].shape[1], meant(edit, name)
    scale = np.concatenate([scale_of(x, w, rows) for x, w in zip(places, weights, strict=True)])
    known = edit.data(name)
    if source is not None and source.data is not None and isinstance(source.quant, Affine):
        known = source.quant.real(source.data)
    if known is None:
        return None
    q = np.rint(known.astype(np.float64) / scale[: known.shape[1]])
    if np.abs(q).max(initial=0) >= 2**31:
        return None
    return edit.constant(f"{name}.integers", q.astype(np.int32)) if q.any() else ""


def scale_of(x: Affine, w: Tensor, rows: int) -> Array:
    """Scale of the sums of each row."""
    said = w.quant.scale if isinstance(w.quant, Affine) else (1.0,)
    return np.broadcast_to(np.asarray(said, np.float64) * x.scale[0], (rows,))
