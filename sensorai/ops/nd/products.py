"""What layers of weighted sums share: types, sums and their way out, tables and calls of ``sa_nd_conv.h``.

float32: products from 0 on, one after the other in the order of the weights (kernel, then inputs), then the
bias, then the clamp, as TensorFlow Lite Micro's reference does. int8 weights of a float layer become float32
numbers one by one: ``(q - zero) * scale``, rounded once, and are summed as such.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Buffers, Way, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import dictionary, fast, fast_table, leaving
from sensorai.ops.nd.leaving import affine, exit_of, zero_of, zeros_of
from sensorai.ops.nd.windows import Window, integer_sums, ordered_sums

#: Types of weights by the type of the input.
WEIGHTS = {
    "float16": ("float16",),
    "float32": ("float32", "int8", "int4"),
    "float64": ("float64",),
    "int8": ("int8", "int4", "uint8"),
    "uint8": ("uint8", "int8"),
    "int16": ("int8", "int4", "uint8"),
}
#: Bits of weights that faster kernels open.
_OPENED = 4
#: Types of C that read int8 numbers.
_BYTES = ("int8", "int4")


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Tensors of a layer and how it sums.

    Attributes
    ----------
    at : Applied
    window : Window
    groups : int
    rounding : str
    clamp : tuple of float or None
        Ends in real numbers.
    single : bool
        See ``leaving.factors``.
    narrow : bool
        See ``leaving.exit_of``.
    back : bool
        Transposed, see ``windows``.
    coded : bool
        Whether weights may be places in a dictionary.
    """

    at: Applied
    window: Window
    groups: int
    rounding: str
    clamp: tuple[float | None, float | None]
    single: bool
    narrow: bool
    back: bool = False
    coded: bool = True

    @property
    def where(self) -> str:
        """The layer in messages."""
        return f"layer {self.at.name}"

    @property
    def w(self) -> Tensor:
        """Weights."""
        return self.at.inputs[1]

    @property
    def bias(self) -> Tensor | None:
        """Bias, None where there is none."""
        return bias_of(self.at)

    def exit(self) -> leaving.Exit:
        """Way out of integer sums."""
        places = (self.at.x, self.w)
        return exit_of(
            self.at,
            places,
            self.bias,
            self.rounding,
            self.clamp,
            single=self.single,
            narrow=self.narrow,
            most=self._most(),
        )

    def _most(self) -> int:
        """Largest magnitude of a sum of int16 numbers."""
        if self.at.x.dtype != "int16":
            return 0
        bias = self.bias
        if self.w.data is None or (bias is not None and bias.data is None):
            # weights of 8 bits less a zero point, a bias of 32 bits
            return math.prod(self.w.shape[1:]) * (1 << 24) + (1 << 31)
        zeros = zeros_of(self.w).reshape(-1, *(1,) * (len(self.w.shape) - 1))
        added = 0 if bias is None or bias.data is None else bias.data.astype(np.int64)
        return int(_largest(self.w.data.astype(np.int64) - zeros, added).max(initial=1))

    def compute(self, x: Array, w: Array, bias: Array | None) -> Array:
        """Exact result for an input (batch, *extents, channels)."""
        if self.at.x.dtype.startswith("float"):
            return self._floats(x, w, bias)
        zero, weights = zero_of(self.at.x, self.where), w.astype(np.int64)
        weights = weights - zeros_of(self.w).reshape(-1, *(1,) * (w.ndim - 1))
        sums = integer_sums(self.window, x.astype(np.int64) - zero, weights, self.groups, self.back)
        return self.exit().apply(sums if bias is None else sums + bias.astype(np.int64))

    def _floats(self, x: Array, w: Array, bias: Array | None) -> Array:
        kind = x.dtype
        if w.dtype == np.int8:
            w = dequantised(self.w, w, self.where)
        if kind == np.float16:
            # sums of float32, rounded once
            x, w = x.astype(np.float32), w.astype(np.float32)
        y = ordered_sums(self.window, x, w, self.groups, self.back)
        if bias is not None:
            y = y + bias.astype(y.dtype)
        lo, hi = self.clamp
        if lo is not None or hi is not None:
            low, high = (y.dtype.type(v) for v in span(self.clamp))
            y = np.where(y < low, low, y)
            y = np.where(y > high, high, y)
        return np.asarray(y, kind)

    def check(self) -> None:
        """Raise a ConfigError where scales are missing or do not fit."""
        if self.at.x.dtype.startswith("float"):
            if self.w.dtype in _BYTES:
                _along_outputs(affine(self.w, self.where), self.where)
            return
        zero = zero_of(self.at.x, self.where)
        if isinstance(self.w.quant, Affine):
            _along_outputs(self.w.quant, self.where)
        shifted = zeros_of(self.w).any() and self.at.out.dtype != "int32"
        if self.at.x.dtype == "int16" and (zero or shifted):
            raise ConfigError(f"{self.where}: int16 numbers must have the zero point 0")
        self.exit()

    def overlap(self) -> int | None:
        """Bytes that the input must lie behind the output where they overlap; None where they must not."""
        if self.back:
            return None
        places = self.at.out.size // self.at.out.shape[-1]
        batch = places // math.prod(self.window.out)
        read, made = (t.shape[-1] * t.item_bytes for t in (self.at.x, self.at.out))
        return self.window.overlap(batch, read, made)

    # -- C

    def buffers(self) -> Buffers:
        """Memory that the kernel wants."""
        layer = self.integers()
        found = None if layer is None else fast_table.kernel(layer)
        if found is None:
            return Buffers(overlap=(self.overlap(),))
        # channel by channel values and results lie in one place, byte by byte, or apart
        overlap = (self.overlap(),) if self.groups == 1 else ()
        return Buffers(in_place=found.in_place, scratch=found.scratch, overlap=overlap)

    def ways(self) -> tuple[Way, ...]:
        """Kernels to choose from."""
        layer = self.integers()
        return () if layer is None else fast_table.ways(layer)

    def integers(self) -> fast.Layer | None:
        """Sums of int8 numbers with constant weights, for the instructions of a core."""
        if not self.at.isa or self.at.x.dtype != "int8" or self.back:
            return None
        w, narrow = self._int8_weights(), self.w.dtype == "int4" and not zeros_of(self.w).any()
        if w is None:
            return None
        found = self._coded(w, narrow=narrow)
        # those of four bits are opened; fewer bits, and those of other types, stay in their dictionary
        if found is not None and (not narrow or found.bits < _OPENED or self.groups > 1 or self.at.changing):
            return None
        exit_, zero = self.exit(), zero_of(self.at.x, self.where)
        settings = self._known_bias(), exit_, True, found is not None
        return fast.Layer(self.at, self.window, self.groups, zero, w, *settings)

    def _known_bias(self) -> Array:
        if self.bias is None or self.bias.data is None:
            return np.zeros(self.w.shape[0], np.int64)
        return np.asarray(self.bias.data, np.int64)

    def _call(self, to: Writer, way: str, layer: str, *arguments: object) -> None:
        stem = "sa_nd_conv_transpose" if self.back else "sa_nd_conv"
        to.call(f"nd/{stem}.h", f"{stem}_{way}", layer, *arguments, to.target(self.at.out))

    def emit(self, to: Writer) -> None:
        """Tables, description and call."""
        x = self.at.x
        if x.dtype == "float32":
            self._emit_float(to)
        elif x.dtype == "float16" or x.dtype == "float64":
            raise ConfigError(f"{self.where}: {x.dtype} has no C")
        elif (narrow := self._int8_weights()) is not None:
            self._emit_narrow(to, narrow)
        else:
            self._emit_any(to)

    def fields(self) -> dict[str, object]:
        """Description for the kernels: axes in front are added up to three."""
        w, x = self.window, self.at.x
        lead = 3 - len(w.kernel)
        ins, outs = (w.out, w.extents) if self.back else (w.extents, w.out)

        def three(values: tuple[int, ...], fill: int) -> str:
            return "{" + ", ".join(map(str, (fill,) * lead + tuple(values))) + "}"

        inputs, outputs = self.w.shape[-1], self.w.shape[0]
        channels = inputs * self.groups
        rows = self.groups == 1 and (not w.kernel or w.dilations[-1] == 1)
        return {
            "in": three(ins, 1),
            "out": three(outs, 1),
            "kernel": three(w.kernel, 1),
            "stride": three(w.strides, 1),
            "dilation": three(w.dilations, 1),
            "before": three(w.before, 0),
            "batch": x.size // (int(np.prod(ins, dtype=np.int64)) * channels),
            "channels": channels,
            "group_in": inputs,
            "outputs": outputs,
            "group_out": outputs // self.groups,
            "joined": int(rows),
        }

    def _emit_float(self, to: Writer) -> None:
        fields = self.fields()
        if self.clamp != (None, None):
            lo, hi = span(self.clamp)
            fields |= {"lo": to.real(lo), "hi": to.real(hi), "clamped": 1}
        way = "f32"
        if self.w.dtype in _BYTES:
            said, outs = affine(self.w, self.where), self.w.shape[0]
            scale = np.broadcast_to(np.array(said.scale, np.float64), (outs,)).astype(np.float32)
            fields["weight_scale"] = to.table("float", f"scale{to.index}", scale)
            if any(said.zero) or (to.updatable and self.w.dtype.startswith("u")):
                zero = np.broadcast_to(np.array(said.zero), (outs,))
                fields["weight_zero"] = to.table("int32_t", f"zero{to.index}", zero)
            way = "f32_i8"
        bias = to.source(self.bias) if self.bias is not None else "0"
        found = self._coded(self.w.data, narrow=self.w.dtype == "int4")
        if found is not None:
            self._call_coded(to, way, found, fields, bias)
            return
        layer = to.layer(fields, "sa_nd_conv_t")
        self._call(to, way, layer, to.source(self.at.x), to.source(self.w), bias)

    def _int8_weights(self) -> Array | None:
        """Constant weights less their zero points where they are int8 numbers, None where they are not."""
        bias = self.bias
        if self.w.data is None or (bias is not None and bias.data is None):
            return None
        zeros = zeros_of(self.w).reshape(-1, *(1,) * (len(self.w.shape) - 1))
        moved = self.w.data.astype(np.int64) - zeros
        if moved.size and (moved.min() < -128 or moved.max() > 127):
            return None
        return np.asarray(moved, np.int8)

    def _emit_narrow(self, to: Writer, w: Array) -> None:
        own = self.integers()
        found_fast = None if own is None else fast_table.kernel(own)
        if found_fast is not None:
            found_fast.emit(to)
            return
        way, x, zero = self.exit(), self.at.x, zero_of(self.at.x, self.where)
        bias = self._known_bias()
        fields = self.fields()
        kernel, kind = x.dtype.replace("uint", "u").replace("int", "i"), "int32_t"
        wide = way.wide and (self.back or not _fits(w, bias))
        if wide:
            kernel, kind = f"{kernel}_wide", "int64_t"
        else:
            fields["zero"] = to.number(zero)
        fields["exit"] = way.text(to)
        same = self.w.dtype in _BYTES and not zeros_of(self.w).any()
        found = self._coded(w, narrow=same and self.w.dtype == "int4")
        if not wide and not self.back and found is None:
            kernel = f"single_{kernel}" if w.shape[-1] == 1 and self.groups > 1 else kernel
            totals = w.astype(np.int64).sum(axis=tuple(range(1, w.ndim)))
            # the sum wraps as that of the kernel does
            bias = (bias - zero * totals).astype(np.int32)
        name = to.table(kind, f"bias{to.index}", bias) if bias.any() or to.updatable else "0"
        if found is not None:
            self._call_coded(to, kernel, found, fields, name)
            return
        weights = to.source(self.w) if same else to.table("int8_t", f"weights{to.index}", w)
        layer = to.layer(fields, "sa_nd_conv_t")
        self._call(to, kernel, layer, to.source(x), weights, name)

    def places_taken(self) -> bool:
        """Whether weights become places in a dictionary."""
        w = self.w.data if self.at.x.dtype == "float32" else self._int8_weights()
        same = self.w.dtype == "int4" and not zeros_of(self.w).any()
        return self._coded(w, narrow=same) is not None

    def _coded(self, w: Array | None, *, narrow: bool) -> dictionary.Coded | None:
        """Weights in a dictionary, where that is smaller."""
        return None if self.back or not self.coded or w is None else dictionary.coded(w, narrow=narrow)

    def _call_coded(
        self, to: Writer, way: str, found: dictionary.Coded, fields: dict[str, object], bias: str
    ) -> None:
        layer, places = dictionary.written(found, fields, to)
        call = layer, to.source(self.at.x), places, bias, to.target(self.at.out)
        to.call("nd/sa_nd_coded.h", f"sa_nd_coded_{way}_{found.bits}", *call)

    def _emit_any(self, to: Writer) -> None:
        way, x = self.exit(), self.at.x
        if way.wide:
            raise ConfigError(f"{self.where}: int64 sums need constant weights and bias in C")
        fields = self.fields() | {"zero": to.number(zero_of(x, self.where))}
        zeros = zeros_of(self.w)
        if zeros.any() or to.updatable:
            full = np.broadcast_to(zeros, (self.w.shape[0],))
            fields["weight_zero"] = to.table("int32_t", f"zero{to.index}", full)
        fields["exit"] = way.text(to)
        layer = to.layer(fields, "sa_nd_conv_t")
        bias = to.source(self.bias) if self.bias is not None else "0"
        x_kind, w_kind = (leaving.KINDS[t.dtype.replace("int4", "int8")] for t in (x, self.w))
        self._call(to, "any", layer, to.source(x), x_kind, to.source(self.w), w_kind, bias)


def _fits(w: Array, bias: Array) -> bool:
    """Whether sums of int16 numbers, with their bias, stay within int32 whatever the numbers."""
    return bool(_largest(w.astype(np.int64), bias).max() < 2**31)


def _largest(w: Array, bias: Array | int) -> Array:
    """Largest magnitude of the sums of int16 numbers, for each output."""
    return np.asarray(np.abs(w).sum(axis=tuple(range(1, w.ndim))) * 32768 + np.abs(bias))


def bias_of(at: Applied) -> Tensor | None:
    """Third input, None where it is left out."""
    return at.inputs[2] if len(at.inputs) > 2 and at.inputs[2].name else None


def span(clamp: tuple[float | None, float | None]) -> tuple[float, float]:
    """Ends of a clamp, infinite where there is none."""
    lo, hi = clamp
    return (-np.inf if lo is None else lo), (np.inf if hi is None else hi)


def dequantised(tensor: Tensor, w: Array, where: str) -> Array:
    """float32 weights of integers, the outputs first."""
    said = affine(tensor, where)
    shape = (-1,) + (1,) * (w.ndim - 1)
    scale = np.array(said.scale, np.float64).astype(np.float32).reshape(shape)
    zero = np.array(said.zero, np.int64).reshape(shape)
    return np.asarray((w.astype(np.int64) - zero).astype(np.float32) * scale, np.float32)


def _along_outputs(said: Affine, where: str) -> None:
    if said.axis not in (None, 0):
        raise ConfigError(f"{where}: scales of weights go along the outputs, not along axis {said.axis}")


def result_type(at: Applied, to: str) -> str:
    """Type of the result; a ConfigError where input, weights and bias do not go together."""
    where = f"layer {at.name}"
    if len(at.inputs) < 2 or not at.inputs[1].name:
        raise ConfigError(f"{where}: input or weights are missing")
    x, w = at.inputs[:2]
    if w.dtype not in WEIGHTS.get(x.dtype, ()):
        raise ConfigError(f"{where}: {x.dtype} values with {w.dtype} weights are not supported")
    floats = x.dtype.startswith("float")
    bias = bias_of(at)
    if bias is not None:
        allowed = (x.dtype,) if floats else ("int32", "int64") if x.dtype == "int16" else ("int32",)
        if bias.dtype not in allowed:
            raise ConfigError(f"{where}: {x.dtype} values with a {bias.dtype} bias are not supported")
    if to and (floats or to not in leaving.KINDS):
        raise ConfigError(f"{where}: {x.dtype} sums cannot become {to}")
    return to or x.dtype


def check_bias(bias: Tensor | None, count: int, where: str) -> None:
    """Raise a ConfigError unless the bias has one number for each output."""
    if bias is not None and bias.shape != (count,):
        raise ConfigError(f"{where}: a bias of shape {bias.shape} does not go with {count} outputs")
