"""Quantisers of QKeras and Larq on weights and on what layers make; the formulas: see ``quantiser``.

A quantised activation is a pair of ``Quantize`` and ``Dequantize``, held between the ends of its numbers
before, so that later passes see the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras import quantiser
from sensorai.importers.keras.quantiser import BITS, SIGNS, Quantiser
from sensorai.importers.keras.rules import KerasLayer
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.unary import Unary

#: Types by the largest numbers that they hold, the narrowest first.
INTEGERS = (("uint8", 0, 255), ("int8", -128, 127), ("uint16", 0, 65535), ("int16", -32768, 32767))


def quantised(layer: KerasLayer, value: Any, data: Array) -> Array:
    """Weights through a quantiser, as they are where there is none."""
    one = quantiser.found(layer.where, value)
    return data if one is None else quantiser.weights(one, data)


def known(name: str) -> bool:
    """Whether an activation is a quantiser, by its name or its text."""
    return quantiser.short(name.partition("(")[0]) in quantiser.ARGUMENTS


def activation(layer: KerasLayer, x: Tensor, value: Any, last: bool) -> Tensor:
    """Append a quantiser to what a layer makes."""
    one = quantiser.found(layer.where, value)
    if one is None:
        return x
    if one.name not in ACTIVATIONS:
        raise ConfigError(f"{layer.where}: {one.name} of what a layer makes is not supported")
    return ACTIVATIONS[one.name](layer, x, one, last)


def _steps(layer: KerasLayer, x: Tensor, step: float, low: int, high: int, last: bool) -> Tensor:
    """Step * clip(round(x / step), low, high)."""
    kind = next((k for k, least, most in INTEGERS if least <= low and high <= most), "int32")
    ends = next(((least, most) for k, least, most in INTEGERS if k == kind), (0, 0))
    if (low, high) != ends:
        x = layer.add(Clip(low * step, high * step), x, last=False)
    name = f"{layer.name}.quantized"
    (q,) = layer.net.add(Quantize(kind), (x,), (name,), (Affine((step,), (0,)),))
    return layer.add(Dequantize(), q, last=last)


def _times(layer: KerasLayer, x: Tensor, alpha: float, last: bool) -> Tensor:
    return layer.add(Binary("mul"), x, layer.scalar("alpha", alpha), last=last)


def _alpha(one: Quantiser) -> float:
    """Scale that does not depend on the numbers."""
    if isinstance(one["alpha"], str):
        raise ConfigError(
            f"{one.where}: {one.name} with alpha={one['alpha']!r} scales by the numbers of each call",
            hint="give what layers make a number as alpha",
        )
    return one.real("alpha", 1.0)


def _sign(layer: KerasLayer, x: Tensor, alpha: float, zero_one: bool, last: bool) -> Tensor:
    """Alpha from 0 on, else -alpha, or 0."""
    (above,) = layer.net.add(
        Binary("greater_equal"), (x, layer.scalar("zero", 0.0)), (f"{layer.name}.positive",)
    )
    if zero_one and alpha == 1.0:
        return layer.add(Cast("float32"), above, last=last)
    y = layer.add(Cast("float32"), above, last=False)
    if zero_one:
        return _times(layer, y, alpha, last)
    y = layer.add(Binary("mul"), y, layer.scalar("twice", 2.0), last=False)
    y = layer.add(Binary("sub"), y, layer.scalar("one", 1.0), last=last and alpha == 1.0)
    return y if alpha == 1.0 else _times(layer, y, alpha, last)


def _bits(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    one.usual("scale_axis")
    bits, integer, alpha = one.whole("bits", 1, BITS), one.whole("integer", -BITS, BITS), _alpha(one)
    negative = bool(one["keep_negative"])
    if bits == 1 and negative:
        return _sign(layer, x, alpha, False, last)
    n = 2 ** (bits - negative)
    low = negative * (bool(one["symmetric"]) - n)
    y = _steps(layer, x, 2.0**integer / n, low, n - 1, last and alpha == 1.0)
    return y if alpha == 1.0 else _times(layer, y, alpha, last)


def _relu(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    """Steps of 2 ** integer / n from 0 to n - 1; below 0 of x * slope, down to -slope * n."""
    one.usual("use_sigmoid")
    bits, integer = one.whole("bits", 1, BITS), one.whole("integer", -BITS, BITS)
    slope = one.real("negative_slope", 0.0)
    n = 2 ** (bits - (slope != 0.0))
    step = 2.0**integer / n
    if slope == 0.0:
        return _steps(layer, x, step, 0, n - 1, last)
    if slope < 0 or np.log2(slope) % 1 or slope * n < 1 or slope > 1:
        raise ConfigError(f"{layer.where}: {one.name} with negative_slope={slope} is not supported")
    y = layer.add(Unary("leaky_relu", slope), x, last=False)
    return _steps(layer, y, step, -int(slope * n), n - 1, last)


def _tanh(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    """Steps of 1 / n of tanh, or of 2 * hard_sigmoid(x) - 1 with 0.5 x + 0.5 held within 0 and 1."""
    n = 2 ** (one.whole("bits", 2, BITS) - 1)
    if one["use_real_tanh"]:
        y = layer.add(Unary("tanh"), x, last=False)
    else:
        y = layer.add(Unary("hard_sigmoid", 0.5, 0.5), x, last=False)
        y = layer.add(Binary("mul"), y, layer.scalar("twice", 2.0), last=False)
        y = layer.add(Binary("sub"), y, layer.scalar("one", 1.0), last=False)
    return _steps(layer, y, 1.0 / n, bool(one["symmetric"]) - n, n - 1, last)


def _sigmoid(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    """Steps of 1 / n of sigmoid, or of 0.5 x + 0.5 held within 0 and 1."""
    n = 2 ** one.whole("bits", 1, BITS)
    op = Unary("sigmoid") if one["use_real_sigmoid"] else Unary("hard_sigmoid", 0.5, 0.5)
    y = layer.add(op, x, last=False)
    return _steps(layer, y, 1.0 / n, int(bool(one["symmetric"])), n - 1, last)


def _binary(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    return _sign(layer, x, _alpha(one), bool(one.arguments.get("use_01")), last)


def _ternary(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    alpha, threshold = _alpha(one), one.real("threshold", 0.33)
    size = layer.add(Unary("abs"), x, last=False)
    asked = layer.net.add(
        Binary("greater_equal"), (size, layer.scalar("threshold", threshold)), (f"{layer.name}.part",)
    )
    part = layer.add(Cast("float32"), asked[0], last=False)
    side = layer.add(Unary("sign"), x, last=False)
    y = layer.add(Binary("mul"), part, side, last=last and alpha == 1.0)
    return y if alpha == 1.0 else _times(layer, y, alpha, last)


def _plain_sign(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    return _sign(layer, x, 1.0, False, last)


def _heaviside(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    (above,) = layer.net.add(Binary("greater"), (x, layer.scalar("zero", 0.0)), (f"{layer.name}.positive",))
    return layer.add(Cast("float32"), above, last=last)


def _tern(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    one.usual("ternary_weight_networks")
    clip = one.real("clip_value", 1.0)
    y = layer.add(Clip(-clip, clip), x, last=False)
    limit = layer.scalar("threshold", one.real("threshold_value", 0.05))
    up = layer.add(Unary("sign"), layer.add(Binary("add"), y, limit, last=False), last=False)
    down = layer.add(Unary("sign"), layer.add(Binary("sub"), y, limit, last=False), last=False)
    return layer.add(Unary("sign"), layer.add(Binary("add"), up, down, last=False), last=last)


def _dorefa(layer: KerasLayer, x: Tensor, one: Quantiser, last: bool) -> Tensor:
    """round(clip(x, 0, 1) * n) / n; the product with n, the quotient by n, each rounded."""
    n = 2.0 ** one.whole("k_bit", 1, BITS) - 1
    y = layer.add(Clip(0.0, 1.0), x, last=False)
    y = layer.add(Binary("mul"), y, layer.scalar("levels", n), last=False)
    y = layer.add(Unary("round"), y, last=False)
    return layer.add(Binary("div"), y, layer.scalar("levels", n), last=last)


ACTIVATIONS: Mapping[str, Callable[[KerasLayer, Tensor, Quantiser, bool], Tensor]] = {
    "quantized_bits": _bits,
    "quantized_relu": _relu,
    "quantized_tanh": _tanh,
    "quantized_sigmoid": _sigmoid,
    "binary": _binary,
    "stochastic_binary": _binary,
    "ternary": _ternary,
    "stochastic_ternary": _ternary,
    **dict.fromkeys(SIGNS, _plain_sign),
    "ste_heaviside": _heaviside,
    "ste_tern": _tern,
    "dorefa_quantizer": _dorefa,
}
