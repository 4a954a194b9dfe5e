"""Probabilities from scores, in integers: int16 with 15 binary places.

``e[i] = table[max - q[i]]`` (0 beyond the table) with ``table[d] = round(2**15 * exp(-d * 2**-fraction))``,
then ``p[i] = min(floor(e[i] * 2**15 / sum), 32767)``; 32-bit unsigned throughout. The table is a constant
of the net (parameter ``table``), so no exponential is computed on the device. float32 nets hand out their
scores instead: the order of the classes is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _testing

TYPES = frozenset({("int8", "int16"), ("float32", "float32")})


def table(fraction: int) -> Array:
    """Exponentials for int8 scores with ``fraction`` binary places, uint16, up to the last that is not 0."""
    e = np.floor(2.0**15 * np.exp(-np.arange(256) * 2.0**-fraction) + 0.5).astype(np.uint16)
    return np.asarray(e[: int(np.flatnonzero(e)[-1]) + 1])


def shape(node: Node, *shapes: Shape) -> Shape:
    """(classes,) unchanged; at most 65535 of them, so that the sum fits 32 bits."""
    if len(shapes[0]) != 1 or shapes[0][0] > 65535:
        raise ConfigError(f"layer {node.output}: softmax needs one axis of at most 65535 classes")
    return shapes[0]


def reference(node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
    """Exact result for integers; float32 only for inspection on the desk."""
    x = arrays[0]
    if out.dtype == "float32":
        return np.asarray(float_form(np, node.attrs, node.params, x.astype(np.float64)), np.float32)
    exps = np.concatenate([node.params["table"].astype(np.int64), np.zeros(256, np.int64)])
    e = exps[x.max(axis=-1, keepdims=True).astype(np.int64) - x]
    return np.asarray(np.minimum((e << 15) // e.sum(axis=-1, keepdims=True), 32767), np.int16)


def float_form(xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
    """Real-valued result."""
    e = xp.exp(arrays[0] - arrays[0].max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def macs(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
    """None."""
    return 0


def cases() -> Iterator[tuple[str, Graph]]:
    """Short and full table, one class."""
    for n, fraction in ((4, 5), (3, 3), (1, 4), (9, 0)):
        params = {"table": table(fraction)}
        yield f"softmax_{n}_{fraction}", _testing.one("softmax", (n,), "int8", "int16", params)
