"""Functions of one number, as ``Unary`` has them: NumPy for the reference, an expression for C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd import maths
from sensorai.ops.nd import trigonometry as trig

F = np.float32


@dataclass(frozen=True, slots=True)
class Function:
    """A function of real numbers.

    Attributes
    ----------
    compute : callable
        Of a float32 array and two settings of type float32.
    text : str
        C of the same: ``$0`` is the number, ``$a`` and ``$b`` are the settings.
    cost : int
        Operations as ST's tool counts them.
    settings : tuple of float
        What the settings are where nothing is said.
    wide : callable, optional
        The same of float64, where it is not ``compute`` itself.
    """

    compute: Callable[[Array, Any, Any], Array]
    text: str
    cost: int = 1
    settings: tuple[float, float] = (0.0, 0.0)
    wide: Callable[[Array, Any, Any], Array] | None = None


def _of(function: Callable[[Array], Any]) -> Callable[[Array, Any, Any], Array]:
    return lambda x, a, b: np.asarray(function(x))


def _maximum(a: Any, b: Any) -> Array:
    return np.asarray(np.where((a > b) | (a != a), a, b))


def _minimum(a: Any, b: Any) -> Array:
    return np.asarray(np.where((a < b) | (a != a), a, b))


def _sign(x: Array) -> Array:
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return np.where(x > 0, one, np.where(x < 0, -one, np.where(x == 0, zero, x)))


def _softplus(x: Array) -> Array:
    return np.asarray(_maximum(x, F(0)) + maths.log1p(maths.exp(-np.abs(x))))


def _gelu(x: Array) -> Array:
    return np.asarray(F(0.5) * x * (F(1) + maths.erf(x * F(0.70710678118654752))))


def _gelu_tanh(x: Array) -> Array:
    inner = F(0.7978845608028654) * (x + F(0.044715) * x * x * x)
    return np.asarray(F(0.5) * x * (F(1) + maths.tanh(inner)))


def _hard_swish(x: Array) -> Array:
    three, six = x.dtype.type(3), x.dtype.type(6)
    return np.asarray(x * _minimum(_maximum(x + three, x.dtype.type(0)), six) / six)


def _hard_sigmoid(x: Array, a: Any, b: Any) -> Array:
    y = a * x + b
    return _maximum(_minimum(y, np.ones_like(y)), np.zeros_like(y))


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_of(np.abs), "sa_nd_abs($0)"),
    "neg": Function(_of(np.negative), "-$0"),
    "floor": Function(_of(np.floor), "sa_nd_floor($0)"),
    "ceil": Function(_of(np.ceil), "sa_nd_ceil($0)"),
    "round": Function(_of(np.rint), "sa_nd_round($0)"),
    "trunc": Function(_of(np.trunc), "sa_nd_trunc($0)"),
    "sign": Function(_of(_sign), "sa_nd_signum($0)"),
    "square": Function(lambda x, a, b: np.asarray(x * x), "$0 * $0"),
    "clip": Function(
        lambda x, a, b: np.where(x < a, a, np.where(x > b, b, x)),
        "$0 < $a ? $a : ($0 > $b ? $b : $0)",
        settings=(-np.inf, np.inf),
    ),
    "reciprocal": Function(lambda x, a, b: np.asarray(x.dtype.type(1) / x), "1.0F / $0"),
    "sqrt": Function(_of(np.sqrt), "sa_nd_sqrt($0)", 10),
    "rsqrt": Function(lambda x, a, b: np.asarray(x.dtype.type(1) / np.sqrt(x)), "1.0F / sa_nd_sqrt($0)", 10),
    "exp": Function(_of(maths.exp), "sa_nd_exp($0)", 10, wide=_of(np.exp)),
    "log": Function(_of(maths.log), "sa_nd_log($0)", 10, wide=_of(np.log)),
    "erf": Function(_of(maths.erf), "sa_nd_erf($0)", 10),
    "sigmoid": Function(
        _of(maths.sigmoid), "sa_nd_sigmoid($0)", 10, wide=lambda x, a, b: np.asarray(1 / (1 + np.exp(-x)))
    ),
    "tanh": Function(_of(maths.tanh), "sa_nd_tanh($0)", 10, wide=_of(np.tanh)),
    "leaky_relu": Function(
        lambda x, a, b: np.where(x < 0, a * x, x), "$0 < 0.0F ? $a * $0 : $0", settings=(0.01, 0.0)
    ),
    "thresholded_relu": Function(
        lambda x, a, b: np.where(x > a, x, x.dtype.type(0)), "$0 > $a ? $0 : 0.0F", settings=(1.0, 0.0)
    ),
    "shrink": Function(
        lambda x, a, b: np.where(x < -a, x + b, np.where(x > a, x - b, np.zeros_like(x))),
        "$0 < -($a) ? $0 + $b : ($0 > $a ? $0 - $b : 0.0F)",
        2,
        (0.5, 0.0),
    ),
    "elu": Function(
        lambda x, a, b: np.where(x < 0, a * maths.expm1(x), x), "sa_nd_elu($0, $a)", 10, (1.0, 0.0)
    ),
    "celu": Function(
        lambda x, a, b: np.where(x < 0, a * maths.expm1(x / a), x), "sa_nd_celu($0, $a)", 10, (1.0, 0.0)
    ),
    "selu": Function(
        lambda x, a, b: np.asarray(b * np.where(x > 0, x, a * maths.expm1(x))),
        "sa_nd_selu($0, $a, $b)",
        10,
        (1.67326319217681884765625, 1.05070102214813232421875),
    ),
    "hard_sigmoid": Function(_hard_sigmoid, "sa_nd_hard_sigmoid($0, $a, $b)", 4, (0.2, 0.5)),
    "hard_swish": Function(_of(_hard_swish), "sa_nd_hard_swish($0)", 5),
    "softplus": Function(_of(_softplus), "sa_nd_softplus($0)", 20),
    "softsign": Function(
        lambda x, a, b: np.asarray(x / (x.dtype.type(1) + np.abs(x))), "sa_nd_softsign($0)", 3
    ),
    "gelu": Function(_of(_gelu), "sa_nd_gelu($0)", 14),
    "gelu_tanh": Function(_of(_gelu_tanh), "sa_nd_gelu_tanh($0)", 18),
    "mish": Function(lambda x, a, b: np.asarray(x * maths.tanh(_softplus(x))), "sa_nd_mish($0)", 31),
    "swish": Function(
        lambda x, a, b: np.asarray(x * maths.sigmoid(a * x)), "sa_nd_swish($0, $a)", 12, (1.0, 0.0)
    ),
    "sin": Function(_of(trig.sin), "sa_nd_sin($0)", 10, wide=_of(np.sin)),
    "cos": Function(_of(trig.cos), "sa_nd_cos($0)", 10, wide=_of(np.cos)),
    "tan": Function(_of(trig.tan), "sa_nd_tan($0)", 10, wide=_of(np.tan)),
    "asin": Function(_of(trig.asin), "sa_nd_asin($0)", 10, wide=_of(np.arcsin)),
    "acos": Function(_of(trig.acos), "sa_nd_acos($0)", 10, wide=_of(np.arccos)),
    "atan": Function(_of(trig.atan), "sa_nd_atan($0)", 10, wide=_of(np.arctan)),
    "sinh": Function(_of(trig.sinh), "sa_nd_sinh($0)", 10, wide=_of(np.sinh)),
    "cosh": Function(_of(trig.cosh), "sa_nd_cosh($0)", 10, wide=_of(np.cosh)),
    "asinh": Function(_of(trig.asinh), "sa_nd_asinh($0)", 10, wide=_of(np.arcsinh)),
    "acosh": Function(_of(trig.acosh), "sa_nd_acosh($0)", 10, wide=_of(np.arccosh)),
    "atanh": Function(_of(trig.atanh), "sa_nd_atanh($0)", 10, wide=_of(np.arctanh)),
}
