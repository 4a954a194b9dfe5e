"""L2 normalisation of int8 along the last axis, as TensorFlow Lite Micro computes it."""

from __future__ import annotations

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import affine, fixed
from sensorai.ops.nd.unary_integer import inverse_root


def check(kind: str, axes: tuple[int, ...], at: Applied) -> None:
    """Raise a ConfigError where kind, types or scales are not those that this computes."""
    last = axes == (len(at.x.shape) - 1,)
    if kind != "l2" or at.x.dtype != "int8" or not last or len(at.inputs) > 1:
        raise ConfigError(
            f"layer {at.name}: {kind} normalisation of {at.x.dtype} with a scale is not supported",
            hint="l2 of int8 along the last axis is",
        )
    affine.single(at, at.x)
    if affine.single(at, at.out) != (1 / 128, 0):
        raise ConfigError(f"layer {at.name}: the output needs scale 1/128 and zero point 0")
    if at.x.shape[-1] >= 1 << 15:
        raise ConfigError(f"layer {at.name}: sums of {at.x.shape[-1]} squares leave int32")


def compute(at: Applied, x: Array) -> Array:
    """Numbers divided by their size."""
    v = x.astype(np.int64) - affine.single(at, at.x)[1]
    total = (v * v).sum(-1)
    pairs = [inverse_root(int(t)) for t in total.reshape(-1)]
    shape = (*total.shape, 1)
    m = np.array([p[0] for p in pairs], np.int64).reshape(shape)
    s = np.array([p[1] for p in pairs], np.int64).reshape(shape)
    return np.clip(fixed.multiply(v, m, s + 7), -128, 127).astype(np.int8)


def emit(at: Applied, to: Writer) -> None:
    """Call one kernel."""
    depth = at.x.shape[-1]
    zero = affine.single(at, at.x)[1]
    to.call(
        "nd/sa_nd_norm_q.h",
        "sa_nd_l2_i8",
        to.source(at.x),
        to.target(at.out),
        at.x.size // depth,
        depth,
        to.number(zero),
    )
