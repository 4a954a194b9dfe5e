"""How sums of integer products leave: factors, rounding, clamp; one place for the reference and for C.

Three roundings. ``tflite``: as TensorFlow Lite Micro does, sums of 32 bits rounded twice, sums of 64 bits (of
int16 numbers) with a multiplier of 16 bits. ``even``: the exact product with a multiplier of 31 bits, to
nearest, ties to even; of sums of 64 bits with as many bits as leave the product below 2**62, 23 at least for
2**17 products. Nothing at all where the sums themselves come out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import fixed

#: Roundings and their names in ``sa_nd_exit.h``.
ROUNDINGS: Mapping[str, str] = {
    "keep": "SA_ND_KEEP",
    "tflite": "SA_ND_TWICE",
    "wide": "SA_ND_WIDE",
    "even": "SA_ND_EVEN",
    "even wide": "SA_ND_EVEN",
}
#: Bits that a product of a sum and its multiplier takes at most.
_BITS = 62
#: Bits of a multiplier below which sums are too large.
_FEWEST = 20
#: Types that come out and their names there.
KINDS: Mapping[str, str] = {
    "int8": "SA_ND_I8",
    "uint8": "SA_ND_U8",
    "int16": "SA_ND_I16",
    "int32": "SA_ND_I32",
}


def affine(tensor: Tensor, where: str) -> Affine:
    """Scale of a tensor of integers; a ConfigError where it has none."""
    if not isinstance(tensor.quant, Affine):
        raise ConfigError(f"{where}: no scale is known for {tensor.dtype} tensor {tensor.name}")
    return tensor.quant


def zeros_of(tensor: Tensor) -> Array:
    """Zero points, one or one of each index of its axis; 0 without a scale."""
    return np.array(tensor.quant.zero if isinstance(tensor.quant, Affine) else (0,), np.int64)


def zero_of(tensor: Tensor, where: str) -> int:
    """The one zero point of a tensor."""
    found = zeros_of(tensor)
    if len(found) != 1:
        raise ConfigError(f"{where}: tensor {tensor.name} has a scale for each index of an axis")
    return int(found[0])


def _short(multiplier: Array, shift: Array, most: int, where: str) -> tuple[Array, Array]:
    """Multipliers with as many bits as sums up to ``most`` leave, and their shifts."""
    off = max(0, most.bit_length() + 31 - _BITS)
    if most < 1 or off > 31 - _FEWEST or (shift + off).max() > 30:
        raise ConfigError(f"{where}: its sums are too large, or its result has a much finer scale than they")
    half = (1 << off) >> 1
    return (multiplier + half) >> off, shift + off


@dataclass(frozen=True, slots=True, eq=False)
class Exit:
    """Way out of the sums of a layer.

    Attributes
    ----------
    rounding : str
        One of ``ROUNDINGS``.
    dtype : str
    multiplier, shift : ndarray of int64
        One, or one of each output channel.
    zero, lo, hi : int
        Zero point of the output, and the ends of its numbers.
    """

    rounding: str
    dtype: str
    multiplier: Array
    shift: Array
    zero: int
    lo: int
    hi: int

    @property
    def wide(self) -> bool:
        """Whether sums have 64 bits."""
        return self.rounding in ("wide", "even wide")

    def apply(self, sums: Array) -> Array:
        """Numbers that come out of exact sums (int64), channels last."""
        kind = np.dtype(self.dtype)
        if self.rounding == "keep":
            return sums.astype(np.int32).astype(kind)
        if self.rounding == "wide":
            # C keeps the lower half
            v = fixed.multiply_wide(sums, self.multiplier, self.shift).astype(np.int32).astype(np.int64)
        elif self.rounding == "even":
            v = _even(sums.astype(np.int32), self.multiplier, self.shift)
        elif self.rounding == "even wide":
            v = _even(sums, self.multiplier, self.shift)
        else:
            v = fixed.multiply(sums.astype(np.int32), self.multiplier, self.shift)
        return np.clip(v + self.zero, self.lo, self.hi).astype(kind)

    def fields(self, to: Writer) -> dict[str, object]:
        """Members of a ``sa_nd_exit_t``."""
        found: dict[str, object] = {}
        if self.rounding != "keep":
            found["multiplier"] = to.table("int32_t", f"multiplier{to.index}", self.multiplier)
            found["shift"] = to.table("int8_t", f"shift{to.index}", self.shift)
            found["each"] = int(len(self.multiplier) > 1)
        found["rounding"] = ROUNDINGS[self.rounding]
        found["kind"] = KINDS[self.dtype]
        if self.rounding != "keep":
            found["zero"] = to.number(self.zero)
            found["lo"], found["hi"] = to.number(self.lo - self.zero), to.number(self.hi - self.zero)
        return found

    def text(self, to: Writer) -> str:
        """Initialiser of a ``sa_nd_exit_t``."""
        return "{" + ", ".join(f".{k} = {v}" for k, v in self.fields(to).items()) + "}"


def _even(x: Array, multiplier: Array, shift: Array) -> fixed.IntArray:
    product = x.astype(np.int64) * multiplier
    right = 31 - shift
    floor = product >> right
    rest = product - (floor << right)
    half = np.int64(1) << (right - 1)
    y = floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))
    return np.asarray(np.clip(y, -(2**31), 2**31 - 1), np.int64)


def factors(x: Tensor, w: Tensor, out: Tensor, where: str, single: bool) -> Array:
    """Real factors from sums to numbers of the output.

    Parameters
    ----------
    single : bool
        Scales of the file are float32. TensorFlow Lite multiplies two of them as such where it has one factor
        for all channels (dense layers), and as doubles where it has one for each.
    """
    xs, ws, ys = (np.array(affine(t, where).scale, np.float64) for t in (x, w, out))
    if len(xs) != 1 or len(ys) != 1:
        raise ConfigError(f"{where}: only weights may have a scale for each channel")
    if single and len(ws) == 1:
        with np.errstate(all="ignore"):
            product = (xs.astype(np.float32) * ws.astype(np.float32)).astype(np.float64)
    else:
        product = xs * ws
    found = np.asarray(product / ys)
    if not np.isfinite(found).all():
        raise ConfigError(f"{where}: the product of its scales is beyond all numbers")
    return found


def ends(out: Tensor, lo: float | None, hi: float | None, where: str) -> tuple[int, int]:
    """Ends of the numbers of an output: those of its type, or of a clamp in real numbers."""
    info = np.iinfo(out.dtype)
    low, high = int(info.min), int(info.max)
    if lo is None and hi is None:
        return low, high
    said = affine(out, where)

    def number(value: float) -> int:
        with np.errstate(all="ignore"):
            ratio = float(np.float32(value) / np.float32(said.scale[0]))
        ratio = min(max(ratio, -(2.0**40)), 2.0**40)
        return said.zero[0] + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))

    if lo is not None:
        low = min(max(low, number(lo)), high)
    if hi is not None:
        high = max(min(high, number(hi)), low)
    return low, high


def exit_of(
    at: Applied,
    places: tuple[Tensor, Tensor],
    bias: Tensor | None,
    rounding: str,
    clamp: tuple[float | None, float | None],
    *,
    single: bool,
    narrow: bool = True,
    most: int = 0,
) -> Exit:
    """Way out of a layer.

    Parameters
    ----------
    places : tuple of Tensor
        The two that are multiplied.
    bias : Tensor, optional
    rounding : str
        "tflite" or "even".
    clamp : tuple of float or None
    single : bool
        See ``factors``.
    narrow : bool
        Whether sums of int16 numbers without an int64 bias are int32.
    most : int
        Largest sum of int16 numbers, for roundings to even.
    """
    where = f"layer {at.name}"
    x, w = places
    out = at.out
    none = np.zeros(0, np.int64)
    if out.dtype == "int32" and out.quant is None:
        return Exit("keep", "int32", none, none, 0, -(2**31), 2**31 - 1)
    if out.dtype not in KINDS:
        raise ConfigError(f"{where}: sums cannot become {out.dtype}")
    if rounding not in ("tflite", "even"):
        raise ConfigError(f"{where}: unknown rounding {rounding!r}")
    multiplier, shift = fixed.multipliers_of(factors(x, w, out, where, single))
    wide = x.dtype == "int16" and (not narrow or (bias is not None and bias.dtype == "int64"))
    way = "wide" if wide and rounding == "tflite" else rounding
    if wide and rounding == "even":
        way = "even wide"
        multiplier, shift = _short(multiplier, shift, most, where)
    if way == "wide" and shift.max() > 14:
        raise ConfigError(f"{where}: its result has a much finer scale than its sums")
    low, high = ends(out, *clamp, where)
    return Exit(way, out.dtype, multiplier, shift, zero_of(out, where), low, high)
