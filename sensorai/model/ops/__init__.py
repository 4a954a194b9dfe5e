"""Operators, one module each: shape rule, exact reference, float form, cost, test cases.

Every module has

``TYPES``
    the pairs (type of the inputs, type of the output) it computes;
``shape(node, *shapes)``
    the shape of the output;
``reference(node, ins, out, *arrays)``
    the exact result for arrays with a batch axis in front, as the generated C computes it;
``float_form(xp, attrs, params, *arrays)``
    the same in real numbers with ``xp`` being numpy or jax.numpy, for training;
``macs(node, ins, out)``
    multiply-accumulates of one inference;
``cases()``
    small graphs that together meet every branch of reference and generated code.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

from sensorai.errors import ConfigError
from sensorai.model.graph import Array, Graph, Node, Shape, Tensor

NAMES = (
    "add",
    "argmax",
    "avg_pool",
    "batch_norm",
    "conv1d",
    "dense",
    "depthwise_conv1d",
    "dequantize",
    "flatten",
    "global_avg_pool",
    "max_pool",
    "quantize",
    "relu",
    "sign",
    "softmax",
)

PRODUCTS = ("conv1d", "dense", "depthwise_conv1d")


class Operator(Protocol):
    """What every module of this package offers."""

    TYPES: frozenset[tuple[str, str]]

    def shape(self, node: Node, *shapes: Shape) -> Shape:
        """Shape of the output."""
        ...

    def reference(self, node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
        """Exact result."""
        ...

    def float_form(self, xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
        """Real-valued result."""
        ...

    def macs(self, node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
        """Multiply-accumulates."""
        ...

    def cases(self) -> Iterator[tuple[str, Graph]]:
        """Named test graphs."""
        ...


def module(op: str) -> Operator:
    """Return the module of an operator; a ConfigError for one that does not exist."""
    if op not in NAMES:
        raise ConfigError(f"unknown operator {op!r}", hint=f"known: {', '.join(NAMES)}")
    return cast(Operator, import_module(f"{__name__}.{op}"))


def check(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> None:
    """Raise a ConfigError when types, shapes or constants of ``node`` do not fit together."""
    from sensorai.model.ops import _products

    operator = module(node.op)
    where = f"layer {node.output} ({node.op})"
    for tensor in ins:
        if (tensor.dtype, out.dtype) not in operator.TYPES:
            raise ConfigError(f"{where} cannot make {out.dtype} from {tensor.dtype}")
    shape = operator.shape(node, *(tensor.shape for tensor in ins))
    if shape != out.shape:
        raise ConfigError(f"{where} makes shape {shape}, but {out.shape} is declared")
    if node.op in PRODUCTS:
        _products.check(node, ins[0], out)
