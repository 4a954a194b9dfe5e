"""Sums, means, extremes and products over axes of integers with a scale, as TensorFlow Lite Micro has them.

A sum or mean adds the numbers less their zero point in int32 and scales once; the divisor of a mean is part
of the factor, which keeps 31 places of the quotient. Extremes are those of the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _testing, affine, ctext, fixed, nest
from sensorai.ops.nd.fixed import multiplier_of


def check(function: str, count: int, at: Applied) -> None:
    """Raise a ConfigError where types or scales do not fit."""
    if function not in ("sum", "mean", "max", "min") or at.x.dtype not in ("int8", "uint8", "int16"):
        raise ConfigError(f"layer {at.name}: {function} of {at.x.dtype} with a scale is not supported")
    affine.single(at, at.x)
    affine.single(at, at.out)
    if function in ("max", "min") and at.x.quant != at.out.quant:
        raise ConfigError(f"layer {at.name}: {function} from one scale to another is not supported")
    widest = 65536 if at.x.dtype == "int16" else 512
    if not 0 < count * widest < 2**31:
        raise ConfigError(f"layer {at.name}: sums of {count} numbers leave int32")


def factor(function: str, count: int, at: Applied) -> tuple[int, int]:
    """Multiplier and shift of the sums."""
    multiplier, shift = multiplier_of(affine.single(at, at.x)[0] / affine.single(at, at.out)[0])
    if function == "mean":
        # as many places as the divisor has go into the multiplier
        places = min(count.bit_length() - 1, 32, 31 + shift)
        multiplier = (multiplier << places) // count
        shift -= places
    return multiplier, shift


def compute(function: str, at: Applied, rows: Array) -> Array:
    """Numbers along the last axis taken together."""
    if function in ("max", "min"):
        return np.asarray(rows.max(-1) if function == "max" else rows.min(-1))
    zero, to = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
    count = rows.shape[-1]
    total = rows.astype(np.int64).sum(-1) - count * zero
    y = fixed.multiply(total, *factor(function, count, at)) + to
    return np.asarray(np.clip(y, *ctext.ends(at.out.dtype)), np.int64)


def emit(function: str, count: int, at: Applied, to: Writer, axes: tuple[int, ...]) -> None:
    """Write loops over what is left, and inside over what is taken together."""
    outside, steps, inside, strides = walk(at, axes)
    inner = nest.index(strides, names="j")
    x = f"x[{nest.index(steps)}{'' if inner == '0' else ' + ' + inner}]"
    kind, (low, high) = ctext.plain(at.out.dtype), ctext.ends(at.out.dtype)
    if function in ("max", "min"):
        sign, start = (">", low) if function == "max" else ("<", high)
        loop = nest.loops(inside, f"a = {x} {sign} a ? {x} : a;", "j", 0)
        body, last = f"int32_t a = {start};\n{loop}", f"({kind})a"
    else:
        zero, back = affine.single(at, at.x)[1], affine.single(at, at.out)[1]
        n, (m, s) = to.number, factor(function, count, at)
        body = f"int32_t a = {n(-count * zero)};\n" + nest.loops(inside, f"a += {x};", "j", 0)
        last = f"({kind})sa_nd_clamp(sa_nd_multiply(a, {n(m)}, {n(s)}) + ({n(back)}), {low}, {high})"
    text = nest.loops(outside, f"{body}y[{nest.index(nest.strides(outside))}] = {last};\n")
    parameters = f"const {ctext.seen(at.x.dtype)} *x, {ctext.seen(at.out.dtype)} *y"
    name = to.function(function, parameters, text, "nd/sa_nd_fixed.h")
    to.run(name, to.source(at.x), to.target(at.out))


def cases(cls: Any) -> Iterator[tuple[str, Graph]]:
    """Every function of all types, over several axes."""
    for dtype, zero in (("int8", -5), ("uint8", 120), ("int16", 0)):
        x = _testing.given("x", (2, 3, 5), dtype, Affine((0.05,), (zero,)))
        for function in ("sum", "mean", "max", "min"):
            out = (
                x.quant
                if function in ("max", "min")
                else Affine((0.03 if function == "mean" else 0.4,), (zero + 3 * (zero != 0),))
            )
            for axes in ((0,), (1, 2), (0, 1, 2)):
                name = f"reduce_{function}_{dtype}_scaled_{len(axes)}"
                yield name, _testing.one(cls(function, axes), (x,), (out,))


def walk(at: Applied, axes: tuple[int, ...]) -> tuple[Shape, tuple[int, ...], Shape, tuple[int, ...]]:
    """Extents and strides of the axes that are left, and of those that are taken together, merged."""
    shape, steps = at.x.shape, nest.strides(at.x.shape)
    left = [k for k in range(len(shape)) if k not in axes]
    outside, (first,) = nest.merged(tuple(shape[k] for k in left), [steps[k] for k in left])
    inside, (second,) = nest.merged(tuple(shape[k] for k in axes), [steps[k] for k in axes])
    return outside, first, inside, second
