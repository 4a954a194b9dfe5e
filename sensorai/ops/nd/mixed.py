"""Weighted sums of bits, int8 and float32 values with weights of these three types, leaving as any of them.

For the pairs and results that ``Conv`` and ``FullyConnected`` do not have. What a pair sums, and how a sum
leaves, stand in tables:

- whole sums (bits or int8 on both sides): int32 with an int32 bias; they leave as the sign of the sum (0 is
  +1), scaled as int8 (see ``leaving``), or as float32: the sum times the product of both scales.
- real sums (float32 on either side): float32 products from 0 on, in the order of the weights, where int8
  numbers become ``(q - zero) * scale`` one by one, then a float32 bias; they leave as the sign, divided by
  the scale of the result and rounded as int8, or as they are.

Margins add nothing to a sum, whatever the type of the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine, Sign
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.ops.nd import _mixed_cases, fixed
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.leaving import Exit, affine, ends, zero_of, zeros_of
from sensorai.ops.nd.products import Sums, bias_of, check_bias, span
from sensorai.ops.nd.windows import Window, integer_sums, ordered_sums
from sensorai.ops.packing import pack_bits

TYPES = ("binary", "int8", "float32")


def _along(values: tuple[float, ...] | tuple[int, ...], array: Array, of_outputs: bool) -> Array:
    """Scales or zero points of a tensor against its numbers."""
    found = np.array(values, np.float64)
    return found.reshape(-1, *(1,) * (array.ndim - 1)) if of_outputs else found


def _whole_bytes(t: Tensor, a: Array) -> Array:
    zeros = _along(affine(t, t.name).zero, a, len(affine(t, t.name).zero) > 1)
    return np.asarray(a.astype(np.int64) - zeros.astype(np.int64))


def _real_bytes(t: Tensor, a: Array) -> Array:
    said = affine(t, t.name)
    scale = _along(said.scale, a, len(said.scale) > 1).astype(np.float32)
    return np.asarray(_whole_bytes(t, a).astype(np.float32) * scale)


#: What numbers of a type are in a whole and in a real sum.
WHOLE: Mapping[str, Callable[[Tensor, Array], Array]] = {
    "binary": lambda t, a: np.where(a > 0, 1, -1),
    "int8": _whole_bytes,
}
REAL: Mapping[str, Callable[[Tensor, Array], Array]] = {
    "binary": lambda t, a: np.where(a > 0, np.float32(1), np.float32(-1)),
    "int8": _real_bytes,
    "float32": lambda t, a: a,
}
#: Type of the bias by whether sums are whole.
BIAS = {True: "int32", False: "float32"}
#: Names of the ways out in ``sa_nd_mixed.h``.
LEAVES = {"binary": "SA_ND_TO_BITS", "int8": "SA_ND_TO_BYTES", "float32": "SA_ND_TO_FLOATS"}


@dataclass(frozen=True, slots=True)
class Mixed(NdOperator):
    """Convolution, or dense layer where the weights have two axes; tensors as for those.

    Bits are tensors of type binary; weights of bits are constants.

    Attributes
    ----------
    to : {"binary", "int8", "float32"}
        Type of the result.
    strides, dilations, pads, groups, lo, hi, rounding
        As for ``Conv``.
    """

    to: str
    strides: Shape = ()
    dilations: Shape = ()
    pads: tuple[tuple[int, int], ...] = ()
    groups: int = 1
    lo: float | None = None
    hi: float | None = None
    rounding: str = "tflite"

    NAME: ClassVar[str] = "mixed"

    def _dense(self, at: Applied) -> bool:
        return len(at.inputs[1].shape) == 2

    def window(self, at: Applied) -> Window:
        """The kernel over the input; none for a dense layer."""
        if self._dense(at):
            return Window((), (), (), (), (), ())
        return Conv(self.strides, self.dilations, self.pads, self.groups).window(at)

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the convolution or dense layer."""
        where = f"layer {at.name}"
        if len(at.inputs) < 2 or not at.inputs[1].name:
            raise ConfigError(f"{where}: input or weights are missing")
        x, w = at.inputs[:2]
        if {x.dtype, w.dtype, self.to} - set(TYPES):
            raise ConfigError(f"{where}: {x.dtype} with {w.dtype} to {self.to} is not supported")
        if w.dtype == "binary" and w.data is None:
            raise ConfigError(f"{where}: weights of bits must be constants")
        bias, outs = bias_of(at), w.shape[0] if w.shape else 0
        check_bias(bias, outs, where)
        if bias is not None and bias.dtype != BIAS[self.whole(at)]:
            raise ConfigError(f"{where}: its bias must be {BIAS[self.whole(at)]}, not {bias.dtype}")
        if not self._dense(at):
            lead = (x.shape[:1], self.window(at).out)
            shape: Shape = (*lead[0], *lead[1], outs)
        else:
            if not x.shape or x.shape[-1] != w.shape[1] or min(w.shape) < 1 or self.groups != 1:
                raise ConfigError(f"{where}: weights of shape {w.shape} cannot take an input of {x.shape}")
            shape = (*x.shape[:-1], outs)
        return (Made(self.to, shape, Sign() if self.to == "binary" else None),)

    def whole(self, at: Applied) -> bool:
        """Whether sums are whole."""
        return "float32" not in (at.inputs[0].dtype, at.inputs[1].dtype)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing or do not fit."""
        where = f"layer {at.name}"
        x, w = at.inputs[:2]
        if x.dtype == "int8":
            affine(x, where)
            zero_of(x, where)
        if w.dtype == "int8" and affine(w, where).axis not in (None, 0):
            raise ConfigError(f"{where}: scales of weights go along the outputs")
        if self.to == "int8":
            affine(at.out, where)
            self.exit(at)

    def factors(self, at: Applied) -> Array:
        """Real value of one of a whole sum; one, or one for each output. Bits have the scale 1."""
        found = np.ones(1)
        for tensor in at.inputs[:2]:
            if isinstance(tensor.quant, Affine):
                found = found * np.array(tensor.quant.scale)
        return found

    def exit(self, at: Applied) -> Exit:
        """Way out to int8; of real sums only its ends count."""
        where = f"layer {at.name}"
        factor = self.factors(at) if self.whole(at) else np.ones(1)
        multiplier, shift = fixed.multipliers_of(factor / affine(at.out, where).scale[0])
        low, high = ends(at.out, self.lo, self.hi, where)
        return Exit(self.rounding, "int8", multiplier, shift, zero_of(at.out, where), low, high)

    def _held(self, y: Array) -> Array:
        if self.lo is None and self.hi is None:
            return y
        low, high = (np.float32(v) for v in span((self.lo, self.hi)))
        y = np.where(y < low, low, y)
        return np.asarray(np.where(y > high, high, y), np.float32)

    def _rounded(self, at: Applied, y: Array) -> Array:
        way = self.exit(at)
        with np.errstate(all="ignore"):
            v = self._held(y) / np.float32(affine(at.out, at.name).scale[0])
            v = np.where(np.isnan(v), np.float32(0), np.clip(v, np.float32(-(2.0**30)), np.float32(2.0**30)))
        wide = v.astype(np.float64)
        away = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
        near = (np.rint(wide) if self.rounding == "even" else away).astype(np.int64)
        return np.clip(near + way.zero, way.lo, way.hi).astype(np.int8)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Sums and their way out, by the tables."""
        x, w = np.asarray(arrays[0]), np.asarray(arrays[1])
        bias = arrays[2] if len(arrays) > 2 else None
        whole = self.whole(at)
        numbers = WHOLE if whole else REAL
        a, b = numbers[at.inputs[0].dtype](at.inputs[0], x), numbers[at.inputs[1].dtype](at.inputs[1], w)
        a = a.reshape(-1, a.shape[-1]) if self._dense(at) else a
        if whole:
            sums = integer_sums(self.window(at), a, b, self.groups)
            sums = (sums + (0 if bias is None else bias.astype(np.int64))).astype(np.int32)
        else:
            sums = ordered_sums(self.window(at), a, b, self.groups)
            with np.errstate(all="ignore"):
                sums = sums if bias is None else sums + bias
        leaves: Mapping[tuple[bool, str], Callable[[Array], Array]] = {
            (True, "binary"): lambda s: np.where(s >= 0, 1, -1),
            (True, "int8"): lambda s: self.exit(at).apply(s.astype(np.int64)),
            (True, "float32"): lambda s: self._held(
                s.astype(np.float32) * self.factors(at).astype(np.float32)
            ),
            (False, "binary"): lambda s: np.where(self._held(s) >= 0, 1, -1),
            (False, "int8"): lambda s: self._rounded(at, s),
            (False, "float32"): self._held,
        }
        y = leaves[whole, self.to](sums)
        kind = np.float32 if self.to == "float32" else np.int8
        return (np.asarray(y, kind).reshape(at.out.shape),)

    def macs(self, at: Applied) -> int:
        """Weights times places; a bit by a bit is one."""
        places = math.prod(at.out.shape[:-1])
        return places * at.inputs[1].size

    def macc(self, at: Applied) -> int:
        """As a convolution or a dense layer."""
        bias = at.out.size if self._dense(at) else at.inputs[1].shape[0]
        clamped = at.out.dtype == "float32" and (self.lo is not None or self.hi is not None)
        return self.macs(at) + bias + (at.out.size if clamped else 0)

    def emit(self, at: Applied, to: Writer) -> None:
        """Kernel by the pair of types; the way out is a number in its description."""
        x, w = at.inputs[:2]
        conv = Sums(at, self.window(at), self.groups, self.rounding, (self.lo, self.hi), False, True).fields()
        inputs, outs = w.shape[-1], w.shape[0]
        taps = w.size // (inputs * outs)
        fields: dict[str, object] = {"leave": LEAVES[self.to], "result_words": -(-outs // 32)}
        fields["value_step"] = -(-x.shape[-1] // 32) * 32 if x.dtype == "binary" else x.shape[-1]
        fields["weight_tap"], fields["weight_row"] = inputs, taps * inputs
        if w.dtype == "binary":
            weights, each = _packed(w, self.groups == 1)
            fields["weight_tap"], fields["weight_row"] = each, weights.shape[1] * 32
            if x.dtype == "binary" and self.groups == 1:
                fields["words"] = each // 32
            source = to.table("uint32_t", f"weights{to.index}", weights)
        else:
            source = to.source(w)
        if isinstance(w.quant, Affine):
            zeros = zeros_of(w)
            if zeros.any():
                full = np.broadcast_to(zeros, (outs,))
                conv["weight_zero"] = to.table("int32_t", f"zero{to.index}", full)
            if not self.whole(at):
                scale = np.broadcast_to(np.array(w.quant.scale), (outs,)).astype(np.float32)
                conv["weight_scale"] = to.table("float", f"each{to.index}", scale)
        if isinstance(x.quant, Affine):
            conv["zero"] = to.number(zero_of(x, at.name))
            fields["value_scale"] = to.number(x.quant.scale[0], "float32")
        if self.to == "int8":
            conv["exit"] = self.exit(at).text(to)
            fields["result_scale"] = to.number(affine(at.out, at.name).scale[0], "float32")
            fields["away"] = int(self.rounding != "even")
        elif self.whole(at) and self.to == "float32":
            scale = self.factors(at).astype(np.float32)
            fields["scale"], fields["each"] = (
                to.table("float", f"scale{to.index}", scale),
                int(len(scale) > 1),
            )
        if self.lo is not None or self.hi is not None:
            lo, hi = span((self.lo, self.hi))
            conv |= {"lo": to.real(lo), "hi": to.real(hi), "clamped": 1}
        fields["conv"] = "{" + ", ".join(f".{k} = {v}" for k, v in conv.items()) + "}"
        layer = to.layer(fields, "sa_nd_mixed_t")
        bias = bias_of(at)
        name = to.source(bias) if bias is not None else "0"
        kernel = f"sa_nd_mixed_{x.dtype}_{w.dtype}"
        to.call("nd/sa_nd_mixed.h", kernel, layer, to.source(x), source, name, to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """All 27 combinations as a dense layer and as convolutions, and what only some of them meet."""
        yield from _mixed_cases.combinations(cls)
        yield from _mixed_cases.edges(cls)


def _packed(w: Tensor, whole_words: bool) -> tuple[Array, int]:
    """Weights of bits as (outputs, words), and the bits from tap to tap."""
    data = np.zeros(0, np.int8) if w.data is None else w.data
    inputs = w.shape[-1]
    if whole_words:
        words = pack_bits(data)
        return words.reshape(w.shape[0], -1), -(-inputs // 32) * 32
    return pack_bits(data.reshape(w.shape[0], -1)), inputs
