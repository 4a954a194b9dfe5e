"""Integer operators that onnxruntime's quantiser writes beside ONNX's own: those of real numbers in between.

Inputs are dequantised, the operator of the same name computes, and its result is quantised; passes make
integers of all three where there is a kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx import elementwise, movement, pools, products, quantize, sums
from sensorai.importers.onnx.rules import OnnxNode, Rule

DOMAIN = "com.microsoft"
#: Version of ONNX whose operators are meant.
VERSION = 13
_OWN: Mapping[str, Rule] = {
    **elementwise.RULES,
    **movement.RULES,
    **pools.RULES,
    **products.RULES,
    **sums.RULES,
}


def _inner(
    node: OnnxNode, kind: str, inputs: Sequence[Tensor | None], name: str, **attributes: Any
) -> OnnxNode:
    outputs = (f"{node.outputs[0]}.{name}",) if name else node.outputs
    return replace(
        node, kind=kind, opset=VERSION, inputs=tuple(inputs), outputs=outputs, attributes=attributes
    )


def _real(node: OnnxNode, place: int, axis: int = 1) -> Tensor:
    """Numbers that three inputs mean: integers, scale, zero point."""
    inputs = (node.need(place), node.need(place + 1), node.input(place + 2))
    return quantize.RULES["DequantizeLinear"](
        _inner(node, "DequantizeLinear", inputs, f"real{place}", axis=axis)
    )[0]


def _quantized(node: OnnxNode, y: Tensor, place: int) -> Sequence[Tensor]:
    inputs = (y, node.need(place), node.input(place + 1))
    return quantize.RULES["QuantizeLinear"](_inner(node, "QuantizeLinear", inputs, ""))


def _compute(node: OnnxNode, kind: str, inputs: Sequence[Tensor | None], **attributes: Any) -> Tensor:
    return _OWN[kind](_inner(node, kind, inputs, "computed", **attributes))[0]


def _attributes(node: OnnxNode) -> dict[str, Any]:
    node.only("channels_last", 0)
    return {k: v for k, v in node.attributes.items() if k not in ("channels_last", "opset")}


def _one(kind: str) -> Rule:
    def rule(node: OnnxNode) -> Sequence[Tensor]:
        return _quantized(node, _compute(node, kind, (_real(node, 0),), **_attributes(node)), 3)

    return rule


def _two(kind: str) -> Rule:
    def rule(node: OnnxNode) -> Sequence[Tensor]:
        return _quantized(node, _compute(node, kind, (_real(node, 0), _real(node, 3))), 6)

    return rule


def _concat(node: OnnxNode) -> Sequence[Tensor]:
    parts = [_real(node, place) for place in range(2, len(node.inputs), 3)]
    return _quantized(node, _compute(node, "Concat", parts, **_attributes(node)), 0)


def _gemm(node: OnnxNode) -> Sequence[Tensor]:
    """The bias has the scale of the products."""
    columns = 0 if node.attribute("transB", 0) else 1
    a, b, bias = _real(node, 0), _real(node, 3, columns), node.input(6)
    if bias is not None:
        first, second = node.need(1).data, node.need(4).data
        if first is None or second is None or bias.data is None:
            raise ConfigError(f"{node.where}: scales or bias are computed while the net runs")
        scales = first.reshape(-1).astype(np.float64) * second.reshape(-1).astype(np.float64)
        bias = node.net.constant(f"{bias.name}.real", (bias.data * scales).astype(np.float32))
    return _quantized(node, _compute(node, "Gemm", (a, b, bias), **_attributes(node)), 7)


RULES: Mapping[str, Rule] = {
    f"{DOMAIN}.QGemm": _gemm,
    f"{DOMAIN}.QLinearAdd": _two("Add"),
    f"{DOMAIN}.QLinearAveragePool": _one("AveragePool"),
    f"{DOMAIN}.QLinearConcat": _concat,
    f"{DOMAIN}.QLinearGlobalAveragePool": _one("GlobalAveragePool"),
    f"{DOMAIN}.QLinearLeakyRelu": _one("LeakyRelu"),
    f"{DOMAIN}.QLinearMul": _two("Mul"),
    f"{DOMAIN}.QLinearSigmoid": _one("Sigmoid"),
    f"{DOMAIN}.QLinearSoftmax": _one("Softmax"),
}
