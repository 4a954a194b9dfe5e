"""Quantisers of QKeras and Larq: which one a configuration names, and what it makes of weights.

Sources: ``qkeras/quantizers.py`` (0.9) and ``larq/quantizers.py``. Numbers are float32, ``round`` takes ties
to even. QKeras writes its results as ``x + (q - x)`` for the sake of gradients; here they are q itself, which
differs by the rounding of that sum only.

- quantized_bits(bits, integer, symmetric, keep_negative, alpha): with s = 2 ** (integer - bits + negative)
  the step and n = 2 ** (bits - negative) the number of steps, s * clip(round(x / s), negative * (symmetric -
  n), n - 1) * alpha; of one signed bit alpha * sign(x). alpha "auto", "auto_po2": for each output channel the
  largest magnitude over half the levels 2 * (2 ** (bits - 1) - 1), as a power of two refined five times by
  least squares.
- binary(use_01, alpha): alpha * sign(x), sign(0) = 1, or (sign(x) + 1) / 2; "auto": mean(x q) / mean(q q).
- ternary(alpha, threshold): alpha * sign(x) where |x| >= threshold (0.33), else 0; "auto": five rounds.
- quantized_po2(bits, max_value): sign(x) * 2 ** clip(round(log2 |x|), least, most).
- stochastic_binary and stochastic_ternary are the plain ones while a net runs.
- Larq: ste_sign, approx_sign, swish_sign: 1 where x >= 0, else -1; magnitude_aware_sign: times mean |x| of
  the output channel; ste_tern: sign(sign(x + t) + sign(x - t)); ste_heaviside: 1 where x > 0;
  dorefa_quantizer(k): round(clip(x, 0, 1) * n) / n with n = 2 ** k - 1.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array

F = np.float32
#: Smallest number that QKeras adds to what it divides by.
EPSILON = F(1e-7)
#: Bits that float32 holds exactly.
BITS = 24

#: Names of the arguments in their order, and what they are where nothing is said.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "quantized_bits": {
        "bits": 8,
        "integer": 0,
        "symmetric": 0,
        "keep_negative": True,
        "alpha": None,
        "use_stochastic_rounding": False,
        "scale_axis": None,
        "qnoise_factor": 1.0,
    },
    "quantized_relu": {
        "bits": 8,
        "integer": 0,
        "use_sigmoid": 0,
        "negative_slope": 0.0,
        "use_stochastic_rounding": False,
        "relu_upper_bound": None,
        "is_quantized_clip": True,
        "qnoise_factor": 1.0,
    },
    "quantized_tanh": {
        "bits": 8,
        "use_stochastic_rounding": False,
        "symmetric": False,
        "use_real_tanh": False,
    },
    "quantized_sigmoid": {
        "bits": 8,
        "symmetric": False,
        "use_real_sigmoid": False,
        "use_stochastic_rounding": False,
    },
    "quantized_po2": {
        "bits": 8,
        "max_value": None,
        "use_stochastic_rounding": False,
        "quadratic_approximation": False,
        "log2_rounding": "rnd",
        "qnoise_factor": 1.0,
    },
    "binary": {"use_01": False, "alpha": None, "use_stochastic_rounding": False},
    "stochastic_binary": {"alpha": None, "temperature": 6.0, "use_real_sigmoid": True},
    "ternary": {
        "alpha": None,
        "threshold": None,
        "use_stochastic_rounding": False,
        "number_of_unrolls": 5,
    },
    "stochastic_ternary": {
        "alpha": None,
        "threshold": None,
        "temperature": 8.0,
        "use_real_sigmoid": True,
        "number_of_unrolls": 5,
    },
    "ste_sign": {"clip_value": 1.0},
    "approx_sign": {},
    "swish_sign": {"beta": 5.0},
    "magnitude_aware_sign": {"clip_value": 1.0},
    "ste_tern": {"threshold_value": 0.05, "ternary_weight_networks": False, "clip_value": 1.0},
    "ste_heaviside": {"clip_value": 1.0},
    "dorefa_quantizer": {"k_bit": 2},
}
#: Names of classes of Larq, and of their functions.
CLASSES: Mapping[str, str] = {
    "SteSign": "ste_sign",
    "ApproxSign": "approx_sign",
    "SwishSign": "swish_sign",
    "MagnitudeAwareSign": "magnitude_aware_sign",
    "SteTern": "ste_tern",
    "SteHeaviside": "ste_heaviside",
    "DoReFaQuantizer": "dorefa_quantizer",
    "DoReFa": "dorefa_quantizer",
}
SIGNS = ("ste_sign", "approx_sign", "swish_sign")


@dataclass(frozen=True, slots=True)
class Quantiser:
    """A quantiser with all its arguments."""

    name: str
    arguments: Mapping[str, Any]
    where: str

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def whole(self, name: str, low: int, high: int) -> int:
        """Argument that is a whole number within two ends."""
        value = self[name]
        if isinstance(value, float) and np.isfinite(value) and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"{self.where}: {self.name} with {name}={value!r} is not supported")
        return value

    def real(self, name: str, default: float) -> float:
        """Argument that is a number, or ``default`` where it is nothing."""
        value = self[name]
        if value is None:
            return default
        if isinstance(value, bool | str | dict | list) or not np.isfinite(value):
            raise ConfigError(f"{self.where}: {self.name} with {name}={value!r} is not supported")
        return float(value)

    def usual(self, *names: str) -> None:
        """Raise a ConfigError where arguments are not what they are where nothing is said."""
        for name in names:
            if self[name] != ARGUMENTS[self.name][name]:
                raise ConfigError(f"{self.where}: {self.name} with {name}={self[name]!r} is not supported")


def short(name: str) -> str:
    """Name of a function, without package and path."""
    last = name.rpartition(">")[2].rpartition(".")[2]
    return CLASSES.get(last, last)


def found(where: str, value: Any) -> Quantiser | None:
    """Quantiser of a configuration: text such as ``quantized_bits(4,0,alpha=1)``, or an object; None without.

    Raises
    ------
    ConfigError
        It is not known, or has arguments that are not.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        own = value.get("config")
        if isinstance(own, str):
            return found(where, own)
        return _made(where, short(str(value.get("class_name", ""))), (), own if isinstance(own, dict) else {})
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {value!r} is no quantiser")
    if "(" not in value:
        return _made(where, short(value), (), {})
    call = _call(value)
    if call is None:
        raise ConfigError(f"{where}: {value[:80]!r} is no quantiser")
    return _made(where, *call)


def _call(text: str) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
    """Name and arguments of a call in Python, None where a text is none."""
    if len(text) > 1000:
        return None
    try:
        tree = ast.parse(text, mode="eval").body
        if not isinstance(tree, ast.Call):
            return None
        head = tree.func
        name = head.id if isinstance(head, ast.Name) else head.attr if isinstance(head, ast.Attribute) else ""
        given = tuple(ast.literal_eval(one) for one in tree.args)
        named = {str(one.arg): ast.literal_eval(one.value) for one in tree.keywords}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return short(name), given, named


def _made(where: str, name: str, given: tuple[Any, ...], named: Mapping[str, Any]) -> Quantiser:
    if name not in ARGUMENTS:
        known = ", ".join(ARGUMENTS)
        raise ConfigError(f"{where}: the quantiser {name[:80]!r} is not supported", hint=f"known: {known}")
    usual = dict(ARGUMENTS[name])
    if len(given) > len(usual):
        raise ConfigError(f"{where}: {name} has {len(given)} arguments")
    usual.update(zip(usual, given, strict=False))
    ignored = ("var_name", "use_ste", "use_variables", "name", "precision", "mode")
    for key, value in named.items():
        if key in usual:
            usual[key] = value
        elif key not in ignored and value is not None:
            raise ConfigError(f"{where}: {name} with {key}={value!r} is not supported")
    made = Quantiser(name, usual, where)
    if "qnoise_factor" in usual:
        made.usual("qnoise_factor")
    return made


def sign(x: Array) -> Array:
    """1 from 0 on, else -1."""
    return np.where(x >= 0, F(1), F(-1))


def _channels(x: Array) -> tuple[int, ...]:
    """Axes but for the last, which counts output channels."""
    return tuple(range(x.ndim - 1)) if x.ndim > 1 else (0,)


def _scale_of(alpha: str, x: Array, q: Array) -> Array:
    """Scale of least squares for each output channel."""
    mean = np.mean(x * q, axis=_channels(x), keepdims=True, dtype=F)
    squares = np.mean(q * q, axis=_channels(x), keepdims=True, dtype=F)
    scale = np.asarray(mean / (squares + EPSILON), F)
    return _power(scale) if alpha == "auto_po2" else scale


def _power(scale: Array) -> Array:
    """Nearest power of two, by the logarithm."""
    with np.errstate(all="ignore"):
        return np.asarray(np.exp2(np.rint(np.log(scale + EPSILON) / F(np.log(2.0)))), F)


def _auto(quantiser: Quantiser) -> str:
    """Name of a scale that is found from the weights, "" where it is a number."""
    alpha = quantiser["alpha"]
    if not isinstance(alpha, str):
        return ""
    if alpha not in ("auto", "auto_po2"):
        raise ConfigError(f"{quantiser.where}: {quantiser.name} with alpha={alpha!r} is not supported")
    return alpha


def _bits(x: Array, one: Quantiser) -> Array:
    one.usual("scale_axis")
    bits, integer = one.whole("bits", 1, BITS), one.whole("integer", -BITS, BITS)
    negative = bool(one["keep_negative"])
    m, m_i = F(2.0 ** (bits - negative)), F(2.0**integer)
    if auto := _auto(one):
        y = x / m_i
        levels = F((2 ** (bits - 1) - 1) * 2)
        if levels < 1:
            raise ConfigError(f"{one.where}: {one.name} of {bits} bits with alpha={auto!r} is not supported")
        largest = np.max(np.abs(y), axis=_channels(y), keepdims=True)
        scale = np.asarray(largest * F(2) / levels, F)
        scale = _power(scale) if auto == "auto_po2" else scale
        z = y
        with np.errstate(all="ignore"):
            for _ in range(5 if auto == "auto_po2" else 1):
                v = np.floor(np.abs(y) / scale + F(0.5))
                z = np.sign(y) * np.where(v < levels / F(2), v, levels / F(2))
                z = np.where(np.isnan(z), F(0), z)
                scale = _scale_of(auto, y, z) if auto == "auto_po2" else scale
        return np.asarray((scale * m) * (m_i * z / m), F)
    if bits - negative > 0:
        low = F(negative) * (-m + F(bool(one["symmetric"])))
        q = m_i * np.clip(np.rint(x * m / m_i), low, m - F(1)) / m
    else:
        q = sign(x) if negative else (sign(x) + F(1)) / F(2)
    return np.asarray(F(one.real("alpha", 1.0)) * q, F)


def _binary(x: Array, one: Quantiser) -> Array:
    q = sign(x)
    if one.arguments.get("use_01"):
        q = (q + F(1)) / F(2)
    scale = _scale_of(auto, x, q) if (auto := _auto(one)) else F(one.real("alpha", 1.0))
    return np.asarray(scale * q, F)


def _ternary(x: Array, one: Quantiser) -> Array:
    auto = _auto(one)
    if not auto:
        threshold = F(one.real("threshold", 0.33))
        return np.asarray(F(one.real("alpha", 1.0)) * ((np.abs(x) >= threshold) * np.sign(x)), F)
    one.usual("threshold")
    largest = np.max(np.abs(x), axis=_channels(x) if x.ndim > 1 else None, keepdims=True)
    scale = np.asarray(F(2) * largest / F(3), F)
    scale = _power(scale) if auto == "auto_po2" else scale
    q = np.zeros_like(x)
    with np.errstate(all="ignore"):
        for _ in range(one.whole("number_of_unrolls", 1, 100)):
            v = scale * np.rint(x / scale)
            q = np.where(np.abs(v) >= scale / F(2), np.sign(x), F(0))
            scale = _scale_of(auto, x, q)
    return np.asarray(scale * q, F)


def _po2(x: Array, one: Quantiser) -> Array:
    one.usual("quadratic_approximation")
    bits, most = one.whole("bits", 2, 8), one["max_value"]
    top = None if most is None else one.real("max_value", 1.0)
    if one["log2_rounding"] not in ("rnd", "floor") or (top is not None and top <= 0):
        raise ConfigError(f"{one.where}: {one.name} with max_value={most!r} is not supported")
    width = bits - 1 - (1 if top is None or top > 1 else 0)
    low, high = -(2**width), 2**width - 1
    size = np.abs(x)
    held = np.where(size < EPSILON, EPSILON, size)
    if top is not None:
        held = np.where(held >= F(top), F(top), held)
    exponent = np.log(held) / F(np.log(2.0))
    exponent = np.rint(exponent) if one["log2_rounding"] == "rnd" else np.floor(exponent)
    exponent = np.where(size < EPSILON, F(low), np.clip(exponent, low, high))
    return np.asarray(sign(x) * np.exp2(exponent), F)


def _larq(x: Array, one: Quantiser) -> Array:
    if one.name in SIGNS:
        return sign(x)
    if one.name == "magnitude_aware_sign":
        return np.asarray(np.mean(np.abs(x), axis=_channels(x), dtype=F) * sign(x), F)
    if one.name == "ste_heaviside":
        return np.asarray(x > 0, F)
    if one.name == "ste_tern":
        clip = F(one.real("clip_value", 1.0))
        y = np.clip(x, -clip, clip)
        threshold = F(one.real("threshold_value", 0.05))
        if one["ternary_weight_networks"]:
            threshold = F(0.7) * np.sum(np.abs(y), dtype=F) / F(y.size)
        return np.asarray(np.sign(np.sign(y + threshold) + np.sign(y - threshold)), F)
    n = F(2 ** one.whole("k_bit", 1, BITS) - 1)
    return np.asarray(np.rint(np.clip(x, F(0), F(1)) * n) / n, F)


WEIGHTS: Mapping[str, Callable[[Array, Quantiser], Array]] = {
    "quantized_bits": _bits,
    "binary": _binary,
    "stochastic_binary": _binary,
    "ternary": _ternary,
    "stochastic_ternary": _ternary,
    "quantized_po2": _po2,
    **dict.fromkeys((*SIGNS, "magnitude_aware_sign", "ste_heaviside", "ste_tern", "dorefa_quantizer"), _larq),
}


def weights(one: Quantiser, x: Array) -> Array:
    """Weights as they are used, in float32."""
    if one.name not in WEIGHTS:
        raise ConfigError(f"{one.where}: weights through {one.name} are not supported")
    return WEIGHTS[one.name](np.asarray(x, F), one)
