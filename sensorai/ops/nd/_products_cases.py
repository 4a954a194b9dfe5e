"""Small nets of one layer of weighted sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import DTYPES, Array, Shape, Tensor
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
    few: int = 0,
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
    few : int
        How many different weights there are, 0 for any.
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
    if few:
        book = data.reshape(-1)[:few]
        data = book[np.arange(data.size) * 7 // 5 % few].reshape(w)
    known: Tensor | None = _testing.known("w", data, w_type, w_quant)
    if given:
        known = _testing.given("w", w, w_type, w_quant)
        extra = [_testing.given("b", (outs,), kind)] if extra else []
    made = getattr(op, "to", "") or x_type
    quants = [] if floats or made == "int32" else [RESULTS[made]]
    return _testing.one(op, (values, known, *extra), quants)


def _weights(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    if dtype == "float32":
        return rng.normal(0, 1, shape)
    low, high = _testing.ENDS.get(dtype, (-128, 127) if dtype == "int8" else (0, 255))
    found: Array = rng.integers(low, high + 1, shape)
    found.reshape(-1)[:2] = (low, high)
    return found


def dictionaries(conv: Callable[..., NdOperator]) -> Iterator[tuple[str, Graph]]:
    """Convolutions whose weights go into dictionaries: widths of a place, kernels, margins, groups."""
    rows = conv(pads=((1, 2), (1, 1)), strides=(2, 1))
    for few in (2, 4, 16):
        yield f"coded_{few}_rows", product(rows, (1, 3, 2, 20), (12, 3, 3, 20), "int8", "int8", few=few)
    scales = (0.02, 0.01, 0.3, 0.04)
    each = Affine((*scales, *scales), (0, 3, 0, -2, 1, 0, 0, 0), 0)
    apart = conv(pads=((2, 1),), dilations=(2,), lo=-1.0, hi=2.0)
    for few in (3, 13):
        graph = product(apart, (1, 6, 57), (8, 5, 57), "float32", "int8", few=few, weights=each)
        yield f"coded_{few}_float_bytes", graph
    for few in (2, 5, 29):
        yield f"coded_{few}_float", product(apart, (1, 6, 27), (4, 5, 27), "float32", "float32", few=few)
    for channels, x_type, w_type in (
        (160, "int8", "int8"),
        (40, "float32", "float32"),
        (240, "int8", "int4"),
    ):
        own = conv(groups=channels, pads=((1, 1), (1, 1)))
        shapes, few = ((1, 2, 2, channels), (channels, 3, 3, 1)), 0 if w_type == "int4" else 4
        yield f"coded_depthwise_{x_type}_{w_type}", product(own, *shapes, x_type, w_type, few=few)
    pairs = conv(groups=2, pads=((1, 1),), rounding="even")
    yield "coded_groups", product(pairs, (1, 4, 48), (16, 4, 24), "uint8", "int8", few=3)
    wide = conv(pads=((1, 1),))
    yield "coded_wide", product(wide, (1, 5, 50), (6, 5, 50), "int16", "int8", few=4, span=3e9)


def dense_dictionaries(dense: Callable[..., NdOperator]) -> Iterator[tuple[str, Graph]]:
    """Dense layers whose weights go into dictionaries."""
    for few in (2, 4, 16):
        for x_type in ("int8", "uint8", "int16"):
            yield f"coded_{few}_{x_type}", product(dense(), (2, 59), (40, 59), x_type, "int8", few=few)
    yield "coded_float_int4", product(dense(), (2, 46), (46, 46), "float32", "int4")
