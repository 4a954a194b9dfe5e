"""Rules of QONNX, whose operators quantise in real numbers; Brevitas and FINN have them in domains of theirs.

Source: ``qonnx/custom_op/general``. ``Quant`` without a zero point becomes ``Quantize`` and ``Dequantize``,
which later passes turn into integers; with one, or with another rounding, it stays a chain of real numbers
in float32, in the order of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.rules import OnnxNode, Refused, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.thresholds import Thresholds
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
#: Roundings by their names.
ROUNDINGS = {"ROUND": "round", "HALF_EVEN": "round", "CEIL": "ceil", "FLOOR": "floor"}
#: Types by the largest numbers that they hold, the narrowest first.
INTEGERS = (("uint8", 0, 255), ("int8", -128, 127), ("uint16", 0, 65535), ("int16", -32768, 32767))
#: Bits that float32 holds exactly.
BITS = 24


class _Chain:
    """Steps on one tensor; the last one has the name of the node's output."""

    def __init__(self, node: OnnxNode, x: Tensor) -> None:
        self.node, self.x = node, x
        if x.dtype != "float32":
            raise ConfigError(f"{node.where}: quantises {x.dtype}, not float32")

    def constant(self, role: str, values: Any) -> Tensor:
        """Add a constant."""
        data = np.asarray(values, np.float32)
        return self.node.net.constant(f"{self.node.outputs[0]}.{role}", data)

    def unary(self, function: str) -> None:
        """Append a function."""
        (self.x,) = self.node.add(Unary(function), self.x, last=False)

    def binary(self, function: str, values: Any, *, last: bool = False) -> None:
        """Append a function of it and a constant."""
        (self.x,) = self.node.add(Binary(function), self.x, self.constant(function, values), last=last)

    def clip(self, low: float, high: float) -> None:
        """Hold it between two ends."""
        (self.x,) = self.node.add(Clip(low, high), self.x, last=False)

    def sign(self) -> None:
        """Make 1 of what is not below 0 and -1 of the rest."""
        (above,) = self.node.add(Binary("greater_equal"), self.x, self.constant("zero", 0.0), last=False)
        (self.x,) = self.node.add(Cast("float32"), above, last=False)
        self.binary("mul", 2.0)
        self.binary("sub", 1.0)


def _known(node: OnnxNode, place: int, what: str) -> Array:
    tensor = node.need(place)
    if tensor.data is None:
        raise ConfigError(f"{node.where}: its {what} is computed while the net runs, which is not supported")
    found = np.asarray(tensor.data, np.float32)
    if not np.all(np.isfinite(found)):
        raise ConfigError(f"{node.where}: its {what} holds NaN or infinity")
    return found


def _bits(node: OnnxNode, place: int, what: str) -> int:
    value = _known(node, place, what).reshape(-1)
    if value.size != 1 or value[0] != int(value[0]) or not 1 <= value[0] <= BITS:
        raise ConfigError(f"{node.where}: {what} {value.tolist()[:4]} is no whole number from 1 to {BITS}")
    return int(value[0])


def _scale(node: OnnxNode, place: int = 1) -> Array:
    found = _known(node, place, "scale")
    if not found.size or np.any(found <= 0):
        raise ConfigError(f"{node.where}: a scale is not above 0")
    return found


def _ends(node: OnnxNode, bits: int) -> tuple[int, int]:
    """Smallest and largest integer."""
    signed, narrow = bool(node.attribute("signed", 1)), bool(node.attribute("narrow", 0))
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _rounding(node: OnnxNode, usual: str) -> str:
    name = str(node.attribute("rounding_mode", usual)).upper()
    if name not in ROUNDINGS:
        known = ", ".join(ROUNDINGS)
        hint = f"supported: {known}"
        raise ConfigError(f"{node.where}: rounding_mode={name!r} is not supported", hint=hint)
    return ROUNDINGS[name]


def _affine(scale: Array, x: Tensor) -> Affine | None:
    """One scale, or one for each index of an axis; None where they are more than that."""
    if scale.size == 1:
        return Affine((float(scale.reshape(-1)[0]),), (0,))
    wide = (1,) * (len(x.shape) - scale.ndim) + scale.shape
    axes = [k for k, extent in enumerate(wide) if extent != 1]
    if len(wide) != len(x.shape) or len(axes) != 1 or wide[axes[0]] != x.shape[axes[0]]:
        return None
    return Affine(tuple(float(v) for v in scale.reshape(-1)), (0,) * scale.size, axes[0])


def _quant(node: OnnxNode) -> Sequence[Tensor]:
    chain = _Chain(node, node.need(0))
    scale, zero, bits = _scale(node), _known(node, 2, "zero point"), _bits(node, 3, "bit width")
    rounding = _rounding(node, "ROUND")
    low, high = _ends(node, bits)
    quant = _affine(scale, chain.x)
    one_bit = bits == 1 and bool(node.attribute("signed", 1))
    if quant is not None and not np.any(zero) and rounding == "round" and not one_bit:
        kind = next((k for k, least, most in INTEGERS if least <= low and high <= most), "int32")
        (low_end, high_end) = next(((a, b) for k, a, b in INTEGERS if k == kind), (0, 0))
        if (low, high) != (low_end, high_end):
            # the ends are whole numbers, so it is the same before rounding; scales may differ by channel
            chain.binary("max", np.float32(low) * scale)
            chain.binary("min", np.float32(high) * scale)
        name = f"{node.outputs[0]}.quantized"
        (q,) = node.net.add(Quantize(kind), (chain.x,), (name,), (quant,))
        return node.add(Dequantize(), q)
    chain.binary("div", scale)
    chain.binary("add", zero)
    if one_bit:
        chain.sign()
    else:
        chain.clip(float(low), float(high))
        chain.unary(rounding)
    chain.binary("sub", zero)
    chain.binary("mul", scale, last=True)
    return (chain.x,)


def _bipolar(node: OnnxNode) -> Sequence[Tensor]:
    chain = _Chain(node, node.need(0))
    chain.sign()
    chain.binary("mul", _scale(node), last=True)
    return (chain.x,)


def _trunc(node: OnnxNode) -> Sequence[Tensor]:
    """Version 1: by bits; version 2: by the ratio of both scales, which is a power of two."""
    chain = _Chain(node, node.need(0))
    scale, zero, bits = _scale(node), _known(node, 2, "zero point"), _bits(node, 3, "bit width")
    rounding = _rounding(node, "FLOOR")
    chain.binary("div", scale)
    chain.binary("add", zero)
    chain.unary("round")
    if len(node.inputs) < 7:
        chain.binary("div", np.float32(2.0 ** (bits - _bits(node, 4, "output bit width"))))
        chain.unary(rounding)
        chain.binary("sub", zero)
        chain.binary("mul", scale, last=True)
        return (chain.x,)
    out_scale = _scale(node, 4)
    factor = np.exp2(np.round(np.log2(out_scale / scale))).astype(np.float32)
    low, high = _ends(node, _bits(node, 6, "output bit width"))
    chain.binary("div", factor)
    chain.clip(float(low), float(high))
    chain.unary(rounding)
    chain.binary("sub", zero / factor)
    chain.binary("mul", out_scale, last=True)
    return (chain.x,)


def _thresholds(node: OnnxNode) -> Sequence[Tensor]:
    node.only("data_layout", "NCHW", "NHWC")
    x, rows = node.need(0), node.net.constant(f"{node.outputs[0]}.rows", _known(node, 1, "thresholds"))
    op = Thresholds(float(node.attribute("out_scale", 1.0)), float(node.attribute("out_bias", 0.0)))
    rank = len(x.shape)
    if rank != 4 or node.attribute("data_layout", "NCHW") == "NHWC":
        return node.add(op, x, rows)
    (last,) = node.add(Transpose((0, 2, 3, 1)), x, last=False)
    (y,) = node.add(op, last, rows, last=False)
    return node.add(Transpose((0, 3, 1, 2)), y)


OPERATORS: Mapping[str, Callable[[OnnxNode], Sequence[Tensor]]] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "MultiThreshold": _thresholds,
    "FloatQuant": Refused("floating point of few bits is not supported", "Quant is"),
}

RULES: Mapping[str, Rule] = {f"{d}.{name}": rule for d in DOMAINS for name, rule in OPERATORS.items()}
