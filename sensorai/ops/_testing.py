"""Random layers for the operators' test cases; the same numbers on every machine."""

from __future__ import annotations

import numpy as np

from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.requant import Requant

#: Scales of integer tensors.
QUANTS = {"int8": Pow2(5), "int32": Pow2(10)}


def rng(seed: int) -> np.random.Generator:
    """Generator with a fixed seed."""
    return np.random.default_rng(seed)


def product_params(
    shape: Shape, channels: int, seed: int, x: str, out: str, fan: int, multiplier: bool = False
) -> dict[str, Array]:
    """Weights and constants of a product layer, scaled so that outputs fill int8 and saturate at times."""
    r = rng(seed)
    if x == "float32":
        w = r.normal(0, 1 / np.sqrt(fan), shape).astype(np.float32)
        return {"weights": w, "bias": r.normal(0, 0.2, channels).astype(np.float32)}
    params: dict[str, Array] = {}
    if x == "binary":
        params["weights"] = r.choice(np.array([-1, 1], np.int8), shape)
        spread = np.sqrt(fan)
    else:
        params["weights"] = r.integers(-127, 128, shape).astype(np.int8)
        spread = 73.0 * 60.0 * np.sqrt(fan)
    if x == "int8":
        params["bias"] = r.normal(0, spread / 2, channels).astype(np.int32)
    if out == "int8":
        level = int(np.log2(max(spread / 64, 1)))
        if multiplier:
            params["multiplier"] = r.integers(1 << 30, 1 << 31, channels).astype(np.int32)
            params["shift"] = r.integers(31 + level, 33 + level, channels).astype(np.uint8)
        else:
            params["shift"] = r.integers(max(level - 1, 0), level + 2, channels).astype(np.uint8)
    if out == "binary":
        params["threshold"] = r.normal(0, spread, channels).astype(np.int32)
        # every third is met exactly by a constant input: 0 leaves the bias, -1 the weights' sum negated
        w = params["weights"].astype(np.int32)
        rows_first = shape[0] == channels and int(np.prod(shape[1:])) == fan
        sums = w.reshape(channels, -1).sum(axis=1) if rows_first else w.sum(axis=0)
        params["threshold"][::3] = (params["bias"] if x == "int8" else -sums)[::3]
        params["flip"] = r.integers(0, 2, channels).astype(np.uint8)
    return params


def requant(
    out: str, lo: int | float | None = None, hi: int | float | None = None, *, multiplier: bool = False
) -> Requant:
    """Way out for the constants of ``product_params``."""
    kinds = {"int8": "multiplier" if multiplier else "shift", "binary": "threshold"}
    return Requant(kinds.get(out, "keep"), lo, hi)


def one(op: Operator, shape: Shape, x: str, out: str, params: dict[str, Array] | None = None) -> Graph:
    """Graph of one operator."""
    b = Builder(shape, x, QUANTS.get(x))
    b.add(op, params=params, dtype=out, quant=QUANTS.get(out))
    return b.graph()


def inputs(graph: Graph, count: int, seed: int = 0) -> Array:
    """Input arrays (count, *shape): random, constant, and at both ends of the range."""
    tensor = graph.tensors[graph.inputs[0]]
    r = rng(seed)
    full = (count, *tensor.shape)
    if tensor.dtype == "float32":
        return r.normal(0, 2, full).astype(np.float32)
    if tensor.dtype == "binary":
        x = r.choice(np.array([-1, 1], np.int8), full)
        low, high = -1, 1
    else:
        x = np.clip(np.rint(r.normal(0, 60, full)), -128, 127).astype(np.int8)
        low, high = -128, 127
    for i, value in enumerate((low, high, low if low == -1 else 0)):
        if i < count - 1:
            x[i] = value
    return x
