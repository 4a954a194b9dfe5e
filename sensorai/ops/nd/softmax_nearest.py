"""Softmax of what integers mean, rounded to the nearest number of the output; along any axis.

Exponentials of the differences from the largest number have 30 places: a table of the 256 differences of
bytes, of 16-bit numbers the product of two such tables, for the upper and the lower byte. Their sum is exact,
and one quotient for each sum, of 29 places at least, scales them to the output. So a result is another one
than the nearest to the softmax of the real numbers only where that lies next to a tie, within 2**-12 of a
step. The logarithm takes the differences themselves less the logarithm of the sum, in float32.
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
from sensorai.ops.nd import _testing, affine, ctext, maths, meant
from sensorai.ops.nd.fixed import multiplier_of

#: Types that are taken, and made.
TYPES = ("int8", "uint8", "int16", "uint16")
#: Places of exponentials.
_PLACES = 30
#: Ends of the output's scale: what is coarser holds nothing, what is finer is not reached.
_COARSE, _FINE = 1.0, 2.0**-17
#: Numbers along the axis, so that differences of logarithms stay exact.
_MOST = 1 << 24

Wide = np.typing.NDArray[np.uint64]


def check(log: bool, at: Applied) -> None:
    """Raise a ConfigError where types or scales are not those that this computes."""
    where = f"layer {at.name} (softmax)"
    for tensor in (at.x, at.out):
        affine.single(at, tensor)
        if tensor.dtype not in TYPES:
            raise ConfigError(f"{where}: {at.x.dtype} to {at.out.dtype} is not supported")
    scale = affine.single(at, at.out)[0]
    if not log and not _FINE <= scale <= _COARSE:
        raise ConfigError(f"{where}: the output has a scale of {scale:g}", hint="from 2**-17 to 1")
    if not 0 < at.x.size < _MOST:
        raise ConfigError(f"{where}: {at.x.size} numbers", hint=f"below {_MOST}")


def tables(beta: float, at: Applied) -> tuple[Array, ...]:
    """Exponentials of the differences 0, 1, ... 255 (int64): of 16-bit numbers of 0, 256, ... too, first."""
    step = float(np.float32(affine.single(at, at.x)[0])) * beta
    steps = (256, 1) if at.x.dtype.endswith("16") else (1,)
    made = []
    for each in steps:
        with np.errstate(under="ignore", over="ignore"):
            e = np.exp(-step * each * np.arange(256)) * 2.0**_PLACES
        made.append(np.rint(np.minimum(e, 2.0**31)).astype(np.int64))
    return tuple(made)


def fits(beta: float, at: Applied) -> bool:
    """Whether exponentials do not grow with the differences."""
    return beta >= 0 and math.isfinite(beta * affine.single(at, at.x)[0])


def _exponentials(beta: float, at: Applied, d: Array) -> Wide:
    made = tables(beta, at)
    if len(made) == 1:
        return np.asarray(made[0][d], np.uint64)
    high, low = made[0][d >> 8].astype(np.uint64), made[1][d & 255].astype(np.uint64)
    return np.asarray((high * low + np.uint64(1 << (_PLACES - 1))) >> np.uint64(_PLACES), np.uint64)


def compute(log: bool, beta: float, axis: int, at: Applied, x: Array) -> Array:
    """Parts of the sum, or their logarithms."""
    v = np.moveaxis(x.astype(np.int64), axis, -1)
    d = v.max(-1, keepdims=True) - v
    e = _exponentials(beta, at, d)
    total = e.sum(-1, keepdims=True, dtype=np.uint64)
    y = _logarithms(beta, at, d, total) if log else _parts(at, e, total)
    return np.ascontiguousarray(np.moveaxis(y, -1, axis))


def _parts(at: Applied, e: Wide, total: Wide) -> Array:
    scale, zero = affine.single(at, at.out)
    multiplier, shift = multiplier_of(1.0 / scale)
    left = np.array([64 - int(t).bit_length() for t in total.reshape(-1)], np.uint64).reshape(total.shape)
    short = (total << left) >> np.uint64(32)
    quotient = (np.uint64(multiplier << 31)) // short
    # products are below 2**61: what a shift by more would leave is 0, too
    right = np.minimum(np.uint64(94 - shift) - left, np.uint64(63))
    near = (e * quotient + (np.uint64(1) << (right - np.uint64(1)))) >> right
    made = near.astype(np.int64) + zero
    return np.asarray(np.clip(made, *ctext.ends(at.out.dtype)), DTYPES[at.out.dtype])


def _logarithms(beta: float, at: Applied, d: Array, total: Wide) -> Array:
    step = np.float32(affine.single(at, at.x)[0] * beta)
    whole = total.astype(np.float32) * np.float32(2.0**-_PLACES)
    y = np.float32(0) - d.astype(np.float32) * step - maths.log(whole)
    return meant.integers(at.out, np.asarray(y, np.float32), "even")


def emit(log: bool, beta: float, axis: int, at: Applied, to: Writer) -> None:
    """Write one function."""
    made = tables(beta, at)
    names = [to.table("uint32_t", f"exp{k}_{to.index}", one) for k, one in enumerate(made)]
    depth, inner = at.x.shape[axis], math.prod(at.x.shape[axis + 1 :])
    outer = at.x.size // (depth * inner)
    pick = f"{names[0]}[d]"
    if len(names) == 2:
        pick = f"sa_nd_exp_of_two({names[0]}[d >> 8], {names[1]}[d & 255])"
    scale, zero = affine.single(at, at.out)
    low, high = ctext.ends(at.out.dtype)
    kind = ctext.plain(at.out.dtype)
    files: tuple[str, ...] = ("nd/sa_nd_softmax_n.h",)
    if log:
        step = to.number(affine.single(at, at.x)[0] * beta, "float32")
        begin = f"const float less = sa_nd_log((float)sum * 0x1p-{_PLACES}F);"
        by = to.number(scale, "float32")
        near = f"sa_nd_nearest_even((0.0F - (float)d * {step} - less) / {by})"
        files = (*files, "nd/sa_nd_math.h", "nd/sa_nd_nearest.h")
    else:
        multiplier, shift = multiplier_of(1.0 / scale)
        factor = f"(uint32_t){to.number(multiplier)}" if to.updatable else f"{multiplier}U"
        begin = f"const sa_nd_share_t by = sa_nd_softmax_share(sum, {factor}, {to.number(shift)});"
        near = f"sa_nd_part({pick}, by)"
    back = to.number(zero)
    text = f"""int32_t i, j, k;
for (i = 0; i < {outer}; i++) {{
    for (j = 0; j < {inner}; j++) {{
        const {ctext.seen(at.x.dtype)} *p = x + i * {depth * inner} + j;
        {ctext.seen(at.out.dtype)} *q = y + i * {depth * inner} + j;
        int32_t most = p[0];
        uint64_t sum = 0;
        for (k = 1; k < {depth}; k++) {{
            most = p[k * {inner}] > most ? p[k * {inner}] : most;
        }}
        for (k = 0; k < {depth}; k++) {{
            const int32_t d = most - p[k * {inner}];
            sum += {pick};
        }}
        {{
            {begin}
            for (k = 0; k < {depth}; k++) {{
                const int32_t d = most - p[k * {inner}];
                q[k * {inner}] = ({kind})sa_nd_clamp({near} + ({back}), {low}, {high});
            }}
        }}
    }}
}}
"""
    parameters = f"const {ctext.seen(at.x.dtype)} *x, {ctext.seen(at.out.dtype)} *y"
    to.run(to.function("softmax", parameters, text, *files), to.source(at.x), to.target(at.out))


def cases(cls: Any) -> Iterator[tuple[str, Graph]]:
    """Bytes and 16-bit numbers along each axis, fine and coarse scales, logarithms."""
    out = Affine((1 / 256,), (-128,))
    x = _testing.given("x", (2, 5, 3), "int8", Affine((0.1,), (4,)))
    for axis in range(3):
        yield f"softmax_nearest_{axis}", _testing.one(cls(axis, rounding="even"), (x,), (out,))
    for name, scale, beta in (("coarse", 5.0, 1.0), ("fine", 0.002, 1.0), ("beta", 0.1, 0.7)):
        x = _testing.given("x", (3, 11), "uint8", Affine((scale,), (4,)))
        op = cls(1, False, beta, "int8", "even")
        yield f"softmax_nearest_{name}", _testing.one(op, (x,), (out,))
    wide = Affine((1 / 32768,), (0,))
    for scale in (0.0005, 0.01):
        x = _testing.given("x", (2, 9), "int16", Affine((scale,), (0,)))
        yield f"softmax_nearest_int16_{scale}", _testing.one(cls(1, rounding="even"), (x,), (wide,))
    x = _testing.given("x", (1, 1), "int8", Affine((0.1,), (0,)))
    yield "softmax_nearest_one", _testing.one(cls(1, rounding="even"), (x,), (out,))
    for dtype, scale in (("int8", 0.06), ("int16", 0.0004)):
        x = _testing.given("x", (3, 7), dtype, Affine((0.2 * scale,), (0,)))
        op = cls(1, True, 1.0, "", "even")
        yield f"log_softmax_nearest_{dtype}", _testing.one(op, (x,), (Affine((scale,), (0,)),))
