"""Rules of operators that work element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import DTYPES, Tensor
from sensorai.importers.known import single
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd import affine, ctext
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where

#: Functions of one number by their operators, with the names and defaults of their attributes.
_UNARY: Mapping[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "Abs": ("abs", ()),
    "Sin": ("sin", ()),
    "Cos": ("cos", ()),
    "Tan": ("tan", ()),
    "Asin": ("asin", ()),
    "Acos": ("acos", ()),
    "Atan": ("atan", ()),
    "Sinh": ("sinh", ()),
    "Cosh": ("cosh", ()),
    "Asinh": ("asinh", ()),
    "Acosh": ("acosh", ()),
    "Atanh": ("atanh", ()),
    "BitwiseNot": ("bitwise_not", ()),
    "Ceil": ("ceil", ()),
    "Celu": ("celu", (("alpha", 1.0),)),
    "Elu": ("elu", (("alpha", 1.0),)),
    "Erf": ("erf", ()),
    "Exp": ("exp", ()),
    "Floor": ("floor", ()),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": ("hard_swish", ()),
    "IsNaN": ("is_nan", ()),
    "LeakyRelu": ("leaky_relu", (("alpha", 0.01),)),
    "Log": ("log", ()),
    "Mish": ("mish", ()),
    "Neg": ("neg", ()),
    "Not": ("not", ()),
    "Reciprocal": ("reciprocal", ()),
    "Round": ("round", ()),
    "Selu": ("selu", (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Shrink": ("shrink", (("lambd", 0.5), ("bias", 0.0))),
    "Sigmoid": ("sigmoid", ()),
    "Sign": ("sign", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Sqrt": ("sqrt", ()),
    "Swish": ("swish", (("alpha", 1.0),)),
    "Tanh": ("tanh", ()),
    "ThresholdedRelu": ("thresholded_relu", (("alpha", 1.0),)),
}

_BINARY: Mapping[str, str] = {
    "Add": "add",
    "And": "and",
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "xor",
    "Div": "div",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Mul": "mul",
    "Or": "or",
    "Sub": "sub",
    "Xor": "xor",
}

_CHAINS: Mapping[str, str] = {"Max": "max", "Mean": "add", "Min": "min", "Sum": "add"}


def _unary(node: OnnxNode) -> Sequence[Tensor]:
    function, names = _UNARY[node.kind]
    alpha, beta, *_ = (*(float(node.attribute(name, usual)) for name, usual in names), None, None)
    return node.add(Unary(function, alpha, beta), node.need(0))


def _gelu(node: OnnxNode) -> Sequence[Tensor]:
    node.only("approximate", "none", "tanh")
    exact = node.attribute("approximate", "none") == "none"
    return node.add(Unary("gelu" if exact else "gelu_tanh"), node.need(0))


def _is_inf(node: OnnxNode) -> Sequence[Tensor]:
    node.only("detect_positive", 1, 0)
    node.only("detect_negative", 1, 0)
    x, most, least = node.need(0), node.attribute("detect_positive", 1), node.attribute("detect_negative", 1)
    if most and least:
        return node.add(Unary("is_inf"), x)
    if not most and not least:
        raise ConfigError(f"{node.where}: it asks for neither infinity")
    end = np.asarray(np.inf if most else -np.inf, DTYPES[x.dtype])
    return node.add(Binary("equal"), x, node.net.constant(f"{node.outputs[0]}.infinity", end, x.dtype))


def _binary(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Binary(_BINARY[node.kind]), node.need(0), node.need(1))


def _power(node: OnnxNode) -> Sequence[Tensor]:
    """Base and exponent may differ in type; the result has that of the base."""
    x, y = node.need(0), node.need(1)
    if x.dtype == y.dtype:
        return node.add(Binary("pow"), x, y)
    if ctext.real(x.dtype) or not ctext.real(y.dtype):
        (same,) = node.add(Cast(x.dtype), y, last=False, name=f"{node.outputs[0]}.exponent")
        return node.add(Binary("pow"), x, same)
    (real,) = node.add(Cast(y.dtype), x, last=False, name=f"{node.outputs[0]}.base")
    (made,) = node.add(Binary("pow"), real, y, last=False)
    return node.add(Cast(x.dtype), made)


def _mod(node: OnnxNode) -> Sequence[Tensor]:
    node.only("fmod", 0, 1)
    function = "fmod" if node.attribute("fmod", 0) else "mod"
    return node.add(Binary(function), node.need(0), node.need(1))


def _bit_shift(node: OnnxNode) -> Sequence[Tensor]:
    if node.attribute("direction") not in ("LEFT", "RIGHT"):
        raise ConfigError(
            f"{node.where}: direction={node.attribute('direction')!r} is neither LEFT nor RIGHT"
        )
    function = f"shift_{node.attribute('direction').lower()}"
    return node.add(Binary(function), node.need(0), node.need(1))


def _chain(node: OnnxNode) -> Sequence[Tensor]:
    """Any number of inputs, one after the other."""
    function, count = _CHAINS[node.kind], len(node.inputs)
    made = node.need(0)
    if count == 1:
        return node.add(Reshape(made.shape), made)
    for place in range(1, count):
        last = place == count - 1 and node.kind != "Mean"
        made = node.add(Binary(function), made, node.need(place), last=last)[0]
    if node.kind == "Mean":
        number = node.net.constant(f"{node.outputs[0]}.count", np.asarray(count, np.float32), made.dtype)
        return node.add(Binary("div"), made, number)
    return (made,)


def _prelu(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Binary("prelu"), node.need(0), node.need(1))


def _relu(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    if affine.scaled(x):
        return _between(node, x, 0, None)
    return node.add(Clip(0.0), x)


def _between(node: OnnxNode, x: Tensor, lo: float | None, hi: float | None) -> Sequence[Tensor]:
    """Ends of integers as they are, although they have a scale."""
    for function, end in (("max", lo), ("min", hi)):
        if end is not None:
            last = function == "min" or hi is None
            value = np.asarray(end, DTYPES[x.dtype])
            number = node.net.constant(f"{node.outputs[0]}.{function}", value, x.dtype)
            x = node.add(Binary(function), x, number, last=last)[0]
    return (x,)


def _clip(node: OnnxNode) -> Sequence[Tensor]:
    """Ends by attributes up to version 10, then by inputs."""
    x = node.need(0)
    if node.opset < 11:
        return node.add(Clip(node.attribute("min"), node.attribute("max")), x)
    least, most = node.input(1), node.input(2)
    ends = [None if t is None or t.data is None else t.data.reshape(-1) for t in (least, most)]
    if all(t is None or (e is not None and e.size == 1) for t, e in zip((least, most), ends, strict=True)):
        lo, hi = (None if e is None else e[0].item() for e in ends)
        if affine.scaled(x):
            return _between(node, x, lo, hi)
        return node.add(Clip(lo, hi), x)
    last = most is None
    if least is not None:
        x = node.add(Binary("max"), x, least, last=last)[0]
    return (x,) if most is None else node.add(Binary("min"), x, most)


def _where(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Where(), node.need(0), node.need(1), node.need(2))


def _cast(node: OnnxNode) -> Sequence[Tensor]:
    number = int(node.attribute("to", 0))
    if number not in TYPES:
        raise ConfigError(
            f"{node.where}: type {number} is not supported", hint="bfloat16, float8 and strings are not"
        )
    return node.add(Cast(TYPES[number]), node.need(0))


def _cast_like(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Cast(node.need(1).dtype), node.need(0))


def _same(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Reshape(node.need(0).shape), node.need(0))


def _known(node: OnnxNode, tensor: Tensor, what: str) -> float:
    """Return a constant number."""
    return float(single(node.where, tensor, what))


def _dropout(node: OnnxNode) -> Sequence[Tensor]:
    """Of a trained net nothing is dropped; the mask, where it is wanted, is true everywhere."""
    if (training := node.input(2)) is not None and _known(node, training, "training mode"):
        ratio = node.input(1)
        if ratio is None or _known(node, ratio, "ratio") != 0.0:
            raise ConfigError(f"{node.where}: the model still trains", hint="export it in inference mode")
    x = node.need(0)
    (made,) = node.net.add(Reshape(x.shape), (x,), (node.outputs[0],))
    if len(node.outputs) < 2 or not node.outputs[1]:
        return (made,)
    return made, node.net.constant(node.outputs[1], np.ones(x.shape, bool))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_CHAINS, _chain),
    "BitShift": _bit_shift,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Clip": _clip,
    "Dropout": _dropout,
    "Gelu": _gelu,
    "Identity": _same,
    "IsInf": _is_inf,
    "Mod": _mod,
    "PRelu": _prelu,
    "Pow": _power,
    "Relu": _relu,
    "Where": _where,
}
