"""Functions of the real numbers that integers mean, rounded to the scale of the output, ties to even.

Dequantise, compute in float32, quantise: the same to the bit as three operators, without float tensors
between them. What nets with pairs of quantise and dequantise want.
"""

from __future__ import annotations

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.ops.nd import affine, ctext
from sensorai.ops.nd.affine import columns

#: Ways of computing integers with a scale.
ROUNDINGS = ("tflite", "even")


def real(tensor: Tensor, q: Array) -> Array:
    """Real numbers of integers: the difference exact, the product in float32; float32 as it is."""
    if ctext.real(tensor.dtype):
        return q.astype(np.float32)
    scale, zero = columns(tensor)
    return np.asarray((q.astype(np.int64) - zero).astype(np.float32) * scale, np.float32)


def integers(tensor: Tensor, y: Array, rounding: str) -> Array:
    """Integers of float32 numbers: the quotient in float32, ties to "even" or "away" from zero."""
    scale, zero = columns(tensor)
    with np.errstate(all="ignore"):
        v = y.astype(np.float32) / scale
        v = np.where(np.isnan(v), np.float32(0), np.clip(v, np.float32(-(2.0**30)), np.float32(2.0**30)))
    wide = v.astype(np.float64)
    near = np.rint(wide) if rounding == "even" else np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    made = np.clip(near.astype(np.int64) + zero, *ctext.ends(tensor.dtype))
    return np.asarray(made, DTYPES[tensor.dtype])


def check(at: Applied, rounding: str) -> None:
    """Raise a ConfigError where inputs and output are not integers with one scale, or float32."""
    if rounding not in ROUNDINGS:
        raise ConfigError(f"layer {at.name}: there is no rounding {rounding}")
    affine.single(at, at.out)
    for x in (one for one in at.inputs if one.name):
        if x.dtype != "float32":
            affine.single(at, x)
        if x.dtype not in ("float32", "int8", "uint8", "int16", "uint16"):
            raise ConfigError(f"layer {at.name}: numbers of {x.dtype} are not computed as what they mean")


def value(at: Applied, place: int, to: Writer) -> str:
    """C of the real number of the element ``$place``."""
    x = at.inputs[place]
    if x.dtype == "float32":
        return f"${place}"
    scale, zero = affine.single(at, x)
    return f"(float)((int32_t)${place} - ({to.number(zero)})) * {to.number(scale, 'float32')}"


def stored(at: Applied, text: str, to: Writer) -> str:
    """C that rounds a float ``text`` into the output's element ``$y``."""
    scale, zero = affine.single(at, at.out)
    low, high = ctext.ends(at.out.dtype)
    near = f"sa_nd_nearest_even({text} / {to.number(scale, 'float32')})"
    return f"$y = ({ctext.plain(at.out.dtype)})sa_nd_clamp({near} + ({to.number(zero)}), {low}, {high});"


#: What the C needs.
RUNTIME = ("nd/sa_nd_fixed.h", "nd/sa_nd_nearest.h")
