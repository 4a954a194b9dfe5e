"""Small nets of one operator, and inputs for them; the same numbers on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Quant
from sensorai.graph.spec import check
from sensorai.graph.tensor import ABSENT, DTYPES, Array, Shape, Tensor
from sensorai.ops.nd.base import NdOperator

#: Ends of integer types.
ENDS = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3), "binary": (-1, 1)}


def given(name: str, shape: Shape, dtype: str = "float32", quant: Quant = None) -> Tensor:
    """Input of a net."""
    return Tensor(name, shape, dtype, quant)


def known(name: str, data: object, dtype: str = "float32", quant: Quant = None) -> Tensor:
    """Constant of a net."""
    values = np.asarray(data, DTYPES[dtype])
    return Tensor(name, values.shape, dtype, quant, values)


def one(op: NdOperator, inputs: Sequence[Tensor | None], quants: Sequence[Quant] = ()) -> Graph:
    """Net of one operator; ``quants`` are the scales of its outputs where ``infer`` leaves them open."""
    reads = tuple(ABSENT if x is None else x for x in inputs)
    made = op.infer(Applied("y0", reads, {}))
    outs = [Tensor(f"y{k}", m.shape, m.dtype, m.quant) for k, m in enumerate(made)]
    outs[: len(quants)] = [replace(t, quant=q) for t, q in zip(outs, quants, strict=False)]
    names = tuple(t.name for t in outs)
    tensors = {t.name: t for t in (*reads, *outs) if t.name}
    wanted = dict.fromkeys(t.name for t in reads if t.name and t.data is None)
    return check(Graph(tuple(wanted), names, tensors, (Node(op, tuple(t.name for t in reads), names),)))


def inputs(graph: Graph, count: int, seed: int = 0) -> Mapping[str, Array]:
    """Inputs with a batch axis: random over the whole type, then all at its ends and at 0."""
    rng = np.random.default_rng(seed)
    return {name: _values(graph.tensors[name], count, rng) for name in graph.inputs}


def _values(tensor: Tensor, count: int, rng: np.random.Generator) -> Array:
    full, kind = (count, *tensor.shape), np.dtype(DTYPES[tensor.dtype])
    if tensor.dtype == "bool":
        return rng.integers(0, 2, full).astype(bool)
    if kind.kind == "f":
        x = rng.normal(0, 2, full)
        ends: tuple[float, ...] = (0.0, -1.0, 100.0)
    elif tensor.dtype == "binary":
        return rng.choice(np.array([-1, 1], np.int8), full)
    else:
        low, high = ENDS.get(tensor.dtype, (np.iinfo(kind).min, np.iinfo(kind).max))
        span = (max(low, -1000), min(high, 1000)) if kind.itemsize > 2 else (low, high)
        x = rng.integers(span[0], span[1] + 1, full).astype(np.float64)
        ends = (float(span[0]), float(span[1]), float(max(low, 0)))
    for i, value in enumerate(ends[: count - 1]):
        x[i] = value
    return x.astype(kind)
