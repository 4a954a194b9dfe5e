"""Batch normalisation with fixed statistics; params gamma, beta, mean, variance per channel.

Only float nets hold it; quantisation folds it into the layer before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor

TYPES = frozenset({("float32", "float32")})

EPSILON = 1e-3


def shape(node: Node, *shapes: Shape) -> Shape:
    """Any shape, unchanged; constants along the last axis."""
    for name in ("gamma", "beta", "mean", "variance"):
        if node.params[name].shape != shapes[0][-1:]:
            raise ConfigError(f"layer {node.output}: {name} must have {shapes[0][-1]} entries")
    return shapes[0]


def scale_offset(node: Node) -> tuple[Array, Array]:
    """``(a, b)`` in float64 so that the layer is ``a * x + b``."""
    p = {name: value.astype(np.float64) for name, value in node.params.items()}
    a = p["gamma"] / np.sqrt(p["variance"] + float(node.attrs.get("epsilon", EPSILON)))
    return a, p["beta"] - a * p["mean"]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Result in float64, rounded once; not emitted in C."""
    a, b = scale_offset(node)
    return np.asarray(a * arrays[0] + b, np.float32)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result with the stored statistics."""
    a = params["gamma"] / xp.sqrt(params["variance"] + attrs.get("epsilon", EPSILON))
    return a * (arrays[0] - params["mean"]) + params["beta"]


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """One per value."""
    return out.size


def cases() -> Iterator[tuple[str, Graph]]:
    """None: never emitted."""
    yield from ()
