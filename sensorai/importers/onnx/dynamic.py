"""Rules of integer products whose zero points are known only when the net runs: dynamic quantisation.

The sums stay those of integers, exactly: a zero point is taken off before, or its share off the sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx import quantize
from sensorai.importers.onnx.products import convolve, multiply, scale_of, step, tagged, values
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reshape import Reshape

DOMAIN = "com.microsoft"


def _two(node: OnnxNode, op: NdOperator, a: Tensor, b: Tensor, name: str) -> Tensor:
    return node.add(op, a, b, last=False, name=f"{node.outputs[0]}.{name}")[0]


def _computed(node: OnnxNode, *places: int) -> bool:
    """Whether one of some inputs is known only when the net runs."""
    return any(x is not None and x.data is None for x in map(node.input, places))


def _shifted(node: OnnxNode, x: Tensor, zero: Tensor | None, rows: bool, to: str, name: str) -> Tensor:
    """Numbers less their zero points; ``rows``: one for each row where there are several."""
    wide = step(node, Cast(to), x, f"{name}.wide")
    if zero is None:
        return wide
    zero = step(node, Cast(to), zero, f"{name}.zero")
    if rows and zero.size > 1 and len(zero.shape) == 1:
        zero = step(node, Reshape((zero.size, 1)), zero, f"{name}.zeros")
    return _two(node, Binary("sub"), wide, zero, name)


def _products(node: OnnxNode, a: Tensor, b: Tensor, first: Tensor | None, second: Tensor | None) -> Tensor:
    """Sums as int32. A constant matrix takes the share of the other's one zero point off its sums."""
    known = b.data is not None and (second is None or second.data is not None) and len(b.shape) == 2
    inner = replace(node, outputs=(f"{node.outputs[0]}.sums",))
    if not known or first is None or first.size != 1:
        x = _shifted(node, a, first, True, "int32", "a")
        w = _shifted(node, b, second, False, "int32", "b")
        return node.add(MatMul(), x, w)[0]
    zeros = np.zeros(1, np.int64) if second is None or second.data is None else second.data.reshape(-1)
    scale = scale_of(node, None, zeros, 1)
    (sums,) = multiply(inner, a, tagged(node, b, scale, "b.scaled"), "even", "int32")
    numbers = np.zeros(0) if b.data is None else b.data
    columns = (numbers.astype(np.int64) - zeros.astype(np.int64)).sum(axis=0).astype(np.int32)
    share = node.net.constant(f"{node.outputs[0]}.columns", columns)
    zero = step(node, Reshape(()), step(node, Cast("int32"), first, "zero"), "one")
    return node.add(Binary("sub"), sums, _two(node, Binary("mul"), share, zero, "share"))[0]


def _matmul_integer(node: OnnxNode) -> Sequence[Tensor]:
    a, b = node.need(0), node.need(1)
    if _computed(node, 2, 3):
        return (_products(node, a, b, node.input(2), node.input(3)),)
    rows, columns = len(a.shape) - 2, len(b.shape) - 1
    a_scale = scale_of(node, None, values(node, 2, "zero point"), rows)
    b_scale = scale_of(node, None, values(node, 3, "zero point"), columns)
    return multiply(
        node, tagged(node, a, a_scale, "a.scaled"), tagged(node, b, b_scale, "b.scaled"), "even", "int32"
    )


def _conv_integer(node: OnnxNode) -> Sequence[Tensor]:
    x, w = node.need(0), node.need(1)
    w_scale = scale_of(node, None, values(node, 3, "zero point"), 0)
    if not _computed(node, 2):
        x = tagged(node, x, scale_of(node, None, values(node, 2, "zero point"), 1), "x.scaled")
    else:
        # margins hold the zero point: 0 of what is left of the numbers
        x = _shifted(node, x, node.need(2), False, "int16", "x")
    return convolve(node, x, tagged(node, w, w_scale, "w.scaled"), None, "even", "int32", None)


def inner(node: OnnxNode, kind: str, inputs: Sequence[Tensor | None], *outputs: str) -> OnnxNode:
    """Node of another operator in place of this one, with names of its own for what it makes."""
    named = tuple(f"{next((n for n in node.outputs if n), 't')}.{name}" for name in outputs)
    return replace(node, kind=kind, inputs=tuple(inputs), outputs=named, attributes={})


def _real(node: OnnxNode, sums: Tensor, scale: Tensor, other: Tensor, bias: Tensor | None) -> Tensor:
    """Sums as real numbers: times the product of both scales, and a bias."""
    factor = _two(node, Binary("mul"), scale, other, "factor")
    real = step(node, Cast("float32"), sums, "real")
    if bias is None:
        return node.add(Binary("mul"), real, factor)[0]
    return node.add(Binary("add"), _two(node, Binary("mul"), real, factor, "product"), bias)[0]


def _to_float(node: OnnxNode) -> Sequence[Tensor]:
    """``MatMulIntegerToFloat``: A, B, their scales, their zero points, a bias."""
    inputs = (node.need(0), node.need(1), node.input(4), node.input(5))
    (sums,) = _matmul_integer(inner(node, "MatMulInteger", inputs, "integers"))
    return (_real(node, sums, node.need(2), node.need(3), node.input(6)),)


def _dynamic(node: OnnxNode) -> Sequence[Tensor]:
    """``DynamicQuantizeMatMul``: real A, B with its scale and zero point, a bias."""
    made = quantize.RULES["DynamicQuantizeLinear"](
        inner(node, "DynamicQuantizeLinear", (node.need(0),), "a.integers", "a.scale", "a.zero")
    )
    inputs = (made[0], node.need(1), made[2], node.input(3))
    (sums,) = _matmul_integer(inner(node, "MatMulInteger", inputs, "integers"))
    return (_real(node, sums, made[1], node.need(2), node.input(4)),)


RULES: Mapping[str, Rule] = {
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
    f"{DOMAIN}.DynamicQuantizeMatMul": _dynamic,
    f"{DOMAIN}.MatMulIntegerToFloat": _to_float,
}
