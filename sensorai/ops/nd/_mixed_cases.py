"""Small nets of layers of mixed types."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant, Sign
from sensorai.graph.tensor import Shape
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import NdOperator

TYPES = ("binary", "int8", "float32")
#: Layers: shapes of the input and of the weights, settings.
LAYERS: dict[str, tuple[Shape, Shape, dict[str, object]]] = {
    "dense": ((1, 40), (9, 40), {}),
    "conv_1d": ((1, 6, 8), (4, 3, 8), {"pads": ((1, 1),), "strides": (2,)}),
    "conv_2d": ((1, 4, 4, 3), (3, 3, 3, 3), {"pads": ((1, 0), (1, 0)), "strides": (2, 2)}),
    "depthwise": ((1, 4, 4, 3), (3, 3, 3, 1), {"pads": ((1, 0), (1, 0)), "strides": (2, 2), "groups": 3}),
}
#: What numbers of a type mean.
QUANTS: dict[str, Quant] = {"binary": Sign(), "int8": Affine((0.03,), (-4,)), "float32": None}
Make = Callable[..., NdOperator]


def layer(
    op: NdOperator, x: Shape, w: Shape, types: tuple[str, str, str], weights: Quant = None, seed: int = 0
) -> Graph:
    """Net of one layer with a bias, random weights; ``types`` of values, weights, result."""
    rng = np.random.default_rng([seed, len(w), w[0]])
    values, kind, result = types
    data: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = rng.normal(0, 1, w)
    if kind == "binary":
        data = np.where(data >= 0, 1.0, -1.0)
    elif kind == "int8":
        data = rng.integers(-128, 128, w).astype(np.float64)
    quant = Affine((0.02,)) if kind == "int8" and weights is None else weights or QUANTS[kind]
    bias = rng.normal(0, 1, w[0]) if "float32" in (values, kind) else rng.integers(-9, 10, w[0])
    made = "float32" if "float32" in (values, kind) else "int32"
    tensors = (
        _testing.given("x", x, values, QUANTS[values]),
        _testing.known("w", data, kind, quant),
        _testing.known("b", bias, made),
    )
    scale = Affine((0.4,), (7,)) if result == "int8" else QUANTS[result]
    return _testing.one(op, tensors, [scale])


def combinations(make: Make) -> Iterator[tuple[str, Graph]]:
    """Every type of values, weights and result, in every kind of layer."""
    for (name, (x, w, settings)), a, b, c in itertools.product(LAYERS.items(), TYPES, TYPES, TYPES):
        types = (a, b, c)
        yield f"{name}_{'_'.join(types)}", layer(make(types[2], **settings), x, w, types)


def edges(make: Make) -> Iterator[tuple[str, Graph]]:
    """Several words of bits, groups of several bits, gaps, a scale for each output, clamps, roundings."""
    each = Affine((0.02, 0.5, 0.001, 0.03), (0, 3, 0, -7), 0)
    for values, kind in itertools.product(TYPES, repeat=2):
        types = (values, kind, "int8")
        gaps = make("int8", dilations=(2,), pads=((5, 1),), groups=2, rounding="even", lo=-1.0)
        yield f"mixed_groups_{values}_{kind}", layer(gaps, (2, 5, 6), (4, 3, 3), types)
        wide = make("binary", pads=((1, 0), (0, 2)))
        yield (
            f"mixed_wide_{values}_{kind}",
            layer(wide, (1, 3, 2, 70), (35, 2, 2, 70), (*types[:2], "binary")),
        )
        if kind == "int8":
            for result in TYPES:
                held = make(result, lo=-0.5, hi=2.0)
                one = layer(held, (3, 5), (4, 5), (values, kind, result), each)
                yield f"mixed_each_{values}_{result}", one
    deep = make("float32", strides=(1, 2, 1))
    yield "mixed_3d", layer(deep, (1, 2, 3, 3, 2), (2, 2, 2, 2, 2), ("binary", "binary", "float32"))
