"""Small nets of one layer of weighted sums."""

from __future__ import annotations

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import DTYPES, Shape, Tensor
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import NdOperator

#: Types of values and weights.
PAIRS = (
    ("float32", "float32"),
    ("float32", "int8"),
    ("int8", "int8"),
    ("int8", "int4"),
    ("int8", "uint8"),
    ("uint8", "uint8"),
    ("uint8", "int8"),
    ("int16", "int8"),
)
#: Scales of values and of results by type.
VALUES = {"int8": Affine((0.05,), (-7,)), "uint8": Affine((0.04,), (120,)), "int16": Affine((0.001,))}
RESULTS = {"int8": Affine((0.7,), (11,)), "uint8": Affine((0.8,), (128,)), "int16": Affine((0.002,))}
#: Scales of weights by type.
WEIGHTS = {
    "int8": Affine((0.03,)),
    "int4": Affine((0.2,)),
    "uint8": Affine((0.02,), (100,)),
}


def product(
    op: NdOperator,
    x: Shape,
    w: Shape,
    x_type: str,
    w_type: str,
    *,
    bias: str = "",
    weights: Quant = None,
    given: bool = False,
    span: float = 0.0,
    seed: int = 1,
) -> Graph:
    """Net of one layer.

    Parameters
    ----------
    bias : str
        Type of the bias, "none" for none, "" for the usual one.
    weights : Quant
        Scale of the weights, where it is not the usual one.
    given : bool
        Weights and bias are inputs.
    span : float
        Size of the bias, 0 for the usual one.
    """
    rng = np.random.default_rng(seed)
    outs = w[0]
    floats = x_type == "float32"
    kind = bias or ("float32" if floats else "int64" if x_type == "int16" else "int32")
    w_quant = weights or WEIGHTS.get(w_type)
    values = _testing.given("x", x, x_type, None if floats else VALUES[x_type])
    extra: list[Tensor | None] = []
    if kind != "none":
        span = span or (3.0 if floats else 900.0)
        extra = [_testing.known("b", (rng.normal(0, span, outs)).astype(DTYPES[kind]), kind)]
    data = _weights(rng, w, w_type)
    known: Tensor | None = _testing.known("w", data, w_type, w_quant)
    if given:
        known = _testing.given("w", w, w_type, w_quant)
        extra = [_testing.given("b", (outs,), kind)] if extra else []
    made = getattr(op, "to", "") or x_type
    quants = [] if floats or made == "int32" else [RESULTS[made]]
    return _testing.one(op, (values, known, *extra), quants)


def _weights(rng: np.random.Generator, shape: Shape, dtype: str) -> object:
    if dtype == "float32":
        return rng.normal(0, 1, shape)
    low, high = _testing.ENDS.get(dtype, (-128, 127) if dtype == "int8" else (0, 255))
    found = rng.integers(low, high + 1, shape)
    found.reshape(-1)[:2] = (low, high)
    return found
