"""Rules of activations: functions of one tensor, alone or at the end of another layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.quantised import activation, known
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary

#: Functions by their names in Keras, and those here.
UNARY: Mapping[str, str] = {
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softplus": "softplus",
    "softsign": "softsign",
    "selu": "selu",
    "exponential": "exp",
    "mish": "mish",
    "swish": "swish",
    "silu": "swish",
    "hard_swish": "hard_swish",
    "hard_silu": "hard_swish",
    "celu": "celu",
}
LINEAR = ("linear", "identity")


def named(value: Any) -> tuple[str, Mapping[str, Any]]:
    """Name and settings of an activation, which may be text, an object or nothing."""
    if value is None:
        return "linear", {}
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict):
        own = value.get("config")
        if value.get("class_name") == "function" and isinstance(own, str):
            return own, {}
        if isinstance(own, str):
            return own, {}
        return str(value.get("class_name", "")), own if isinstance(own, dict) else {}
    return str(value), {}


def plain(value: Any) -> bool:
    """Whether an activation does nothing."""
    return named(value)[0] in LINEAR


def activated(layer: KerasLayer, x: Tensor, value: Any, *, last: bool = True) -> Tensor:
    """Append an activation, nothing where it does nothing."""
    name, config = named(value)
    short = name.rpartition(">")[2]
    if short in LINEAR:
        return x
    if known(short):
        return activation(layer, x, value, last)
    if short in UNARY:
        alpha = _number(layer, config, "alpha", 1.0) if short == "celu" else None
        return layer.add(Unary(UNARY[short], *(() if alpha is None else (alpha,))), x, last=last)
    if short in SPECIAL:
        return SPECIAL[short](layer, x, config, last)
    raise ConfigError(f"{layer.where}: the activation {name!r} is not supported")


def _relu(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    """Rectify, with the settings of the layer ReLU: slope below a threshold, largest value."""
    most = _number(layer, config, "max_value", None)
    slope = _number(layer, config, "negative_slope", 0.0) or 0.0
    threshold = _number(layer, config, "threshold", 0.0) or 0.0
    if threshold == 0.0 and slope == 0.0:
        return layer.add(Clip(0.0, most), x, last=last)
    if threshold == 0.0:
        y = layer.add(Unary("leaky_relu", slope), x, last=last and most is None)
        return y if most is None else layer.add(Clip(None, most), y, last=last)
    if slope == 0.0 and most is None:
        return layer.add(Unary("thresholded_relu", threshold), x, last=last)
    raise ConfigError(f"{layer.where}: a threshold with a slope or a largest value is not supported")


def _leaky(default: float) -> Callable[[KerasLayer, Tensor, Mapping[str, Any], bool], Tensor]:
    def rule(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
        slope = config.get("negative_slope", config.get("alpha", default))
        return layer.add(Unary("leaky_relu", float(np.asarray(slope, np.float64))), x, last=last)

    return rule


def _elu(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Unary("elu", _number(layer, config, "alpha", 1.0)), x, last=last)


def _relu6(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Clip(0.0, 6.0), x, last=last)


def _hard_tanh(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Clip(-1.0, 1.0), x, last=last)


def _tanh_shrink(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Binary("sub"), x, layer.add(Unary("tanh"), x, last=False), last=last)


def _log_sigmoid(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    """The logarithm of the sigmoid of x: -softplus(-x)."""
    y = layer.add(Unary("neg"), x, last=False)
    return layer.add(Unary("neg"), layer.add(Unary("softplus"), y, last=False), last=last)


def _hard_sigmoid(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    """Keras 2: 0.2 x + 0.5 within 0 and 1; Keras 3: x / 6 + 0.5."""
    slope = 0.2 if layer.version == 2 else 1 / 6
    return layer.add(Unary("hard_sigmoid", slope, 0.5), x, last=last)


def _gelu(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Unary("gelu_tanh" if config.get("approximate") else "gelu"), x, last=last)


def _softmax(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    axis = config.get("axis", -1)
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    if type(axis) is not int or not -len(x.shape) <= axis < len(x.shape):
        raise ConfigError(f"{layer.where}: softmax over axis {axis!r} of {x.shape} is not supported")
    return layer.add(Softmax(axis % len(x.shape)), x, last=last)


def _log_softmax(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Softmax(len(x.shape) - 1, True), x, last=last)


def _thresholded(layer: KerasLayer, x: Tensor, config: Mapping[str, Any], last: bool) -> Tensor:
    return layer.add(Unary("thresholded_relu", _number(layer, config, "theta", 1.0)), x, last=last)


def _number(layer: KerasLayer, config: Mapping[str, Any], name: str, default: float | None) -> float | None:
    value = config.get(name)
    if value is None:
        return default
    # Keras 2 writes numbers of NumPy as objects with the value inside
    if isinstance(value, dict):
        inner = value.get("config", {})
        value = inner.get("value") if isinstance(inner, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ConfigError(f"{layer.where}: {name}={value!r} is no number")
    return float(value)


SPECIAL: Mapping[str, Callable[[KerasLayer, Tensor, Mapping[str, Any], bool], Tensor]] = {
    "relu": _relu,
    "ReLU": _relu,
    "relu6": _relu6,
    "leaky_relu": _leaky(0.2),
    "LeakyReLU": _leaky(0.3),
    "elu": _elu,
    "ELU": _elu,
    "ThresholdedReLU": _thresholded,
    "hard_sigmoid": _hard_sigmoid,
    "gelu": _gelu,
    "softmax": _softmax,
    "Softmax": _softmax,
    "hard_tanh": _hard_tanh,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _log_softmax,
    "tanh_shrink": _tanh_shrink,
}


def _activation(layer: KerasLayer) -> Tensor:
    return activated(layer, layer.x, layer.option("activation"))


def _layer(layer: KerasLayer) -> Tensor:
    return SPECIAL[layer.kind](layer, layer.x, layer.config, True)


def _prelu(layer: KerasLayer) -> Tensor:
    """X where it is above 0, else x times its slope, which is a weight."""
    x = layer.x
    (alpha,) = layer.arrays((None,) * (len(x.shape) - 1))[:1]
    return layer.add(Binary("prelu"), x, layer.constant("alpha", alpha[None]))


RULES: Mapping[str, Rule] = {
    "Activation": _activation,
    "QActivation": _activation,
    "ReLU": _layer,
    "LeakyReLU": _layer,
    "ELU": _layer,
    "Softmax": _layer,
    "ThresholdedReLU": _layer,
    "PReLU": _prelu,
}
