"""Operators of nets that onnxruntime saves after optimising them: several of ONNX's own in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx import elementwise, norms, products, quantize
from sensorai.importers.onnx.products import step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

DOMAIN = "com.microsoft"
#: Version of ONNX whose operators are meant.
VERSION = 20
_OWN: Mapping[str, Rule] = {**elementwise.RULES, **norms.RULES, **products.RULES, **quantize.RULES}
#: Activations by what they are called, with the names of their parameters in order.
_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Softplus": (),
    "Tanh": (),
    "ThresholdedRelu": ("alpha",),
}


def _as(
    node: OnnxNode, kind: str, inputs: Sequence[Tensor | None], name: str = "", **attributes: Any
) -> Tensor:
    """What an operator of ONNX makes in this place; without a name it is what the node makes."""
    outputs = (f"{node.outputs[0]}.{name}",) if name else node.outputs[:1]
    given = {k: v for k, v in attributes.items() if v is not None}
    inner = replace(node, kind=kind, opset=VERSION, inputs=tuple(inputs), outputs=outputs, attributes=given)
    return _OWN[kind](inner)[0]


def _sum(node: OnnxNode, a: Tensor, b: Tensor, name: str) -> Tensor:
    return node.add(Binary("add"), a, b, last=False, name=f"{node.outputs[0]}.{name}")[0]


def _activated(node: OnnxNode, y: Tensor, kind: str, parameters: Sequence[float]) -> Tensor:
    if kind == "Clip" and len(parameters) == 2:
        ends = (node.net.constant(f"{node.outputs[0]}.end", np.asarray(v, np.float32)) for v in parameters)
        return _as(node, "Clip", (y, *ends))
    if kind not in _ACTIVATIONS:
        known = ", ".join(sorted([*_ACTIVATIONS, "Clip"]))
        raise ConfigError(f"{node.where}: activation {kind!r} is not supported", hint=f"known: {known}")
    said: dict[str, Any] = dict(zip(_ACTIVATIONS[kind], map(float, parameters), strict=False))
    return _as(node, kind, (y,), **said)


def _conv(node: OnnxNode) -> Sequence[Tensor]:
    """Convolution, a sum with another tensor, an activation."""
    rest = {k: v for k, v in node.attributes.items() if not k.startswith("activation")}
    kind = str(node.attribute("activation", ""))
    other = node.input(3)
    if not kind and other is None:
        return (_as(node, "Conv", node.inputs[:3], **rest),)
    y = _as(node, "Conv", node.inputs[:3], "conv", **rest)
    if other is not None:
        y = _sum(node, y, other, "sum") if kind else node.add(Binary("add"), y, other)[0]
    return (_activated(node, y, kind, node.attribute("activation_params") or ()) if kind else y,)


def _gemm(node: OnnxNode) -> Sequence[Tensor]:
    rest = {k: v for k, v in node.attributes.items() if not k.startswith("activation")}
    kind = str(node.attribute("activation", ""))
    if not kind:
        return (_as(node, "Gemm", node.inputs[:3], **rest),)
    names = _ACTIVATIONS.get(kind, ())
    said = [float(node.attribute(f"activation_{name}", 0.0)) for name in names]
    return (_activated(node, _as(node, "Gemm", node.inputs[:3], "gemm", **rest), kind, said),)


def _matmul(node: OnnxNode) -> Sequence[Tensor]:
    node.only("transBatchA", 0)
    node.only("transBatchB", 0)
    sides = []
    for place, name in enumerate("AB"):
        x = node.need(place)
        rank = len(x.shape)
        if node.attribute(f"trans{name}", 0) and rank > 1:
            x = step(node, Transpose((*range(rank - 2), rank - 1, rank - 2)), x, name)
        sides.append(x)
    alpha = float(node.attribute("alpha", 1.0))
    if alpha == 1.0:
        return (_as(node, "MatMul", sides),)
    factor = node.net.constant(f"{node.outputs[0]}.alpha", np.asarray(alpha, np.float32))
    return node.add(Binary("mul"), _as(node, "MatMul", sides, "product"), factor)


def _gelu(approximate: str) -> Rule:
    """Of a sum with a bias where there is one."""

    def rule(node: OnnxNode) -> Sequence[Tensor]:
        x, bias = node.need(0), node.input(1)
        return (
            _as(
                node,
                "Gelu",
                (x if bias is None else _sum(node, x, bias, "sum"),),
                approximate=approximate,
            ),
        )

    return rule


def _quick_gelu(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    factor = node.net.constant(
        f"{node.outputs[0]}.alpha", np.asarray(node.attribute("alpha", 1.702), np.float32)
    )
    (v,) = node.add(Binary("mul"), x, factor, last=False, name=f"{node.outputs[0]}.product")
    return node.add(Binary("mul"), x, step(node, Unary("sigmoid"), v, "gate"))


def _skip(kind: str) -> Rule:
    """Normalised sum of two tensors, and of a bias."""

    def rule(node: OnnxNode) -> Sequence[Tensor]:
        simple = kind == "RMSNormalization"
        bias = node.input(3 if simple else 4)
        x = _sum(node, node.need(0), node.need(1), "sum")
        if bias is not None:
            x = _sum(node, x, bias, "biased")
        inputs = (x, node.need(2)) if simple else (x, node.need(2), node.input(3))
        epsilon = float(node.attribute("epsilon", 1e-12))
        y = _as(node, kind, inputs, epsilon=epsilon, axis=-1)
        return (y, x, x, x)

    return rule


def _plain(kind: str) -> Rule:
    """The same as ONNX's own operator."""

    def rule(node: OnnxNode) -> Sequence[Tensor]:
        return (_as(node, kind, node.inputs, **node.attributes),)

    return rule


RULES: Mapping[str, Rule] = {
    f"{DOMAIN}.BiasGelu": _gelu("none"),
    f"{DOMAIN}.DequantizeLinear": _plain("DequantizeLinear"),
    f"{DOMAIN}.FastGelu": _gelu("tanh"),
    f"{DOMAIN}.FusedConv": _conv,
    f"{DOMAIN}.FusedGemm": _gemm,
    f"{DOMAIN}.FusedMatMul": _matmul,
    f"{DOMAIN}.Gelu": _gelu("none"),
    f"{DOMAIN}.QuantizeLinear": _plain("QuantizeLinear"),
    f"{DOMAIN}.QuickGelu": _quick_gelu,
    f"{DOMAIN}.SkipLayerNormalization": _skip("LayerNormalization"),
    f"{DOMAIN}.SkipSimplifiedLayerNormalization": _skip("RMSNormalization"),
    "SimplifiedLayerNormalization": _plain("RMSNormalization"),
}
