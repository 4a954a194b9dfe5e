"""Softmax of integers with a scale, as TensorFlow Lite Micro computes it.

int8: exponentials of the 256 possible differences from the largest number in fixed point stand in a table;
they add up with 12 integer bits, and the reciprocal of the sum scales each. int16: exponentials and the
reciprocal come from tables of 513 numbers with straight lines between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, affine, ctext, fixed
from sensorai.ops.nd import fixed_functions as curves
from sensorai.ops.nd.fixed import IntArray, multiplier_of


def check(axis: int, log: bool, at: Applied) -> None:
    """Raise a ConfigError where axis, types or scales are not those that this computes."""
    where = f"layer {at.name} (softmax)"
    if log:
        raise ConfigError(f"{where}: the logarithm of integers is not supported")
    if axis != len(at.x.shape) - 1:
        raise ConfigError(f"{where}: integers are taken along the last axis, not along axis {axis}")
    affine.single(at, at.x)
    scale, zero = affine.single(at, at.out)
    wanted = {
        ("int8", "int8"): (1 / 256, -128),
        ("int8", "int16"): (1 / 65536, -32768),
        ("int16", "int16"): (1 / 32768, 0),
    }
    if (at.x.dtype, at.out.dtype) not in wanted:
        raise ConfigError(f"{where}: {at.x.dtype} to {at.out.dtype} is not supported")
    unit, start = wanted[at.x.dtype, at.out.dtype]
    if zero != start or abs(scale - unit) > 0.001 * unit:
        raise ConfigError(
            f"{where}: the output has scale {scale:g} and zero point {zero}", hint=f"{unit}, {start}"
        )


def exponentials(beta: float, at: Applied) -> IntArray:
    """Exponentials of the differences 0, -1, ..., -255 without integer bits; 0 where they do not count."""
    scale = affine.single(at, at.x)[0]
    factor = min(beta * scale * 2.0**26, 2.0**31 - 1)
    multiplier, left = multiplier_of(factor)
    least = -math.floor(31 * 2.0**26 / 2.0**left)
    d = -np.arange(256, dtype=np.int64)
    counted = d >= least
    q = fixed.multiply(np.where(counted, d, 0), multiplier, left)
    return np.asarray(np.where(counted, curves.exp_of_negative(q, 5), 0), np.int64)


def _reciprocal(total: IntArray) -> tuple[IntArray, IntArray]:
    """1 / x of sums with 12 integer bits, from 1 on: the number and its bits over one."""
    bits = np.array([int(v).bit_length() for v in total.reshape(-1)], np.int64).reshape(total.shape)
    headroom = 32 - bits
    shifted = (total << headroom) - (np.int64(1) << 31)
    return curves.one_over_one_plus(shifted), 12 - headroom


def compute(log: bool, beta: float, at: Applied, x: Array) -> Array:
    """Parts of the sum."""
    if at.x.dtype == "int16":
        return _wide(beta, at, x)
    v = x.astype(np.int64)
    e = exponentials(beta, at)[v.max(-1, keepdims=True) - v]
    total = fixed.divide_by_power(e, 12).sum(-1, keepdims=True)
    inverse, over = _reciprocal(total)
    low, high = ctext.ends(at.out.dtype)
    exponent = over + 31 - (8 if at.out.dtype == "int8" else 16)
    y = fixed.divide_by_power(fixed.doubling_high(inverse, e), exponent) + low
    return np.where(e == 0, low, np.clip(y, low, high)).astype(DTYPES[at.out.dtype])


def _lut(function: Any, first: float, last: float) -> IntArray:
    """513 numbers with 15 places of a function from ``first`` to ``last``, errors of the lines halved."""
    step = np.float32(last - first) / np.float32(512)
    half = step / np.float32(2)
    made = []
    unit = np.float32(32768)
    for i in range(512):
        at = np.float32(first) + np.float32(i) * step
        value = _round(function(at) * unit)
        middle = _round(function(at + half) * unit)
        after = function(at + step) * unit
        between = _round((after + value) / np.float32(2))
        bias = _round(np.float32(between - middle) / np.float32(2))
        made.append(min(max(value - bias, -32768), 32767))
    made.append(min(max(_round(function(np.float32(last)) * unit), -32768), 32767))
    return np.asarray(made, np.int64)


def _round(x: Any) -> int:
    return affine.rounded(float(np.float32(x)))


def tables() -> tuple[IntArray, IntArray]:
    """Exp from -10 to 0, and 1 / (1 + x) from 0 to 1."""
    one = np.float32(1)
    return (
        _lut(lambda v: np.float32(np.exp(np.float64(v))), -10.0, 0.0),
        _lut(lambda v: one / (one + v), 0.0, 1.0),
    )


def _look_up(table: IntArray, x: IntArray) -> IntArray:
    """Straight lines between the numbers of a table, for 16-bit x."""
    k = 256 + (x >> 7)
    delta = (table[k + 1] - table[k]) * (x & 0x7F)
    return np.asarray(table[k] + ((delta + 64) >> 7), np.int64)


def _settings(beta: float, at: Applied) -> tuple[int, int]:
    return multiplier_of(affine.single(at, at.x)[0] * beta / (10.0 / 65535.0))


def _wide(beta: float, at: Applied, x: Array) -> Array:
    exps, inverses = tables()
    v = x.astype(np.int64)
    d = fixed.multiply(v - v.max(-1, keepdims=True), *_settings(beta, at))
    e = _look_up(exps, np.clip(d + 32767, -32768, 32767))
    total = e.sum(-1, keepdims=True)
    bits = np.array([int(t).bit_length() for t in total.reshape(-1)], np.int64).reshape(total.shape)
    headroom = 32 - bits
    shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
    inverse = _look_up(inverses, np.clip(shifted - (1 << 15) - (1 << 16), -32768, 32767))
    right = 31 - headroom
    y = (e * inverse + (np.int64(1) << (right - 1))) >> right
    return np.asarray(np.clip(y, 0, 32767), np.int16)


def emit(log: bool, beta: float, at: Applied, to: Writer) -> None:
    """Call one kernel."""
    depth = at.x.shape[-1]
    rows = at.x.size // depth
    if at.x.dtype == "int16":
        exps, inverses = tables()
        first = to.table("int16_t", f"exp{to.index}", exps)
        second = to.table("int16_t", f"inverse{to.index}", inverses)
        m, s = map(to.number, _settings(beta, at))
        to.call(
            "nd/sa_nd_softmax_q.h",
            "sa_nd_softmax_i16",
            to.source(at.x),
            to.target(at.out),
            rows,
            depth,
            m,
            s,
            first,
            second,
        )
        return
    e = exponentials(beta, at)
    if at.isa == "ispu" and at.out.dtype == "int8" and not to.updatable:
        # smaller ones neither add to the sum, of which 12 bits fall away, nor make a number of 8 bits
        e = e[: max(1, int(np.count_nonzero(e >= 1 << 11)))]
        table = to.table("int32_t", f"exp{to.index}", e)
        call = to.source(at.x), to.target(at.out), rows, depth, table, len(e)
        to.call("nd/sa_nd_softmax_ispu.h", "sa_nd_softmax_ispu_i8", *call)
        return
    table = to.table("int32_t", f"exp{to.index}", e)
    name = "sa_nd_softmax_i8" if at.out.dtype == "int8" else "sa_nd_softmax_i8_i16"
    to.call("nd/sa_nd_softmax_q.h", name, to.source(at.x), to.target(at.out), rows, depth, table)


def cases(cls: Any) -> Iterator[tuple[str, Graph]]:
    """int8 with fine and coarse scales, to int16 too; int16."""
    out = Affine((1 / 256,), (-128,))
    for name, scale, beta in (
        ("", 0.1, 1.0),
        ("_coarse", 5.0, 1.0),
        ("_fine", 0.002, 1.0),
        ("_beta", 0.1, 0.7),
    ):
        x = _testing.given("x", (3, 11), "int8", Affine((scale,), (4,)))
        yield f"softmax_int8{name}", _testing.one(cls(1, False, beta), (x,), (out,))
    x = _testing.given("x", (2, 9), "int8", Affine((0.1,), (4,)))
    wide = Affine((1 / 65536,), (-32768,))
    yield "softmax_int8_int16", _testing.one(cls(1, False, 1.0, "int16"), (x,), (wide,))
    x = _testing.given("x", (2, 9), "int16", Affine((0.0005,), (0,)))
    yield "softmax_int16", _testing.one(cls(1), (x,), (Affine((1 / 32768,), (0,)),))
    x = _testing.given("x", (1, 1), "int8", Affine((0.1,), (0,)))
    yield "softmax_int8_one", _testing.one(cls(1), (x,), (out,))
